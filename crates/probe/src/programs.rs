//! Which programs and tables of the kernel half a run needs, and what the programs hang on.

use std::os::fd::{AsFd, AsRawFd};

use libbpf_rs::{Link, Object, ProgramMut};

use crate::features::Features;
use crate::load::Settings;

/// A program of the kernel half.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Program {
    name: &'static str,
    at: At,
    part: Part,
    kernel: Kernel,
}

/// What a program hangs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Functions of libraries; attached when one is found.
    Function,
    /// A tracepoint, its arguments as plain numbers.
    Raw(&'static str),
    /// The tracepoint in the program's own section name, its arguments typed.
    Typed,
    /// Nothing: it runs when it is read.
    Iterator,
}

/// Who needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Plaintext,
    Flows,
    Secrets,
    /// Keys, and the sockets that they are for.
    SecretsOfFlows,
    /// What people type.
    Lines,
}

/// On which kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kernel {
    Any,
    /// Each task can keep something for a probe.
    TaskStorage,
    /// Tracepoints name the socket of each send and receive.
    SocketTracepoints,
    /// They don't.
    NoSocketTracepoints,
}

const fn program(name: &'static str, at: At, part: Part, kernel: Kernel) -> Program {
    Program { name, at, part, kernel }
}

const PROGRAMS: [Program; 33] = [
    program("buf_entry", At::Function, Part::Plaintext, Kernel::Any),
    program("buf_return", At::Function, Part::Plaintext, Kernel::Any),
    program("conn_end", At::Function, Part::Plaintext, Kernel::Any),
    program("go_entry", At::Function, Part::Plaintext, Kernel::Any),
    program("go_return", At::Function, Part::Plaintext, Kernel::Any),
    program("conn_mark", At::Function, Part::Plaintext, Kernel::Any),
    program("sock_sent", SEND, Part::Plaintext, Kernel::SocketTracepoints),
    program("sock_received", RECEIVE, Part::Plaintext, Kernel::SocketTracepoints),
    program("syscall_entered", SYSCALL, Part::Plaintext, Kernel::NoSocketTracepoints),
    program("process_exec", At::Raw("sched_process_exec"), Part::Plaintext, Kernel::Any),
    program("process_exit", At::Raw("sched_process_exit"), Part::Plaintext, Kernel::Any),
    program("flow_sent", At::Typed, Part::Flows, Kernel::SocketTracepoints),
    program("flow_received", At::Typed, Part::Flows, Kernel::SocketTracepoints),
    program("flow_state", At::Typed, Part::Flows, Kernel::SocketTracepoints),
    program("old_flow_state", STATE, Part::Flows, Kernel::NoSocketTracepoints),
    program("old_flow_call", SYSCALL, Part::Flows, Kernel::NoSocketTracepoints),
    program("secret_logged", At::Function, Part::Secrets, Kernel::Any),
    program("secret_begun", At::Function, Part::Secrets, Kernel::Any),
    program("secret_derived", At::Function, Part::Secrets, Kernel::Any),
    program("secret_work", At::Function, Part::Secrets, Kernel::Any),
    program("secret_held", At::Function, Part::Secrets, Kernel::Any),
    program("secret_found", At::Function, Part::Secrets, Kernel::Any),
    program("shake_sent", At::Typed, Part::Secrets, Kernel::SocketTracepoints),
    program("shake_received", At::Typed, Part::Secrets, Kernel::SocketTracepoints),
    program("line_waits", At::Function, Part::Lines, Kernel::Any),
    program("line_read", At::Function, Part::Lines, Kernel::Any),
    program("line_looked_at", At::Function, Part::Lines, Kernel::Any),
    program("line_replaced", At::Function, Part::Lines, Kernel::Any),
    program("line_whole", At::Function, Part::Lines, Kernel::Any),
    program("line_known", At::Function, Part::Lines, Kernel::Any),
    program("line_exec", At::Raw("sched_process_exec"), Part::Lines, Kernel::Any),
    program("line_exit", At::Raw("sched_process_exit"), Part::Lines, Kernel::Any),
    program("flow_files", At::Iterator, Part::Flows, Kernel::Any),
];

const SEND: At = At::Raw("sock_send_length");
const RECEIVE: At = At::Raw("sock_recv_length");
const SYSCALL: At = At::Raw("sys_enter");
const STATE: At = At::Raw("inet_sock_set_state");

