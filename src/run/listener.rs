//! Listens to what the kernel half tells beside payload, in a thread of its own.

use std::thread::{self, JoinHandle};

use probe::{Ring, Woken};
use tracing::error;

use super::keys::Keys;
use super::pcap::Claims;
use super::stop::Latch;
use crate::exit::Failure;

/// Hands each record to whoever it is for.
#[derive(Default)]
pub(super) struct Listener {
    /// Who uses which socket.
    pub(super) claims: Option<Claims>,
    /// Keys of connections.
    pub(super) keys: Keys,
}

impl Listener {
    /// Takes a record in.
    pub(super) fn take(&mut self, record: &[u8]) {
        if secret::is_secret(record) {
            self.keys.take(record);
        } else if secret::is_handshake(record) {
            self.keys.handshake(record);
        } else if let Some(claims) = &mut self.claims {
            claims.take(record);
        }
    }

    /// Listens until `stop` is set and the ring is empty.
    pub(super) fn spawn(
        mut self,
        mut ring: Ring,
        stop: &Latch,
    ) -> Result<JoinHandle<Self>, Failure> {
        let stop = stop.clone();
        let thread = thread::Builder::new().name("listener".to_owned()).spawn(move || {
            loop {
                self.batch(&mut ring);
                let patience = self.keys.patience();
                match ring.wait(stop.fd(), patience) {
                    Ok(Woken::Records) => {}
                    Ok(Woken::Stop) => break,
                    Err(error) => {
                        error!("{error}; new flows and keys are not told any more");
                        self.keys.give_up();
                        return self;
                    }
                }
            }
            self.batch(&mut ring);
            self
        })?;
        Ok(thread)
    }

    fn batch(&mut self, ring: &mut Ring) {
        if let Some(claims) = &mut self.claims {
            claims.set_clock();
        }
        ring.drain(|record| self.take(record));
        self.keys.flush();
    }
}
