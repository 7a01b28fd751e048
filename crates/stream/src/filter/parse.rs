//! From tokens to an expression.

use std::ops::Range;

use regex::bytes::{Regex, RegexBuilder};

use super::error::FilterError;
use super::field::{self, Field, Shape};
use super::lex::{self, Kind, Number, Token};

/// An expression.
#[derive(Debug, Clone)]
pub(super) enum Expr {
    All(Vec<Expr>),
    Any(Vec<Expr>),
    Not(Box<Expr>),
    Test(Field, Test),
}

/// What is asked about a field.
#[derive(Debug, Clone)]
pub(super) enum Test {
    /// Whether it is there; of a flag: whether it is true.
    Present,
    /// Whether it is one of these, or is none of them.
    IsText { values: Vec<Vec<u8>>, fold: bool, negate: bool },
    /// Whether this is found in it, or is not.
    Matches { regex: Regex, negate: bool },
    /// Whether it is one of these, or is none of them.
    IsNumber { values: Vec<f64>, negate: bool },
    /// How it compares.
    Compare(Order, f64),
    /// Whether the flag is this.
    Flag(bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Less,
    AtMost,
    More,
    AtLeast,
}

/// Bytes of an expression.
const LENGTH_MAX: usize = 64 << 10;
/// Parentheses and negations within each other.
const DEPTH_MAX: usize = 64;
/// Bytes of a compiled regular expression.
const REGEX_MAX: usize = 1 << 20;

/// Reads a whole expression.
pub(super) fn parse(text: &str) -> Result<Expr, FilterError> {
    if text.len() > LENGTH_MAX {
        let message = format!("the expression is longer than {LENGTH_MAX} bytes");
        return Err(FilterError::new(message, 0..0));
    }
    let mut parser = Parser { tokens: lex::tokens(text)?, next: 0, depth: 0 };
    let expr = parser.any()?;
    let rest = parser.peek();
    if rest.kind == Kind::End {
        return Ok(expr);
    }
    Err(FilterError::new("expected && or || or the end", rest.at.clone()))
}

struct Parser {
    /// The last one is the end.
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
}

/// A value and where it stands.
struct Value {
    kind: ValueKind,
    at: Range<usize>,
}

enum ValueKind {
    Text(String),
    Number(Number),
    Flag(bool),
}

impl Parser {
    fn any(&mut self) -> Result<Expr, FilterError> {
        let first = self.all()?;
        let mut terms = vec![first];
        while self.take("||") || self.take_word("or") {
            terms.push(self.all()?);
        }
        Ok(one_or(terms, Expr::Any))
    }

    fn all(&mut self) -> Result<Expr, FilterError> {
        let first = self.not()?;
        let mut terms = vec![first];
        while self.take("&&") || self.take_word("and") {
            terms.push(self.not()?);
        }
        Ok(one_or(terms, Expr::All))
    }

    fn not(&mut self) -> Result<Expr, FilterError> {
        let at = self.peek().at.clone();
        if self.take("!") || self.take_word("not") {
            let inner = self.deeper(at, Self::not)?;
            return Ok(Expr::Not(Box::new(inner)));
        }
        if self.take("(") {
            let inner = self.deeper(at, Self::any)?;
            self.expect(")")?;
            return Ok(inner);
        }
        self.test()
    }

