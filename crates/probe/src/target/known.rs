//! TLS libraries that can be recognised and are not hooked: so that nobody has to guess why a
//! program's traffic is missing.

/// A library that is seen and not hooked.
#[derive(Debug)]
pub struct Known {
    /// A function that only this library defines.
    pub symbol: &'static str,
    /// What it is called.
    pub name: &'static str,
    /// Functions that move bytes of the connection in their first argument, for keys of connections
    /// that are older than the capture.
    pub calls: &'static [&'static str],
}

/// Recognised by what they export.
pub const KNOWN: &[Known] = &[
    Known {
        symbol: "gnutls_init",
        name: "GnuTLS",
        calls: &[
            "gnutls_record_send",
            "gnutls_record_send2",
            "gnutls_record_send_range",
            "gnutls_record_uncork",
            "gnutls_record_recv",
            "gnutls_record_recv_seq",
            "gnutls_record_recv_packet",
        ],
    },
    known("SSL_ImportFD", "NSS"),
    known("mbedtls_ssl_read", "Mbed TLS"),
    known("wolfSSL_read", "wolfSSL"),
    known("s2n_send", "s2n"),
    known("crypto/tls.(*Conn).Write", "Go crypto/tls"),
];

const fn known(symbol: &'static str, name: &'static str) -> Known {
    Known { symbol, name, calls: &[] }
}
