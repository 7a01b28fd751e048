//! QUIC, as far as it can be read without a key: where a datagram ends ([`datagram_len`]), and the
//! ClientHello in a client's Initial packets. They are protected with keys
//! that follow from the packets themselves (RFC 9001, section 5.2), which keeps out damage and
//! chance, not strangers: everything in them may be made up.

mod batch;
mod frames;
mod header;
mod initial;

use std::collections::HashMap;

use crate::flow::Flow;
use crate::hello::{self, Hello};
pub(crate) use batch::datagram_len;
use frames::Handshake;
use header::{Long, split};
use initial::Keys;

/// Packets of one datagram that are looked at. Initial ones come first (RFC 9000, section 12.2).
const PACKETS_MAX: usize = 8;
/// Handshakes in each of two generations: what is kept of them is bounded by this times 16 KiB.
const GENERATION: usize = 512;

/// ClientHellos that are not complete yet: one may take several datagrams.
#[derive(Default)]
pub(crate) struct Openings {
    now: HashMap<Flow, Opening>,
    before: HashMap<Flow, Opening>,
}

/// A client's first flight.
struct Opening {
    keys: Keys,
    handshake: Handshake,
}

/// Whether a datagram begins as a client's first one does.
pub(crate) fn is_initial(datagram: &[u8]) -> bool {
    split(datagram).is_some_and(|(packet, _)| packet.is_initial)
}

/// Whether a datagram may be one of a connection that is under way: its first packet has a short
/// header (RFC 8999, section 5.2).
pub(crate) fn is_short(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| first & 0x80 == 0)
}

/// How long the connection IDs of a datagram's receiver are, if its first packet says so.
pub(crate) fn id_len(datagram: &[u8]) -> Option<u8> {
    let (packet, _) = split(datagram)?;
    u8::try_from(packet.target.len()).ok()
}

impl Openings {
    /// Takes a datagram in. Answers the ClientHello that it adds to, as soon as its random is
    /// known.
    pub(crate) fn take(&mut self, flow: &Flow, datagram: &[u8]) -> Option<Hello> {
        if !is_initial(datagram) {
            return None;
        }
        let mut opening = self.now.remove(flow).or_else(|| self.before.remove(flow));
        let (mut rest, mut more) = (datagram, false);
        for _ in 0..PACKETS_MAX {
            let Some((packet, after)) = split(rest) else { break };
            more |= packet.is_initial && read(&mut opening, &packet);
            rest = after;
        }
        let opening = opening?;
        let known = opening.handshake.prefix();
        let hello = hello::in_message(known).filter(|_| more);
        if hello::message_len(known).is_none_or(|len| len > known.len()) {
            self.keep(*flow, opening);
        }
        hello
    }

    fn keep(&mut self, flow: Flow, opening: Opening) {
        if self.now.len() >= GENERATION {
            self.before = std::mem::take(&mut self.now);
        }
        self.now.insert(flow, opening);
    }
}

/// Takes an Initial packet in. Says whether it is one of a client's.
fn read(opening: &mut Option<Opening>, packet: &Long<'_>) -> bool {
    let known = opening.as_ref().and_then(|known| known.keys.open(packet));
    let frames = known.or_else(|| {
        // A first packet, be it after a Retry or of another connection between the same ends.
        let keys = Keys::client(packet.version, packet.target);
        let frames = keys.open(packet)?;
        *opening = Some(Opening { keys, handshake: Handshake::default() });
        Some(frames)
    });
    if let (Some(opening), Some(frames)) = (opening, &frames) {
        opening.handshake.take(frames);
    }
    frames.is_some()
}

impl std::fmt::Debug for Openings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Openings").field("now", &self.now.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::flow::{End, Protocol};

    const EXAMPLE: &[u8] = include_bytes!("../../tests/quic/rfc9001-a2");
    const EXAMPLE_2: &[u8] = include_bytes!("../../tests/quic/rfc9369-a2");
    /// A ClientHello as Chrome sends it, shuffled, in two datagrams.
    const LARGE: [&[u8]; 2] =
        [include_bytes!("../../tests/quic/curl-1"), include_bytes!("../../tests/quic/curl-2")];

    fn flow(port: u16) -> Flow {
        Flow::between(Protocol::Udp, End::v4([1; 4], port), End::v4([2; 4], 443)).0
    }

    fn name(hello: Option<Hello>) -> Option<String> {
        Some(hello?.name?.into())
    }

    #[test]
    fn a_hello_in_one_datagram() {
        let mut openings = Openings::default();
        for example in [EXAMPLE, EXAMPLE_2] {
            let hello = openings.take(&flow(1), example).unwrap();
            assert_eq!(hello.random[..4], [0xeb, 0xf8, 0xfa, 0x56]);
            assert_eq!(hello.name.as_deref(), Some("example.com"));
        }
        assert!(openings.now.is_empty(), "nothing is kept of what is complete");
    }

    #[test]
    fn a_hello_in_two_datagrams_whichever_comes_first() {
        let [one, two] = LARGE;
        for [first, second] in [[one, two], [two, one]] {
            let mut openings = Openings::default();
            let early = openings.take(&flow(1), first);
            assert_eq!(openings.take(&flow(2), second).is_some(), early.is_none(), "another flow");
            assert_eq!(openings.take(&flow(1), first), early, "once more");
            let whole = openings.take(&flow(1), second);
            assert!(
                early.is_none_or(|early| Some(early.random) == whole.as_ref().map(|w| w.random))
            );
            assert_eq!(name(whole).as_deref(), Some("localhost"));
        }
    }

    #[test]
    fn a_new_connection_id_begins_anew() {
        // As after a Retry, or when the former connection came to nothing.
        let mut openings = Openings::default();
        openings.take(&flow(1), LARGE[0]);
        assert_eq!(name(openings.take(&flow(1), EXAMPLE)).as_deref(), Some("example.com"));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut openings = Openings::default();
        for port in 0..3000 {
            openings.take(&flow(port), LARGE[1]);
        }
        assert!(openings.now.len() + openings.before.len() <= 2 * GENERATION);
        assert!(openings.take(&flow(2999), LARGE[0]).is_some());
    }

    #[test]
    fn other_datagrams_are_left_alone() {
        let mut openings = Openings::default();
        let mut server = EXAMPLE.to_vec();
        server[6] ^= 1;
        for datagram in [&[][..], b"\x16\xfe\xff", &[0xc0; 1200], &EXAMPLE[..1199], &server] {
            assert_eq!(openings.take(&flow(1), datagram), None);
        }
        assert!(openings.now.is_empty());
    }

    proptest! {
        #[test]
        fn damage_is_no_panic(at in 0usize..1200, byte in any::<u8>(), cut in 0usize..1200) {
            let mut bytes = EXAMPLE.to_vec();
            bytes[at] = byte;
            Openings::default().take(&flow(1), &bytes[..1200 - cut]);
        }
    }
}