/// Tables that belong to one part, so that another one's run does not pay for them.
const TABLES: &[(&str, Part, Kernel)] = &[
    ("conns", Part::Plaintext, Kernel::Any),
    ("calls_of_tasks", Part::Plaintext, Kernel::TaskStorage),
    ("calls", Part::Plaintext, Kernel::Any),
    ("watches", Part::Plaintext, Kernel::Any),
    ("kinds", Part::Plaintext, Kernel::Any),
    ("procs", Part::Plaintext, Kernel::Any),
    ("owed", Part::Plaintext, Kernel::Any),
    ("flow_marks", Part::Flows, Kernel::SocketTracepoints),
    ("flow_marks_old", Part::Flows, Kernel::NoSocketTracepoints),
    ("sites", Part::Secrets, Kernel::Any),
    ("derivations", Part::Secrets, Kernel::Any),
    ("workings", Part::Secrets, Kernel::Any),
    ("told", Part::Secrets, Kernel::Any),
    ("layouts", Part::Secrets, Kernel::Any),
    ("looked_into", Part::Secrets, Kernel::Any),
    ("begun", Part::Secrets, Kernel::Any),
    ("shakes", Part::Secrets, Kernel::SocketTracepoints),
    ("line_sites", Part::Lines, Kernel::Any),
    ("speakers", Part::Lines, Kernel::Any),
    ("last_sockets", Part::SecretsOfFlows, Kernel::SocketTracepoints),
    ("last_sockets_old", Part::SecretsOfFlows, Kernel::NoSocketTracepoints),
];

/// The program that lists the sockets of all processes.
pub(crate) const LIST_SOCKETS: &str = "flow_files";

/// Whether a program stands in functions of libraries.
pub(crate) fn is_shape(name: &str) -> bool {
    PROGRAMS.iter().any(|program| program.name == name && program.at == At::Function)
}

/// Whether a run loads this program.
pub(crate) fn program_wanted(name: &str, settings: &Settings, features: &Features) -> bool {
    PROGRAMS.iter().any(|program| {
        program.name == name
            && wanted(program.part, program.kernel, settings, features)
            // Without cookies each function gets an instance of its own, later.
            && (program.at != At::Function || features.cookies)
    })
}

/// Whether a run makes this table.
pub(crate) fn table_wanted(name: &str, settings: &Settings, features: &Features) -> bool {
    let known = TABLES.iter().find(|(table, ..)| *table == name);
    known.is_none_or(|(_, part, kernel)| wanted(*part, *kernel, settings, features))
}

fn wanted(part: Part, kernel: Kernel, settings: &Settings, features: &Features) -> bool {
    let part = match part {
        Part::Plaintext => settings.plaintext,
        Part::Flows => settings.flows,
        Part::Secrets => settings.secrets,
        Part::SecretsOfFlows => settings.secrets && settings.flows,
        Part::Lines => settings.lines.is_some(),
    };
    let kernel = match kernel {
        Kernel::Any => true,
        Kernel::TaskStorage => features.task_storage,
        Kernel::SocketTracepoints => features.socket_tracepoints,
        Kernel::NoSocketTracepoints => !features.socket_tracepoints,
    };
    part && kernel
}

/// Attaches every loaded program that hangs on a tracepoint.
pub(crate) fn attach_tracepoints(object: &Object) -> libbpf_rs::Result<Vec<Link>> {
    let mut links = Vec::new();
    for program in object.progs_mut() {
        // A program that was not chosen was not loaded and has no descriptor.
        if program.as_fd().as_raw_fd() < 0 {
            continue;
        }
        let name = program.name().to_string_lossy().into_owned();
        if let Some(known) = PROGRAMS.iter().find(|known| known.name == name) {
            links.extend(attach(&program, known.at)?);
        }
    }
    Ok(links)
}

fn attach(program: &ProgramMut<'_>, at: At) -> libbpf_rs::Result<Option<Link>> {
    match at {
        At::Raw(point) => program.attach_raw_tracepoint(point).map(Some),
        At::Typed => program.attach_trace().map(Some),
        At::Function | At::Iterator => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(plaintext: bool, flows: bool, socket_tracepoints: bool) -> Vec<&'static str> {
        let features = Features {
            btf: true,
            ring_buffer: true,
            cookies: true,
            task_storage: true,
            uprobe_multi: true,
            uprobe_multi_pid: true,
            socket_tracepoints,
        };
        let settings = Settings { plaintext, flows, ..Settings::default() };
        let names = PROGRAMS.iter().map(|program| program.name);
        names.filter(|name| program_wanted(name, &settings, &features)).collect()
    }

    #[test]
    fn a_run_loads_nothing_of_another_part() {
        let packets = ["flow_sent", "flow_received", "flow_state", "flow_files"];
        assert_eq!(run(false, true, true), packets);
        let text = run(true, false, true);
        assert!(text.iter().all(|name| !packets.contains(name)), "{text:?}");
        assert_eq!(run(true, true, true).len(), packets.len() + text.len());
        assert_eq!(run(false, true, false), ["old_flow_state", "old_flow_call", "flow_files"]);
    }
}
