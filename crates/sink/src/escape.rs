//! Bytes that a stranger chose, made safe: for a terminal and for JSON.

use crate::hex::DIGITS;

/// Appends a payload for a terminal: text passes, everything that a terminal would act on or hide
/// is written as `\x1b` or `\u{202e}`. Line ends stay, `\r\n` as `\n`.
pub fn payload(out: &mut Vec<u8>, mut bytes: &[u8]) {
    while let [first, rest @ ..] = bytes {
        bytes = if is_plain(*first) {
            let (plain, rest) = bytes.split_at(plain_prefix(bytes));
            out.extend_from_slice(plain);
            rest
        } else if first.is_ascii() {
            if !bytes.starts_with(b"\r\n") {
                push_byte(out, *first);
            }
            rest
        } else {
            wide(out, bytes)
        };
    }
}

/// Appends a name for one line of a terminal: like [`payload`], and line ends are escaped.
pub fn name(out: &mut Vec<u8>, bytes: &[u8]) {
    // Nearly all names; without an early exit, in a few vector instructions.
    let odd = |odd, &byte: &u8| odd | (byte.wrapping_sub(b' ') >= 0x5f);
    if !bytes.iter().fold(false, odd) {
        return out.extend_from_slice(bytes);
    }
    for line in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\t' | b'\r')) {
        match line {
            [text @ .., control @ (b'\n' | b'\t' | b'\r')] => {
                payload(out, text);
                push_byte(out, *control);
            }
            text => payload(out, text),
        }
    }
}

/// Appends a JSON string with its quotes; what is not UTF-8 becomes U+FFFD.
pub(crate) fn json(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    for chunk in bytes.utf8_chunks() {
        json_text(out, chunk.valid());
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
    out.push(b'"');
}

fn json_text(out: &mut Vec<u8>, text: &str) {
    let mut done = 0;
    for (at, &byte) in text.as_bytes().iter().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&text.as_bytes()[done..at]);
        done = at + 1;
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                let [high, low] = digits(byte);
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
            }
        }
    }
    out.extend_from_slice(&text.as_bytes()[done..]);
}

/// Whether all of it is printable ASCII, line ends or tabs.
pub(crate) fn is_plain_text(bytes: &[u8]) -> bool {
    plain_prefix(bytes) == bytes.len()
}

/// How many bytes at the front are printable ASCII, line ends or tabs.
fn plain_prefix(bytes: &[u8]) -> usize {
    const BLOCK: usize = 32;
    let mut at = 0;
    // Without an early exit inside a block the compiler checks it in a few vector instructions.
    while let Some(block) = bytes[at..].first_chunk::<BLOCK>() {
        if block.iter().fold(false, |odd, &byte| odd | !is_plain(byte)) {
            break;
        }
        at += BLOCK;
    }
    let rest = &bytes[at..];
    at + rest.iter().position(|&byte| !is_plain(byte)).unwrap_or(rest.len())
}

#[inline(always)]
fn is_plain(byte: u8) -> bool {
    (byte.wrapping_sub(b' ') < 0x5f) | (byte == b'\n') | (byte == b'\t')
}

/// Writes the run of bytes above ASCII at the front; returns what follows it.
fn wide<'b>(out: &mut Vec<u8>, bytes: &'b [u8]) -> &'b [u8] {
    let end = bytes.iter().position(u8::is_ascii).unwrap_or(bytes.len());
    let (run, rest) = bytes.split_at(end);
    // Compressed data is full of these.
    if let [byte] = run {
        push_byte(out, *byte);
        return rest;
    }
    for chunk in run.utf8_chunks() {
        visible(out, chunk.valid());
        for &byte in chunk.invalid() {
            push_byte(out, byte);
        }
    }
    rest
}

/// Writes text with the hidden characters escaped.
fn visible(out: &mut Vec<u8>, text: &str) {
    let mut done = 0;
    for (at, character) in text.char_indices() {
        if is_hidden(character) {
            out.extend_from_slice(&text.as_bytes()[done..at]);
            push_scalar(out, character);
            done = at + character.len_utf8();
        }
    }
    out.extend_from_slice(&text.as_bytes()[done..]);
}

