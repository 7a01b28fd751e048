//! A classic dump: offset, sixteen bytes in hex, the same bytes as ASCII.

/// Hex digits.
pub(crate) const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// `00000000  48 65 … 0a  |Hello…|`, without the offset's further digits.
const WIDTH: usize = 16;

/// Appends a dump. Offsets begin at `pos`; each line has sixteen bytes from the start of `bytes`.
pub(crate) fn dump(out: &mut Vec<u8>, bytes: &[u8], pos: u64) {
    for (index, chunk) in bytes.chunks(WIDTH).enumerate() {
        push_offset(out, pos.saturating_add((index * WIDTH) as u64));
        push_line(out, chunk);
    }
}

/// At least eight digits; more when the stream is longer than 4 GiB.
fn push_offset(out: &mut Vec<u8>, offset: u64) {
    let digits = (16 - offset.leading_zeros() / 4).max(8);
    for nibble in (0..digits).rev() {
        out.push(DIGITS[(offset >> (4 * nibble) & 15) as usize]);
    }
}

fn push_line(out: &mut Vec<u8>, chunk: &[u8]) {
    // "  " + 16 × "xx " with one more blank in the middle, then " |" and the characters.
    let mut line = *b"                                                    |................|\n";
    for (index, &byte) in chunk.iter().enumerate() {
        let at = 2 + index * 3 + index / 8;
        line[at] = DIGITS[usize::from(byte >> 4)];
        line[at + 1] = DIGITS[usize::from(byte & 15)];
        if (b' '..=b'~').contains(&byte) {
            line[53 + index] = byte;
        }
    }
    line[53 + chunk.len()] = b'|';
    line[54 + chunk.len()] = b'\n';
    out.extend_from_slice(&line[..55 + chunk.len()]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8], pos: u64) -> String {
        let mut out = Vec::new();
        dump(&mut out, bytes, pos);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn like_hexdump() {
        let bytes: Vec<u8> = (b'0'..).take(16).chain([0, 0xff, b'~']).collect();
        let expected = "\
00000000  30 31 32 33 34 35 36 37  38 39 3a 3b 3c 3d 3e 3f  |0123456789:;<=>?|
00000010  00 ff 7e                                          |..~|
";
        assert_eq!(text(&bytes, 0), expected);
    }

    #[test]
    fn offsets_are_positions_and_grow() {
        assert!(text(b"a", 0xdead_beef).starts_with("deadbeef  61 "));
        assert!(text(b"a", 0x1_0000_0000).starts_with("100000000  61 "));
        assert!(text(b"a", u64::MAX).starts_with("ffffffffffffffff  61 "));
        assert_eq!(text(b"", 5), "");
    }
}
