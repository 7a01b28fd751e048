//! Listens to the kernel half and tells every interface's thread who uses which socket.

use std::fs;
use std::net::IpAddr;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use packet::Claim;
use probe::{Ring, Woken};
use tracing::{debug, error};

use super::inbox::{Inbox, News};
use crate::exit::Failure;
use crate::run::clock::Clock;
use crate::run::stop::Latch;

/// For how long the machine's addresses are believed.
const ADDRESSES_FRESH: Duration = Duration::from_secs(1);

/// From records to the inboxes.
pub(super) struct Claims {
    inboxes: Vec<Arc<Inbox>>,
    /// The network namespace that packets are captured in.
    netns: u32,
    addresses: Option<Instant>,
    offset_ns: i64,
}

impl Claims {
    pub(super) fn new(inboxes: Vec<Arc<Inbox>>) -> Result<Self, Failure> {
        let netns = fs::metadata("/proc/self/ns/net")?.ino() as u32;
        Ok(Self { inboxes, netns, addresses: None, offset_ns: Clock::now().offset_ns() })
    }

    /// Takes a record of the kernel half in.
    pub(super) fn take(&mut self, record: &[u8]) {
        let exe = |pid| Some(probe::exe(pid)?.into_os_string().into_vec());
        let mut claim = match Claim::decode(record, exe) {
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

    /// Listens until `stop` is set and the ring is empty.
    pub(super) fn spawn(mut self, mut ring: Ring, stop: &Latch) -> Result<JoinHandle<()>, Failure> {
        let stop = stop.clone();
        let thread = thread::Builder::new().name("claims".to_owned()).spawn(move || {
            loop {
                self.offset_ns = Clock::now().offset_ns();
                ring.drain(|record| self.take(record));
                match ring.wait(stop.fd()) {
                    Ok(Woken::Records) => {}
                    Ok(Woken::Stop) => break,
                    Err(error) => {
                        return error!("{error}; packets of new flows have no process any more");
                    }
                }
            }
            ring.drain(|record| self.take(record));
        })?;
        Ok(thread)
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