/// Characters that a terminal obeys, that reorder what stands around them, or that take no room.
fn is_hidden(character: char) -> bool {
    matches!(character,
        '\u{80}'..='\u{9f}'          // C1 controls
        | '\u{ad}'                   // soft hyphen
        | '\u{34f}' | '\u{61c}'      // grapheme joiner, Arabic letter mark
        | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' // Hangul fillers
        | '\u{17b4}' | '\u{17b5}'    // Khmer inherent vowels
        | '\u{180b}'..='\u{180f}'    // Mongolian selectors
        | '\u{200b}'..='\u{200f}'    // zero-width, marks of direction
        | '\u{2028}'..='\u{202e}'    // separators, embeddings, overrides
        | '\u{2060}'..='\u{206f}'    // joiners, isolates
        | '\u{feff}'                 // byte order mark
        | '\u{fff9}'..='\u{fffb}'    // interlinear annotation
        | '\u{e0000}'..='\u{e0fff}') // tags, selectors
}

fn push_byte(out: &mut Vec<u8>, byte: u8) {
    match byte {
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\t' => out.extend_from_slice(b"\\t"),
        _ => {
            let [high, low] = digits(byte);
            out.extend_from_slice(&[b'\\', b'x', high, low]);
        }
    }
}

fn digits(byte: u8) -> [u8; 2] {
    [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]
}

fn push_scalar(out: &mut Vec<u8>, character: char) {
    out.extend_from_slice(b"\\u{");
    let scalar = u32::from(character);
    let nibbles = 8 - scalar.leading_zeros() / 4;
    for nibble in (0..nibbles).rev() {
        out.push(DIGITS[(scalar >> (4 * nibble) & 15) as usize]);
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        payload(&mut out, bytes);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_passes_and_controls_do_not() {
        assert_eq!(shown("héllo\t→ 世界 🙂\n".as_bytes()), "héllo\t→ 世界 🙂\n");
        assert_eq!(shown(b"a\r\nb\rc"), "a\nb\\rc");
        assert_eq!(shown(b"\x1b]0;owned\x07\x00\x7f"), "\\x1b]0;owned\\x07\\x00\\x7f");
        assert_eq!(
            shown("\u{9b}2J \u{202e}evil\u{200b}\u{feff}".as_bytes()),
            "\\u{9b}2J \\u{202e}evil\\u{200b}\\u{feff}"
        );
        assert_eq!(shown(b"\x9b2J \xff \xe4\xb8"), "\\x9b2J \\xff \\xe4\\xb8");
        assert_eq!(shown("\u{e0041}".as_bytes()), "\\u{e0041}");
    }

    #[test]
    fn a_control_is_found_at_every_place_of_a_long_line() {
        for at in 0..100 {
            let mut bytes = vec![b'a'; 100];
            bytes[at] = 0x1b;
            let expected = format!("{}\\x1b{}", "a".repeat(at), "a".repeat(99 - at));
            assert_eq!(shown(&bytes), expected);
        }
    }

    #[test]
    fn a_name_stays_on_its_line() {
        let mut out = Vec::new();
        name(&mut out, b"a\nb\tc\r\nd\x1b");
        assert_eq!(out, b"a\\nb\\tc\\r\\nd\\x1b");
    }

    proptest! {
        #[test]
        fn nothing_dangerous_comes_out(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            for character in shown(&bytes).chars() {
                prop_assert!(matches!(character, '\n' | '\t') || !character.is_control());
                prop_assert!(!is_hidden(character));
            }
        }

        #[test]
        fn harmless_text_is_unchanged(text in "[ -~\n\té世🙂]{0,200}") {
            prop_assert_eq!(shown(text.as_bytes()), text);
        }

        #[test]
        fn json_strings_read_back(bytes in prop::collection::vec(any::<u8>(), 0..50)) {
            let mut out = Vec::new();
            json(&mut out, &bytes);
            let back: String = serde_json::from_slice(&out).unwrap();
            prop_assert_eq!(back, String::from_utf8_lossy(&bytes));
        }
    }
}
