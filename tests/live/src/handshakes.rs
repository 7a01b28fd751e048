//! `openssl s_client` in every kind of handshake, each with a log of its keys.

use std::process::Command;

use tempfile::TempPath;

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
    /// It takes early data in TLS 1.3.
    EarlyData,
}

/// Handshakes of TLS 1.2 and 1.3: full ones, and those that the server offers, which must come
/// about. Each asks for a page; what each logged.
#[track_caller]
pub fn every_handshake(cert: &Cert, address: &str, offers: &[Offer]) -> Vec<Vec<String>> {
    let mut logs = handshakes("-tls1_2", cert, address, offers);
    logs.extend(handshakes("-tls1_3", cert, address, offers));
    logs
}

/// The same of one version.
#[track_caller]
pub fn handshakes(version: &str, cert: &Cert, address: &str, offers: &[Offer]) -> Vec<Vec<String>> {
    let mut logs = Vec::new();
    let s_client = |args: &[&str]| s_client(cert, address, args);
    let session = cert.dir().join(format!("session{version}")).display().to_string();
    let (_, log) = s_client(&[version, "-sess_out", &session]);
    logs.push(log);
    if offers.contains(&Offer::Resumption) {
        let (said, log) = s_client(&[version, "-sess_in", &session]);
        let said = said.stdout_text();
        assert!(said.contains("Reused, TLSv1."), "a resumed session: {said}");
        logs.push(log);
    }
    if offers.contains(&Offer::ClientCertificates) {
        let (pem, key) = (cert.pem(), cert.key());
        let own = [pem, key].map(|path| path.display().to_string());
        let (said, log) = s_client(&[version, "-cert", &own[0], "-key", &own[1]]);
        let said = said.stdout_text();
        assert!(said.contains("Requested Signature Algorithms"), "it asks: {said}");
        logs.push(log);
    }
    if offers.contains(&Offer::EarlyData) && version == "-tls1_3" {
        let (_, log) = s_client(&[version, "-sess_out", &session]);
        logs.push(log);
        // It may answer, and break off before it read all that it was sent.
        let (taken, _, log) = try_early_data(cert, address, &session, false);
        assert!(taken, "the server takes no early data");
        logs.push(log);
    }
    logs
}

/// One connection that asks for a page, with these arguments besides; what it said and logged.
#[track_caller]
pub fn s_client(cert: &Cert, address: &str, args: &[&str]) -> (Finished, Vec<String>) {
    let (mut client, log) = started(cert, address, args);
    client.feed(REQUEST.as_bytes(), true);
    (client.finish().success(), log_lines(&log))
}

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// A client, and where it logs its keys.
#[track_caller]
fn started(cert: &Cert, address: &str, args: &[&str]) -> (Process, TempPath) {
    let log = tempfile::NamedTempFile::new_in(cert.dir()).expect("a folder").into_temp_path();
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", address, "-CAfile"]).arg(cert.pem());
    command.args(["-ign_eof", "-ignore_unexpected_eof", "-keylogfile"]).arg(&log).args(args);
    (Process::start(command), log)
}

/// One more, resumed with what came out as `session`, whose request is early data that the server
/// takes. A server that keeps the connection is asked once `more`; what was logged.
#[track_caller]
pub fn early_data(cert: &Cert, address: &str, session: &str, more: bool) -> Vec<String> {
    let (taken, ended, log) = try_early_data(cert, address, session, more);
    assert!(taken, "the server takes no early data");
    ended.success();
    log
}

/// The same of a server that may not take it, and is asked anew then, or that breaks off when it has
/// answered; whether it took it, how that ended, and what was logged.
#[track_caller]
pub fn try_early_data(
    cert: &Cert,
    address: &str,
    session: &str,
    more: bool,
) -> (bool, Finished, Vec<String>) {
    let early = cert.dir().join("early-request");
    std::fs::write(&early, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("a folder");
    let early = early.display().to_string();
    let args = ["-tls1_3", "-sess_in", session, "-early_data", &early];
    let (mut client, log) = started(cert, address, &args);
    let taken = client.stdout_line("what became of its early data", |line| {
        Some(line.strip_prefix("Early data was ")? == "accepted")
    });
    client.feed(if more || !taken { REQUEST } else { "" }.as_bytes(), true);
    (taken, client.finish(), log_lines(&log))
}
