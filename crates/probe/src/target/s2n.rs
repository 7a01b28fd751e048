//! s2n-tls: `s2n_recv` and `s2n_send` (`s2n.h`), also linked into programs that keep symbols.

use abi::Dir::{Read, Write};

use super::{Buf, Call, Len, Row, Target};

pub(super) const S2N: Target = Target {
    names: &["s2n"],
    files: &["libs2n"],
    rows: &[
        Row::call("s2n_recv", Read, Len::Long),
        Row::call("s2n_send", Write, Len::Long),
        // (conn, *iovec, count, offset, *blocked), which s2n_sendv calls: where in the vectors the
        // bytes begin, a row can't say.
        Row::of(
            "s2n_sendv_with_offset",
            Call { buf: Buf::Elsewhere, num: None, ..Call::new(Write, Len::Long) },
        ),
        Row::end("s2n_connection_free"),
        Row::reset("s2n_connection_wipe"),
    ],
};
