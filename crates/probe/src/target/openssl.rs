//! OpenSSL 1.0.2 to 4.0, LibreSSL, AWS-LC, BoringSSL: they share these functions and differ only
//! in which of them they have. Signatures: `man 3 SSL_read`, `man 3 SSL_write`.

use abi::Dir::{Read, Write};

use super::{Buf, Call, Len, Op, Peek, Row, Target};

pub(super) const OPENSSL: Target = Target {
    names: &["openssl"],
    files: &["libssl", "libboringssl"],
    rows: &[
        Row::call("SSL_read", Read, Len::Int),
        Row::call("SSL_write", Write, Len::Int),
        Row::call("SSL_read_ex", Read, Len::Out(3)),
        Row::call("SSL_write_ex", Write, Len::Out(3)),
        // (ssl, buf, num, flags, *written)
        Row::call("SSL_write_ex2", Write, Len::Out(4)),
        Row::of("SSL_peek", peek(Len::Int)),
        Row::of("SSL_peek_ex", peek(Len::Out(3))),
        Row::call("SSL_read_early_data", Read, Len::Out(3)),
        Row::call("SSL_write_early_data", Write, Len::Out(3)),
        // (ssl, fd, offset, size, flags): the bytes go from a file to the kernel's TLS.
        Row::of(
            "SSL_sendfile",
            Call { buf: Buf::Elsewhere, num: Some(3), ..Call::new(Write, Len::Long) },
        ),
        Row::end("SSL_free"),
        Row::reset("SSL_clear"),
        // OpenSSL since 1.1.1: (ssl, buf, num, *count), and for writes since 3.3
        // (ssl, buf, num, flags, *count). Filters such as BIO_f_ssl call them directly.
        inner("ssl_read_internal", &["SSL_read", "SSL_read_ex"], Call::new(Read, Len::Out(3))),
        inner("ssl_peek_internal", &["SSL_peek", "SSL_peek_ex"], peek(Len::Out(3))),
        inner("ssl_write_internal", &["SSL_write", "SSL_write_ex"], write(3)),
        inner("ssl_write_internal/5", &["SSL_write", "SSL_write_ex", "SSL_write_ex2"], write(4)),
    ],
};

const fn peek(len: Len) -> Call {
    Call { peek: Peek::Always, ..Call::new(Read, len) }
}

const fn write(count: u8) -> Call {
    Call::new(Write, Len::Out(count))
}

const fn inner(symbol: &'static str, behind: &'static [&'static str], call: Call) -> Row {
    Row { symbol, behind, op: Op::Call(call) }
}
