//! Tells every interface's thread who uses which socket.

use std::net::IpAddr;
use std::os::unix::ffi::OsStringExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use packet::Claim;
use tracing::debug;

use super::container;
use super::inbox::{Inbox, News};
use super::keys::own_netns;
use crate::exit::Failure;
use crate::run::clock::Clock;

/// For how long the machine's addresses are believed.
const ADDRESSES_FRESH: Duration = Duration::from_secs(1);

/// From records to the inboxes.
pub(in crate::run) struct Claims {
    inboxes: Vec<Arc<Inbox>>,
    /// The network namespace that packets are captured in.
    netns: u32,
    addresses: Option<Instant>,
    offset_ns: i64,
}

impl Claims {
    pub(super) fn new(inboxes: Vec<Arc<Inbox>>) -> Result<Self, Failure> {
        Ok(Self {
            inboxes,
            netns: own_netns()?,
            addresses: None,
            offset_ns: Clock::now().offset_ns(),
        })
    }

    /// Takes a record of the kernel half in.
    pub(in crate::run) fn take(&mut self, record: &[u8]) {
        let exe = |pid| Some(probe::exe(pid)?.into_os_string().into_vec());
        let place = |pid| [exe(pid), container::of(pid)];
        let mut claim = match Claim::decode(record, place) {
            Ok(Some(claim)) if claim.concerns(self.netns) => claim,
            Ok(_) => return,
            Err(error) => return debug!("{error}"),
        };
        claim.time_ns = claim.time_ns.wrapping_add_signed(self.offset_ns);
        if claim.remote.is_none() {
            self.tell_addresses();
        }
        self.post(&News::Claim(Arc::new(claim)));
    }

    /// Reads the clock, which may have been set meanwhile: to be called once in a while.
    pub(in crate::run) fn set_clock(&mut self) {
        self.offset_ns = Clock::now().offset_ns();
    }

    /// A socket that is bound to no address answers to all that the machine has at the moment.
    fn tell_addresses(&mut self) {
        if self.addresses.is_some_and(|at| at.elapsed() < ADDRESSES_FRESH) {
            return;
        }
        self.addresses = Some(Instant::now());
        let addresses: Arc<[IpAddr]> = packet::addresses().into();
        self.post(&News::Addresses(addresses));
    }

    fn post(&self, news: &News) {
        self.inboxes.iter().for_each(|inbox| inbox.post(news.clone()));
    }
}
