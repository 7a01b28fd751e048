//! What is wrong with an expression, and where.

use std::fmt;
use std::ops::Range;

/// An expression that can't be used. Shown, it has three lines: what is wrong, the expression, and
/// a line that points at the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterError {
    message: String,
    /// The place in `text`, in bytes.
    pub(super) at: Range<usize>,
    text: String,
}

/// Characters of the expression that are shown on each side of the place.
const AROUND: usize = 40;

impl FilterError {
    pub(super) fn new(message: impl Into<String>, at: Range<usize>) -> Self {
        Self { message: message.into(), at, text: String::new() }
    }

    /// Names the expression in which the place is.
    pub(super) fn of(mut self, text: &str) -> Self {
        text.clone_into(&mut self.text);
        self
    }
}

impl std::error::Error for FilterError {}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // One column per character, whatever was typed.
        let shown: Vec<char> =
            self.text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let column = |at: usize| self.text.get(..at).map_or(0, |before| before.chars().count());
        let (from, to) = (column(self.at.start), column(self.at.end));
        let first = from.saturating_sub(AROUND);
        let last = (from + AROUND).max(to.min(from + 2 * AROUND)).min(shown.len());
        let (before, after) = (first > 0, last < shown.len());
        writeln!(f, "{}", self.message)?;
        f.write_str(if before { "  …" } else { "  " })?;
        f.write_str(&shown[first..last].iter().collect::<String>())?;
        f.write_str(if after { "…\n" } else { "\n" })?;
        let indent = from - first + if before { 3 } else { 2 };
        let carets = to.min(last.max(from)).saturating_sub(from).max(1);
        write!(f, "{:indent$}{:^<carets$}", "", "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caret_stands_below_the_place() {
        let error = FilterError::new("no", 5..7).of("äb\t\"é\"");
        assert_eq!(error.to_string(), "no\n  äb \"é\"\n      ^");
        let error = FilterError::new("no", 0..4).of("hots");
        assert_eq!(error.to_string(), "no\n  hots\n  ^^^^");
        let error = FilterError::new("cut off", 4..4).of("a ==");
        assert_eq!(error.to_string(), "cut off\n  a ==\n      ^");
    }

    #[test]
    fn a_long_expression_is_shown_around_the_place() {
        let text = format!("{}!{}", "a".repeat(100), "b".repeat(100));
        let error = FilterError::new("no", 100..101).of(&text).to_string();
        let lines: Vec<_> = error.lines().collect();
        assert_eq!(lines[1].chars().count(), 2 + 1 + 40 + 40 + 1);
        assert_eq!(lines[1].chars().position(|c| c == '!'), lines[2].find('^'));
    }
}
