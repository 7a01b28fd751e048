//! What is printed for a person to read: titles, lines with a mark, and text from elsewhere made
//! safe for a terminal.

use std::io::{self, ErrorKind, IsTerminal, Write as _};

use crate::exit::Failure;

/// How a line stands; readable without colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// As it should be.
    Ok,
    /// Missing, refused, different.
    No,
    /// Worth knowing.
    Note,
}

/// Text on its way to standard output.
#[derive(Debug)]
pub(crate) struct Page {
    out: Vec<u8>,
    colour: bool,
}

impl Page {
    /// An empty one; coloured if standard output is a terminal and NO_COLOR is not set.
    pub(crate) fn new() -> Self {
        let colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { out: Vec::new(), colour }
    }

    /// What the lines that follow are about.
    pub(crate) fn title(&mut self, text: &str) {
        if !self.out.is_empty() {
            self.out.push(b'\n');
        }
        self.styled("1", |out| sink::escape::name(out, text.as_bytes()));
        self.out.push(b'\n');
    }

    /// A line with a mark.
    pub(crate) fn line(&mut self, mark: Mark, text: &str) {
        let (word, style) = match mark {
            Mark::Ok => ("ok", "32"),
            Mark::No => ("no", "31"),
            Mark::Note => ("note", "33"),
        };
        self.out.extend_from_slice(b"  ");
        self.styled(style, |out| out.extend_from_slice(format!("{word:<4}").as_bytes()));
        self.out.extend_from_slice(b"  ");
        self.text(text);
    }

    /// More about the line before.
    pub(crate) fn below(&mut self, text: &str) {
        self.out.extend_from_slice(b"          ");
        self.text(text);
    }

    /// Bytes from elsewhere, indented.
    pub(crate) fn payload(&mut self, bytes: &[u8]) {
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if !line.is_empty() {
                self.out.extend_from_slice(b"    ");
                sink::escape::payload(&mut self.out, line);
            }
            self.out.push(b'\n');
        }
    }

    /// Writes it out. A reader that went away has seen what it wanted.
    pub(crate) fn print(&self) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(&self.out).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(Failure::failed(format!("cannot write standard output: {error}")))
            }
            _ => Ok(()),
        }
    }

    fn text(&mut self, text: &str) {
        sink::escape::name(&mut self.out, text.as_bytes());
        self.out.push(b'\n');
    }

    fn styled(&mut self, style: &str, write: impl FnOnce(&mut Vec<u8>)) {
        if !self.colour {
            return write(&mut self.out);
        }
        self.out.extend_from_slice(format!("\x1b[{style}m").as_bytes());
        write(&mut self.out);
        self.out.extend_from_slice(b"\x1b[0m");
    }
}

#[cfg(test)]
impl Page {
    /// An empty page whose text a test can look at.
    pub(crate) fn plain() -> Self {
        Self { out: Vec::new(), colour: false }
    }

    /// The text so far.
    pub(crate) fn as_text(&self) -> &str {
        std::str::from_utf8(&self.out).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_words_and_colour_is_only_around_them() {
        let mut plain = Page::plain();
        plain.title("Things");
        plain.line(Mark::Ok, "good");
        plain.line(Mark::No, "bad");
        plain.below("why");
        plain.title("More");
        plain.line(Mark::Note, "odd");
        let wanted = "Things\n  ok    good\n  no    bad\n          why\n\nMore\n  note  odd\n";
        assert_eq!(plain.as_text(), wanted);

        let mut coloured = Page { colour: true, ..Page::plain() };
        coloured.line(Mark::Ok, "good");
        assert_eq!(coloured.as_text(), "  \x1b[32mok  \x1b[0m  good\n");
    }

    #[test]
    fn what_others_chose_can_not_steer_the_terminal() {
        let mut page = Page::plain();
        page.line(Mark::Ok, "a\x1b[2Jb\nc");
        page.payload(b"one\r\n\r\ntwo\x07\n");
        assert_eq!(page.as_text(), "  ok    a\\x1b[2Jb\\nc\n    one\n\n    two\\x07\n");
    }
}
