//! What Wireshark is told: interfaces, link types, settings and their values.

use std::cmp::Reverse;
use std::fmt::Write as _;
use std::fs;

use clap::ValueEnum;

/// What Wireshark lists beside the real ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Interface {
    /// Packets with their keys.
    Ecapture,
    /// Plaintext as synthetic packets.
    EcapturePlaintext,
}

pub(super) fn interfaces() -> String {
    format!(
        "extcap {{version={}}}{{display=ecapture}}\n\
         interface {{value=ecapture}}{{display=TLS of programs, with their keys}}\n\
         interface {{value=ecapture-plaintext}}{{display=Plaintext of programs, as synthetic TCP}}\n",
        env!("CARGO_PKG_VERSION")
    )
}

/// Packets are pcapng, where each interface has its own; these are for the list.
pub(super) fn links(interface: Interface) -> String {
    match interface {
        Interface::Ecapture => "dlt {number=1}{name=EN10MB}{display=Ethernet}\n".to_owned(),
        Interface::EcapturePlaintext => "dlt {number=101}{name=RAW}{display=Raw IP}\n".to_owned(),
    }
}

/// The settings with their values, or the values of one of them alone.
pub(super) fn settings(interface: Interface, reload: Option<&str>) -> String {
    match (interface, reload) {
        (_, Some("pid")) => processes(),
        (_, Some("ifname")) => networks(),
        (_, Some(_)) => String::new(),
        (Interface::Ecapture, None) => [PID, COMM, IFNAME, &processes(), &networks()].concat(),
        (Interface::EcapturePlaintext, None) => [PID, COMM, &processes()].concat(),
    }
}

const PID: &str = "arg {number=0}{call=--pid}{display=Process}{type=selector}{reload=true}\
    {placeholder=Reload}{tooltip=Only this process; Reload lists those that run now}\n";
const COMM: &str = "arg {number=1}{call=--comm}{display=Name of the program}{type=string}\
    {tooltip=Only processes or threads with this name, such as curl}\n";
const IFNAME: &str = "arg {number=2}{call=--ifname}{display=Network interface}{type=selector}\
    {reload=true}{placeholder=Reload}{tooltip=Where packets are captured}\n";

/// Processes with a program, the newest first.
fn processes() -> String {
    let mut found: Vec<(u32, String)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid: u32| {
            // Threads of the kernel run no program and speak no TLS.
            let words = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
            (!words.is_empty()).then(|| (pid, probe::comm(pid)))
        })
        .collect();
    found.sort_unstable_by_key(|(pid, _)| Reverse(*pid));
    let mut out = "value {arg=0}{value=0}{display=All processes}{default=true}\n".to_owned();
    for (pid, name) in found {
        value(&mut out, 0, &pid.to_string(), &format!("{name} [{pid}]"));
    }
    out
}

fn networks() -> String {
    let mut out = "value {arg=2}{value=any}{display=any}{default=true}\n".to_owned();
    for name in packet::interfaces().iter().filter(|name| *name != "any") {
        value(&mut out, 2, name, name);
    }
    out
}

/// A value ends at the first brace, whatever a program calls itself.
fn value(out: &mut String, arg: u32, value: &str, shown: &str) {
    let plain = |text: &str| -> String {
        text.chars().map(|c| if "{}".contains(c) || c.is_control() { '_' } else { c }).collect()
    };
    // Writing to a String does not fail.
    let _ =
        writeln!(out, "value {{arg={arg}}}{{value={}}}{{display={}}}", plain(value), plain(shown));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_on_its_line_and_between_its_braces() {
        let mut out = String::new();
        value(&mut out, 0, "7", "a}{value=8}\nvalue");
        assert_eq!(out, "value {arg=0}{value=7}{display=a__value=8__value}\n");
    }

    #[test]
    fn settings_and_values_go_by_their_numbers() {
        let all = settings(Interface::Ecapture, None);
        assert!(all.contains("arg {number=0}{call=--pid}"));
        let own = format!("value {{arg=0}}{{value={}}}", std::process::id());
        assert!(all.contains(&own) && settings(Interface::Ecapture, Some("pid")).contains(&own));
        assert!(all.contains("value {arg=2}{value=lo}{display=lo}"));
        assert!(!settings(Interface::EcapturePlaintext, None).contains("--ifname"));
    }
}
