//! SQL as tokens, as far as literals and words have to be told apart.
//!
//! Servers can be set so that a backslash is an escape or is none, which the text does not tell.
//! Where that makes a difference, a token is [`unsure`](Token::unsure): what follows it can't be
//! relied on.

use std::ops::Range;

use crate::message::Protocol;

/// Whose SQL it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    MySql,
    Postgres,
}

impl Dialect {
    /// That of a protocol.
    pub(crate) fn of(protocol: Protocol) -> Self {
        if protocol == Protocol::MySql { Self::MySql } else { Self::Postgres }
    }
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A keyword or a name without quotes.
    Word,
    /// A string, with its quotes.
    Text,
    Number,
    Comment,
    /// A name in quotes.
    Name,
    /// A sign.
    Sign(u8),
}

/// A token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) range: Range<usize>,
    /// It may have ended elsewhere.
    pub(crate) unsure: bool,
}

/// The tokens of a text, one by one.
#[derive(Debug)]
pub(crate) struct Tokens<'a> {
    text: &'a [u8],
    at: usize,
    dialect: Dialect,
}

/// Reads a text.
pub(crate) fn tokens(text: &[u8], dialect: Dialect) -> Tokens<'_> {
    Tokens { text, at: 0, dialect }
}

/// What statements begin with.
const VERBS: [&str; 58] = [
    "ABORT",
    "ALTER",
    "ANALYZE",
    "BEGIN",
    "CALL",
    "CHANGE",
    "CHECK",
    "CHECKPOINT",
    "CLOSE",
    "CLUSTER",
    "COMMENT",
    "COMMIT",
    "COPY",
    "CREATE",
    "DEALLOCATE",
    "DECLARE",
    "DELETE",
    "DESC",
    "DESCRIBE",
    "DISCARD",
    "DO",
    "DROP",
    "END",
    "EXECUTE",
    "EXPLAIN",
    "FETCH",
    "FLUSH",
    "GRANT",
    "INSERT",
    "KILL",
    "LISTEN",
    "LOAD",
    "LOCK",
    "MERGE",
    "MOVE",
    "NOTIFY",
    "OPTIMIZE",
    "PREPARE",
    "REINDEX",
    "RELEASE",
    "RENAME",
    "REPLACE",
    "RESET",
    "REVOKE",
    "ROLLBACK",
    "SAVEPOINT",
    "SELECT",
    "SET",
    "SHOW",
    "START",
    "TABLE",
    "TRUNCATE",
    "UNLISTEN",
    "UPDATE",
    "USE",
    "VACUUM",
    "VALUES",
    "WITH",
];

/// Whether a text begins like a statement: what few other bytes do.
pub(crate) fn is_statement(text: &[u8], dialect: Dialect) -> bool {
    let skipped = |token: &Token| matches!(token.kind, Kind::Comment | Kind::Sign(b'(' | b';'));
    let Some(first) = tokens(text, dialect).take(16).find(|token| !skipped(token)) else {
        return false;
    };
    let word = &text[first.range.clone()];
    first.kind == Kind::Word && VERBS.iter().any(|verb| verb.as_bytes().eq_ignore_ascii_case(word))
}

