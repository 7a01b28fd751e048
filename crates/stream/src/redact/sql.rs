//! Literals in SQL: strings, numbers and comments, which may hold anything.

use super::mask::Ranges;
use crate::proto::sql::lex::{Dialect, Kind, tokens};

/// Adds every literal of a statement.
pub(super) fn scan(text: &[u8], dialect: Dialect, ranges: &mut Ranges) {
    for token in tokens(text, dialect) {
        if token.unsure {
            // Whether what follows is a literal depends on how the server is set.
            return ranges.push(token.range.start..text.len());
        }
        match token.kind {
            Kind::Text | Kind::Number => ranges.push(token.range),
            // Its marks stay, so that what is left reads like SQL.
            Kind::Comment => {
                let bytes = &text[token.range.clone()];
                let start = token.range.start + if bytes.starts_with(b"#") { 1 } else { 2 };
                let closed = bytes.starts_with(b"/*") && bytes.len() >= 4 && bytes.ends_with(b"*/");
                let line = bytes.ends_with(b"\n");
                let end = if closed { 2 } else { usize::from(line) };
                ranges.push(start..(token.range.end - end).max(start));
            }
            Kind::Word | Kind::Name | Kind::Sign(_) => {}
        }
    }
}

/// Adds what stands in quotes in a server's words, and its numbers: a value that it could not take.
/// Names stand in quotes, too.
pub(super) fn scan_words(words: &[u8], ranges: &mut Ranges) {
    let is_quote = |byte: u8| matches!(byte, b'"' | b'\'' | b'`');
    let first = words.iter().position(|&byte| is_quote(byte));
    let last = words.iter().rposition(|&byte| is_quote(byte));
    let quoted = match (first, last) {
        (Some(first), Some(last)) if last > first => first + 1..last,
        // One that is not closed.
        (Some(first), _) => first..words.len(),
        _ => 0..0,
    };
    let mut at = 0;
    while at < words.len() {
        let digits = words[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        ranges.push(at..at + digits);
        at += digits.max(1);
    }
    ranges.push(quoted);
}

#[cfg(test)]
mod tests {
    use super::super::mask::Style;
    use super::*;

    fn masked(text: &str, find: impl Fn(&[u8], &mut Ranges)) -> String {
        let (mut ranges, mut out) = (Ranges::default(), Vec::new());
        find(text.as_bytes(), &mut ranges);
        ranges.apply(text.as_bytes(), Style::Fixed, &mut out, None);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn literals_are_masked_and_names_are_not() {
        for (dialect, text, expected) in [
            (
                Dialect::Postgres,
                "SELECT a1, $1 FROM \"t\" WHERE x = 'it''s' LIMIT 5",
                "SELECT a1, $1 FROM \"t\" WHERE x = *** LIMIT ***",
            ),
            (
                Dialect::Postgres,
                "SELECT $a$ 'x' $a$, E'a\\tb' -- why\n, b'01'",
                "SELECT ***, E*** --***\n, b***",
            ),
            (
                Dialect::MySql,
                "SELECT \"a\", `b` /* why */, ? # c",
                "SELECT ***, `b` /*****/, ? #***",
            ),
            (Dialect::MySql, "SELECT 'a\\'b', 'c' FROM t", "SELECT ***"),
            (Dialect::Postgres, "SELECT 'cut of", "SELECT ***"),
            (Dialect::MySql, "SELECT /*", "SELECT /*"),
        ] {
            let find = |text: &[u8], ranges: &mut Ranges| scan(text, dialect, ranges);
            assert_eq!(masked(text, find), expected);
        }
    }

    #[test]
    fn so_is_what_a_server_quotes() {
        let find = |text: &[u8], ranges: &mut Ranges| scan_words(text, ranges);
        assert_eq!(masked("bad value: \"a\"b\" at 7", find), "bad value: \"***\" at ***");
        assert_eq!(masked("syntax error near 'x", find), "syntax error near ***");
        assert_eq!(masked("division by zero", find), "division by zero");
    }
}
