//! The way from a connection to its `client_random`, read out of functions that use it.

use std::collections::BTreeSet;

use super::chain::Chain;
use super::explore::{Event, explore};
use super::state::{Index, RETURNED, Value};
use crate::site::{Arch, Code};

/// Members of a connection lie no further from its beginning.
const LARGEST: i32 = 0x4000;

/// What in the log function may be `client_random`, by how surely it is.
#[derive(Debug, Default)]
struct Hints {
    /// Passed to a function, the number 32 in the next argument.
    sized: BTreeSet<Chain>,
    /// Members whose address is taken.
    members: BTreeSet<Chain>,
    /// Members that are read byte by byte: where the counter's first number is known, and where
    /// it may be any, so that it seems to be 0.
    counted: BTreeSet<Chain>,
    indexed: BTreeSet<Chain>,
    /// Bytes that are read.
    bytes: BTreeSet<Chain>,
}

/// The way that the log function itself goes: it writes those 32 bytes in hexadecimal.
pub(super) fn of_log_function<C: Code + ?Sized>(
    code: &C,
    arch: Arch,
    function: u64,
) -> Option<Chain> {
    let connection = *arch.args().first()?;
    let mut hints = Hints::default();
    explore(code, arch, function, |_, event| match event {
        Event::Call { args, .. } => {
            for pair in args.windows(2) {
                if let [value, Value::Const(32)] = pair
                    && let Some(chain) = member(*value, connection)
                {
                    hints.sized.insert(chain);
                }
            }
        }
        Event::Address(chain) => hints.members.extend(member(Value::At(chain), connection)),
        Event::Touch(touched) => {
            if touched.size == 1 && !touched.writes {
                let set = match touched.index {
                    Index::None => &mut hints.bytes,
                    Index::Number => &mut hints.counted,
                    Index::Any => &mut hints.indexed,
                };
                set.extend(member(touched.at, connection));
            }
        }
        Event::Return(..) => {}
    });
    let first = |chains: &BTreeSet<Chain>| chains.first().copied();
    let bytes = || first(&hints.counted).or_else(|| first(&hints.indexed));
    first(&hints.sized).or_else(|| hints.member()).or_else(bytes)
}

impl Hints {
    /// The member whose address is taken, if it is one.
    fn member(&self) -> Option<Chain> {
        // A loop that moves a pointer takes the addresses behind the member's too.
        let moved = |chain: &Chain| chain.plus(-1).is_some_and(|c| self.members.contains(&c));
        let mut begins = self.members.iter().filter(|chain| !moved(chain));
        let only = begins.next().copied().filter(|_| begins.next().is_none())?;
        // Or it starts one before and moves the pointer first.
        let next = only.plus(1).filter(|next| self.bytes.contains(next));
        Some(next.filter(|_| !self.bytes.contains(&only)).unwrap_or(only))
    }
}

/// A place some way into the connection, or into what it points to.
fn member(value: Value, connection: u8) -> Option<Chain> {
    let chain = value.from(connection)?;
    let inside = |offset: &i32| (0..LARGEST).contains(offset);
    (chain.last() > 0 && chain.loads <= 1 && chain.offsets.iter().all(inside)).then_some(chain)
}

/// A function that libraries export for reading it, and how it gives it away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Accessor {
    /// `SSL_get_client_random(connection, out, length)`: copies it to its second argument.
    Copies,
    /// `gnutls_session_get_random(connection, datum, …)`: writes its address there.
    Points,
    /// `SSL_ExportKeyingMaterial(socket, …)` of NSS: copies it, then the server's, to the
    /// beginning of new memory. The connection is what a function returned for the socket.
    Hashes,
}

/// The way that an accessor goes.
pub(super) fn of_accessor<C: Code + ?Sized>(
    code: &C,
    arch: Arch,
    function: u64,
    accessor: Accessor,
) -> Option<Chain> {
    let &[connection, out, ..] = arch.args() else { return None };
    let mut found = BTreeSet::new();
    explore(code, arch, function, |_, event| match (accessor, event) {
        (Accessor::Copies, Event::Call { args, .. }) if args[0] == Value::At(Chain::reg(out)) => {
            found.extend(member(args[1], connection));
        }
        (_, Event::Touch(touched)) if touched.writes && touched.index == Index::None => {
            match accessor {
                Accessor::Copies if touched.at == Value::At(Chain::reg(out)) => {
                    let bytes =
                        touched.bytes.or(touched.value.from(connection).and_then(Chain::unload));
                    found.extend(bytes.and_then(|bytes| member(Value::At(bytes), connection)));
                }
                Accessor::Points if touched.at == Value::At(Chain::reg(out)) => {
                    found.extend(member(touched.value, connection));
                }
                Accessor::Hashes => {
                    let begins = |at: Value| match at {
                        Value::At(chain) => {
                            chain.reg >= RETURNED && chain.loads == 0 && chain.last() == 0
                        }
                        _ => false,
                    };
                    if let Some(bytes) = touched.bytes.filter(|_| begins(touched.at))
                        && bytes.reg >= RETURNED
                    {
                        let chain = Chain { reg: connection, ..bytes };
                        found.extend(member(Value::At(chain), connection));
                    }
                }
                _ => {}
            }
        }
        _ => {}
    });
    // An accessor that knows several kinds of connections (OpenSSL since 3.2: QUIC) has several
    // ways; the shortest is that of a connection that is its own.
    found.into_iter().min_by_key(|chain| chain.loads)
}
