//! Single values: what was typed, checked against the machine.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use probe::target::{self, TARGETS};
use probe::{Cgroup, Net};

use crate::exit::Failure;

pub(super) fn pids(typed: &[u32]) -> Result<Vec<u32>, Failure> {
    let mut pids: Vec<u32> = typed.iter().copied().filter(|pid| *pid != 0).collect();
    pids.sort_unstable();
    pids.dedup();
    if pids.len() < typed.len() && typed.contains(&0) && !pids.is_empty() {
        return Err(Failure::usage("-p 0 means all processes; leave out the others, or the 0"));
    }
    for pid in &pids {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).map_err(|_| {
            Failure::failed(format!("-p {pid}: there is no such process; `pgrep NAME` finds one"))
        })?;
        let leader = status.lines().find_map(|line| line.strip_prefix("Tgid:"));
        if let Some(leader) = leader.map(str::trim).filter(|leader| **leader != pid.to_string()) {
            return Err(Failure::failed(format!(
                "-p {pid}: that is a thread of process {leader}; use -p {leader}"
            )));
        }
    }
    Ok(pids)
}

/// Libraries by their names in reports; `own` is the command's, which `--lib` overrules.
pub(super) fn libs(
    typed: &[String],
    own: Option<&'static str>,
) -> Result<Vec<&'static str>, Failure> {
    if typed.is_empty() {
        return Ok(own.into_iter().collect());
    }
    let known = |name: &String| {
        let target = target::named(name).ok_or_else(|| {
            let all: Vec<_> = TARGETS.iter().map(|target| target.name()).collect();
            let all = all.join(", ");
            Failure::usage(format!("--lib {name}: no such library; there are {all}"))
        })?;
        Ok(target.name())
    };
    typed.iter().map(known).collect()
}

pub(super) fn uids(typed: &[String]) -> Result<Vec<u32>, Failure> {
    if typed.iter().all(|uid| uid == "0") {
        return Ok(Vec::new());
    }
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    typed
        .iter()
        .map(|uid| {
            let named = passwd.lines().find_map(|line| {
                let mut fields = line.split(':');
                (fields.next() == Some(uid)).then(|| fields.nth(1)?.parse().ok()).flatten()
            });
            uid.parse().ok().or(named).ok_or_else(|| {
                Failure::usage(format!("-u {uid}: no such user; give a number or a login name"))
            })
        })
        .collect()
}

pub(super) fn net(typed: &str) -> Result<Net, Failure> {
    typed.parse().map_err(|error| Failure::usage(format!("--net {typed}: {error}")))
}

/// `1/N`; how many connections one is taken of.
pub(super) fn sample(typed: &str) -> Result<u32, Failure> {
    let n = typed.strip_prefix("1/").and_then(|n| n.parse().ok()).filter(|n| *n > 0);
    n.ok_or_else(|| {
        Failure::usage(format!(
            "--sample {typed}: give 1/N, such as 1/10 for one connection in ten"
        ))
    })
}

/// A control group's number is its directory's inode; how deep it lies tells which ancestor of a
/// process's own group to compare with.
pub(super) fn cgroup(path: &Path) -> Result<Cgroup, Failure> {
    let wrong = |why: &str| {
        Failure::failed(format!(
            "--cgroup_path {}: {why}; name a folder below the cgroup2 mount, such as \
             /sys/fs/cgroup/system.slice/nginx.service",
            path.display()
        ))
    };
    let path = fs::canonicalize(path).map_err(|error| wrong(&error.to_string()))?;
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let below = mounts
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ');
            let (mount, kind) = (fields.nth(1)?, fields.next()?);
            (kind == "cgroup2").then(|| path.strip_prefix(mount).ok()).flatten()
        })
        .next()
        .ok_or_else(|| wrong("not in a cgroup2 file system"))?;
    let metadata = fs::metadata(&path).map_err(|error| wrong(&error.to_string()))?;
    Ok(Cgroup { id: metadata.ino(), level: below.components().count() as u32 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_one_in_so_many() {
        assert_eq!(sample("1/10").unwrap(), 10);
        assert_eq!(sample("1/1").unwrap(), 1);
        for wrong in ["10", "2/10", "1/0", "1/", "1/-1", "1/4294967296"] {
            assert!(sample(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn zero_means_all_and_root_means_root() {
        assert!(uids(&["0".to_owned()]).unwrap().is_empty());
        assert_eq!(uids(&["root".to_owned()]).unwrap(), [0]);
        assert_eq!(uids(&["1000".to_owned()]).unwrap(), [1000]);
        assert!(uids(&["no such user".to_owned()]).is_err());
        assert!(pids(&[0]).unwrap().is_empty());
        assert!(pids(&[0, 1]).is_err());
        assert_eq!(pids(&[1, 1]).unwrap(), [1]);
    }
}
