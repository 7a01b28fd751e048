//! Socket addresses as text.

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};

/// Appends `127.0.0.1:443` or `[::1]:443`.
pub(crate) fn push(out: &mut Vec<u8>, address: SocketAddr) {
    match address.ip() {
        // The standard library's formatter costs more than the rest of a line.
        IpAddr::V4(ip) => {
            for (index, octet) in ip.octets().into_iter().enumerate() {
                if index > 0 {
                    out.push(b'.');
                }
                push_number(out, octet.into());
            }
        }
        IpAddr::V6(ip) => {
            // Writing to a Vec does not fail.
            let _ = write!(out, "[{ip}]");
        }
    }
    out.push(b':');
    push_number(out, address.port().into());
}

/// Appends a number.
pub(crate) fn push_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_as_the_standard_library() {
        for text in ["127.0.0.1:443", "0.0.0.0:0", "255.255.255.255:65535", "[::1]:443"] {
            let mut out = Vec::new();
            push(&mut out, text.parse().unwrap());
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }
}
