//! Keys of connections, each once, on their way to whoever writes them.

use std::time::Duration;

use secret::{Handshake, Secret, Seen, Source};
use tracing::debug;

use super::keyless::Missed;
use super::keylog::Keylog;
use super::older::Older;
use super::pcap;

/// From records to outputs.
#[derive(Default)]
pub(super) struct Keys {
    seen: Seen,
    /// Records that could not be read.
    pub(super) undecoded: u64,
    /// Threads that write packets.
    pub(super) packets: Option<pcap::Keys>,
    /// Lines of a key log.
    pub(super) keylog: Option<Keylog>,
    /// Handshakes without keys.
    pub(super) missed: Option<Missed>,
    /// Connections from before the run.
    pub(super) older: Option<Older>,
}

impl Keys {
    /// Takes a record of the kernel half in. Both ends of a connection may run here.
    pub(super) fn take(&mut self, record: &[u8]) {
        let secret = match Secret::decode(record) {
            Ok(secret) => secret,
            Err(error) => {
                self.undecoded += 1;
                return debug!("{error}");
            }
        };
        if self.older.as_mut().is_some_and(|older| !older.take(&secret)) {
            return;
        }
        if !self.seen.is_new(&(secret.label, secret.client_random, secret.bytes())) {
            return;
        }
        if let Some(missed) = &mut self.missed {
            missed.key(&secret);
        }
        if let Some(keylog) = &mut self.keylog {
            keylog.add(&secret);
        }
        // Packets of an older connection can't be decrypted without those of its handshake.
        if let Some(packets) = self.packets.as_ref().filter(|_| secret.source != Source::Found) {
            packets.post(secret);
        }
    }

    /// Takes the record of a handshake in.
    pub(super) fn handshake(&mut self, record: &[u8]) {
        match (Handshake::decode(record), &mut self.missed) {
            (Some(handshake), Some(missed)) => missed.handshake(handshake),
            (None, _) => self.undecoded += 1,
            _ => {}
        }
    }

    /// Writes what came, and says what did not.
    pub(super) fn flush(&mut self) {
        if let Some(missed) = &mut self.missed {
            missed.look();
        }
        if let Some(older) = &mut self.older {
            older.look();
        }
        if let Some(keylog) = &mut self.keylog {
            keylog.flush();
        }
    }

    /// When to be flushed again, if nothing comes.
    pub(super) fn patience(&self) -> Option<Duration> {
        let missed = self.missed.as_ref().and_then(Missed::patience);
        let older = self.older.as_ref().and_then(Older::patience);
        missed.into_iter().chain(older).min()
    }

    /// What comes after this is incomplete.
    pub(super) fn give_up(&self) {
        self.keylog.iter().for_each(Keylog::give_up);
    }
}
