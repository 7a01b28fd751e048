//! `ecapture tls -m pcap` as a child, and its file as tshark and a parser of other make read it.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use live::{Finished, Machine, Process, assert_private, deadline, ecapture_binary};
use pcap_parser::{Block, PcapBlockOwned, traits::PcapReaderIterator};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::inotify,
    process::Signal,
};
use tempfile::TempDir;

/// A run that is ready.
pub(crate) struct Packets {
    process: Process,
    dir: TempDir,
    _machine: Machine,
}

/// A run that ended.
pub(crate) struct Outcome {
    pub(crate) file: Capture,
    pub(crate) stderr: String,
}

/// A file of packets; it goes with this.
pub(crate) struct Capture {
    dir: TempDir,
    /// What tshark is told of a port's protocol.
    decoding: Option<&'static str>,
}

/// What the file says of one interface at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Statistics {
    pub(crate) received: u64,
    pub(crate) dropped: u64,
    pub(crate) written: u64,
}

const FILE: &str = "packets.pcapng";

impl Packets {
    /// Starts a capture with `args` and waits until it is ready.
    #[track_caller]
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_within(Machine::shared(), args)
    }

    #[track_caller]
    pub(crate) fn start_within(machine: Machine, args: &[&str]) -> Self {
        assert!(rustix::process::geteuid().is_root(), "run the tests named `root` as root");
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut command = Command::new(ecapture_binary());
        command.args(["tls", "-m", "pcap", "-w"]).arg(dir.path().join(FILE)).args(args);
        let process = Process::start(command);
        process.stderr_line("that it is ready", |line| line.contains("ready:").then_some(()));
        Self { process, dir, _machine: machine }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Waits until tshark finds a packet in the file that passes its filter `wanted`.
    #[track_caller]
    pub(crate) fn await_packet(&self, wanted: &str) {
        let path = self.dir.path().join(FILE);
        let until = Instant::now() + deadline();
        let watch = inotify::init(inotify::CreateFlags::CLOEXEC).expect("inotify");
        inotify::add_watch(&watch, &path, inotify::WatchFlags::MODIFY).expect("a watch");
        while read(&path, &["frame.number"], wanted, None).0.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            let left = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: 0 };
            let news = poll(&mut [PollFd::new(&watch, PollFlags::IN)], Some(&left));
            assert!(news.is_ok_and(|n| n > 0), "no packet came that is {wanted}");
            let _ = rustix::io::read(&watch, &mut [0; 4096]);
        }
    }

    /// Stops it as a user does, by an interrupt.
    #[track_caller]
    pub(crate) fn stop(self) -> Outcome {
        self.signal(Signal::INT);
        self.outcome()
    }

    /// Waits for a run that ends by itself.
    #[track_caller]
    pub(crate) fn outcome(self) -> Outcome {
        let ended = self.process.finish().success();
        assert!(ended.stdout.is_empty(), "packets are not for standard output");
        assert_private(&self.dir.path().join(FILE));
        Outcome { stderr: ended.stderr_text(), file: Capture { dir: self.dir, decoding: None } }
    }

    /// Waits for a run that ends by itself and leaves several files, in their order.
    #[track_caller]
    pub(crate) fn set(self) -> (TempDir, Vec<PathBuf>, String) {
        let Self { process, dir, .. } = self;
        let stderr = process.finish().success().stderr_text();
        let files = files(&dir);
        (dir, files, stderr)
    }

    /// The files that are there by now.
    #[track_caller]
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        files(&self.dir)
    }

    /// Ends it as nobody should.
    #[track_caller]
    pub(crate) fn kill(self) -> Capture {
        let Finished { .. } = self.process.stop(Signal::KILL);
        Capture { dir: self.dir, decoding: None }
    }
}

impl Outcome {
    /// A figure of the summary, by what stands behind it.
    #[track_caller]
    pub(crate) fn figure(&self, what: &str) -> u64 {
        let summary = self.stderr.lines().rfind(|line| line.contains("packets written, "));
        let summary = summary.unwrap_or_else(|| panic!("no summary: {}", self.stderr));
        let before = summary.split(what).next().expect("a first part").trim_end();
        let number = before.rsplit(' ').next().and_then(|word| word.parse().ok());
        number.unwrap_or_else(|| panic!("no figure for {what}: {summary}"))
    }
}

