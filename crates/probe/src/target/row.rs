//! One function as data: which argument is what, and what a call of it means.

use abi::Dir;

/// One function.
#[derive(Debug)]
pub struct Row {
    /// The symbol, as the library exports it, or a name for people if it does not.
    pub symbol: &'static str,
    /// Exported functions that only hand their calls to this one, which has no symbol of its own:
    /// it is found through their code. Empty for an exported function.
    pub behind: &'static [&'static str],
    /// What a call of it means.
    pub op: Op,
}

/// What a call means. Arguments are numbered from 0, by Go's convention from [`abi::GO_ARG`].
#[derive(Debug)]
pub enum Op {
    /// Moves bytes through the library.
    Call(Call),
    /// Moves bytes on that earlier calls were given, of the connection in the first argument: those
    /// were counted then, and what such a call moves inside it is not.
    Again(Dir),
    /// Ends the connection in this argument.
    End(u8),
    /// Makes the connection in this argument ready for another peer.
    Reset(u8),
    /// Answers with an object that is a connection; what has the same methods is one, too.
    Mark,
}

/// A function that moves bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// Which way, as the program sees it.
    pub dir: Dir,
    /// The argument with the connection's pointer.
    pub conn: u8,
    /// Where the bytes are.
    pub buf: Buf,
    /// The argument with the requested size, if there is one; of [`Buf::Parts`], how many there are.
    pub num: Option<u8>,
    /// Where the number of moved bytes stands on return.
    pub len: Len,
    /// Whether the bytes stay in the library and will be read again.
    pub peek: Peek,
    /// Only of objects whose methods were seen with an object of [`Op::Mark`].
    pub marked: bool,
}

/// Where the bytes of a call are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Buf {
    /// In the buffer that this argument points to.
    Arg(u8),
    /// In several: this argument points to `struct iovec`s.
    Parts(u8),
    /// Not in the caller's memory, or not where it can be told (a file).
    Elsewhere,
}

/// Where the number of moved bytes stands on return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Len {
    /// The return value, an `int`.
    Int,
    /// The return value, an `ssize_t`.
    Long,
    /// Behind this argument, a `size_t *`, if the function returned 1.
    Out(u8),
}

/// Whether a call only looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peek {
    /// It takes what it moves.
    Never,
    /// It leaves it there.
    Always,
    /// It leaves it there if this argument has `MSG_PEEK`.
    If(u8),
}

impl Call {
    /// `(connection, buffer, size, …)`, as most are.
    pub const fn new(dir: Dir, len: Len) -> Self {
        let (buf, num) = (Buf::Arg(1), Some(2));
        Self { dir, conn: 0, buf, num, len, peek: Peek::Never, marked: false }
    }

    fn to_abi(self) -> abi::Row {
        let (buf, mut flags) = match self.buf {
            Buf::Arg(buf) => (buf, 0),
            Buf::Parts(buf) => (buf, abi::ROW_VECTOR),
            Buf::Elsewhere => (0, abi::ROW_NO_BUFFER),
        };
        let (len, mut out) = match self.len {
            Len::Int => (abi::Len::Ret, 0),
            Len::Long => (abi::Len::RetLong, 0),
            Len::Out(out) => (abi::Len::Out, out),
        };
        match self.peek {
            Peek::Never => {}
            Peek::Always => flags |= abi::ROW_PEEK,
            Peek::If(argument) => (flags, out) = (flags | abi::ROW_PEEK_IF, argument),
        }
        if self.marked {
            flags |= abi::ROW_MARKED;
        }
        abi::Row {
            op: abi::Op::Call as u8,
            dir: self.dir as u8,
            conn: self.conn,
            buf,
            num: self.num.unwrap_or(abi::NO_ARG as u8),
            len: len as u8,
            out,
            flags,
        }
    }

    fn reads(self) -> u8 {
        let buf = match self.buf {
            Buf::Arg(buf) | Buf::Parts(buf) => 1 << buf,
            Buf::Elsewhere => 0,
        };
        let out = if let Len::Out(out) = self.len { 1 << out } else { 0 };
        let peek = if let Peek::If(argument) = self.peek { 1 << argument } else { 0 };
        1 << self.conn | buf | self.num.map_or(0, |num| 1 << num) | out | peek
    }
}

impl Row {
    /// A function that moves bytes: `(connection, buffer, size, …)`.
    pub const fn call(symbol: &'static str, dir: Dir, len: Len) -> Self {
        Self::of(symbol, Call::new(dir, len))
    }

    /// A function that moves bytes.
    pub const fn of(symbol: &'static str, call: Call) -> Self {
        Self { symbol, behind: &[], op: Op::Call(call) }
    }

    /// A function that ends the connection in its first argument.
    pub const fn end(symbol: &'static str) -> Self {
        Self { symbol, behind: &[], op: Op::End(0) }
    }

    /// A function that makes the connection in its first argument ready for another peer.
    pub const fn reset(symbol: &'static str) -> Self {
        Self { symbol, behind: &[], op: Op::Reset(0) }
    }

    /// The row as the kernel half reads it.
    pub fn to_abi(&self) -> abi::Row {
        let empty = abi::Row { op: 0, dir: 0, conn: 0, buf: 0, num: 0, len: 0, out: 0, flags: 0 };
        match self.op {
            Op::Call(call) => call.to_abi(),
            Op::Again(dir) => {
                let call = Call { buf: Buf::Elsewhere, num: None, ..Call::new(dir, Len::Long) };
                let row = call.to_abi();
                abi::Row { flags: row.flags | abi::ROW_AGAIN, ..row }
            }
            Op::End(conn) => abi::Row { op: abi::Op::End as u8, conn, ..empty },
            Op::Reset(conn) => abi::Row { op: abi::Op::Reset as u8, conn, ..empty },
            Op::Mark => abi::Row { op: abi::Op::Mark as u8, ..empty },
        }
    }

    /// Whether it is a function of Go's, with arguments by Go's convention.
    pub(crate) fn is_go(&self) -> bool {
        let (Op::Call(Call { conn, .. }) | Op::End(conn) | Op::Reset(conn)) = self.op else {
            return false;
        };
        conn >= abi::GO_ARG as u8
    }

    /// Arguments of C's that a probe on entry reads, a bit each.
    pub(crate) fn reads(&self) -> u8 {
        match self.op {
            _ if self.is_go() => 0,
            Op::Call(call) => call.reads(),
            Op::Again(_) => 1,
            Op::End(conn) | Op::Reset(conn) => 1 << conn,
            Op::Mark => 0,
        }
    }

    /// Whether the function works on more than a library's connections, and is found without the
    /// library.
    pub(crate) fn is_marked(&self) -> bool {
        matches!(self.op, Op::Call(Call { marked: true, .. }))
    }

    /// Whether the row's function is also looked at when it returns.
    pub fn returns(&self) -> bool {
        !matches!(self.op, Op::End(_) | Op::Reset(_))
    }
}
