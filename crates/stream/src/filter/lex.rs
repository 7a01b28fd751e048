//! From the text of an expression to its tokens.

use std::ops::Range;

use super::error::FilterError;

/// A token and where it stands in the text, in bytes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) at: Range<usize>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// A field, a unit's bearer or a word of the language.
    Word(String),
    Number(Number),
    Text(String),
    /// `== != < <= > >= ~ !~ && || ! ( ) [ ] ,`.
    Sign(&'static str),
    End,
}

/// A number as it was written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Number {
    pub(super) value: f64,
    /// `ms`; empty: none.
    pub(super) unit: String,
}

/// Longer ones first.
const SIGNS: [&str; 15] =
    ["==", "!=", "<=", ">=", "!~", "&&", "||", "<", ">", "~", "!", "(", ")", "[", "]"];
const COMMA: &str = ",";

/// Takes a text apart; the last token is [`Kind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, FilterError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    loop {
        let rest = &text[at..];
        let blank = rest.len() - rest.trim_start().len();
        at += blank;
        let (kind, len) = token(&text[at..], at)?;
        let end = kind == Kind::End;
        tokens.push(Token { kind, at: at..at + len });
        if end {
            return Ok(tokens);
        }
        at += len;
    }
}

/// The token at the front, and its length.
fn token(rest: &str, at: usize) -> Result<(Kind, usize), FilterError> {
    let Some(first) = rest.chars().next() else { return Ok((Kind::End, 0)) };
    if let Some(sign) = SIGNS.iter().chain([&COMMA]).find(|sign| rest.starts_with(**sign)) {
        return Ok((Kind::Sign(sign), sign.len()));
    }
    match first {
        '"' => quoted(rest, at),
        '\'' => match rest[1..].find('\'') {
            Some(len) => Ok((Kind::Text(rest[1..=len].to_owned()), len + 2)),
            None => Err(open_ended(rest, at)),
        },
        '0'..='9' => number(rest, at),
        'a'..='z' | 'A'..='Z' | '_' => {
            let word = prefix(rest, |c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
            Ok((Kind::Word(word.to_owned()), word.len()))
        }
        '=' => Err(FilterError::new("equal is written ==", at..at + 1)),
        '&' | '|' => Err(FilterError::new(format!("write {first}{first}"), at..at + 1)),
        _ => Err(FilterError::new("this begins nothing", at..at + first.len_utf8())),
    }
}

/// Digits, perhaps with a fraction, and a unit right behind them.
fn number(rest: &str, at: usize) -> Result<(Kind, usize), FilterError> {
    let whole = prefix(rest, |c| c.is_ascii_digit());
    let fraction = rest[whole.len()..]
        .strip_prefix('.')
        .map(|rest| prefix(rest, |c| c.is_ascii_digit()))
        .filter(|digits| !digits.is_empty());
    let digits = whole.len() + fraction.map_or(0, |fraction| 1 + fraction.len());
    let unit = prefix(&rest[digits..], |c| c.is_ascii_alphabetic());
    let len = digits + unit.len();
    if rest[len..].starts_with(['.', '_']) || rest[len..].starts_with(|c: char| c.is_ascii_digit())
    {
        let message = "this is no number; an address is text and stands in quotes";
        return Err(FilterError::new(message, at..at + len));
    }
    // Digits with one point in between always parse.
    let value = rest[..digits].parse().unwrap_or(f64::INFINITY);
    Ok((Kind::Number(Number { value, unit: unit.to_owned() }), len))
}

/// Text in double quotes. What is no escape of ours keeps its backslash, so that a regular
/// expression can be written as usual: `"\d+\.png"`.
fn quoted(rest: &str, at: usize) -> Result<(Kind, usize), FilterError> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((index, character)) = chars.next() {
        match character {
            '"' => return Ok((Kind::Text(text), index + 1)),
            '\\' => match chars.next() {
                Some((_, escaped @ ('"' | '\\'))) => text.push(escaped),
                Some((_, 'n')) => text.push('\n'),
                Some((_, 'r')) => text.push('\r'),
                Some((_, 't')) => text.push('\t'),
                Some((_, other)) => text.extend(['\\', other]),
                None => break,
            },
            other => text.push(other),
        }
    }
    Err(open_ended(rest, at))
}

fn open_ended(rest: &str, at: usize) -> FilterError {
    FilterError::new("this text has no end", at..at + rest.len())
}

fn prefix(text: &str, belongs: impl Fn(char) -> bool) -> &str {
    &text[..text.find(|c| !belongs(c)).unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Kind> {
        tokens(text).unwrap().into_iter().map(|token| token.kind).collect()
    }

    fn text(text: &str) -> Kind {
        Kind::Text(text.to_owned())
    }

    #[test]
    fn every_kind_of_token() {
        let number = |value, unit: &str| Kind::Number(Number { value, unit: unit.to_owned() });
        let expected = [
            Kind::Word("remote.ip".to_owned()),
            Kind::Sign("!="),
            text("a\"b\\ \n\\d"),
            Kind::Sign("&&"),
            Kind::Sign("!"),
            Kind::Sign("("),
            Kind::Word("ms".to_owned()),
            Kind::Sign(">="),
            number(1.5, "s"),
            Kind::Sign(","),
            number(20.0, ""),
            Kind::Sign(")"),
            text("raw\\"),
            Kind::End,
        ];
        assert_eq!(kinds(r#"remote.ip!="a\"b\\ \n\d" && !(ms >= 1.5s , 20)'raw\'"#), expected);
    }

    #[test]
    fn tokens_know_their_place() {
        let places: Vec<_> = tokens(" a ~ \"é\" ").unwrap().into_iter().map(|t| t.at).collect();
        assert_eq!(places, [1..2, 3..4, 5..9, 10..10]);
    }

    #[test]
    fn what_is_no_token_is_pointed_at() {
        for (text, at) in [
            ("a = 1", 2..3),
            ("a & b", 2..3),
            ("a == \"b", 5..7),
            ("a == 'b", 5..7),
            ("a == \"b\\", 5..8),
            ("remote.ip == 10.0.0.1", 13..17),
            ("a == é", 5..7),
            ("a == #", 5..6),
        ] {
            assert_eq!(tokens(text).unwrap_err().at, at, "{text}");
        }
    }
}
