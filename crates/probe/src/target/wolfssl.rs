//! wolfSSL 5: `wolfSSL_read` and its kin, by their own names (`wolfssl/ssl.h`).

use abi::Dir::{Read, Write};

use super::{Call, Len, Peek, Row, Target};

pub(super) const WOLFSSL: Target = Target {
    names: &["wolfssl"],
    files: &["libwolfssl"],
    rows: &[
        Row::call("wolfSSL_read", Read, Len::Int),
        Row::call("wolfSSL_write", Write, Len::Int),
        Row::call("wolfSSL_read_ex", Read, Len::Out(3)),
        Row::call("wolfSSL_write_ex", Write, Len::Out(3)),
        // (ssl, data, size, flags): the flags are for the socket.
        Row::call("wolfSSL_recv", Read, Len::Int),
        Row::call("wolfSSL_send", Write, Len::Int),
        Row::of("wolfSSL_peek", Call { peek: Peek::Always, ..Call::new(Read, Len::Int) }),
        Row::end("wolfSSL_free"),
        Row::reset("wolfSSL_clear"),
    ],
};
