//! Integers with a prefix (RFC 7541, section 5.1).

/// Bytes of an integer after its first one: enough for 28 bits, far more than any length here.
const MORE: usize = 4;

/// Takes an integer whose first byte has `bits` bits of it; `None` if it goes on past the bytes.
///
/// # Errors
///
/// It is larger than any that makes sense.
pub(super) fn integer(rest: &mut &[u8], bits: u32) -> Result<Option<usize>, &'static str> {
    let Some((&first, mut after)) = rest.split_first() else { return Ok(None) };
    let full = (1usize << bits) - 1;
    let mut value = usize::from(first) & full;
    if value == full {
        let mut shift = 0;
        loop {
            let Some((&byte, next)) = after.split_first() else { return Ok(None) };
            after = next;
            if shift == 7 * MORE {
                return Err("an integer that is too large");
            }
            value += usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
    }
    *rest = after;
    Ok(Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_rfc() {
        // RFC 7541, appendix C.1.
        for (mut bytes, bits, value) in
            [(&[0b0000_1010][..], 5, 10), (&[0b0001_1111, 154, 10], 5, 1_337), (&[42], 8, 42)]
        {
            assert_eq!(integer(&mut bytes, bits), Ok(Some(value)));
            assert!(bytes.is_empty());
        }
    }

    #[test]
    fn its_edges() {
        assert_eq!(integer(&mut &[][..], 7), Ok(None));
        assert_eq!(integer(&mut &[0x7f][..], 7), Ok(None));
        assert_eq!(integer(&mut &[0x7f, 0x80][..], 7), Ok(None));
        assert_eq!(integer(&mut &[0x7f, 0][..], 7), Ok(Some(127)));
        let largest = [0x7f, 0xff, 0xff, 0xff, 0x7f];
        assert_eq!(integer(&mut &largest[..], 7), Ok(Some(127 + (1 << 28) - 1)));
        assert!(integer(&mut &[0x7f, 0xff, 0xff, 0xff, 0xff, 0][..], 7).is_err());
    }
}
