//! A request's line that outlives the bytes it came in.

use super::RequestLine;

/// A request's line, kept in one buffer until its exchange is over.
#[derive(Debug, Clone, Default)]
pub struct Line {
    bytes: Vec<u8>,
    /// Ends of method, scheme, authority and target in `bytes`; `None`: not known.
    ends: [Option<u32>; 4],
}

impl Line {
    /// Keeps a copy, in the room of the one before.
    pub fn set(&mut self, line: &RequestLine<'_>) {
        self.bytes.clear();
        let parts = [line.method, line.scheme, line.authority, line.target];
        for (part, end) in parts.into_iter().zip(&mut self.ends) {
            self.bytes.extend_from_slice(part.unwrap_or_default());
            *end = part.and_then(|_| u32::try_from(self.bytes.len()).ok());
        }
    }

    /// The line.
    pub fn line(&self) -> RequestLine<'_> {
        let mut start = 0;
        let [method, scheme, authority, target] = self.ends.map(|end| {
            let part = self.bytes.get(start..end? as usize);
            start = end? as usize;
            part
        });
        RequestLine { method, scheme, authority, target }
    }

    /// Bytes that it keeps.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether no part of it is known.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

impl From<&RequestLine<'_>> for Line {
    fn from(line: &RequestLine<'_>) -> Self {
        let mut kept = Self::default();
        kept.set(line);
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_back_known_or_not() {
        let all = RequestLine {
            method: Some(b"GET"),
            scheme: Some(b"https"),
            authority: Some(b""),
            target: Some(b"/a"),
        };
        let mut line = Line::from(&all);
        assert_eq!(line.line(), all);
        let some = RequestLine { method: None, authority: None, ..all };
        line.set(&some);
        assert_eq!(line.line(), some);
        line.set(&RequestLine::default());
        assert_eq!(line.line(), RequestLine::default());
        assert!(line.is_empty());
    }
}
