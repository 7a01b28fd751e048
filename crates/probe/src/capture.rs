//! Packet sockets: what libpcap does not set.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Lets packets pass a packet socket (packet(7)) on their way in only. On loopback every packet
/// goes out and comes in again, and a copy of it is enough. Linux 4.20 and later.
pub fn ignore_outgoing(socket: BorrowedFd<'_>) -> io::Result<()> {
    let yes: libc::c_int = 1;
    // SAFETY: the option's value is an int, which lives as long as the call and is only read.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_IGNORE_OUTGOING,
            (&raw const yes).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
