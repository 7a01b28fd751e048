//! Flows of others to the same port, which are left out: another user's, another control group's.

use std::fs;
use std::path::{Path, PathBuf};

use super::is_one_connection;
use crate::packets::Packets;
use crate::peers::Server;

/// Captures with `args` while two clients come to one server, the second of which is started by
/// `words`; checks that only its connection is in the file.
#[track_caller]
fn only_the_second(args: &[&str], words: &[&str]) {
    let server = Server::start("127.0.0.1");
    let port = server.port.to_string();
    let filter = ["tcp", "port", &port];
    let capture = Packets::start(&[&["-i", "lo"], args, &filter].concat());
    let (_, (client, own), _) = (server.fetch(), server.fetch_by(words), server.fetch());
    let outcome = capture.stop();
    is_one_connection(&outcome.file, own, server.port);
    // The server is nobody's here, and not named.
    let comments = outcome.file.comments();
    let of_client = format!("pid {client}, curl,");
    assert!(comments.iter().any(|comment| comment.starts_with(&of_client)), "{comments:?}");
    assert!(outcome.figure("of others") >= 20, "{}", outcome.stderr);
    assert_eq!(outcome.figure("undecided"), 0, "{}", outcome.stderr);
    server.stop();
}

#[test]
fn the_packets_of_one_user() {
    let nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
    only_the_second(&["-u", "65534"], &nobody);
}

#[test]
fn the_packets_of_one_control_group() {
    let group = Group::new();
    let path = group.0.to_str().expect("a plain name");
    let within = "echo $$ >\"$0/cgroup.procs\" && exec \"$@\"";
    only_the_second(&["--cgroup_path", path], &["sh", "-c", within, path]);
}

/// A control group of the v2 hierarchy, wherever that is mounted.
struct Group(PathBuf);

impl Group {
    #[track_caller]
    fn new() -> Self {
        let mounts = fs::read_to_string("/proc/self/mounts").expect("the mounts");
        let mount = mounts.lines().find_map(|line| {
            let mut fields = line.split(' ').skip(1);
            let at = fields.next()?;
            (fields.next()? == "cgroup2").then_some(at)
        });
        let mount = Path::new(mount.expect("the v2 hierarchy is mounted"));
        let group = mount.join(format!("ecapture-test-{}", std::process::id()));
        fs::create_dir(&group).expect("a control group");
        Self(group)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // A client that has ended is not in it any more.
        let _ = fs::remove_dir(&self.0);
    }
}
