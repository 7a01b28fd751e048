//! UDP sockets that talk to many: they claim every flow at their own end.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use crate::claim::Claim;
use crate::flow::{End, Flow, Protocol};
use crate::state::Claimed;

/// Sockets that are remembered.
const PORTS_MAX: usize = 16_384;

#[derive(Debug, Default)]
pub(crate) struct Ports {
    claimed: HashMap<End, Claimed>,
    /// The machine's addresses: a socket that is bound to none of them answers to all.
    addresses: HashSet<IpAddr>,
}

impl Ports {
    pub(crate) fn set_addresses(&mut self, addresses: impl IntoIterator<Item = IpAddr>) {
        self.addresses = addresses.into_iter().collect();
    }

    pub(crate) fn claim(&mut self, claim: &Claim) {
        if self.claimed.len() >= PORTS_MAX {
            self.claimed.retain(|_, claimed| claimed.wanted);
            if self.claimed.len() >= PORTS_MAX {
                self.claimed.clear();
            }
        }
        let end = if claim.local.is_anywhere() { claim.local.anywhere() } else { claim.local };
        match self.claimed.get_mut(&end) {
            Some(known) => {
                known.update(claim);
            }
            None => {
                self.claimed.insert(end, Claimed::new(claim));
            }
        }
    }

    /// Who stands at this end of a flow.
    pub(crate) fn at(&self, flow: &Flow, end: End) -> Option<&Claimed> {
        if flow.protocol() == Protocol::Tcp || self.claimed.is_empty() {
            return None;
        }
        // The other end of a flow may well have a port that a socket here has too.
        let here = || end.is_loopback() || self.addresses.contains(&end.socket_addr().ip());
        let anywhere = || here().then(|| self.claimed.get(&end.anywhere()))?;
        self.claimed.get(&end).or_else(anywhere)
    }
}
