//! The server and the client: two ordinary programs with the system's OpenSSL, fed through pipes.
//!
//! They run in their plain mode, in which every byte of standard input goes through `SSL_write`
//! and every byte of `SSL_read` goes to standard output, so the pipes are the witness.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use rustix::net::{
    AddressFamily, SocketFlags, SocketType, bind, getsockname, socket_with, sockopt,
};

use super::message;
use super::process::Process;
use super::room::Room;
use super::sockets;
use super::wait::Patience;
use crate::exit::Failure;

/// What the server is told to accept: the connection that shows it is up, and the real one.
const CONNECTIONS: &str = "2";

/// A server that is up.
#[derive(Debug)]
pub(super) struct Server {
    process: Process,
    stdin: ChildStdin,
    stdout: ChildStdout,
    port: Port,
}

/// What went in and came out of the two programs.
#[derive(Debug)]
pub(super) struct Exchange {
    /// Piped into the client.
    pub(super) request: Vec<u8>,
    /// Piped into the server.
    pub(super) response: Vec<u8>,
    /// What the client printed.
    pub(super) client_printed: Vec<u8>,
    /// What the server printed.
    pub(super) server_printed: Vec<u8>,
    pub(super) client_pid: u32,
    pub(super) server_pid: u32,
    /// The client's end and the server's, as the system's table of sockets had them.
    pub(super) client: SocketAddr,
    pub(super) server: SocketAddr,
}

impl Server {
    /// Starts it and waits until it answers.
    pub(super) fn start(room: &Room, patience: &Patience) -> Result<Self, Failure> {
        let port = Port::reserve()?;
        let mut command = room.openssl("s_server")?;
        command.args(["-quiet", "-naccept", CONNECTIONS, "-accept", &port.address().to_string()]);
        command.arg("-cert").arg(room.certificate()).arg("-key").arg(room.key());
        let mut process = Process::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()))?;
        let (stdin, stdout) = pipes(&mut process)?;
        let mut server = Self { process, stdin, stdout, port };
        // A connection that is refused takes nothing from the server; the first one that is not
        // shows that it is up. The client's end is the event to wait for.
        loop {
            let mut client = Process::start(&mut client(room, &server.port)?)?;
            if client.wait("waiting for the server", patience)?.success() {
                return Ok(server);
            }
            if server.process.child.try_wait()?.is_some() {
                return Err(room.complaints("starting the server"));
            }
        }
    }

    /// A client asks, the server answers, the client leaves, and both end.
    pub(super) fn serve(mut self, room: &Room, patience: &Patience) -> Result<Exchange, Failure> {
        let address = self.port.address();
        let (request, response) = (message::request(address.port()), message::response());
        let mut command = client(room, &self.port)?;
        let mut client = Process::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()))?;
        let (client_in, mut client_out) = pipes(&mut client)?;

        let what = "the request on its way to the server";
        let mut server_printed = patience.pass(what, &request, &client_in, &mut self.stdout)?;
        if server_printed.len() < request.len() {
            return Err(room.complaints(what));
        }
        let client_address = sockets::peer_of(address)?;
        let what = "the response on its way to the client";
        let mut client_printed = patience.pass(what, &response, &self.stdin, &mut client_out)?;

        // The end of its standard input is the client's word to leave, and the server's last
        // connection is its own.
        drop(client_in);
        let what = "the end of the connection";
        while patience.read(what, &mut client_out, &mut client_printed)? {}
        while patience.read(what, &mut self.stdout, &mut server_printed)? {}
        let client_ended = client.wait(what, patience)?;
        let server_ended = self.process.wait(what, patience)?;
        if !client_ended.success() || !server_ended.success() {
            return Err(room.complaints(what));
        }
        Ok(Exchange {
            request,
            response,
            client_printed,
            server_printed,
            client_pid: client.id(),
            server_pid: self.process.id(),
            client: client_address.into(),
            server: address.into(),
        })
    }
}

/// It ends with its standard input, and trusts nothing but our certificate.
fn client(room: &Room, port: &Port) -> Result<Command, Failure> {
    let mut command = room.openssl("s_client")?;
    command.args(["-quiet", "-no_ign_eof", "-verify_return_error", "-servername", "localhost"]);
    command.args(["-connect", &port.address().to_string()]);
    command.arg("-CAfile").arg(room.certificate());
    Ok(command)
}

fn pipes(process: &mut Process) -> Result<(ChildStdin, ChildStdout), Failure> {
    let missing = || io::Error::from(io::ErrorKind::BrokenPipe);
    let stdin = process.child.stdin.take().ok_or_else(missing)?;
    Ok((stdin, process.child.stdout.take().ok_or_else(missing)?))
}

/// A free port that stays ours: bound but not listened on, and the server may bind it as well.
#[derive(Debug)]
struct Port {
    address: SocketAddrV4,
    _held: OwnedFd,
}

impl Port {
    fn reserve() -> Result<Self, Failure> {
        let reserve = || -> rustix::io::Result<Self> {
            let held =
                socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
            sockopt::set_socket_reuseaddr(&held, true)?;
            bind(&held, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
            let address = SocketAddrV4::try_from(getsockname(&held)?)?;
            Ok(Self { address, _held: held })
        };
        let error = |error| Failure::failed(format!("no free port on 127.0.0.1: {error}"));
        reserve().map_err(|errno| error(io::Error::from(errno)))
    }

    fn address(&self) -> SocketAddrV4 {
        self.address
    }
}
