//! The few functions that are asked for by name, where a file has names.

use std::collections::HashMap;

use crate::elf::Image;

/// A function by its symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Name {
    HkdfExpand,
    EvpKdfDerive,
    FreeblVector,
    OpensslHandshake,
    OpensslConnect,
    OpensslAccept,
    OpensslRead,
    OpensslReadEx,
    OpensslWrite,
    OpensslWriteEx,
    OpensslVersion,
    NssImport,
    NssExport,
    OpensslRandom,
    OpensslSession,
    OpensslMasterKey,
    OpensslExport,
    GnutlsRandom,
}

fn named(symbol: &[u8]) -> Option<Name> {
    Some(match symbol {
        b"HKDF_expand" => Name::HkdfExpand,
        b"EVP_KDF_derive" => Name::EvpKdfDerive,
        b"FREEBL_GetVector" => Name::FreeblVector,
        b"SSL_do_handshake" => Name::OpensslHandshake,
        b"SSL_connect" => Name::OpensslConnect,
        b"SSL_accept" => Name::OpensslAccept,
        b"SSL_read" => Name::OpensslRead,
        b"SSL_read_ex" => Name::OpensslReadEx,
        b"SSL_write" => Name::OpensslWrite,
        b"SSL_write_ex" => Name::OpensslWriteEx,
        b"SSL_version" => Name::OpensslVersion,
        b"SSL_ImportFD" => Name::NssImport,
        b"SSL_ExportKeyingMaterial" => Name::NssExport,
        b"SSL_get_client_random" => Name::OpensslRandom,
        b"SSL_get_session" => Name::OpensslSession,
        b"SSL_SESSION_get_master_key" => Name::OpensslMasterKey,
        b"tls1_export_keying_material" => Name::OpensslExport,
        b"gnutls_session_get_random" => Name::GnutlsRandom,
        _ => return None,
    })
}

/// Their addresses: of exported functions, or if none is, of those in the full symbol table.
pub(super) fn find(image: &Image<'_>) -> HashMap<Name, u64> {
    let functions = image.functions(named).unwrap_or_default();
    functions.into_iter().map(|function| (function.what, function.address)).collect()
}

/// Which of them the file takes from others.
pub(super) fn imported(image: &Image<'_>) -> Vec<Name> {
    image.imports(named).unwrap_or_default()
}
