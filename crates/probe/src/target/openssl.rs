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
            op: Op::Call {
                dir: Dir::Write,
                conn: 0,
                buf: None,
                num: 3,
                len: Len::Long,
                peek: false,
            },
        },
        Row { symbol: "SSL_free", op: Op::End(0) },
        Row { symbol: "SSL_clear", op: Op::Reset(0) },
    ],
};

/// (ssl, buf, num, …)
const fn call(symbol: &'static str, dir: Dir, len: Len) -> Row {
    Row { symbol, op: Op::Call { dir, conn: 0, buf: Some(1), num: 2, len, peek: false } }
}

const fn peek(symbol: &'static str, len: Len) -> Row {
    Row { symbol, op: Op::Call { dir: Dir::Read, conn: 0, buf: Some(1), num: 2, len, peek: true } }
}
