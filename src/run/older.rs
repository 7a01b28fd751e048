//! Keys of connections that are older than the capture: where a file's connections keep them is
//! learned from one whose handshake is seen, then they are read at the next call on an older one.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use probe::{Books, CodeMap, Counter, FileKey, Late, read_memory};
use secret::{Code, Lesson, NotThere, Process, Secret, Seen, Source};
use tracing::debug;

/// Calls that are looked at in vain before the probes are taken away.
const BUDGET: u64 = 50_000;
/// Between two looks at how many there were.
const EVERY: Duration = Duration::from_millis(100);
/// Files that are learned about.
const FILES_MAX: usize = 1024;
/// When a connection is looked into again that did not have its secret yet: a library may log it
/// before it puts it where it stays.
const AGAIN: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(200)];
/// Connections that are to be looked into again.
const WAITING_MAX: usize = 64;

/// From keys to layouts.
pub(super) struct Older {
    late: Arc<Late>,
    books: Books,
    /// By the number of their file, with how often what is known was told.
    lessons: HashMap<u32, (Lesson, u32)>,
    /// Keys to learn from later, how often that was tried, and when it is due.
    waiting: VecDeque<(Secret, usize, Instant)>,
    /// The randoms of handshakes of which some key came.
    handed: Seen,
    /// Calls that had been looked at when something was found last; `None`: no probe stands.
    looks: Option<u64>,
}

impl Older {
    pub(super) fn new(late: Arc<Late>, books: Books) -> Self {
        let (lessons, handed) = (HashMap::new(), Seen::default());
        Self { late, books, lessons, waiting: VecDeque::new(), handed, looks: None }
    }

    /// Learns from a key. Says whether it is to be used: one that was found in a connection is not
    /// if its handshake was seen. By then it may be another one (RFC 8446, section 4.6.3); and while
    /// a session is resumed, its own secret stands where the connection's will (section 4.2.11).
    pub(super) fn take(&mut self, secret: &Secret) -> bool {
        if secret.source == Source::Found {
            self.looks = self.looks.map(|_| self.counted());
            return !self.handed.knows(&secret.client_random);
        }
        self.handed.is_new(&secret.client_random);
        self.learn(*secret, 0);
        true
    }

    fn learn(&mut self, secret: Secret, tried: usize) {
        let (file, process) = (secret.head.file, secret.head.tgid);
        let full = self.lessons.len() >= FILES_MAX && !self.lessons.contains_key(&file);
        if full || !self.late.has(file) {
            return;
        }
        let (lesson, version) = self.lessons.entry(file).or_default();
        let layouts = match lesson.learn(&secret, &mut Other { process, code: None }) {
            Ok(layouts) => layouts,
            Err(NotThere) => {
                let due = AGAIN.get(tried).filter(|_| self.waiting.len() < WAITING_MAX);
                let due = due.map(|later| (secret, tried + 1, Instant::now() + *later));
                return self.waiting.extend(due);
            }
        };
        for layout in layouts {
            *version += 1;
            debug!("file {file}: {layout:?}");
            let side = layout.side.map(|side| {
                let (major, minor, inode) = side.code.file;
                (FileKey { major, minor, inode }, side.code.offset)
            });
            self.late.look(file, layout.to_abi(*version), side);
            self.looks = Some(self.books.counters().of(Counter::Looks));
        }
    }

    /// Looks again where there was nothing yet, and takes the probes away if they cost more than
    /// they find.
    pub(super) fn look(&mut self) {
        let now = Instant::now();
        for _ in 0..self.waiting.len() {
            let Some((secret, tried, due)) = self.waiting.pop_front() else { break };
            if due <= now {
                self.learn(secret, tried);
            } else {
                self.waiting.push_back((secret, tried, due));
            }
        }
        if self.looks.is_some_and(|since| self.counted() - since > BUDGET) {
            self.looks = None;
            self.late.stop();
        }
    }

    /// When to look again, if nothing comes.
    pub(super) fn patience(&self) -> Option<Duration> {
        let due = self.waiting.iter().map(|(_, _, due)| *due).min();
        let due = due.map(|due| due.saturating_duration_since(Instant::now()));
        due.into_iter().chain(self.looks.map(|_| EVERY)).min()
    }

    fn counted(&self) -> u64 {
        self.books.counters().of(Counter::Looks)
    }
}

/// The process that a key is from.
struct Other {
    process: u32,
    /// Read when it is asked for.
    code: Option<CodeMap>,
}

impl Process for Other {
    fn read(&mut self, at: u64, into: &mut [u8]) -> usize {
        read_memory(self.process, at, into)
    }

    fn code(&mut self, at: u64) -> Option<Code> {
        let code = self.code.get_or_insert_with(|| CodeMap::of(self.process));
        let (file, offset) = code.at(at)?;
        Some(Code { file: (file.major, file.minor, file.inode), offset })
    }
}
