//! A network, as `--net` names it and as the kernel half looks it up.

use std::net::IpAddr;
use std::str::FromStr;

/// An address, or all that begin with its first bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Net {
    addr: IpAddr,
    bits: u8,
}

/// Why something is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetError {
    /// What stands before the `/`.
    #[error("{0:?} is no address; give one such as 10.1.2.3 or fe80::1, or a network 10.0.0.0/8")]
    Address(String),
    /// What stands behind the `/`.
    #[error("{0:?} is no prefix length; an address of this family has 0 to {1} bits")]
    Bits(String, u8),
    /// The address goes on behind the prefix.
    #[error(
        "{0} has bits behind the prefix; the network is {1}, the address alone is {0} without /{2}"
    )]
    Behind(IpAddr, String, u8),
}

impl Net {
    /// The key under which the kernel half finds it.
    pub(crate) fn key(&self) -> abi::Net {
        let mut addr = [0; 16];
        let family = match self.addr {
            IpAddr::V4(v4) => {
                addr[..4].copy_from_slice(&v4.octets());
                4
            }
            IpAddr::V6(v6) => {
                addr = v6.octets();
                6
            }
        };
        abi::Net { bits: 8 + u32::from(self.bits), family, addr, pad: [0; 3] }
    }
}

impl FromStr for Net {
    type Err = NetError;

    fn from_str(typed: &str) -> Result<Self, NetError> {
        let (addr, bits) = typed.split_once('/').map_or((typed, None), |(a, b)| (a, Some(b)));
        let wrong = |_| NetError::Address(addr.to_owned());
        // As the kernel half takes it: an IPv4 address in IPv6 form is an IPv4 address.
        let typed_addr: IpAddr = addr.parse().map_err(wrong)?;
        let addr = if bits.is_none() { typed_addr.to_canonical() } else { typed_addr };
        let most = if addr.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => most,
            Some(text) => text
                .parse()
                .ok()
                .filter(|bits| *bits <= most)
                .ok_or_else(|| NetError::Bits(text.to_owned(), most))?,
        };
        let network = masked(addr, bits);
        if network != addr {
            return Err(NetError::Behind(addr, format!("{network}/{bits}"), bits));
        }
        Ok(Self { addr, bits })
    }
}

fn masked(addr: IpAddr, bits: u8) -> IpAddr {
    match addr {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            IpAddr::V6((v6.to_bits() & mask).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(typed: &str) -> (u32, u8, Vec<u8>) {
        let key = typed.parse::<Net>().unwrap().key();
        (key.bits, key.family, key.addr[..4].to_vec())
    }

    #[test]
    fn networks_and_addresses() {
        assert_eq!(key("10.0.0.0/8"), (16, 4, vec![10, 0, 0, 0]));
        assert_eq!(key("127.0.0.1"), (40, 4, vec![127, 0, 0, 1]));
        assert_eq!(key("::ffff:127.0.0.1"), (40, 4, vec![127, 0, 0, 1]));
        assert_eq!(key("0.0.0.0/0"), (8, 4, vec![0; 4]));
        assert_eq!(key("::/0"), (8, 6, vec![0; 4]));
        assert_eq!(key("2001:db8::/32"), (40, 6, vec![0x20, 1, 0xd, 0xb8]));
        assert_eq!(key("::1").0, 136);
    }

    #[test]
    fn what_is_none_is_told_apart() {
        let error = |typed: &str| typed.parse::<Net>().unwrap_err();
        assert_eq!(error("localhost"), NetError::Address("localhost".to_owned()));
        assert_eq!(error("10.0.0.0/33"), NetError::Bits("33".to_owned(), 32));
        assert_eq!(error("::/129"), NetError::Bits("129".to_owned(), 128));
        assert_eq!(error("10.0.0.0/"), NetError::Bits(String::new(), 32));
        let hint = error("10.0.0.1/8").to_string();
        assert!(hint.contains("10.0.0.0/8"), "{hint}");
    }
}
