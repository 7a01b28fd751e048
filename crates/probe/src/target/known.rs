//! TLS libraries that can be recognised and are not hooked: so that nobody has to guess why a
//! program's traffic is missing.

/// A library that is seen and not hooked.
#[derive(Debug)]
pub struct Known {
    /// A function that only this library defines.
    pub symbol: &'static str,
    /// What it is called.
    pub name: &'static str,
}

/// Recognised by what they export.
pub const KNOWN: &[Known] = &[
    Known { symbol: "gnutls_record_send", name: "GnuTLS" },
    Known { symbol: "SSL_ImportFD", name: "NSS" },
    Known { symbol: "mbedtls_ssl_read", name: "Mbed TLS" },
    Known { symbol: "wolfSSL_read", name: "wolfSSL" },
    Known { symbol: "s2n_send", name: "s2n" },
    Known { symbol: "crypto/tls.(*Conn).Write", name: "Go crypto/tls" },
];
