//! What a table of connections asks of the machine.

use std::sync::Arc;

use probe::{Books, Names};
use stream::{Context, Ended, InFlight, Key};

/// Answers from the kernel half's tables and from `/proc`.
#[derive(Debug)]
pub(super) struct KernelContext {
    names: Arc<Names>,
    books: Books,
}

impl KernelContext {
    pub(super) fn new(names: Arc<Names>, books: Books) -> Self {
        Self { names, books }
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
        let mut in_flight = [None, None];
        for (call, sp) in in_flight.iter_mut().zip(state.active_sp) {
            if sp != 0 {
                let found = self.books.end_call(key.tgid, sp);
                *call = found.map(|call| InFlight { requested: call.num });
            }
        }
        Some(Ended { pos: state.pos, in_flight })
    }
}
