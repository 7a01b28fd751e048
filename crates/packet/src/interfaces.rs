//! The interfaces that there are.

use std::fs;
use std::net::IpAddr;

/// All of them at once, without their own link layer's header.
pub(crate) const ANY: &str = "any";

/// The names of this network namespace's interfaces, and `any`. Other things that libpcap can
/// read (USB, Bluetooth, firewall logs) carry no TLS.
pub fn interfaces() -> Vec<String> {
    let table = fs::read_to_string("/proc/self/net/dev").unwrap_or_default();
    names(&table).chain([ANY.to_owned()]).collect()
}

/// The addresses of all of them. Empty if the system does not say.
pub fn addresses() -> Vec<IpAddr> {
    let devices = pcap::Device::list().unwrap_or_default();
    devices.into_iter().flat_map(|device| device.addresses).map(|found| found.addr).collect()
}

/// Two lines of headings, then `name: figures`.
fn names(table: &str) -> impl Iterator<Item = String> {
    let lines = table.lines().skip(2);
    lines.filter_map(|line| Some(line.split_once(": ")?.0.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_are_no_interfaces() {
        let table = "Inter-|   Receive\n face |bytes\n    lo: 1 2 3\n  eth0: 4 5\n";
        assert_eq!(names(table).collect::<Vec<_>>(), ["lo", "eth0"]);
        assert!(interfaces().contains(&"lo".to_owned()));
    }
}
