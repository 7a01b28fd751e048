//! What was captured against what happened: each claim, whether it holds, and why not.

use super::evidence::{Conn, Evidence, Stream};
use super::peers::Exchange;

/// One claim about the capture.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// What is claimed.
    pub(super) claim: String,
    /// What was found, if it holds; else what is wrong.
    pub(super) found: Result<String, String>,
}

/// The two connections that must be there.
#[derive(Debug)]
pub(super) struct Ends<'a> {
    pub(super) client: &'a Conn,
    pub(super) server: &'a Conn,
}

impl<'a> Ends<'a> {
    /// Finds them.
    pub(super) fn of(evidence: &'a Evidence, exchange: &Exchange) -> Result<Self, String> {
        let of = |pid, who| evidence.of(pid).map_err(|error| format!("{who}: {error}"));
        Ok(Self {
            client: of(exchange.client_pid, "client")?,
            server: of(exchange.server_pid, "server")?,
        })
    }
}

/// Checks every claim.
pub(super) fn check(ends: &Ends<'_>, evidence: &Evidence, truth: &Exchange) -> Vec<Finding> {
    let (client, server) = (ends.client, ends.server);
    let stream = |who: &str, stream: &Stream, truth: &[u8]| Finding {
        claim: who.to_owned(),
        found: equal(&stream.bytes, truth).map(|()| sizes(stream)),
    };
    vec![
        stream("client wrote (request)", &client.written, &truth.request),
        stream("server read (request)", &server.read, &truth.server_printed),
        stream("server wrote (response)", &server.written, &truth.response),
        stream("client read (response)", &client.read, &truth.client_printed),
        Finding { claim: "printed is what was sent".to_owned(), found: passed_on(truth) },
        Finding { claim: "gaps".to_owned(), found: no_gaps(ends) },
        Finding { claim: "addresses".to_owned(), found: addresses(ends, truth) },
        Finding { claim: "unaccounted bytes".to_owned(), found: accounted(evidence) },
    ]
}

/// The programs themselves must not have changed anything, or the pipes prove nothing.
fn passed_on(truth: &Exchange) -> Result<String, String> {
    equal(&truth.server_printed, &truth.request).map_err(|why| format!("server: {why}"))?;
    equal(&truth.client_printed, &truth.response).map_err(|why| format!("client: {why}"))?;
    Ok("equal, the programs changed nothing".to_owned())
}

fn no_gaps(ends: &Ends<'_>) -> Result<String, String> {
    let streams =
        [&ends.client.read, &ends.client.written, &ends.server.read, &ends.server.written];
    match streams.iter().map(|stream| stream.missing).sum::<u64>() {
        0 => Ok("none".to_owned()),
        missing => Err(format!("{missing} bytes are missing")),
    }
}

fn addresses(ends: &Ends<'_>, truth: &Exchange) -> Result<String, String> {
    let (client, server) = (truth.client.to_string(), truth.server.to_string());
    for (who, conn, wanted) in [
        ("client", ends.client, (client.clone(), server.clone())),
        ("server", ends.server, (server.clone(), client.clone())),
    ] {
        let seen: Vec<_> = conn.addresses.iter().collect();
        if seen != [&wanted] {
            return Err(format!("{who}: {seen:?}, not {wanted:?}"));
        }
    }
    Ok(format!("equal, {client} to {server}"))
}

fn accounted(evidence: &Evidence) -> Result<String, String> {
    let Some(summary) = &evidence.summary else {
        return Err("the capture has no summary".to_owned());
    };
    let number = |name: &str| summary[name].as_u64();
    match (number("unaccounted"), number("lost_events")) {
        (Some(0), Some(0)) => Ok("none, and no event was lost".to_owned()),
        (unaccounted, lost) => {
            let number = |number: Option<u64>| number.map_or("?".to_owned(), |n| n.to_string());
            Err(format!("{}, and {} lost events", number(unaccounted), number(lost)))
        }
    }
}

