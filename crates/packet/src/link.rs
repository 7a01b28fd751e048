//! What lies before the IP header, by link type (<https://www.tcpdump.org/linktypes.html>).

/// A link type as capture files number them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link(u16);

const NULL: u16 = 0;
const ETHERNET: u16 = 1;
const RAW: u16 = 101;
const LOOP: u16 = 108;
const LINUX_SLL: u16 = 113;
const IPV4: u16 = 228;
const IPV6: u16 = 229;
const LINUX_SLL2: u16 = 276;

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
/// Tags that stand before the real type: 802.1Q, 802.1ad, and what was used before that.
const TAGS: [u16; 3] = [0x8100, 0x88a8, 0x9100];
const TAGS_MAX: usize = 4;

impl Link {
    /// Nothing: packets begin with their IP header.
    pub const RAW: Self = Self(RAW);

    /// From the number that libpcap knows it by, which differs for a few old ones.
    pub(crate) fn from_dlt(dlt: i32) -> Self {
        Self(match dlt {
            11 => 100,
            12 => RAW,
            13 => 102,
            14 => 103,
            same => u16::try_from(same).unwrap_or(u16::MAX),
        })
    }

    /// The number that stands in a capture file.
    pub fn number(self) -> u16 {
        self.0
    }

    /// Whether the IP header can be found behind it.
    pub fn is_known(self) -> bool {
        [NULL, ETHERNET, RAW, LOOP, LINUX_SLL, IPV4, IPV6, LINUX_SLL2].contains(&self.0)
    }

    /// The IP packet behind the link layer's header.
    pub(crate) fn network(self, bytes: &[u8]) -> Option<&[u8]> {
        match self.0 {
            ETHERNET => tagged(bytes, 12),
            LINUX_SLL => tagged(bytes, 14),
            LINUX_SLL2 => {
                let kind = word(bytes, 0)?;
                is_ip(kind).then(|| bytes.get(20..))?
            }
            RAW | IPV4 | IPV6 => Some(bytes),
            NULL | LOOP => bytes.get(4..),
            _ => None,
        }
    }
}

/// The packet behind the type at `at` and the tags that stand before it.
fn tagged(bytes: &[u8], mut at: usize) -> Option<&[u8]> {
    for _ in 0..=TAGS_MAX {
        let kind = word(bytes, at)?;
        if is_ip(kind) {
            return bytes.get(at + 2..);
        }
        if !TAGS.contains(&kind) {
            return None;
        }
        at += 4;
    }
    None
}

fn is_ip(kind: u16) -> bool {
    kind == ETHERTYPE_IPV4 || kind == ETHERTYPE_IPV6
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_header_is_passed_and_its_type_looked_at() {
        let behind = |link: u16, head: &[u8]| {
            let bytes = [head, b"IP"].concat();
            Link(link).network(&bytes).map(<[u8]>::to_vec)
        };
        let ip = Some(b"IP".to_vec());
        let ethernet = [[0; 12].as_slice(), &[8, 0]].concat();
        assert_eq!(behind(ETHERNET, &ethernet), ip);
        let vlan = [[0; 12].as_slice(), &[0x81, 0, 0, 7, 0x86, 0xdd]].concat();
        assert_eq!(behind(ETHERNET, &vlan), ip);
        let arp = [[0; 12].as_slice(), &[8, 6]].concat();
        assert_eq!(behind(ETHERNET, &arp), None);
        let endless = [[0; 12].as_slice(), &[0x81, 0, 0, 7].repeat(40)].concat();
        assert_eq!(behind(ETHERNET, &endless), None);
        assert_eq!(behind(LINUX_SLL, &[[0; 14].as_slice(), &[8, 0]].concat()), ip);
        assert_eq!(behind(LINUX_SLL2, &[[8, 0].as_slice(), &[0; 18]].concat()), ip);
        assert_eq!(behind(LINUX_SLL2, &[[8, 6].as_slice(), &[0; 18]].concat()), None);
        assert_eq!(behind(RAW, b""), ip);
        assert_eq!(behind(NULL, &[2, 0, 0, 0]), ip);
        assert_eq!(behind(105, &[0; 40]), None);
    }

    #[test]
    fn short_frames_are_no_packets() {
        for link in [NULL, ETHERNET, LINUX_SLL, LINUX_SLL2, LOOP] {
            for len in 0..4 {
                assert_eq!(Link(link).network(&vec![0; len]), None, "{link} {len}");
            }
        }
    }

    #[test]
    fn numbers_of_files_are_not_those_of_the_library() {
        assert_eq!(Link::from_dlt(12).number(), RAW);
        assert_eq!(Link::from_dlt(1).number(), ETHERNET);
        assert!(!Link::from_dlt(-1).is_known());
    }
}
