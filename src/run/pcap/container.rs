//! Which container a process runs in, as far as the names of its control groups tell.

use std::fs;

/// The container of a process; `None` if it runs in none, or if it has ended.
pub(super) fn of(pid: u32) -> Option<Vec<u8>> {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    groups.lines().find_map(|line| named(line.splitn(3, ':').nth(2)?)).map(String::into_bytes)
}

/// Hexadecimal digits of an identifier that are enough for people, and for `docker` and `podman`.
const SHORT: usize = 12;
/// And all of them.
const LONG: usize = 64;

/// The innermost container in a path of control groups: `docker-ID.scope`, `/docker/ID`,
/// `cri-containerd-ID.scope`, `libpod-ID.scope`, `lxc.payload.NAME`, `machine-NAME.scope`.
fn named(path: &str) -> Option<String> {
    path.rsplit('/').find_map(|part| {
        let part = part.strip_suffix(".scope").unwrap_or(part);
        if let Some(name) = part.strip_prefix("lxc.payload.").or(part.strip_prefix("machine-")) {
            return Some(name.to_owned());
        }
        let id = part.rsplit('-').next()?;
        let is_id = id.len() == LONG && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_id.then(|| id[..SHORT].to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_are_told_from_services() {
        let id = "0123456789abcdef".repeat(4);
        for path in [
            format!("/system.slice/docker-{id}.scope"),
            format!("/docker/{id}"),
            format!("/kubepods.slice/kubepods-pod1.slice/cri-containerd-{id}.scope"),
            format!("/machine.slice/libpod-{id}.scope/container"),
        ] {
            assert_eq!(named(&path).as_deref(), Some("0123456789ab"), "{path}");
        }
        assert_eq!(named("/lxc.payload.web/system.slice/nginx.service").as_deref(), Some("web"));
        assert_eq!(named("/machine.slice/machine-deb.scope").as_deref(), Some("deb"));
        for path in ["/", "/system.slice/nginx.service", "/user.slice/session-2.scope"] {
            assert_eq!(named(path), None, "{path}");
        }
    }
}
