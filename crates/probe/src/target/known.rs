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
pub const KNOWN: &[Known] = &[known("crypto/tls.(*Conn).Write", "Go crypto/tls")];

const fn known(symbol: &'static str, name: &'static str) -> Known {
    Known { symbol, name }
}