    fn deeper(
        &mut self,
        at: Range<usize>,
        inner: impl FnOnce(&mut Self) -> Result<Expr, FilterError>,
    ) -> Result<Expr, FilterError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            let message = format!("more than {DEPTH_MAX} levels of parentheses or negations");
            return Err(FilterError::new(message, at));
        }
        let expr = inner(self);
        self.depth -= 1;
        expr
    }

    fn test(&mut self) -> Result<Expr, FilterError> {
        let (field, shape) = self.field()?;
        let negate = self.is_word("not") && self.tokens[self.next + 1..].first().is_some_and(is_in);
        if negate {
            self.next += 1;
        }
        if self.take_word("in") {
            let test = self.list(shape, negate)?;
            return Ok(Expr::Test(field, test));
        }
        let operator = self.peek().clone();
        let sign = match &operator.kind {
            Kind::Sign(sign @ ("==" | "!=" | "<" | "<=" | ">" | ">=" | "~" | "!~")) => *sign,
            Kind::Sign("!") if self.tokens[self.next + 1..].first().is_some_and(is_in) => {
                return Err(FilterError::new("write `not in`", operator.at));
            }
            Kind::Word(word) if word == "contains" => "contains",
            _ => return Ok(Expr::Test(field, Test::Present)),
        };
        self.next += 1;
        let value = self.value()?;
        let test = match sign {
            "==" => equal(shape, vec![value], false),
            "!=" => equal(shape, vec![value], true),
            "~" | "!~" | "contains" => matches(shape, value, sign, operator.at),
            _ => compare(shape, value, sign, operator.at),
        }?;
        Ok(Expr::Test(field, test))
    }

    fn field(&mut self) -> Result<(Field, Shape), FilterError> {
        let token = self.bump();
        let Kind::Word(name) = token.kind else {
            let message = match token.kind {
                Kind::End => "an expression is missing here",
                Kind::Text(_) | Kind::Number(_) => "a comparison begins with a field",
                _ => "expected a field here",
            };
            return Err(FilterError::new(message, token.at));
        };
        if name == field::HEADER {
            return self.header(token.at);
        }
        if let Some(found) = field::find(&name) {
            return Ok(found);
        }
        let message = match field::nearest(&name) {
            Some(near) => format!("`{name}` is no field; did you mean `{near}`?"),
            None => format!("`{name}` is no field; docs/where.md has all of them"),
        };
        Err(FilterError::new(message, token.at))
    }

    fn header(&mut self, at: Range<usize>) -> Result<(Field, Shape), FilterError> {
        if !self.take("[") {
            return Err(FilterError::new("write header[\"name\"]", at));
        }
        let token = self.bump();
        let Kind::Text(name) = token.kind else {
            return Err(FilterError::new("a header's name stands in quotes", token.at));
        };
        self.expect("]")?;
        Ok((Field::Header(name.into_bytes()), Shape::Header))
    }

    fn list(&mut self, shape: Shape, negate: bool) -> Result<Test, FilterError> {
        self.expect("(")?;
        let mut values = vec![self.value()?];
        while self.take(",") {
            values.push(self.value()?);
        }
        self.expect(")")?;
        equal(shape, values, negate)
    }

    fn value(&mut self) -> Result<Value, FilterError> {
        let Token { kind, at } = self.bump();
        let kind = match kind {
            Kind::Text(text) => ValueKind::Text(text),
            Kind::Number(number) => ValueKind::Number(number),
            Kind::Word(word) if word == "true" => ValueKind::Flag(true),
            Kind::Word(word) if word == "false" => ValueKind::Flag(false),
            Kind::Word(word) => {
                return Err(FilterError::new(format!("text stands in quotes: \"{word}\""), at));
            }
            _ => return Err(FilterError::new("a value is missing here", at)),
        };
        Ok(Value { kind, at })
    }

    fn peek(&self) -> &Token {
        &self.tokens[self.next]
    }

    /// The next token; the end is never passed.
    fn bump(&mut self) -> Token {
        let token = self.peek().clone();
        if token.kind != Kind::End {
            self.next += 1;
        }
        token
    }

    fn take(&mut self, sign: &str) -> bool {
        let taken = matches!(self.peek().kind, Kind::Sign(next) if next == sign);
        self.next += usize::from(taken);
        taken
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(&self.peek().kind, Kind::Word(next) if next == word)
    }

    fn take_word(&mut self, word: &str) -> bool {
        let taken = self.is_word(word);
        self.next += usize::from(taken);
        taken
    }

    fn expect(&mut self, sign: &str) -> Result<(), FilterError> {
        if self.take(sign) {
            return Ok(());
        }
        Err(FilterError::new(format!("expected {sign} here"), self.peek().at.clone()))
    }
}

