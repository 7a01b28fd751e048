//! Long headers (RFC 9000, section 17.2): what stands in the clear before an Initial packet's number.
//! Several packets may share a datagram.

/// What is known of a version: RFC 9001 for 1, RFC 9369 for 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

impl Version {
    fn from_number(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::One),
            0x6b33_43cf => Some(Self::Two),
            _ => None,
        }
    }

    /// The two bits of an Initial packet's type.
    fn initial(self) -> u8 {
        match self {
            Self::One => 0b00,
            Self::Two => 0b01,
        }
    }

    /// The two bits of a Retry packet's type, which has no length.
    fn retry(self) -> u8 {
        match self {
            Self::One => 0b11,
            Self::Two => 0b00,
        }
    }
}

/// One packet with a long header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Long<'a> {
    pub(super) version: Version,
    pub(super) is_initial: bool,
    /// The receiver's connection ID.
    pub(super) target: &'a [u8],
    /// The packet, from its first byte to its last.
    pub(super) bytes: &'a [u8],
    /// Where its number begins.
    pub(super) number_at: usize,
}

/// Connection IDs are no longer in versions 1 and 2.
const ID_MAX: usize = 20;
const LONG: u8 = 0x80;

/// Whether a packet with a short header (RFC 9000, section 17.3) begins here, if it is `surely` one
/// of QUIC. The bit that tells it from other protocols' need not be set (RFC 9287).
pub(super) fn is_short(datagram: &[u8], surely: bool) -> bool {
    datagram.first().is_some_and(|first| if surely { first & LONG == 0 } else { first >> 6 == 1 })
}

/// The first packet of a datagram, if it has a long header of a version that is known, and what
/// stands behind it.
pub(super) fn split(datagram: &[u8]) -> Option<(Long<'_>, &[u8])> {
    let mut rest = datagram;
    let first = *rest.split_off_first()?;
    let version = u32::from_be_bytes(*take(&mut rest)?);
    let version = Version::from_number(version).filter(|_| first & LONG != 0)?;
    let target = id(&mut rest)?;
    id(&mut rest)?;
    let kind = first >> 4 & 0b11;
    if kind == version.retry() {
        return None;
    }
    let is_initial = kind == version.initial();
    if is_initial {
        let token = varint(&mut rest)?;
        rest = rest.get(token..)?;
    }
    let len = varint(&mut rest)?;
    let number_at = datagram.len() - rest.len();
    let (bytes, after) = datagram.split_at_checked(number_at.checked_add(len)?)?;
    Some((Long { version, is_initial, target, bytes, number_at }, after))
}

fn id<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::from(*rest.split_off_first()?);
    if len > ID_MAX { None } else { rest.split_off(..len) }
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    rest.split_off(..N)?.first_chunk()
}

/// A number of variable length (RFC 9000, section 16).
pub(super) fn varint(rest: &mut &[u8]) -> Option<usize> {
    let first = *rest.split_off_first()?;
    let mut value = u64::from(first & 0x3f);
    for byte in rest.split_off(..(1 << (first >> 6)) - 1)? {
        value = value << 8 | u64::from(*byte);
    }
    usize::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_length() {
        // RFC 9000, appendix A.1.
        for (mut bytes, value) in [
            (&[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c][..], 151_288_809_941_952_652),
            (&[0x9d, 0x7f, 0x3e, 0x7d], 494_878_333),
            (&[0x7b, 0xbd], 15_293),
            (&[0x25], 37),
            (&[0x40, 0x25], 37),
        ] {
            assert_eq!(varint(&mut bytes), Some(value));
            assert!(bytes.is_empty());
        }
        assert_eq!(varint(&mut [0x7b].as_slice()), None);
    }

    #[test]
    fn packets_that_share_a_datagram_are_told_apart() {
        let initial = [0xc0, 0, 0, 0, 1, 2, 7, 7, 0, 1, 9, 3, 1, 2, 3];
        let handshake = [0xe0, 0, 0, 0, 1, 0, 0, 2, 5, 6];
        let both = [initial.as_slice(), &handshake, b"rest"].concat();
        let (first, after) = split(&both).unwrap();
        assert!(first.is_initial && first.version == Version::One);
        assert_eq!((first.target, first.bytes, first.number_at), (&[7, 7][..], &initial[..], 12));
        let (second, after) = split(after).unwrap();
        assert!(!second.is_initial);
        assert_eq!((second.bytes, after), (&handshake[..], &b"rest"[..]));
        // In version 2 the same bits mean something else.
        let mut two = initial;
        two[..5].copy_from_slice(&[0xd0, 0x6b, 0x33, 0x43, 0xcf]);
        assert!(split(&two).unwrap().0.is_initial);
        two[0] = 0xf0;
        assert!(!split(&two).unwrap().0.is_initial);
    }

    #[test]
    fn what_is_no_long_header() {
        for bytes in [
            &[][..],
            &[0x40; 40],
            &[0xc0, 0, 0, 0, 0, 0, 0],
            &[0xc0, 0, 0, 0, 1, 21],
            &[0xc0, 0, 0, 0, 1, 0, 0, 0, 9],
            &[0xf0, 0, 0, 0, 1, 0, 0, 0, 0],
        ] {
            assert_eq!(split(bytes), None, "{bytes:02x?}");
        }
    }
}
