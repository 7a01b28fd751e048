//! JSON with a line for each value. Only blanks between tokens change: numbers keep their digits,
//! strings their escapes, names their order.

/// Deeper ones are left as they are.
const DEPTH: usize = 64;

/// Appends JSON in order; false, and nothing useful in `out`, if its brackets or strings don't
/// close.
pub(super) fn json(out: &mut Vec<u8>, bytes: &[u8]) -> bool {
    let mut open: Vec<u8> = Vec::new();
    let mut rest = bytes;
    while let [byte, after @ ..] = rest {
        rest = after;
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {}
            b'"' => {
                let Some(len) = string(after) else { return false };
                out.push(b'"');
                out.extend_from_slice(&after[..len]);
                rest = &after[len..];
            }
            b'{' | b'[' => {
                let close = byte + 2;
                out.push(*byte);
                let next = after.trim_ascii_start();
                if next.first() == Some(&close) {
                    out.push(close);
                    rest = &next[1..];
                } else if open.len() < DEPTH {
                    open.push(close);
                    line(out, open.len());
                } else {
                    return false;
                }
            }
            b'}' | b']' => {
                if open.pop() != Some(*byte) {
                    return false;
                }
                line(out, open.len());
                out.push(*byte);
            }
            b',' if !open.is_empty() => {
                out.push(b',');
                line(out, open.len());
            }
            b':' => out.extend_from_slice(b": "),
            byte => out.push(*byte),
        }
    }
    open.is_empty()
}

/// Bytes of a string after its first quote, with the last one.
fn string(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

fn line(out: &mut Vec<u8>, depth: usize) {
    out.push(b'\n');
    out.resize(out.len() + 2 * depth, b' ');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<String> {
        let mut out = Vec::new();
        json(&mut out, text.as_bytes()).then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn values_stand_on_lines_of_their_own() {
        let text = r#"{"a":[1.00,{"b" : "x,\"{" }],"c":{ },"d":[],"a":null}"#;
        let expected = "{\n  \"a\": [\n    1.00,\n    {\n      \"b\": \"x,\\\"{\"\n    }\n  ],\n  \
            \"c\": {},\n  \"d\": [],\n  \"a\": null\n}";
        assert_eq!(shown(text).as_deref(), Some(expected));
        assert_eq!(shown("true").as_deref(), Some("true"));
    }

    #[test]
    fn what_does_not_close_is_left_alone() {
        for text in ["{", "[}", "\"a", "]", "\"\\", &"[".repeat(DEPTH + 1)] {
            assert_eq!(shown(text), None, "{text}");
        }
        let deep = format!("{}{}", "[1,".repeat(DEPTH), "1]".repeat(DEPTH));
        assert!(shown(&deep).is_some());
    }
}
