//! The machine's answers, written down: each with what ecapture makes of it.

use std::fs;

use probe::{Features, Lockdown};

use super::machine::{Loaded, Machine};
use crate::page::{Mark, Page};

/// Writes the answers down; returns what to do before `ecapture tls` can work.
pub(super) fn tell(page: &mut Page, machine: &Machine) -> Vec<String> {
    let mut remedies = Vec::new();
    page.title("Kernel");
    page.line(Mark::Ok, &format!("Linux {} on {}", machine.release, machine.arch));
    btf(page, machine, &mut remedies);
    lockdown(page, machine, &mut remedies);
    page.title("Rights");
    if machine.missing_rights.is_empty() {
        page.line(Mark::Ok, "capabilities: all that are needed");
    } else {
        let missing = machine.missing_rights.join(", ");
        page.line(Mark::No, &format!("capabilities: {missing} missing"));
        remedies.push("run it as root, such as `sudo ecapture doctor`".to_owned());
    }
    page.title("What this kernel offers");
    offers(page, machine, &mut remedies);
    page.title("What was tried");
    tried(page, machine, &mut remedies);
    remedies
}

fn btf(page: &mut Page, machine: &Machine, remedies: &mut Vec<String>) {
    if machine.features.btf {
        let size = fs::metadata(BTF).map_or(0, |file| file.len());
        page.line(Mark::Ok, &format!("BTF: {BTF}, {} KiB", size >> 10));
        return;
    }
    page.line(Mark::No, &format!("BTF: no {BTF}, so the kernel does not describe its types"));
    remedies.push(
        "use a kernel built with CONFIG_DEBUG_INFO_BTF=y, as distributions' kernels are".to_owned(),
    );
}

const BTF: &str = "/sys/kernel/btf/vmlinux";

fn lockdown(page: &mut Page, machine: &Machine, remedies: &mut Vec<String>) {
    match &machine.lockdown {
        Lockdown::Unknown => {
            page.line(Mark::Note, "lockdown: the kernel does not say, so most likely none");
        }
        Lockdown::Mode(mode) if mode == "confidentiality" => {
            page.line(Mark::No, "lockdown: confidentiality, which keeps programs from reading");
            remedies.push("boot without lockdown=confidentiality".to_owned());
        }
        Lockdown::Mode(mode) => {
            page.line(Mark::Ok, &format!("lockdown: {mode}, which forbids nothing needed here"));
        }
    }
}

/// Each with what ecapture does with it, or without.
fn offers(page: &mut Page, machine: &Machine, remedies: &mut Vec<String>) {
    let features = &machine.features;
    if machine.missing_rights.is_empty() {
        asked(page, features, remedies);
    } else {
        // Without rights the kernel answers the questions with anything.
        let unknown =
            "ring buffers, attach cookies, task storage: not known, asking takes what is missing";
        page.line(Mark::Note, unknown);
    }
    // These two are read from BTF.
    if !features.btf {
        page.line(Mark::Note, "uprobe multi, socket tracepoints: not known without BTF");
        return;
    }
    match features.uprobe_multi {
        true => page.line(Mark::Ok, "uprobe multi: a file's probes are placed in a few steps"),
        false => page.line(Mark::Note, "uprobe multi: none, so probes are placed one by one"),
    }
    match features.socket_tracepoints {
        true => page.line(Mark::Ok, "socket tracepoints: tell the connections' addresses"),
        false => page.line(
            Mark::Note,
            "socket tracepoints: none, so addresses come from the sockets that system calls name",
        ),
    }
}

fn asked(page: &mut Page, features: &Features, remedies: &mut Vec<String>) {
    if features.ring_buffer {
        page.line(Mark::Ok, "ring buffers: carry the records");
    } else {
        page.line(Mark::No, "ring buffers: none, and nothing can stand in for them");
        remedies.push("use Linux 5.8 or later, which has BPF ring buffers".to_owned());
    }
    match features.cookies {
        true => page.line(Mark::Ok, "attach cookies: programs are loaded once for all probes"),
        false => page.line(
            Mark::Note,
            "attach cookies: none, so programs are loaded for each function of each file",
        ),
    }
    match features.task_storage {
        true => page.line(Mark::Ok, "task storage: each thread keeps its own call in flight"),
        false => page.line(
            Mark::Note,
            "task storage: none, so calls in flight are kept in a table, which costs more",
        ),
    }
}

fn tried(page: &mut Page, machine: &Machine, remedies: &mut Vec<String>) {
    match &machine.loaded {
        None => page.line(Mark::Note, "loading programs: not tried, see above"),
        Some(Err(error)) => {
            page.line(Mark::No, &format!("loading programs: {error}"));
            remedies.push("see what the kernel said: `ecapture doctor --debug`".to_owned());
        }
        Some(Ok(loaded)) => took(page, loaded, remedies),
    }
    match &machine.watching {
        None => page.line(Mark::Note, "watching new mappings: not tried, see above"),
        Some(Ok(())) => {
            page.line(Mark::Ok, "watching new mappings: libraries are hooked as they appear");
        }
        Some(Err(error)) => {
            page.line(Mark::No, &format!("watching new mappings: {error}"));
            remedies.push(
                "allow perf_event_open(2), which a container's seccomp profile may forbid"
                    .to_owned(),
            );
        }
    }
}

