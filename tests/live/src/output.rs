//! What a child writes, collected while it runs, and waited for.

use std::{
    io::Read,
    sync::{Arc, Condvar, Mutex},
    thread,
    time::Instant,
};

use crate::process::deadline;

/// One stream of a child.
#[derive(Debug, Default)]
pub(crate) struct Output {
    state: Mutex<Collected>,
    grown: Condvar,
}

#[derive(Debug, Default)]
struct Collected {
    bytes: Vec<u8>,
    closed: bool,
}

impl Output {
    /// Starts to read.
    pub(crate) fn collect(mut from: impl Read + Send + 'static) -> Arc<Self> {
        let output = Arc::new(Self::default());
        let writer = Arc::clone(&output);
        thread::spawn(move || {
            let mut chunk = vec![0; 1 << 16];
            loop {
                let n = from.read(&mut chunk).unwrap_or(0);
                let mut state = writer.state.lock().expect("collector");
                state.bytes.extend_from_slice(&chunk[..n]);
                state.closed = n == 0;
                writer.grown.notify_all();
                if n == 0 {
                    return;
                }
            }
        });
        output
    }

    /// Waits until `found` answers; `None` if the stream closed or the time is over before it does.
    pub(crate) fn wait<T>(&self, mut found: impl FnMut(&[u8]) -> Option<T>) -> Option<T> {
        let until = Instant::now() + deadline();
        let mut state = self.state.lock().expect("collector");
        loop {
            if let Some(answer) = found(&state.bytes) {
                return Some(answer);
            }
            let left = until.saturating_duration_since(Instant::now());
            if state.closed || left.is_zero() {
                return None;
            }
            state = self.grown.wait_timeout(state, left).expect("collector").0;
        }
    }

    /// What came so far.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.state.lock().expect("collector").bytes.clone()
    }
}

/// Looks at each line once.
pub(crate) fn in_lines<T>(
    mut wanted: impl FnMut(&str) -> Option<T>,
) -> impl FnMut(&[u8]) -> Option<T> {
    let mut seen = 0;
    move |all| {
        while let Some(end) = all[seen..].iter().position(|&b| b == b'\n') {
            let line = String::from_utf8_lossy(&all[seen..seen + end]).into_owned();
            seen += end + 1;
            if let Some(answer) = wanted(&line) {
                return Some(answer);
            }
        }
        None
    }
}