impl Tokens<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.at + ahead).copied()
    }

    /// Passes bytes as long as they are wanted.
    fn pass(&mut self, wanted: impl Fn(u8) -> bool) {
        let rest = &self.text[self.at..];
        self.at += rest.iter().position(|&byte| !wanted(byte)).unwrap_or(rest.len());
    }

    /// Passes bytes up to and with these.
    fn pass_to(&mut self, end: &[u8]) {
        let found = memchr::memmem::find(&self.text[self.at..], end);
        self.at = found.map_or(self.text.len(), |found| self.at + found + end.len());
    }

    fn begins(&self, start: &[u8]) -> bool {
        self.text[self.at..].starts_with(start)
    }

    /// A comment or blanks; MySQL's `/*! … */` is code.
    fn pass_blank(&mut self) -> Option<Kind> {
        let mysql = self.dialect == Dialect::MySql;
        let dashes = self.begins(b"--")
            && (!mysql || self.peek(2).is_none_or(|byte| byte.is_ascii_whitespace()));
        if dashes || mysql && self.begins(b"#") {
            self.pass_to(b"\n");
        } else if mysql && (self.begins(b"/*!") || self.begins(b"/*M!")) {
            self.pass_to(b"!");
            self.pass(|byte| byte.is_ascii_digit());
            return None;
        } else if self.begins(b"/*") && mysql {
            self.at += 2;
            self.pass_to(b"*/");
        } else if self.begins(b"/*") {
            self.pass_nested();
        } else {
            return None;
        }
        Some(Kind::Comment)
    }

    /// PostgreSQL's comments stand within each other.
    fn pass_nested(&mut self) {
        let mut depth = 0usize;
        while self.at < self.text.len() {
            if self.begins(b"/*") {
                depth += 1;
                self.at += 2;
            } else if self.begins(b"*/") {
                depth -= 1;
                self.at += 2;
            } else {
                self.at += 1;
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// A string or a name in quotes; whether its end is unsure.
    fn pass_quoted(&mut self, quote: u8, escapes: bool) -> bool {
        self.at += 1;
        let mut unsure = false;
        while let Some(found) = memchr::memchr2(quote, b'\\', &self.text[self.at..]) {
            self.at += found;
            if self.peek(0) == Some(b'\\') {
                let quoted = self.peek(1) == Some(quote);
                unsure |= quoted;
                self.at += if escapes { 2.min(self.text.len() - self.at) } else { 1 };
            } else if self.peek(1) == Some(quote) {
                self.at += 2;
            } else {
                self.at += 1;
                return unsure;
            }
            if !escapes && self.peek(0) == Some(b'\\') {
                // Two backslashes: the second escapes nothing either way.
                self.at += usize::from(self.text.get(self.at - 1) == Some(&b'\\'));
            }
        }
        self.at = self.text.len();
        unsure
    }

    /// `$tag$ … $tag$`.
    fn pass_dollars(&mut self) -> bool {
        let rest = &self.text[self.at..];
        let Some(end) = memchr::memchr(b'$', &rest[1..]) else { return false };
        let tag = &rest[..end + 2];
        let name = &tag[1..end + 1];
        let digit = name.first().is_some_and(u8::is_ascii_digit);
        if digit || !name.iter().all(|&byte| is_of_word(byte)) {
            return false;
        }
        let tag = tag.to_vec();
        self.at += tag.len();
        self.pass_to(&tag);
        true
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let postgres = self.dialect == Dialect::Postgres;
        loop {
            self.pass(|byte| byte.is_ascii_whitespace() || byte == 0);
            let start = self.at;
            let Some(kind) = self.pass_blank() else {
                if self.at > start {
                    continue;
                }
                break;
            };
            return Some(Token { kind, range: start..self.at, unsure: false });
        }
        let start = self.at;
        let first = self.peek(0)?;
        let mut unsure = false;
        let kind = match first {
            b'\'' => {
                let escapes = !postgres || is_escaping(self.text, start);
                unsure = self.pass_quoted(first, escapes);
                Kind::Text
            }
            b'"' => {
                unsure = self.pass_quoted(first, !postgres) && !postgres;
                if postgres { Kind::Name } else { Kind::Text }
            }
            b'`' if !postgres => {
                self.at += 1;
                self.pass_to(b"`");
                Kind::Name
            }
            b'$' if postgres && self.pass_dollars() => Kind::Text,
            b'$' => {
                self.at += 1;
                self.pass(|byte| byte.is_ascii_digit());
                Kind::Sign(b'$')
            }
            b'0'..=b'9' => {
                self.pass_number();
                Kind::Number
            }
            b'.' if self.peek(1).is_some_and(|byte| byte.is_ascii_digit()) => {
                self.pass_number();
                Kind::Number
            }
            byte if is_of_word(byte) => {
                self.pass(|byte| is_of_word(byte) || byte == b'$');
                Kind::Word
            }
            byte => {
                self.at += 1;
                Kind::Sign(byte)
            }
        };
        Some(Token { kind, range: start..self.at, unsure })
    }
}

impl Tokens<'_> {
    fn pass_number(&mut self) {
        while let Some(byte) = self.peek(0) {
            let exponent = matches!(byte, b'e' | b'E')
                && self.peek(1).is_some_and(|sign| matches!(sign, b'+' | b'-'))
                && self.peek(2).is_some_and(|digit| digit.is_ascii_digit());
            if exponent {
                self.at += 2;
            } else if byte == b'.' || is_of_word(byte) {
                self.at += 1;
            } else {
                return;
            }
        }
    }
}

/// PostgreSQL's `E'…'`.
fn is_escaping(text: &[u8], quote: usize) -> bool {
    let before = |back: usize| quote.checked_sub(back).map(|at| text[at]);
    matches!(before(1), Some(b'e' | b'E')) && !before(2).is_some_and(is_of_word)
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str, dialect: Dialect) -> Vec<(Kind, &str, bool)> {
        tokens(text.as_bytes(), dialect)
            .map(|token| (token.kind, &text[token.range], token.unsure))
            .collect()
    }

    fn texts(text: &str, dialect: Dialect) -> Vec<(&str, bool)> {
        let texts = seen(text, dialect).into_iter().filter(|(kind, ..)| *kind == Kind::Text);
        texts.map(|(_, text, unsure)| (text, unsure)).collect()
    }

    #[test]
    fn literals_and_names() {
        use Dialect::{MySql, Postgres};
        assert_eq!(texts("a = 'it''s' + 'b'", Postgres), [("'it''s'", false), ("'b'", false)]);
        assert_eq!(texts(r"E'it\'s' , 'x'", Postgres), [(r"'it\'s'", true), ("'x'", false)]);
        assert_eq!(texts(r"'a\\' , 'x'", Postgres), [(r"'a\\'", false), ("'x'", false)]);
        assert_eq!(texts(r"'a\\' , 'x'", MySql), [(r"'a\\'", false), ("'x'", false)]);
        assert_eq!(texts(r"'a\' , 'x'", Postgres)[0], (r"'a\'", true));
        assert_eq!(texts(r"'a\' , 'x'", MySql)[0], (r"'a\' , '", true));
        assert_eq!(texts("$$ it's $$ $1 $a$ $$ $a$", Postgres).len(), 2);
        assert_eq!(texts("\"a\" `b'`", MySql), [("\"a\"", false)]);
        assert_eq!(texts("\"a'\" 'b", Postgres), [("'b", false)], "one that is cut off");
    }

    #[test]
    fn comments_and_numbers() {
        use Dialect::{MySql, Postgres};
        let kinds = |text, dialect| -> Vec<Kind> {
            seen(text, dialect).into_iter().map(|(kind, ..)| kind).collect()
        };
        assert_eq!(kinds("-- it's\n1", Postgres), [Kind::Comment, Kind::Number]);
        assert_eq!(kinds("/* a /* b */ ' */ x", Postgres), [Kind::Comment, Kind::Word]);
        assert_eq!(kinds("# it's\n.5e-3", MySql), [Kind::Comment, Kind::Number]);
        assert_eq!(kinds("1--2", MySql).len(), 4);
        assert_eq!(kinds("/*!50000 'a' */", MySql)[0], Kind::Text, "code");
        assert_eq!(kinds("t1 0x1F 1e5", MySql), [Kind::Word, Kind::Number, Kind::Number]);
    }

    #[test]
    fn statements_begin_with_a_verb() {
        assert!(is_statement(b"/* x */ (select 1)", Dialect::MySql));
        assert!(!is_statement(b"hello", Dialect::MySql));
        assert!(!is_statement(b"", Dialect::Postgres));
    }
}
