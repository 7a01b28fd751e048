//! Text as zsh keeps it: a byte that would mean something to the shell itself is written as 0x83
//! and the byte xor 32 (zsh.h, `Meta`).

const META: u8 = 0x83;

/// Appends the text as it was typed.
pub(crate) fn undo(out: &mut Vec<u8>, text: &[u8]) {
    let mut bytes = text.iter();
    while let Some(&byte) = bytes.next() {
        match (byte, bytes.as_slice().first()) {
            (META, Some(&next)) => {
                out.push(next ^ 32);
                bytes.next();
            }
            _ => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn undone(text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        undo(&mut out, text);
        out
    }

    #[test]
    fn special_bytes_come_back_and_a_lone_mark_stays() {
        // "café" in Latin-1 has no such byte, "à" in UTF-8 (0xc3 0xa0) has one.
        assert_eq!(undone(b"caf\xe9"), b"caf\xe9");
        assert_eq!(undone(b"\xc3\x83\x80"), "à".as_bytes());
        assert_eq!(undone(b"end\x83"), b"end\x83");
    }

    proptest! {
        #[test]
        fn what_was_kept_comes_back(text: Vec<u8>) {
            let mut kept = Vec::new();
            for &byte in &text {
                if byte == 0 || (0x83..=0xa2).contains(&byte) {
                    kept.extend([META, byte ^ 32]);
                } else {
                    kept.push(byte);
                }
            }
            prop_assert_eq!(undone(&kept), text);
        }
    }
}
