//! Go's crypto/tls since Go 1.17, found in Go's own table of functions, with symbols or without.
//! Arguments are in registers by Go's convention (cmd/compile/abi-internal.md).

use abi::Dir::{self, Read, Write};

use super::{Buf, Call, Len, Op, Row, Target};

pub(super) const GO: Target = Target {
    names: &["go", "gotls", "tlsgo"],
    files: &[],
    rows: &[
        Row::of("crypto/tls.(*Conn).Read", call(Read)),
        Row::of("crypto/tls.(*Conn).Write", call(Write)),
        Row { symbol: "crypto/tls.(*Conn).Close", behind: &[], op: Op::End(CONN) },
    ],
};

const CONN: u8 = abi::GO_ARG as u8;

/// (connection, slice: pointer, length, capacity) -> (int, error)
const fn call(dir: Dir) -> Call {
    let (buf, num) = (Buf::Arg(CONN + 1), Some(CONN + 2));
    Call { conn: CONN, buf, num, ..Call::new(dir, Len::Long) }
}
