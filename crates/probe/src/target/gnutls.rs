//! GnuTLS 3: `man 3 gnutls_record_send` and its kin. What is sent early goes through
//! `gnutls_record_send` once the handshake has begun.

use abi::Dir::{Read, Write};

use super::{Buf, Call, Len, Op, Row, Target};

pub(super) const GNUTLS: Target = Target {
    names: &["gnutls", "gnu"],
    files: &["libgnutls"],
    rows: &[
        Row::call("gnutls_record_recv", Read, Len::Long),
        Row::call("gnutls_record_recv_seq", Read, Len::Long),
        Row::call("gnutls_record_recv_early_data", Read, Len::Long),
        // (session, *packet): the library's own memory.
        Row::of("gnutls_record_recv_packet", elsewhere(Read, None)),
        Row::call("gnutls_record_send", Write, Len::Long),
        Row::call("gnutls_record_send2", Write, Len::Long),
        Row::call("gnutls_record_send_range", Write, Len::Long),
        // (session, fd, *offset, count): read and sent in steps, or by the kernel's TLS.
        Row::of("gnutls_record_send_file", elsewhere(Write, Some(3))),
        // Sends what these kept while the session was corked.
        Row { symbol: "gnutls_record_uncork", behind: &[], op: Op::Again(Write) },
        Row::end("gnutls_deinit"),
    ],
};

const fn elsewhere(dir: abi::Dir, num: Option<u8>) -> Call {
    Call { buf: Buf::Elsewhere, num, ..Call::new(dir, Len::Long) }
}
