//! Passwords in SQL, which no output ever shows.
//!
//! Statements that set one are told by their first word and a word such as `PASSWORD`; every string
//! that follows in them is masked, and so are all values of their parameters. Elsewhere a string
//! that is compared with or assigned to such a name is.

use std::ops::Range;
use std::sync::LazyLock;

use regex::bytes::Regex;

use super::lex::{Dialect, Kind, tokens};

/// What stands in place of a password.
pub(crate) const MASK: &[u8] = b"***";

/// What was found in a statement.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Masked {
    /// The statement with masks; `None`: there was nothing to mask.
    pub(crate) text: Option<Vec<u8>>,
    /// The parameters are secret.
    pub(crate) params: bool,
}

/// Most statements have none of these and are looked at no further.
static SUSPECT: LazyLock<Regex> = LazyLock::new(|| {
    #[expect(clippy::unwrap_used, reason = "it is constant, and tests compile it")]
    Regex::new("(?i-u)password|identified|subscription").unwrap()
});
/// A statement inside a string.
static INNER: LazyLock<Regex> = LazyLock::new(|| {
    #[expect(clippy::unwrap_used, reason = "it is constant, and tests compile it")]
    Regex::new(r"(?i-u)\b(user|role|set|group|subscription|server|master|grant)\b").unwrap()
});

/// First words of statements that may set a password.
const SETTERS: [&str; 8] = ["SET", "ALTER", "CREATE", "GRANT", "CHANGE", "START", "EXECUTE", "DO"];

/// The statement with its passwords masked; `None`: it speaks of none.
pub(crate) fn masked(text: &[u8], dialect: Dialect) -> Option<Masked> {
    if !SUSPECT.is_match(text) {
        return None;
    }
    let (ranges, params) = find(text, dialect);
    if ranges.is_empty() {
        return Some(Masked { text: None, params });
    }
    let (mut out, mut done) = (Vec::with_capacity(text.len()), 0);
    for range in ranges {
        if range.start >= done {
            out.extend_from_slice(&text[done..range.start]);
            out.extend_from_slice(MASK);
        }
        done = range.end.max(done);
    }
    out.extend_from_slice(&text[done..]);
    Some(Masked { text: Some(out), params })
}

fn find(text: &[u8], dialect: Dialect) -> (Vec<Range<usize>>, bool) {
    let (mut ranges, mut params) = (Vec::new(), false);
    // Of the statement under way: whether its first word sets, whether a word of secrets was seen.
    let (mut setter, mut begun, mut secret) = (false, false, false);
    // A name of secrets stands directly before.
    let mut named = false;
    for token in tokens(text, dialect) {
        let bytes = &text[token.range.clone()];
        match token.kind {
            Kind::Comment => {}
            Kind::Sign(b';') => (setter, begun, secret, named) = (false, false, false, false),
            Kind::Sign(b'=' | b'(' | b':' | b'<' | b'>' | b'!') => {}
            Kind::Sign(b'?' | b'$') => {
                params |= named || secret && setter;
                named = false;
            }
            // The letter before `E'…'` is a part of the string.
            Kind::Word if text.get(token.range.end) == Some(&b'\'') => {}
            Kind::Word | Kind::Name => {
                if !begun {
                    begun = true;
                    setter = SETTERS.iter().any(|word| word.as_bytes().eq_ignore_ascii_case(bytes));
                }
                named = SUSPECT.is_match(bytes);
                secret |= named;
            }
            Kind::Text => {
                let inner = SUSPECT.is_match(bytes) && INNER.is_match(bytes);
                if inner || named || secret && setter {
                    ranges.push(token.range.clone());
                }
                named = false;
            }
            Kind::Sign(_) | Kind::Number => named = false,
        }
        if token.unsure {
            ranges.push(token.range.start..text.len());
            return (ranges, true);
        }
    }
    (ranges, params)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, dialect: Dialect) -> String {
        match masked(text.as_bytes(), dialect).and_then(|masked| masked.text) {
            Some(text) => String::from_utf8(text).unwrap(),
            None => text.to_owned(),
        }
    }

    #[test]
    fn passwords_are_masked_wherever_they_are_set() {
        use Dialect::{MySql, Postgres};
        for (dialect, text, expected) in [
            (
                MySql,
                "SET PASSWORD FOR 'a'@'h' = PASSWORD('s')",
                "SET PASSWORD FOR ***@*** = PASSWORD(***)",
            ),
            (MySql, "set password = 's'", "set password = ***"),
            (
                MySql,
                "CREATE USER 'a'@'h' IDENTIFIED BY \"s\"",
                "CREATE USER 'a'@'h' IDENTIFIED BY ***",
            ),
            (
                MySql,
                "ALTER USER a IDENTIFIED /* x */ WITH p AS 's'",
                "ALTER USER a IDENTIFIED /* x */ WITH p AS ***",
            ),
            (
                MySql,
                "GRANT ALL ON x.* TO a /*!50000 IDENTIFIED */ BY 's'",
                "GRANT ALL ON x.* TO a /*!50000 IDENTIFIED */ BY ***",
            ),
            (
                MySql,
                "CHANGE MASTER TO MASTER_PASSWORD='s', x='y'",
                "CHANGE MASTER TO MASTER_PASSWORD=***, x=***",
            ),
            (MySql, r"ALTER USER a IDENTIFIED BY 's\'t', 'u'", "ALTER USER a IDENTIFIED BY ***"),
            (MySql, "PREPARE s FROM 'ALTER USER a IDENTIFIED BY \"s\"'", "PREPARE s FROM ***"),
            (
                Postgres,
                "ALTER ROLE a ENCRYPTED PASSWORD 's'; SELECT 'b'",
                "ALTER ROLE a ENCRYPTED PASSWORD ***; SELECT 'b'",
            ),
            (Postgres, "create user a password E's'", "create user a password E***"),
            (Postgres, "CREATE USER a PASSWORD $$s$$", "CREATE USER a PASSWORD ***"),
            (
                Postgres,
                "CREATE SUBSCRIPTION a CONNECTION 'password=s'",
                "CREATE SUBSCRIPTION a CONNECTION ***",
            ),
            (Postgres, "DO $$ ALTER ROLE a PASSWORD 's' $$", "DO ***"),
            (
                Postgres,
                "SELECT * FROM u WHERE password = 's' AND name = 'n'",
                "SELECT * FROM u WHERE password = *** AND name = 'n'",
            ),
            (Postgres, "ALTER USER a PASSWORD 's", "ALTER USER a PASSWORD ***"),
            (Postgres, "SELECT 'password'", "SELECT 'password'"),
        ] {
            assert_eq!(shown(text, dialect), expected);
        }
    }

    #[test]
    fn so_are_their_parameters() {
        let params = |text: &str| masked(text.as_bytes(), Dialect::MySql).is_some_and(|m| m.params);
        assert!(params("ALTER USER a IDENTIFIED BY ?"));
        assert!(params("SELECT 1 FROM u WHERE password = ?"));
        assert!(!params("SELECT 1 FROM u WHERE name = ?"));
    }
}