fn is_in(token: &Token) -> bool {
    matches!(&token.kind, Kind::Word(word) if word == "in")
}

fn one_or(mut terms: Vec<Expr>, many: impl FnOnce(Vec<Expr>) -> Expr) -> Expr {
    match terms.len() {
        1 => terms.remove(0),
        _ => many(terms),
    }
}

/// `==`, `!=` and `in`.
fn equal(shape: Shape, values: Vec<Value>, negate: bool) -> Result<Test, FilterError> {
    if shape == Shape::Flag {
        return match values.as_slice() {
            [Value { kind: ValueKind::Flag(flag), .. }] => Ok(Test::Flag(*flag != negate)),
            [Value { at, .. }, ..] => Err(FilterError::new("expected true or false", at.clone())),
            [] => Err(FilterError::new("expected true or false", 0..0)),
        };
    }
    let numeric = match shape {
        Shape::Text { .. } => false,
        Shape::Header => values.iter().all(|value| matches!(value.kind, ValueKind::Number(_))),
        _ => true,
    };
    if numeric {
        let values = values.into_iter().map(|value| number(shape, value));
        return Ok(Test::IsNumber { values: values.collect::<Result<_, _>>()?, negate });
    }
    let values = values.into_iter().map(|value| text(value).map(|(text, _)| text.into_bytes()));
    let fold = shape == Shape::Text { fold: true };
    Ok(Test::IsText { values: values.collect::<Result<_, _>>()?, fold, negate })
}

/// `~`, `!~` and `contains`.
fn matches(shape: Shape, value: Value, sign: &str, at: Range<usize>) -> Result<Test, FilterError> {
    let fold = match shape {
        Shape::Text { fold } => fold,
        Shape::Header => false,
        _ => return Err(FilterError::new(format!("{sign} is for text; this is a number"), at)),
    };
    let (text, at) = text(value)?;
    let pattern = if sign == "contains" { regex::escape(&text) } else { text };
    let built = RegexBuilder::new(&pattern)
        .case_insensitive(fold)
        .size_limit(REGEX_MAX)
        .dfa_size_limit(REGEX_MAX)
        .build();
    match built {
        Ok(regex) => Ok(Test::Matches { regex, negate: sign == "!~" }),
        Err(error) => Err(FilterError::new(regex_message(&error), at)),
    }
}

/// The last line of what the library says is the reason; the others draw a picture of their own.
fn regex_message(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "this regular expression is too large".to_owned(),
        error => {
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or_default();
            let reason = reason.strip_prefix("error: ").unwrap_or(reason);
            format!("this is no regular expression: {reason}")
        }
    }
}

/// `<`, `<=`, `>` and `>=`.
fn compare(shape: Shape, value: Value, sign: &str, at: Range<usize>) -> Result<Test, FilterError> {
    if matches!(shape, Shape::Text { .. } | Shape::Flag) {
        return Err(FilterError::new(format!("{sign} is for numbers"), at));
    }
    let order = match sign {
        "<" => Order::Less,
        "<=" => Order::AtMost,
        ">" => Order::More,
        _ => Order::AtLeast,
    };
    Ok(Test::Compare(order, number(shape, value)?))
}

fn text(value: Value) -> Result<(String, Range<usize>), FilterError> {
    match value.kind {
        ValueKind::Text(text) => Ok((text, value.at)),
        _ => Err(FilterError::new("this field is text; put the value in quotes", value.at)),
    }
}

/// A number in the unit of the field.
fn number(shape: Shape, value: Value) -> Result<f64, FilterError> {
    let ValueKind::Number(Number { value: number, unit }) = value.kind else {
        return Err(FilterError::new("this field is a number; leave out the quotes", value.at));
    };
    let units: &[(&str, f64)] = match shape {
        Shape::Size => &SIZES,
        Shape::Duration => &DURATIONS,
        _ => &[],
    };
    if unit.is_empty() {
        return Ok(number);
    }
    match units.iter().find(|(known, _)| *known == unit) {
        Some((_, factor)) => Ok(number * factor),
        None if units.is_empty() => Err(FilterError::new("this field has no unit", value.at)),
        None => {
            let known: Vec<_> = units.iter().map(|(known, _)| *known).collect();
            let message = format!("`{unit}` is no unit here; these are: {}", known.join(" "));
            Err(FilterError::new(message, value.at))
        }
    }
}

