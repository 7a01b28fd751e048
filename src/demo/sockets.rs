//! The system's own table of TCP sockets, as a second witness for addresses.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};

use crate::exit::Failure;

/// The address of the one client that is connected to `server` on this machine.
pub(super) fn peer_of(server: SocketAddrV4) -> Result<SocketAddrV4, Failure> {
    let table = fs::read_to_string("/proc/self/net/tcp")?;
    let mut clients = connected(&table).filter(|(_, remote)| *remote == server);
    match (clients.next(), clients.next()) {
        (Some((client, _)), None) => Ok(client),
        _ => Err(Failure::failed(format!(
            "/proc/net/tcp does not show one client of {server}, so addresses can't be compared"
        ))),
    }
}

/// The local and remote addresses of established connections.
fn connected(table: &str) -> impl Iterator<Item = (SocketAddrV4, SocketAddrV4)> {
    const ESTABLISHED: &str = "01";
    table.lines().filter_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (local, remote) = (fields.next()?, fields.next()?);
        (fields.next()? == ESTABLISHED).then_some(())?;
        Some((address(local)?, address(remote)?))
    })
}

/// `0100007F:1F90`: the address as the machine keeps it in memory, the port as a number.
fn address(text: &str) -> Option<SocketAddrV4> {
    let (ip, port) = text.split_once(':')?;
    let ip = u32::from_str_radix(ip, 16).ok()?.to_ne_bytes();
    Some(SocketAddrV4::new(Ipv4Addr::from(ip), u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, TcpListener, TcpStream};

    use super::*;

    #[test]
    fn the_client_of_a_real_connection_is_found_while_it_lives() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let SocketAddr::V4(server) = listener.local_addr().unwrap() else { panic!("IPv4") };
        assert!(peer_of(server).is_err());
        let one = TcpStream::connect(server).unwrap();
        assert_eq!(SocketAddr::V4(peer_of(server).unwrap()), one.local_addr().unwrap());
        let _two = TcpStream::connect(server).unwrap();
        assert!(peer_of(server).is_err());
    }

    #[test]
    fn lines_that_are_none_are_passed_over() {
        assert_eq!(connected("").count(), 0);
        assert_eq!(
            connected("  sl  local_address rem_address   st\n  0: zz:1 x 01\n0:").count(),
            0
        );
    }
}
