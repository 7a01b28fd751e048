//! `ecapture demo`: the main job from end to end, on an exchange of its own whose every byte is
//! known, so that what was captured can be compared with what was sent.
//!
//! A server starts, then `ecapture tls` as any user would run it, then a client: one program was
//! there before the capture and one comes later, and neither knows of it.

mod capture;
mod evidence;
mod findings;
mod message;
mod peers;
mod process;
mod room;
mod sockets;
mod wait;

use probe::Rights;

use crate::exit::Failure;
use crate::page::{Mark, Page};
use capture::{Capture, Left};
use evidence::Evidence;
use findings::{Ends, Finding};
use peers::{Exchange, Server};
use room::Room;
use wait::Patience;

/// Runs it; fails if anything differs.
pub(crate) fn run() -> Result<(), Failure> {
    let missing = Rights::own().missing();
    if !missing.is_empty() {
        return Err(Failure::failed(format!(
            "not permitted: {} missing; run it as root: `sudo ecapture demo`",
            missing.join(", ")
        )));
    }
    let patience = Patience::new()?;
    let (exchange, left) = perform(&patience)?;
    let evidence = Evidence::read(&left.json).map_err(differs)?;
    let ends = Ends::of(&evidence, &exchange).map_err(differs)?;
    let findings = findings::check(&ends, &evidence, &exchange);
    let mut page = Page::new();
    tell(&mut page, &exchange, &ends, &findings);
    circumstances(&mut page, &ends, &left.log);
    let verdict = conclude(&mut page, &findings);
    page.print()?;
    verdict
}

/// Lets the exchange happen while the capture runs.
fn perform(patience: &Patience) -> Result<(Exchange, Left), Failure> {
    let room = Room::new(patience)?;
    let server = Server::start(&room, patience)?;
    let capture = Capture::start(&room, patience)?;
    let exchange = server.serve(&room, patience)?;
    Ok((exchange, capture.finish(patience)?))
}

/// Bytes of a message that are shown.
const SHOWN: usize = 640;

fn tell(page: &mut Page, exchange: &Exchange, ends: &Ends<'_>, findings: &[Finding]) {
    page.title(&format!("Request, as captured in the client, openssl[{}]", exchange.client_pid));
    show(page, &ends.client.written.bytes);
    page.title(&format!("Response, as captured in the server, openssl[{}]", exchange.server_pid));
    show(page, &ends.server.written.bytes);
    page.title("Compared, byte for byte, with what went through the programs' pipes");
    for Finding { claim, found } in findings {
        match found {
            Ok(found) => page.line(Mark::Ok, &format!("{claim:<25} {found}")),
            Err(why) => page.line(Mark::No, &format!("{claim:<25} DIFFERENT: {why}")),
        }
    }
}

fn show(page: &mut Page, message: &[u8]) {
    let shown = &message[..message.len().min(SHOWN)];
    // Not half a line.
    let whole = shown.iter().rposition(|&byte| byte == b'\n').map_or(shown.len(), |end| end + 1);
    let shown = if shown.len() < message.len() { &shown[..whole] } else { shown };
    page.payload(shown);
    if shown.len() < message.len() {
        page.payload(format!("… {} bytes more", message.len() - shown.len()).as_bytes());
    }
}

fn circumstances(page: &mut Page, ends: &Ends<'_>, log: &str) {
    let name = rustix::system::uname();
    let (release, machine) = (name.release().to_string_lossy(), name.machine().to_string_lossy());
    page.title("Proved with");
    page.line(Mark::Ok, &format!("kernel     Linux {release} on {machine}"));
    for library in libraries(ends) {
        page.line(Mark::Ok, &format!("library    {library}"));
        page.line(Mark::Ok, &format!("probes     {}", probes(log, library)));
    }
    page.line(Mark::Ok, &format!("addresses  found by {}", ends.client.source));
    page.line(Mark::Ok, "server     ran before the capture and was not restarted");
}

/// The files that were hooked: one, unless client and server come from different places.
fn libraries<'a>(ends: &Ends<'a>) -> Vec<&'a str> {
    let mut libraries = vec![ends.client.library.as_str(), ends.server.library.as_str()];
    libraries.dedup();
    libraries
}

/// The functions that the capture said it probes in a file: `hooked FILE: A B C (…)`.
fn probes<'a>(log: &'a str, library: &str) -> &'a str {
    let hooked = format!("hooked {library}: ");
    let line = log.lines().find_map(|line| line.split_once(&hooked).map(|(_, rest)| rest));
    line.and_then(|rest| rest.split(" (").next()).unwrap_or("?")
}

fn conclude(page: &mut Page, findings: &[Finding]) -> Result<(), Failure> {
    let differ: Vec<_> = findings.iter().filter(|finding| finding.found.is_err()).collect();
    page.title("Altogether");
    if differ.is_empty() {
        page.line(Mark::Ok, "everything that was captured equals what was sent and received");
        return Ok(());
    }
    let names: Vec<_> = differ.iter().map(|finding| finding.claim.as_str()).collect();
    page.line(Mark::No, "what was captured is not what was sent and received, see above");
    Err(differs(names.join(", ")))
}

fn differs(what: String) -> Failure {
    Failure::failed(format!("captured and real traffic differ: {what}; please report this"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probed_functions_are_found_in_the_log() {
        let log = " INFO hooked /a/libssl.so.3.0: X (first seen in a[1])\n \
                   INFO hooked /a/libssl.so.3: SSL_read SSL_free (first seen in b[2])\n";
        assert_eq!(probes(log, "/a/libssl.so.3"), "SSL_read SSL_free");
        assert_eq!(probes(log, "/b/libssl.so.3"), "?");
    }

    #[test]
    fn long_messages_are_cut_at_a_line() {
        let mut page = Page::plain();
        let line = "x".repeat(100) + "\n";
        show(&mut page, line.repeat(10).as_bytes());
        assert_eq!(page.as_text().lines().count(), 7);
        assert!(page.as_text().ends_with("… 404 bytes more\n"));
        let mut page = Page::plain();
        show(&mut page, b"short");
        assert_eq!(page.as_text(), "    short\n");
    }

    #[test]
    fn one_difference_fails_and_is_named() {
        let finding = |claim: &str, found| Finding { claim: claim.to_owned(), found };
        let (good, bad) = (finding("gaps", Ok(String::new())), finding("x", Err(String::new())));
        assert!(conclude(&mut Page::plain(), &[good]).is_ok());
        let failure = conclude(&mut Page::plain(), &[bad]).unwrap_err();
        assert!(failure.lines().any(|line| line.contains(": x;")), "{failure:?}");
    }
}