impl Capture {
    /// One that is to be written.
    pub(crate) fn to_be() -> Self {
        Self { dir: tempfile::tempdir().expect("a temporary directory"), decoding: None }
    }

    /// A copy of one that was written elsewhere.
    #[track_caller]
    pub(crate) fn copy(file: &Path) -> Self {
        let copy = Self::to_be();
        fs::copy(file, copy.path()).expect("a copy");
        copy
    }

    /// The same for a tshark that decodes a port as this, such as `tcp.port==8443,http`.
    pub(crate) fn decoding_as(self, what: &'static str) -> Self {
        Self { decoding: Some(what), ..self }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join(FILE)
    }

    /// Fields of every packet that passes a filter of tshark's, which must have nothing to
    /// complain about in the file.
    #[track_caller]
    pub(crate) fn fields<const N: usize>(
        &self,
        fields: [&str; N],
        filter: &str,
    ) -> Vec<[String; N]> {
        let (rows, complaints) = read(&self.path(), &fields, filter, self.decoding);
        assert_eq!(complaints, Vec::<String>::new(), "tshark complains");
        let row = |row: Vec<String>| row.try_into().expect("as many fields as were asked for");
        rows.into_iter().map(row).collect()
    }

    /// Every comment, in order.
    pub(crate) fn comments(&self) -> Vec<String> {
        let rows = self.fields(["frame.comment"], "frame.comment");
        rows.into_iter()
            .flatten()
            .flat_map(|row| row.split('|').map(str::to_owned).collect::<Vec<_>>())
            .collect()
    }

    /// The statistics at its end, one for each interface.
    #[track_caller]
    pub(crate) fn statistics(&self) -> Vec<Statistics> {
        let bytes = fs::read(self.path()).expect("the file can be read");
        let mut found = Vec::new();
        each_block(&bytes, |block| {
            let Block::InterfaceStatistics(block) = block else { return };
            let value = |code| {
                let option = block.options.iter().find(|option| option.code.0 == code);
                let value = option.expect("the option is there").value();
                u64::from_le_bytes(value.try_into().expect("8 bytes"))
            };
            let (received, dropped, written) = (value(4), value(5), value(8));
            found.push(Statistics { received, dropped, written });
        });
        found
    }
}

#[track_caller]
fn files(dir: &TempDir) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir.path()).expect("a directory");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

/// Hands over every block of a file, which must be whole.
#[track_caller]
pub(crate) fn each_block(bytes: &[u8], mut each: impl FnMut(&Block<'_>)) {
    let mut reader = pcap_parser::PcapNGReader::new(bytes.len().max(1 << 16), bytes)
        .expect("a file that begins as it should");
    loop {
        match reader.next() {
            Ok((size, PcapBlockOwned::NG(block))) => {
                each(&block);
                reader.consume(size);
            }
            Ok(_) => panic!("a block of another format"),
            Err(pcap_parser::PcapError::Eof) => return,
            Err(pcap_parser::PcapError::Incomplete(_)) => reader.refill().expect("more bytes"),
            Err(error) => panic!("a block that can't be read: {error:?}"),
        }
    }
}

/// What tshark finds in a file, and what it complains about.
#[track_caller]
fn read(
    path: &Path,
    fields: &[&str],
    filter: &str,
    decoding: Option<&str>,
) -> (Vec<Vec<String>>, Vec<String>) {
    let mut file = File::open(path).expect("the file is there");
    file.read_exact(&mut [0]).expect("the file begins");
    let mut command = Command::new("tshark");
    command.args(["-n", "-T", "fields", "-E", "separator=/t", "-E", "aggregator=|"]);
    command.args(["-o", "tcp.relative_sequence_numbers:TRUE"]);
    command.args(["-o", "tcp.reassemble_out_of_order:TRUE", "-r"]).arg(path);
    command.args(fields.iter().flat_map(|field| ["-e", field])).args(["-Y", filter]);
    command.args(decoding.iter().flat_map(|what| ["-d", what]));
    let ended = Process::start(command).finish();
    let mut complaints: Vec<String> = ended.stderr_text().lines().map(str::to_owned).collect();
    // Every run of it as root says so.
    complaints.retain(|line| !line.is_empty() && !line.starts_with("Running as user"));
    if !ended.status.success() {
        complaints.push(ended.status.to_string());
    }
    let text = ended.stdout_text();
    let rows = text.lines().map(|line| line.split('\t').map(str::to_owned).collect());
    (rows.collect(), complaints)
}