fn took(page: &mut Page, loaded: &Loaded, remedies: &mut Vec<String>) {
    for kind in kinds(&loaded.programs) {
        page.line(Mark::Ok, &format!("loading programs: {kind}"));
    }
    match &loaded.probing {
        Ok(()) => page.line(Mark::Ok, "placing a probe: in ecapture itself, for a moment"),
        Err(error) => {
            page.line(Mark::No, &format!("placing a probe: {error}"));
            remedies.push("use a kernel built with CONFIG_UPROBE_EVENTS=y".to_owned());
        }
    }
}

/// Programs by type: `uprobe: buf_entry, conn_end`.
fn kinds(programs: &[(String, String)]) -> Vec<String> {
    let kind = |section: &str| section.split('/').next().unwrap_or_default().to_owned();
    let mut kinds: Vec<(String, Vec<&str>)> = Vec::new();
    for (name, section) in programs {
        let kind = kind(section);
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, names)) => names.push(name),
            None => kinds.push((kind, vec![name])),
        }
    }
    kinds.into_iter().map(|(kind, names)| format!("{kind}: {}", names.join(", "))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine on which everything works.
    fn good() -> Machine {
        let program = |name: &str, section: &str| (name.to_owned(), section.to_owned());
        Machine {
            release: "6.1.0-test".to_owned(),
            arch: "x86_64".to_owned(),
            missing_rights: Vec::new(),
            lockdown: Lockdown::Mode("none".to_owned()),
            features: Features {
                btf: true,
                ring_buffer: true,
                cookies: true,
                task_storage: true,
                uprobe_multi: true,
                uprobe_multi_pid: true,
                socket_tracepoints: true,
            },
            loaded: Some(Ok(Loaded {
                programs: vec![
                    program("buf_entry", "uprobe"),
                    program("sock_sent", "raw_tp/sock_send_length"),
                    program("conn_end", "uprobe"),
                ],
                probing: Ok(()),
            })),
            watching: Some(Ok(())),
        }
    }

    fn told(machine: &Machine) -> (String, Vec<String>) {
        let mut page = Page::plain();
        let remedies = tell(&mut page, machine);
        (page.as_text().to_owned(), remedies)
    }

    fn lines_with<'a>(text: &'a str, mark: &str) -> Vec<&'a str> {
        text.lines().filter(|line| line.starts_with(&format!("  {mark:<4}  "))).collect()
    }

    #[test]
    fn a_good_machine_has_only_good_lines() {
        let (text, remedies) = told(&good());
        assert!(remedies.is_empty());
        assert!(lines_with(&text, "no").is_empty() && lines_with(&text, "note").is_empty());
        assert!(text.contains("Linux 6.1.0-test on x86_64"));
        assert!(text.contains("uprobe: buf_entry, conn_end\n"), "{text}");
        assert!(text.contains("raw_tp: sock_sent\n"), "{text}");
    }

    #[test]
    fn an_older_kernel_gets_notes_and_no_remedies() {
        let mut older = good();
        older.features = Features {
            cookies: false,
            task_storage: false,
            uprobe_multi: false,
            socket_tracepoints: false,
            ..older.features
        };
        older.lockdown = Lockdown::Unknown;
        let (text, remedies) = told(&older);
        assert!(remedies.is_empty());
        assert_eq!((lines_with(&text, "no").len(), lines_with(&text, "note").len()), (0, 5));
    }

    #[test]
    fn without_btf_nothing_is_claimed_that_btf_tells() {
        let mut without = good();
        without.features = Features {
            btf: false,
            uprobe_multi: false,
            socket_tracepoints: false,
            ..without.features
        };
        without.loaded = None;
        let (text, remedies) = told(&without);
        assert_eq!(remedies.len(), 1);
        assert!(remedies[0].contains("CONFIG_DEBUG_INFO_BTF"), "{remedies:?}");
        assert!(text.contains("not known without BTF"));
        assert_eq!(lines_with(&text, "no").len(), 1, "{text}");
    }

    #[test]
    fn without_rights_what_takes_rights_is_not_called_missing() {
        let mut user = good();
        user.missing_rights = vec!["CAP_BPF"];
        // What libbpf makes of the refusals.
        user.features = Features { ring_buffer: false, cookies: true, ..user.features };
        (user.loaded, user.watching) = (None, None);
        let (text, remedies) = told(&user);
        assert_eq!(remedies, ["run it as root, such as `sudo ecapture doctor`"]);
        assert!(lines_with(&text, "ok").iter().all(|line| !line.contains("cookies")), "{text}");
        assert_eq!(lines_with(&text, "no").len(), 1, "{text}");
    }

    #[test]
    fn every_refusal_is_a_line_and_a_remedy() {
        let refused = |change: fn(&mut Machine)| {
            let mut machine = good();
            change(&mut machine);
            let (text, remedies) = told(&machine);
            assert_eq!((lines_with(&text, "no").len(), remedies.len()), (1, 1), "{text}");
        };
        refused(|machine| machine.features.ring_buffer = false);
        refused(|machine| machine.lockdown = Lockdown::Mode("confidentiality".to_owned()));
        refused(|machine| machine.loaded = Some(Err("EPERM".to_owned())));
        refused(|machine| machine.watching = Some(Err("EACCES".to_owned())));
        refused(|machine| {
            let programs = Vec::new();
            machine.loaded = Some(Ok(Loaded { programs, probing: Err("EIO".to_owned()) }));
        });
    }
}
