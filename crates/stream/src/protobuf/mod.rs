//! Protocol Buffers (<https://protobuf.dev/programming-guides/encoding/>): the fields of a message,
//! by number, and by name where a description of it was given.
//!
//! [`Descriptors`] finds the type of a message of gRPC by its call's path; [`fields`] reads a
//! message field by field, without building it. How a message looks is an output's matter.

mod value;
mod wire;

use prost_reflect::{DescriptorPool, MessageDescriptor, ServiceDescriptor};
use thiserror::Error;

use crate::message::{Message, Rpc, What};

pub use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor as Type};
pub use value::{Field, Packed, Value, fields};
pub use wire::{Wire, is_whole};
pub(crate) use wire::{tag, varint};

/// Descriptions of services and their messages. A copy shares them.
#[derive(Debug, Clone, Default)]
pub struct Descriptors(DescriptorPool);

/// Why a description can't be used.
#[derive(Debug, Error)]
pub enum DescriptorError {
    /// The bytes are no `google.protobuf.FileDescriptorSet`.
    #[error("it is not a file descriptor set")]
    NoSet,
    /// A file that another one imports is not in it.
    #[error("{0}")]
    Import(String),
    /// What it says does not fit together.
    #[error("{0}")]
    Unfit(String),
}

impl Descriptors {
    /// Adds a serialised `google.protobuf.FileDescriptorSet`, as `protoc --descriptor_set_out`
    /// writes it. Files that are known are passed over.
    pub fn add(&mut self, set: &[u8]) -> Result<(), DescriptorError> {
        // An empty file and one of text would pass as sets without files.
        if set.is_empty() || !is_whole(set) {
            return Err(DescriptorError::NoSet);
        }
        self.0.decode_file_descriptor_set(set).map_err(|error| {
            let said = error.to_string();
            match said.contains("imported file") {
                true => DescriptorError::Import(said),
                false => DescriptorError::Unfit(said),
            }
        })
    }

    /// How many services are described.
    pub fn services(&self) -> usize {
        self.0.services().len()
    }

    /// The type of a message of gRPC, by the path of its call: `/package.Service/Method`, perhaps
    /// below a path of a proxy's.
    pub fn of(&self, message: &Message<'_>) -> Option<MessageDescriptor> {
        let What::Rpc(Rpc { answer, .. }) = message.what else { return None };
        let path = std::str::from_utf8(message.request?.target?).ok()?;
        let mut parts = path.rsplit('/');
        let (method, service) = (parts.next()?, parts.next()?);
        let service: ServiceDescriptor = self.0.get_service_by_name(service)?;
        let method = service.methods().find(|known| known.name() == method)?;
        Some(if answer { method.output() } else { method.input() })
    }
}
