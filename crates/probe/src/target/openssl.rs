//! OpenSSL 1.0.2 to 4.0, LibreSSL, AWS-LC, BoringSSL: they share these functions and differ only
//! in which of them they have. Signatures: `man 3 SSL_read`, `man 3 SSL_write`.

use abi::Dir;

use super::{Len, Op, Row, Target};

pub(super) const OPENSSL: Target = Target {
    name: "openssl",
    rows: &[
        call("SSL_read", Dir::Read, Len::Int),
        call("SSL_write", Dir::Write, Len::Int),
        call("SSL_read_ex", Dir::Read, Len::Out(3)),
        call("SSL_write_ex", Dir::Write, Len::Out(3)),
        // (ssl, buf, num, flags, *written)
        call("SSL_write_ex2", Dir::Write, Len::Out(4)),
        peek("SSL_peek", Len::Int),
        peek("SSL_peek_ex", Len::Out(3)),
        call("SSL_read_early_data", Dir::Read, Len::Out(3)),
        call("SSL_write_early_data", Dir::Write, Len::Out(3)),
        // (ssl, fd, offset, size, flags): the bytes go from a file to the kernel's TLS.
        Row {
            symbol: "SSL_sendfile",
            behind: &[],
            op: Op::Call {
                dir: Dir::Write,
                conn: 0,
                buf: None,
                num: 3,
                len: Len::Long,
                peek: false,
            },
        },
        Row { symbol: "SSL_free", behind: &[], op: Op::End(0) },
        Row { symbol: "SSL_clear", behind: &[], op: Op::Reset(0) },
        // OpenSSL since 1.1.1: (ssl, buf, num, *count), and for writes since 3.3
        // (ssl, buf, num, flags, *count). Filters such as BIO_f_ssl call them directly.
        inner("ssl_read_internal", &["SSL_read", "SSL_read_ex"], Dir::Read, 3, false),
        inner("ssl_peek_internal", &["SSL_peek", "SSL_peek_ex"], Dir::Read, 3, true),
        inner("ssl_write_internal", &["SSL_write", "SSL_write_ex"], Dir::Write, 3, false),
        inner(
            "ssl_write_internal/5",
            &["SSL_write", "SSL_write_ex", "SSL_write_ex2"],
            Dir::Write,
            4,
            false,
        ),
    ],
};

/// (ssl, buf, num, …)
const fn call(symbol: &'static str, dir: Dir, len: Len) -> Row {
    row(symbol, &[], dir, len, false)
}

const fn peek(symbol: &'static str, len: Len) -> Row {
    row(symbol, &[], Dir::Read, len, true)
}

const fn inner(
    symbol: &'static str,
    behind: &'static [&'static str],
    dir: Dir,
    count: u8,
    peek: bool,
) -> Row {
    row(symbol, behind, dir, Len::Out(count), peek)
}

const fn row(
    symbol: &'static str,
    behind: &'static [&'static str],
    dir: Dir,
    len: Len,
    peek: bool,
) -> Row {
    Row { symbol, behind, op: Op::Call { dir, conn: 0, buf: Some(1), num: 2, len, peek } }
}
