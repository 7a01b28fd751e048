//! Datagrams that the kernel handed over as one. A packet with a short header ends where its
//! datagram does, so that nobody can read it while the next one's bytes stand behind it.

use memchr::memmem;

use super::header::{is_short, split};

/// Connection IDs shorter than this come again by chance.
const ID_MIN: usize = 4;
/// What is taken for the ID of a connection whose first packets were not seen: most are as long or
/// longer.
const ID_GUESSED: usize = 8;
/// A packet that can be protected has so many bytes (RFC 9001, section 5.4.2).
const PACKET_MIN: usize = 21;
/// Datagrams that are full are larger, and others are not batched.
const DATAGRAM_MIN: usize = 64;
/// Datagrams at the front that have none.
const LONG_MAX: usize = 8;

/// How long each datagram of a batch is, but the last, which may be shorter; `None` if it is no
/// batch, or one that its receiver can take apart. `id_len` is the length of the receiver's
/// connection IDs, if that is known.
pub(crate) fn datagram_len(batch: &[u8], id_len: Option<u8>) -> Option<usize> {
    let mut rest = batch;
    let (mut id_len, mut surely) = (id_len.map_or(ID_GUESSED, usize::from), id_len.is_some());
    let mut target = None;
    while let Some((long, after)) = split(rest) {
        (id_len, surely, target) = (long.target.len(), true, Some(long.target));
        rest = after;
    }
    let at = batch.len() - rest.len();
    let id = rest.get(1..=id_len).filter(|_| is_short(rest, surely))?;
    // Behind a long header, what is for nobody or somebody else fills the datagram up.
    if id.len() < ID_MIN || target.is_some_and(|target| target != id) {
        return None;
    }
    let behind = at + 1 + id_len;
    let mut found = memmem::find_iter(&batch[behind..], id).map(|found| behind + found - 1);
    let again = found.find(|&place| is_short(&batch[place..], surely))?;
    // Datagrams without a short header may stand before the first that has one.
    let lens = (1..=LONG_MAX).rev().filter(|n| again % n == 0).map(|n| again / n);
    let mut lens = lens.filter(|&len| len >= DATAGRAM_MIN);
    lens.find(|&len| batch.chunks(len).skip(1).all(|datagram| begins(datagram, id, surely)))
}

/// Whether a packet for this connection begins here.
fn begins(datagram: &[u8], id: &[u8], surely: bool) -> bool {
    if is_short(datagram, surely) {
        return datagram.len() >= PACKET_MIN && datagram[1..].starts_with(id);
    }
    split(datagram).is_some_and(|(long, _)| long.target == id)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: [u8; 8] = *b"receiver";

    fn short(len: usize, id: &[u8]) -> Vec<u8> {
        let mut packet = [&[0x41], id].concat();
        // Nothing that repeats.
        packet.extend((packet.len()..len).map(|at| (at * at * 31 % 251) as u8));
        packet
    }

    fn long(len: usize, id: &[u8]) -> Vec<u8> {
        let head = [&[0xe0, 0, 0, 0, 1, id.len() as u8], id, &[0]].concat();
        let rest = len - head.len() - 2;
        [head.as_slice(), &(rest as u16 | 0x4000).to_be_bytes(), &vec![9; rest]].concat()
    }

    #[test]
    fn batches_are_told_from_single_datagrams() {
        let full = short(1200, &ID);
        for (parts, expected) in [
            (vec![full.clone()], None),
            (vec![full.clone(), full.clone()], Some(1200)),
            (vec![full.clone(), full.clone(), short(90, &ID)], Some(1200)),
            // What is too short to be a packet.
            (vec![full.clone(), short(20, &ID)], None),
            (vec![full.clone(), short(1200, b"another1")], None),
            (vec![short(1100, &ID), full.clone(), full.clone()], None),
            // Packets that share a datagram, and a batch that begins with some.
            (vec![long(300, &ID), short(900, &ID)], None),
            (vec![long(300, &ID), short(900, &ID), full.clone()], Some(1200)),
            (vec![long(1200, &ID), full.clone(), full.clone()], Some(1200)),
            (vec![long(1200, &ID), long(200, &ID)], None),
            (vec![long(500, &ID), vec![0; 700]], None),
        ] {
            assert_eq!(datagram_len(&parts.concat(), None), expected, "{} parts", parts.len());
        }
    }

    #[test]
    fn short_connection_ids_have_to_be_known() {
        let batch = [short(1200, b"four"), short(1200, b"four")].concat();
        assert_eq!(datagram_len(&batch, Some(4)), Some(1200));
        assert_eq!(datagram_len(&batch, Some(3)), None);
        assert_eq!(datagram_len(&batch, Some(0)), None);
    }

    #[test]
    fn the_bit_that_tells_quic_from_other_protocols_may_be_missing() {
        let greased = |len| [&[0x1c], &short(len, &ID)[1..]].concat();
        let batch = [short(1200, &ID), greased(1200), greased(1200)].concat();
        assert_eq!(datagram_len(&batch, Some(8)), Some(1200));
        assert_eq!(datagram_len(&batch, None), None);
        let records = [greased(100), greased(100)].concat();
        assert_eq!(datagram_len(&records, None), None, "DTLS looks like this");
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_odd(
            bytes in proptest::collection::vec(0x3e..0x42u8, 0..400),
            id_len in proptest::option::of(any::<u8>()),
        ) {
            if let Some(len) = datagram_len(&bytes, id_len) {
                prop_assert!((DATAGRAM_MIN..bytes.len()).contains(&len));
            }
        }
    }
}
