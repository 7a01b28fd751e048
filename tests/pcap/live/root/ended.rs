//! How a capture ends, and what is lost on the way.

use std::process::Command;

use ::live::{Machine, Process, ecapture_binary};
use rustix::process::Signal;

use super::{ENDS, is_one_connection};
use crate::packets::Packets;
use crate::peers::Server;

#[test]
fn a_reader_that_is_too_slow_loses_packets_and_says_so() {
    let server = Server::start("127.0.0.1");
    let machine = Machine::alone();
    let capture = Packets::start_within(machine, &["-i", "lo", "--mapsize", "1"]);
    capture.signal(Signal::STOP);
    for _ in 0..100 {
        server.fetch();
    }
    capture.signal(Signal::CONT);
    let outcome = capture.stop();
    let dropped = outcome.figure("dropped by the kernel");
    let [statistics] = outcome.file.statistics()[..] else { panic!("one interface") };
    assert!(dropped > 0, "{}", outcome.stderr);
    assert_eq!(statistics.dropped, dropped);
    // What came after the last read is counted as received and nothing else.
    assert!(statistics.written + dropped <= statistics.received);
    let written = outcome.file.fields(["frame.number"], "frame").len();
    assert_eq!(written as u64, statistics.written);
    server.stop();
}

#[test]
fn a_killed_capture_leaves_a_readable_file() {
    let server = Server::start("127.0.0.1");
    let port = server.port.to_string();
    let capture = Packets::start(&["-i", "lo", "tcp", "port", &port]);
    let (_, client) = server.fetch();
    capture.await_packet("tcp.flags.fin == 1 && tcp.flags.ack == 1 && tcp.ack > 1");
    let file = capture.kill();
    assert!(file.fields(ENDS, &format!("tcp.port == {client}")).len() > 9);
    assert_eq!(file.statistics(), []);
    server.stop();
}

#[test]
fn a_run_ends_with_the_process_that_it_was_for() {
    let server = Server::start("127.0.0.1");
    let capture = Packets::start(&["-i", "lo", "-p", &server.pid().to_string()]);
    let (_, port) = server.fetch();
    let own = server.port;
    server.stop();
    is_one_connection(&capture.outcome().file, port, own);
}

#[test]
fn standard_output_for_another_program() {
    let _machine = Machine::shared();
    let server = Server::start("127.0.0.1");
    let filter = ["tcp", "port", &server.port.to_string()];
    let mut command = Command::new("sh");
    let pipe = "\"$0\" \"$@\" | tshark -l -r - -Y tls.handshake -T fields -e tls.handshake.type";
    command.args(["-c", pipe]).arg(ecapture_binary());
    command.args(["tls", "-m", "pcapng", "-i", "lo", "-w", "-"]).args(filter);
    let reader = Process::start(command);
    reader.stderr_line("that it is ready", |line| line.contains("ready:").then_some(()));
    server.fetch();
    // While it runs, as it comes.
    reader.stdout_line("a ClientHello", |line| (line == "1").then_some(()));
    reader.stop(Signal::TERM);
    server.stop();
}
