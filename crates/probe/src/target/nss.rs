//! NSS 3: NSPR's functions, on descriptors that `SSL_ImportFD` made connections of. NSPR's own
//! files and sockets have other methods (`prio.h`, `PRFileDesc`).

use abi::Dir::{Read, Write};

use super::{Buf, Call, Len, Op, Peek, Row, Target};

pub(super) const NSS: Target = Target {
    names: &["nss", "nspr"],
    files: &["libnss3", "libssl3", "libnspr4"],
    rows: &[
        mark("SSL_ImportFD"),
        mark("DTLS_ImportFD"),
        Row::of("PR_Read", READ),
        Row::of("PR_Write", WRITE),
        // (fd, buf, amount, flags, timeout)
        Row::of("PR_Recv", Call { peek: Peek::If(3), ..READ }),
        Row::of("PR_Send", WRITE),
        // (fd, *PRIOVec, count, timeout)
        Row::of("PR_Writev", Call { buf: Buf::Parts(1), ..WRITE }),
        Row::end("PR_Close"),
    ],
};

const READ: Call = Call { marked: true, ..Call::new(Read, Len::Int) };
const WRITE: Call = Call { marked: true, ..Call::new(Write, Len::Int) };

const fn mark(symbol: &'static str) -> Row {
    Row { symbol, behind: &[], op: Op::Mark }
}