const DURATIONS: [(&str, f64); 5] =
    [("ns", 1e-6), ("us", 1e-3), ("ms", 1.0), ("s", 1e3), ("min", 6e4)];

const SIZES: [(&str, f64); 7] = [
    ("B", 1.0),
    ("kB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_written() {
        for text in [
            "status",
            "!status",
            "not (pid == 1 or pid == 2) and comm != \"x\"",
            "header[\"x-name\"] ~ \"^a\" || header['b'] > 12 || header['c'] == 'd'",
            "status in (200, 201) && path not in (\"/a\", '/b')",
            "size >= 1.5MiB && ms < 2s && ttfb > 500 && wire < 10kB",
            "incomplete || incomplete == false || flaws == \"gap\"",
            "body contains \"a.b*c\" && body !~ \"\\d{2}\"",
            "((((((status))))))",
        ] {
            parse(text).unwrap_or_else(|error| panic!("{}", error.of(text)));
        }
    }

    #[test]
    fn units_are_those_of_the_field() {
        let value = |text: &str| match parse(text).unwrap() {
            Expr::Test(_, Test::Compare(_, value)) => value,
            other => panic!("{other:?}"),
        };
        assert_eq!(value("ms > 1.5s"), 1500.0);
        assert_eq!(value("ttfb > 250us"), 0.25);
        assert_eq!(value("ms > 3"), 3.0);
        assert_eq!(value("size > 2KiB"), 2048.0);
        assert_eq!(value("wire > 2kB"), 2000.0);
    }

    #[test]
    fn errors_say_what_and_where() {
        for (text, at, message) in [
            ("", 0..0, "an expression is missing"),
            ("hots ~ \"a\"", 0..4, "did you mean `host`"),
            ("method == POST", 10..14, "\"POST\""),
            ("status == \"200\"", 10..15, "leave out the quotes"),
            ("path == 3", 8..9, "in quotes"),
            ("path > \"a\"", 5..6, "> is for numbers"),
            ("status ~ \"5..\"", 7..8, "~ is for text"),
            ("path ~ \"(\"", 7..10, "unclosed group"),
            ("path ~ \"(a{1000}){1000}\"", 7..24, "too large"),
            ("status > 5s", 9..11, "has no unit"),
            ("ms > 5MB", 5..8, "ns us ms s min"),
            ("(status", 7..7, "expected )"),
            ("status)", 6..7, "expected &&"),
            ("status status", 7..13, "expected &&"),
            ("status == 200 &&", 16..16, "missing"),
            ("status in 200", 10..13, "expected ("),
            ("status in ()", 11..12, "a value is missing"),
            ("header ~ \"a\"", 0..6, "header[\"name\"]"),
            ("header[host]", 7..11, "in quotes"),
            ("incomplete == 1", 14..15, "true or false"),
            ("200 == status", 0..3, "begins with a field"),
            ("path !in (\"a\")", 5..6, "not in"),
            ("path == ", 8..8, "a value is missing"),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.at, at, "{text}: {error}");
            assert!(error.to_string().contains(message), "{text}: {error}");
        }
    }

    #[test]
    fn depth_and_length_are_bounded() {
        let deep = format!("{}status{}", "(".repeat(65), ")".repeat(65));
        assert!(parse(&deep).unwrap_err().to_string().contains("levels"));
        assert!(parse(&format!("{}status", "!".repeat(65))).is_err());
        let wide = vec!["pid == 1"; 5000].join(" || ");
        assert!(matches!(parse(&wide).unwrap(), Expr::Any(terms) if terms.len() == 5000));
        assert!(parse(&" ".repeat(70_000)).unwrap_err().to_string().contains("longer"));
    }
}
