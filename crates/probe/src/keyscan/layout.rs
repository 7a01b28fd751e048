//! Where OpenSSL before 1.1.1 and LibreSSL keep a connection's keys: they log none, and their
//! accessor functions tell the offsets.

use std::collections::{HashMap, HashSet};

use super::chain::Chain;
use super::explore::{Event, explore};
use super::random::{Accessor, of_accessor};
use super::state::Value;
use super::symbols::{self, Name};
use super::{Entry, KdfKind, Layout, MasterKey, calls};
use crate::elf::{FileCode, Image};
use crate::site::{Arch, Code};

/// Functions that do handshakes.
const CALLS: [Name; 7] = [
    Name::OpensslHandshake,
    Name::OpensslConnect,
    Name::OpensslAccept,
    Name::OpensslRead,
    Name::OpensslReadEx,
    Name::OpensslWrite,
    Name::OpensslWriteEx,
];

/// The layout, if enough of it is found to read some key.
pub(super) fn find(
    image: &Image<'_>,
    code: &FileCode<'_>,
    symbols: &HashMap<Name, u64>,
) -> Option<Layout> {
    let arch = image.arch();
    let (client_random, master_key) = members(code, arch, symbols)?;
    let mut calls: Vec<Entry> = CALLS
        .iter()
        .filter_map(|name| calls::called(image, code, *symbols.get(name)?, 1))
        .collect();
    let mut seen = HashSet::new();
    calls.retain(|call| seen.insert(call.offset));
    let imported = symbols::imported(image);
    let derived_by: Vec<KdfKind> =
        [(Name::HkdfExpand, KdfKind::HkdfExpand), (Name::EvpKdfDerive, KdfKind::EvpKdfDerive)]
            .into_iter()
            .filter(|(name, _)| symbols.contains_key(name) || imported.contains(name))
            .map(|(_, kind)| kind)
            .collect();
    let some = master_key.is_some() || !derived_by.is_empty();
    (some && !calls.is_empty()).then_some(Layout { client_random, master_key, calls, derived_by })
}

/// Where a connection has its `client_random` and its master secret.
fn members<C: Code + ?Sized>(
    code: &C,
    arch: Arch,
    symbols: &HashMap<Name, u64>,
) -> Option<(Chain, Option<MasterKey>)> {
    let function = |name| symbols.get(&name).copied();
    let session = function(Name::OpensslSession).and_then(|va| returned(code, arch, va));
    let version = function(Name::OpensslVersion).and_then(|va| returned(code, arch, va));
    let Some(random) = function(Name::OpensslRandom) else {
        return exporter(code, arch, function(Name::OpensslExport)?, session?, version);
    };
    let client_random = of_accessor(code, arch, random, Accessor::Copies)?;
    let master_key = || {
        let (session, accessor) = (session?, function(Name::OpensslMasterKey)?);
        let key = of_accessor(code, arch, accessor, Accessor::Copies)?;
        let len = length(code, arch, accessor, key);
        let within = |member: Chain| (member.loads == 0).then(|| session.plus(member.last()))?;
        Some(MasterKey {
            at: within(key)?,
            len: len.and_then(within).and_then(Chain::load),
            version,
        })
    };
    Some((client_random, master_key()))
}

/// A member of the connection: what a function like `SSL_get_session(connection)` returns.
fn returned<C: Code + ?Sized>(code: &C, arch: Arch, function: u64) -> Option<Chain> {
    let connection = *arch.args().first()?;
    let mut found: Option<Chain> = None;
    explore(code, arch, function, |_, event| {
        if let Event::Return(value, _) = event
            && let Some(chain) = value.from(connection).filter(|chain| chain.loads > 0)
        {
            // The one with the fewest steps is of a connection of its own, not of QUIC's.
            found = found.filter(|known| known.loads <= chain.loads).or(Some(chain));
        }
    });
    found
}

/// The key's length, which `SSL_SESSION_get_master_key(session, out, length)` compares.
fn length<C: Code + ?Sized>(code: &C, arch: Arch, function: u64, key: Chain) -> Option<Chain> {
    let mut found = None;
    explore(code, arch, function, |_, event| {
        if let Event::Touch(touched) = event
            && !touched.writes
            && matches!(touched.size, 4 | 8)
            && let Some(chain) = touched.at.from(key.reg).filter(|chain| chain.loads == 0)
        {
            found = found.or(Some(chain));
        }
    });
    found
}

/// From `tls1_export_keying_material(connection, …)` of 1.0.1 and 1.0.2, which copies the client's
/// random bytes, then the server's, and passes the session's key on.
fn exporter<C: Code + ?Sized>(
    code: &C,
    arch: Arch,
    function: u64,
    session: Chain,
    version: Option<Chain>,
) -> Option<(Chain, Option<MasterKey>)> {
    let connection = *arch.args().first()?;
    let member = |chain: &Chain| session.plus(chain.last()).filter(|of| of == chain).is_some();
    let (mut random, mut key, mut len) = (None, None, None);
    explore(code, arch, function, |_, event| match event {
        Event::Address(chain) if chain.reg == connection && chain.loads == 1 => {
            if member(&chain) {
                key = key.or(Some(chain));
            } else {
                random = random.or(Some(chain));
            }
        }
        Event::Touch(touched) if !touched.writes && touched.size == 4 => {
            if let Value::At(chain) = touched.at
                && member(&chain)
            {
                len = len.or(chain.load());
            }
        }
        _ => {}
    });
    Some((random?, Some(MasterKey { at: key?, len, version })))
}
