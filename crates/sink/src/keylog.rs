//! The NSS key log format (draft-ietf-tls-keylogfile, section 2), which `SSLKEYLOGFILE` made
//! common: a line per key, read by Wireshark and everything else that decrypts packets.

use secret::Secret;

/// Appends a key's line: label, client_random and secret, in hexadecimal.
pub fn line(out: &mut Vec<u8>, secret: &Secret) {
    out.extend_from_slice(secret.label.text().as_bytes());
    out.push(b' ');
    hex(out, &secret.client_random);
    out.push(b' ');
    hex(out, secret.bytes());
    out.push(b'\n');
}

fn hex(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    }
}
