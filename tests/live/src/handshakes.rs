//! `openssl s_client` in every kind of handshake, each with a log of its keys.

use std::process::Command;

use crate::{
    cert::Cert,
    keys::log_lines,
    process::{Finished, Process},
};

/// What a server does besides full handshakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// It resumes sessions of TLS 1.2 and 1.3.
    Resumption,
    /// It asks for a client's certificate.
    ClientCertificates,
}

/// Handshakes of TLS 1.2 and 1.3: full ones, and those that the server offers, which must come
/// about. Each asks for a page; what each logged.
#[track_caller]
pub fn every_handshake(cert: &Cert, address: &str, offers: &[Offer]) -> Vec<Vec<String>> {
    let mut logs = Vec::new();
    for version in ["-tls1_2", "-tls1_3"] {
        let session = cert.dir().join(format!("session{version}")).display().to_string();
        let (_, log) = s_client(cert, address, &[version, "-sess_out", &session]);
        logs.push(log);
        if offers.contains(&Offer::Resumption) {
            let (said, log) = s_client(cert, address, &[version, "-sess_in", &session]);
            let said = said.stdout_text();
            assert!(said.contains("Reused, TLSv1."), "a resumed session: {said}");
            logs.push(log);
        }
        if offers.contains(&Offer::ClientCertificates) {
            let (pem, key) = (cert.pem(), cert.key());
            let own = [pem, key].map(|path| path.display().to_string());
            let args = [version, "-cert", &own[0], "-key", &own[1]];
            let (said, log) = s_client(cert, address, &args);
            let said = said.stdout_text();
            assert!(said.contains("Requested Signature Algorithms"), "it asks: {said}");
            logs.push(log);
        }
    }
    logs
}

/// One connection that asks for a page, with these arguments besides; what it said and logged.
#[track_caller]
pub fn s_client(cert: &Cert, address: &str, args: &[&str]) -> (Finished, Vec<String>) {
    sends(cert, address, args, REQUEST)
}

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

#[track_caller]
fn sends(cert: &Cert, address: &str, args: &[&str], request: &str) -> (Finished, Vec<String>) {
    let log = tempfile::NamedTempFile::new_in(cert.dir()).expect("a folder").into_temp_path();
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", address, "-CAfile"]).arg(cert.pem());
    command.args(["-ign_eof", "-ignore_unexpected_eof", "-keylogfile"]).arg(&log).args(args);
    let mut client = Process::start(command);
    client.feed(request.as_bytes(), true);
    (client.finish().success(), log_lines(&log))
}

/// One more, resumed with what came out as `session`, whose request is early data that the server
/// takes. A server that keeps the connection is asked once `more`; what was logged.
#[track_caller]
pub fn early_data(cert: &Cert, address: &str, session: &str, more: bool) -> Vec<String> {
    let early = cert.dir().join("early-request");
    std::fs::write(&early, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("a folder");
    let early = early.display().to_string();
    let args = ["-tls1_3", "-sess_in", session, "-early_data", &early];
    let (said, log) = sends(cert, address, &args, if more { REQUEST } else { "" });
    let said = said.stdout_text();
    assert!(said.contains("Early data was accepted"), "{said}");
    log
}