fn sizes(stream: &Stream) -> String {
    match stream.pieces {
        1 => format!("equal, {} bytes in 1 piece", stream.bytes.len()),
        pieces => format!("equal, {} bytes in {pieces} pieces", stream.bytes.len()),
    }
}

fn equal(captured: &[u8], truth: &[u8]) -> Result<(), String> {
    if captured == truth {
        return Ok(());
    }
    let same = captured.iter().zip(truth).take_while(|(a, b)| a == b).count();
    let (captured, truth) = (captured.len(), truth.len());
    Err(format!("{captured} bytes, not the {truth} that went through; they part at byte {same}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stream(bytes: &[u8]) -> Stream {
        Stream { bytes: bytes.to_vec(), missing: 0, pieces: 1 }
    }

    fn conn(read: &[u8], written: &[u8], local: &str, remote: &str) -> Conn {
        Conn {
            read: stream(read),
            written: stream(written),
            addresses: [(local.to_owned(), remote.to_owned())].into(),
            source: "call-socket".to_owned(),
            library: "/l".to_owned(),
        }
    }

    /// The claims that fail after `change` made something different.
    fn failing(
        change: impl FnOnce(&mut Conn, &mut Conn, &mut Evidence, &mut Exchange),
    ) -> Vec<String> {
        let (one, two) = ("127.0.0.1:1", "127.0.0.1:2");
        let mut client = conn(b"hello", b"get", one, two);
        let mut server = conn(b"get", b"hello", two, one);
        let mut evidence = Evidence::default();
        evidence.summary = Some(json!({"unaccounted": 0, "lost_events": 0}));
        let mut truth = Exchange {
            request: b"get".to_vec(),
            response: b"hello".to_vec(),
            client_printed: b"hello".to_vec(),
            server_printed: b"get".to_vec(),
            client_pid: 1,
            server_pid: 2,
            client: one.parse().unwrap(),
            server: two.parse().unwrap(),
        };
        change(&mut client, &mut server, &mut evidence, &mut truth);
        let ends = Ends { client: &client, server: &server };
        let findings = check(&ends, &evidence, &truth);
        assert_eq!(findings.len(), 8);
        let failed = findings.into_iter().filter(|finding| finding.found.is_err());
        failed.map(|finding| finding.claim).collect()
    }

    #[test]
    fn what_is_equal_holds() {
        assert_eq!(failing(|_, _, _, _| {}), [""; 0]);
    }

    #[test]
    fn every_difference_is_found_where_it_is() {
        let one = |claim: &str, found: Vec<String>| {
            assert!(found.len() == 1 && found[0].starts_with(claim), "{claim}: {found:?}");
        };
        one("client wrote", failing(|client, _, _, _| client.written.bytes[2] = b'T'));
        one("server read", failing(|_, server, _, _| server.read.bytes.push(b'!')));
        one("server wrote", failing(|_, server, _, _| server.written.bytes.truncate(4)));
        one("client read", failing(|client, _, _, _| client.read.bytes.clear()));
        one("gaps", failing(|client, _, _, _| client.read.missing = 1));
        one("addresses", failing(|client, _, _, _| client.addresses.clear()));
        one("addresses", failing(|_, _, _, truth| truth.client.set_port(3)));
        one("unaccounted", failing(|_, _, evidence, _| evidence.summary = None));
        one(
            "unaccounted",
            failing(|_, _, evidence, _| {
                evidence.summary = Some(json!({"unaccounted": 1, "lost_events": 0}));
            }),
        );
    }

    #[test]
    fn a_program_that_changes_what_it_passes_on_is_no_witness() {
        let found = failing(|client, _, _, truth| {
            client.read.bytes = b"help!".to_vec();
            truth.client_printed = b"help!".to_vec();
        });
        assert_eq!(found, ["printed is what was sent"]);
    }

    #[test]
    fn a_difference_says_where_it_begins() {
        let why = equal(b"abcd", b"abXd!").unwrap_err();
        assert_eq!(why, "4 bytes, not the 5 that went through; they part at byte 2");
    }
}
