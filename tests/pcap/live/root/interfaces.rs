//! Several interfaces, and processes elsewhere.

use std::process::Command;

use ::live::Process;

use crate::packets::Packets;
use crate::peers::Server;

/// Another network namespace, whose end of a cable is captured here.
struct Namespace {
    name: String,
}

impl Namespace {
    fn new() -> Self {
        let name = format!("ecap{}", std::process::id());
        let here = |words: &str| {
            Process::run("ip", words.split(' ')).success();
        };
        here(&format!("netns add {name}"));
        let namespace = Self { name: name.clone() };
        here(&format!("link add {name} type veth peer name there netns {name}"));
        here(&format!("address add 10.77.0.1/30 dev {name}"));
        here(&format!("link set {name} up"));
        here(&format!("-n {name} address add 10.77.0.2/30 dev there"));
        here(&format!("-n {name} link set there up"));
        namespace
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Takes the cable along; what is gone already is no failure.
        Process::run("ip", ["netns", "delete", &self.name]);
        Process::run("ip", ["link", "delete", &self.name]);
    }
}

#[test]
fn a_process_in_another_network_namespace_on_two_interfaces() {
    let namespace = Namespace::new();
    let mut command = Command::new("ip");
    command.args(["netns", "exec", &namespace.name, "openssl"]);
    let server = Server::start_by(command, "10.77.0.2", "10.77.0.2:0");
    let pid = server.pid().to_string();
    let capture = Packets::start(&["-i", &namespace.name, "-i", "any", "--pid", &pid]);
    let (_, port) = server.fetch();
    let outcome = capture.stop();
    let seen = |number: &str| {
        let filter = format!("frame.interface_id == {number}");
        outcome.file.fields(["tcp.srcport", "tcp.dstport"], &filter)
    };
    let expected = [port.to_string(), server.port.to_string()];
    for rows in [seen("0"), seen("1")] {
        assert!(rows.len() >= 10, "{rows:?}");
        assert!(rows.iter().all(|row| row.iter().all(|end| expected.contains(end))));
    }
    assert_eq!(seen("0").len(), seen("1").len());
    let links = outcome.file.fields(["frame.encap_type"], "frame");
    assert!(links.contains(&["1".to_owned()]) && links.contains(&["210".to_owned()]));
    assert_eq!(outcome.file.statistics().len(), 2);
    server.stop();
}
