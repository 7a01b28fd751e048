//! Tells every interface's thread the keys of connections.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use packet::Key;
use secret::Secret;

use super::inbox::{Inbox, News};
use crate::exit::Failure;

/// From keys to the inboxes.
pub(in crate::run) struct Keys {
    inboxes: Vec<Arc<Inbox>>,
    netns: u32,
}

impl Keys {
    pub(super) fn new(inboxes: Vec<Arc<Inbox>>) -> Result<Self, Failure> {
        Ok(Self { inboxes, netns: own_netns()? })
    }

    pub(in crate::run) fn post(&self, secret: Secret) {
        let key = Arc::new(Key::new(secret, self.netns));
        self.inboxes.iter().for_each(|inbox| inbox.post(News::Key(Arc::clone(&key))));
    }
}

/// The network namespace that packets are captured in, by its inode.
pub(super) fn own_netns() -> Result<u32, Failure> {
    Ok(fs::metadata("/proc/self/ns/net")?.ino() as u32)
}
