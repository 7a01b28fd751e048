//! How a run ends badly: what is said, and the exit code (docs/exit-codes.md).

/// The job could not be done, or was cut short.
pub(crate) const FAILED: u8 = 1;
/// What was typed makes no sense; nothing was started.
pub(crate) const USAGE: u8 = 2;

/// Why a run ended, in words for the user.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    lines: Vec<String>,
}

impl Failure {
    /// What was typed makes no sense.
    pub(crate) fn usage(line: impl Into<String>) -> Self {
        Self { code: USAGE, lines: vec![line.into()] }
    }

    /// The job could not be done.
    pub(crate) fn failed(line: impl Into<String>) -> Self {
        Self { code: FAILED, lines: vec![line.into()] }
    }

    /// The job could not be done, for several reasons at once.
    pub(crate) fn all(lines: Vec<String>) -> Self {
        Self { code: FAILED, lines }
    }

    pub(crate) fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }

    pub(crate) fn code(&self) -> Option<u8> {
        Some(self.code)
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::failed(error.to_string())
    }
}
