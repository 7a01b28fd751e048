//! Mbed TLS 2 and 3: `mbedtls_ssl_read` and `mbedtls_ssl_write` (`mbedtls/ssl.h`).

use abi::Dir::{Read, Write};

use super::{Len, Row, Target};

pub(super) const MBEDTLS: Target = Target {
    names: &["mbedtls"],
    files: &["libmbedtls"],
    rows: &[
        Row::call("mbedtls_ssl_read", Read, Len::Int),
        Row::call("mbedtls_ssl_write", Write, Len::Int),
        Row::call("mbedtls_ssl_read_early_data", Read, Len::Int),
        Row::call("mbedtls_ssl_write_early_data", Write, Len::Int),
        Row::end("mbedtls_ssl_free"),
        Row::reset("mbedtls_ssl_session_reset"),
    ],
};
