//! What a table of connections asks of the machine.

use std::sync::Arc;

use probe::{Books, GoOn, Names, read_memory};
use stream::{Context, Ended, InFlight, Key};

/// Answers from the kernel half's tables and from `/proc`.
#[derive(Debug)]
pub(super) struct KernelContext {
    names: Arc<Names>,
    books: Books,
    /// For threads that wait.
    go_on: Option<GoOn>,
}

impl KernelContext {
    pub(super) fn new(names: Arc<Names>, books: Books, go_on: Option<GoOn>) -> Self {
        Self { names, books, go_on }
    }
}

impl Context for KernelContext {
    fn exe(&mut self, tgid: u32, _start_ns: u64) -> Arc<str> {
        self.names.program(tgid)
    }

    fn lib(&mut self, file: u32) -> Arc<str> {
        self.names.file(file)
    }

    fn ended(&mut self, key: &Key) -> Option<Ended> {
        let state = self.books.end(key.tgid, key.conn, key.born_ns)?;
        let in_flight = [0, 1].map(|dir| {
            (state.active_sp[dir] != 0).then(|| InFlight { requested: state.active_num[dir] })
        });
        Some(Ended { pos: state.pos, in_flight })
    }

    fn memory(&mut self, tid: u32, address: u64, into: &mut [u8]) -> usize {
        read_memory(tid, address, into)
    }

    fn go_on(&mut self, tid: u32) {
        if let Some(go_on) = &self.go_on {
            go_on.read(tid);
        }
    }
}
