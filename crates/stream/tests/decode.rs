//! Records, whole and broken.

mod told;

use abi::{Head, Kind};
use proptest::prelude::*;
use stream::Dir::{Read, Write};
use stream::GapReason;
use stream::event::{DecodeError, Event};
use told::{close, conn, data, gap, head, rest};

fn record(event: &Event<'_>) -> Vec<u8> {
    let mut record = Vec::new();
    event.encode(&mut record);
    record
}

/// One of each kind.
fn every_kind() -> Vec<Event<'static>> {
    vec![
        data(head(1), Write, 5, b"payload"),
        gap(head(1), Read, 5, 9, GapReason::Unreadable),
        conn(head(1), Some(("[2001:db8::1]:1", "[2001:db8::2]:2"))),
        conn(head(1), Some(("10.0.0.1:1", "10.0.0.2:2"))),
        rest(head(1), Write, 5, 0x1000, 6, 9),
        conn(head(1), None),
        close(head(1), 3, 4),
        Event::Exec(head(0)),
        Event::Exit(head(0)),
    ]
}

#[test]
fn every_kind_reads_back() {
    for event in every_kind() {
        let record = record(&event);
        let mut back = Vec::new();
        Event::decode(&record).unwrap().encode(&mut back);
        assert_eq!(back, record);
    }
}

#[test]
fn a_record_that_ends_early_is_refused_at_every_byte() {
    for event in every_kind() {
        let record = record(&event);
        for end in 0..record.len() {
            let error = Event::decode(&record[..end]).unwrap_err();
            assert!(
                matches!(error, DecodeError::Short { have, .. } if have == end)
                    || matches!(error, DecodeError::Length { declared: 7, .. }),
                "{error}"
            );
        }
    }
}

#[test]
fn what_follows_the_content_is_ignored() {
    for event in every_kind() {
        let mut longer = record(&event);
        let whole = longer.clone();
        longer.extend_from_slice(&[0xaa; 200]);
        assert_eq!(Event::decode(&longer), Event::decode(&whole));
    }
}

#[test]
fn payload_is_borrowed_and_exact() {
    let mut longer = record(&data(head(1), Read, 0, b"abc"));
    longer.extend_from_slice(b"stale");
    let Event::Data(data) = Event::decode(&longer).unwrap() else { panic!("not data") };
    assert_eq!(data.bytes, b"abc");
    assert_eq!(data.bytes.as_ptr(), longer[abi::Data::SIZE..].as_ptr());
}

#[test]
fn lengths_that_do_not_fit_are_refused() {
    let whole = record(&data(head(1), Read, 0, b"abc"));
    let mut raw = abi::Data::from_bytes(&whole).unwrap();
    raw.head.len = u32::MAX;
    let mut broken = raw.to_bytes().to_vec();
    broken.extend_from_slice(b"abc");
    let error = DecodeError::Length { declared: u32::MAX.into(), have: 3 };
    assert_eq!(Event::decode(&broken), Err(error));
    raw.head.len = 3;
    raw.moved = 4;
    broken[..abi::Data::SIZE].copy_from_slice(&raw.to_bytes());
    assert_eq!(Event::decode(&broken), Err(DecodeError::Length { declared: 4, have: 3 }));
    let left = record(&rest(head(1), Read, 0, 0x1000, 10, 9));
    assert_eq!(Event::decode(&left), Err(DecodeError::Length { declared: 10, have: 9 }));
}

/// A record with one byte changed.
fn with(event: &Event<'_>, at: usize, value: u8) -> Vec<u8> {
    let mut record = record(event);
    record[at] = value;
    record
}

/// Where a field of the head stands, found by writing it.
fn place(set: impl Fn(&mut Head)) -> usize {
    let mut head = Head::default();
    set(&mut head);
    head.to_bytes().iter().position(|&byte| byte == 0xee).expect("the field is set")
}

#[test]
fn numbers_outside_the_contract_are_refused() {
    let some = data(head(1), Read, 0, b"");
    let kind = place(|head| head.kind = 0xee);
    for value in 0..=u8::MAX {
        // A flow is about a socket, a secret for a key log: none of this crate's business.
        let others = [Kind::Flow, Kind::Secret, Kind::Shake, Kind::Line];
        let known = Kind::from_u8(value).is_some_and(|kind| !others.contains(&kind));
        let error = Event::decode(&with(&some, kind, value)).err();
        assert_eq!(error == Some(DecodeError::UnknownKind(value)), !known, "{value}");
    }
    let dir = place(|head| head.dir = 0xee);
    let error = Event::decode(&with(&some, dir, 2)).unwrap_err();
    assert_eq!(error, DecodeError::UnknownDirection(2));
    let some = gap(head(1), Read, 0, 1, GapReason::Cap);
    let error = Event::decode(&with(&some, dir, 0xff)).unwrap_err();
    assert_eq!(error, DecodeError::UnknownDirection(0xff));
    let reason = place(|head| head.reason = 0xee);
    for value in [0, abi::Reason::ALL.len() as u8, 0xff] {
        let error = Event::decode(&with(&some, reason, value)).unwrap_err();
        assert_eq!(error, DecodeError::UnknownReason(value));
    }
    let raw =
        abi::Conn { family: 5, ..abi::Conn::from_bytes(&record(&conn(head(1), None))).unwrap() };
    assert_eq!(Event::decode(&raw.to_bytes()), Err(DecodeError::UnknownFamily(5)));
    let raw = abi::Conn { family: 4, source: 9, ..raw };
    assert_eq!(Event::decode(&raw.to_bytes()), Err(DecodeError::UnknownSource(9)));
}

#[test]
fn an_ipv4_peer_of_an_ipv6_socket_is_shown_as_ipv4() {
    let mapped = record(&conn(head(1), Some(("[::ffff:10.0.0.1]:1", "[::ffff:10.0.0.2]:2"))));
    let Event::Conn(conn) = Event::decode(&mapped).unwrap() else { panic!("not a connection") };
    let expected = ("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap());
    assert_eq!(conn.addresses, Some(expected));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), kind in 0u8..11) {
        let mut bytes = bytes;
        let _ = Event::decode(&bytes);
        if let Some(byte) = bytes.get_mut(place(|head| head.kind = 0xee)) {
            *byte = kind;
        }
        let _ = Event::decode(&bytes);
    }
}
