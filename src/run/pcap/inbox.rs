//! What an interface's thread is told by the thread that listens to the kernel half.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use packet::{Claim, Key};
use rustix::event::{EventfdFlags, eventfd};

/// A message.
#[derive(Debug, Clone)]
pub(super) enum News {
    /// A process uses a socket.
    Claim(Arc<Claim>),
    /// A connection's key.
    Key(Arc<Key>),
    /// The machine's addresses.
    Addresses(Arc<[IpAddr]>),
}

/// Messages that were not taken yet.
#[derive(Debug)]
pub(super) struct Inbox {
    news: Mutex<Vec<News>>,
    /// Readable while there are messages.
    bell: OwnedFd,
}

impl Inbox {
    pub(super) fn new() -> io::Result<Self> {
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { news: Mutex::default(), bell })
    }

    /// Adds a message. The reader is woken for the first one, and finds the others with it.
    pub(super) fn post(&self, news: News) {
        let mut all = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(news);
        if all.len() == 1 {
            // An eventfd takes 2^64-2 of these.
            let _ = rustix::io::write(&self.bell, &1u64.to_ne_bytes());
        }
    }

    /// Takes all messages out, in order, leaving the room of `into` in their place.
    pub(super) fn take(&self, into: &mut Vec<News>) {
        into.clear();
        let mut all = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.is_empty() {
            std::mem::swap(&mut *all, into);
            let mut rung = [0; 8];
            let _ = rustix::io::read(&self.bell, &mut rung);
        }
    }
}

impl AsFd for Inbox {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}
