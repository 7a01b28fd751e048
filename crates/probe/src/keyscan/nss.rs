//! NSS's two log functions.

use super::chain::Chain;
use super::explore::{Event, explore};
use super::state::{RETURNED, Value};
use crate::site::{Arch, Code};

/// The function to which `ssl3_RecordKeyLog(connection, label, PK11SymKey *)` passes the key's
/// bytes as `(connection, label, SECItem *)`. It asks first whether a log is wanted only in some
/// builds; in others it does nothing, and has none.
pub(super) fn writer<C: Code + ?Sized>(code: &C, arch: Arch, function: u64) -> Option<u64> {
    let &[connection, label, ..] = arch.args() else { return None };
    let mut found = None;
    explore(code, arch, function, |_, event| {
        if let Event::Call { to, args: [first, second, item, ..] } = event
            && first == Value::At(Chain::reg(connection))
            && second == Value::At(Chain::reg(label))
            && let Value::At(item) = item
            && item.reg >= RETURNED
            && item.loads == 0
        {
            found = found.or(to);
        }
    });
    found
}
