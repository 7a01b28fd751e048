//! The rules of the table, one by one.

mod told;

use abi::Head;
use stream::Dir::{Read, Write};
use stream::event::Event;
use stream::{CloseReason, Ended, GapReason, InFlight, Key};
use told::Said::*;
use told::{Bench, close, conn, data, gap, head, rest};

#[test]
fn pieces_in_order_are_shown_as_they_come() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.push(data(head(1), Write, 0, b"GET")),
        [Open(1), Data(1, Write, 0, b"GET".to_vec())]
    );
    assert_eq!(bench.push(data(head(1), Write, 3, b" /")), [Data(1, Write, 3, b" /".to_vec())]);
    assert_eq!(bench.push(data(head(1), Read, 0, b"200")), [Data(1, Read, 0, b"200".to_vec())]);
    assert_eq!(bench.push(close(head(1), 3, 5)), [Close(1, CloseReason::Freed)]);
    let totals = bench.table.totals();
    assert_eq!((totals.connections, totals.captured, totals.missing), (1, [3, 5], [0, 0]));
    assert_eq!(bench.told.closes[0].captured, [3, 5]);
    assert!(bench.table.is_empty());
}

#[test]
fn a_connection_carries_who_and_where() {
    let mut bench = Bench::new();
    bench.push(conn(head(1), Some(("127.0.0.1:40112", "[::ffff:127.0.0.1]:443"))));
    bench.push(data(head(1), Write, 0, b"x"));
    let known = &bench.told.conns[&1];
    assert_eq!((known.pid, known.start_ns, known.uid), (7, 70, 9));
    assert_eq!((&*known.exe, &*known.lib), ("/bin/program7", "/lib/file3"));
    assert_eq!(known.comm.as_bytes(), b"thread");
    assert_eq!(known.local, Some("127.0.0.1:40112".parse().unwrap()));
    assert_eq!(known.remote, Some("127.0.0.1:443".parse().unwrap()));
    assert_eq!(known.addr_source, stream::AddrSource::CallSocket);
    assert_eq!(known.cgroup, 5);
    assert_eq!(bench.known.asked_exe, 1);
}

#[test]
fn addresses_may_come_late_and_are_not_forgotten() {
    let mut bench = Bench::new();
    bench.push(data(head(1), Write, 0, b"x"));
    assert_eq!(bench.told.conns[&1].local, None);
    assert_eq!(bench.push(conn(head(1), Some(("[::1]:1", "[::1]:2")))), []);
    assert_eq!(bench.push(conn(head(1), None)), []);
    bench.push(data(head(1), Write, 1, b"y"));
    assert_eq!(bench.told.conns[&1].remote, Some("[::1]:2".parse().unwrap()));
    assert_eq!(bench.told.conns[&1].addr_source, stream::AddrSource::CallSocket);
}

#[test]
fn a_jump_is_a_gap_of_a_full_ring() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.push(data(head(1), Read, 10, b"abc")),
        [Open(1), Gap(1, Read, 0, 10, GapReason::RingFull), Data(1, Read, 10, b"abc".to_vec())]
    );
    assert_eq!(bench.told.gaps[0].tid, None);
    assert_eq!(
        bench.push(gap(head(1), Read, 20, 5, GapReason::Cap)),
        [Gap(1, Read, 13, 7, GapReason::RingFull), Gap(1, Read, 20, 5, GapReason::Cap)]
    );
    assert_eq!(bench.told.gaps[2].tid, Some(8));
    assert_eq!(
        bench.push(close(head(1), 26, 2)),
        [
            Gap(1, Read, 25, 1, GapReason::RingFull),
            Gap(1, Write, 0, 2, GapReason::RingFull),
            Close(1, CloseReason::Freed)
        ]
    );
    let totals = bench.table.totals();
    assert_eq!((totals.captured, totals.missing), ([3, 0], [23, 2]));
    assert_eq!(totals.gap(GapReason::RingFull).count, 4);
    assert_eq!(totals.gap(GapReason::RingFull).bytes, 20);
    assert_eq!(totals.gap(GapReason::Cap).bytes, 5);
    assert_eq!((bench.told.closes[0].captured, bench.told.closes[0].missing), ([3, 0], [23, 2]));
}

#[test]
fn two_threads_in_one_direction_lose_nothing() {
    let mut bench = Bench::new();
    bench.push(data(head(1), Write, 0, b"abcd"));
    assert_eq!(bench.push(data(head(1), Write, 2, b"xy")), [Data(1, Write, 4, b"xy".to_vec())]);
    assert_eq!(
        bench.push(gap(head(1), Write, 0, 3, GapReason::Unreadable)),
        [Gap(1, Write, 6, 3, GapReason::Unreadable)]
    );
    assert_eq!(bench.table.totals().overlaps, 2);
    assert_eq!(bench.push(close(head(1), 0, 9)), [Close(1, CloseReason::Freed)]);
    assert_eq!(bench.table.totals().captured[1] + bench.table.totals().missing[1], 9);
}

#[test]
fn peeks_are_shown_and_neither_checked_nor_counted() {
    let peek = Head { flags: abi::ROW_PEEK, ..head(1) };
    let mut bench = Bench::new();
    assert_eq!(
        bench.push(data(peek, Read, 50, b"ab")),
        [Open(1), Peek(1, Read, 50, b"ab".to_vec())]
    );
    assert_eq!(
        bench.push(gap(peek, Read, 52, 9, GapReason::Cap)),
        [PeekGap(1, Read, 52, 9, GapReason::Cap)]
    );
    assert_eq!(bench.push(data(head(1), Read, 0, b"ab")), [Data(1, Read, 0, b"ab".to_vec())]);
    let totals = bench.table.totals();
    assert_eq!((totals.captured, totals.missing, totals.peeked), ([2, 0], [0, 0], 2));
    assert_eq!((totals.overlaps, totals.all_gaps().count), (0, 0));
}

#[test]
fn bytes_left_in_memory_are_taken_piece_by_piece() {
    let mut bench = Bench::new();
    bench.known.memory = Some((|address| address as u8, 100_000));
    let said = bench.push(rest(head(1), Write, 0, 10, 16_384 + 2, 20_000));
    let bytes = |range: std::ops::Range<u64>| range.map(|n| n as u8).collect::<Vec<_>>();
    let whole = Data(1, Write, 0, bytes(10..16_394));
    let (last, cut) = (Data(1, Write, 16_384, bytes(16_394..16_396)), 20_000 - 16_386);
    assert_eq!(said, [Open(1), whole, last, Gap(1, Write, 16_386, cut, GapReason::Cap)]);
    assert_eq!(bench.known.went_on, [8]);

    // Its memory ends in the middle, and then there is none.
    let said = bench.push(rest(head(1), Write, 20_000, 99_999, 3, 3));
    let one = Data(1, Write, 20_000, bytes(99_999..100_000));
    assert_eq!(said, [one, Gap(1, Write, 20_001, 2, GapReason::Unreadable)]);
    let said = bench.push(rest(head(1), Write, 20_003, u64::MAX, u64::MAX, u64::MAX));
    let [Gap(1, Write, 20_003, _, GapReason::Unreadable), Gap(.., GapReason::TooLong)] = said[..]
    else {
        panic!("{said:?}")
    };
    assert_eq!(bench.known.went_on, [8, 8, 8]);
}

#[test]
fn a_peek_left_in_memory_is_shown_and_not_counted() {
    let peek = Head { flags: abi::ROW_PEEK, ..head(1) };
    let mut bench = Bench::new();
    bench.known.memory = Some((|_| b'p', 2));
    let said = bench.push(rest(peek, Read, 50, 0, 3, 4));
    assert_eq!(said, [Open(1), Peek(1, Read, 50, b"pp".to_vec())]);
    assert_eq!((bench.table.totals().missing, bench.known.went_on.len()), ([0, 0], 1));
}

#[test]
fn connections_without_bytes_are_silent() {
    let mut bench = Bench::new();
    assert_eq!(bench.push(conn(head(1), None)), []);
    assert_eq!(bench.push(data(head(1), Read, 0, b"")), []);
    assert_eq!(bench.push(gap(head(1), Read, 0, 0, GapReason::Cap)), []);
    assert_eq!(bench.push(close(head(1), 0, 0)), []);
    assert!(bench.table.is_empty(), "silent ones end too");
    bench.push(conn(head(2), None));
    assert_eq!(bench.finish(), []);
    assert_eq!(bench.push(close(head(3), 0, 0)), []);
    assert_eq!(bench.known.asked_exe, 2, "a connection that only ends is not worth a question");
    assert_eq!(*bench.table.totals(), stream::Totals::default());
    // Numbers are for those that are told.
    assert_eq!(bench.push(data(head(4), Read, 0, b"x"))[0], Open(1));
}

#[test]
fn a_connection_whose_every_record_was_lost_is_told_by_its_end() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.push(close(head(1), 4, 0)),
        [Open(1), Gap(1, Read, 0, 4, GapReason::RingFull), Close(1, CloseReason::Freed)]
    );
}

#[test]
fn another_connection_at_the_pointer_replaces_the_first() {
    let mut bench = Bench::new();
    bench.push(data(head(1), Read, 0, b"old"));
    let later = Head { born_ns: 2, ..head(1) };
    assert_eq!(
        bench.push(data(later, Read, 0, b"new")),
        [Close(1, CloseReason::Replaced), Open(2), Data(2, Read, 0, b"new".to_vec())]
    );
    // A record of the first one, from a thread that was late.
    assert_eq!(
        bench.push(data(head(1), Read, 3, b"!")),
        [Open(3), Data(3, Read, 3, b"!".to_vec())]
    );
    assert_eq!(bench.push(data(later, Read, 3, b".")), [Data(2, Read, 3, b".".to_vec())]);
    assert_eq!(bench.table.len(), 2);
    // The late one does not take the place of the newest.
    let latest = Head { born_ns: 3, ..head(1) };
    assert_eq!(bench.push(data(latest, Read, 0, b"x"))[0], Close(2, CloseReason::Replaced));
}

#[test]
fn a_late_record_invents_no_gap() {
    let mut bench = Bench::new();
    bench.push(data(head(1), Read, 0, b"abc"));
    bench.push(close(head(1), 3, 0));
    assert_eq!(
        bench.push(data(head(1), Read, 3, b"d")),
        [Open(2), Data(2, Read, 3, b"d".to_vec())]
    );
    assert_eq!(bench.push(close(head(1), 4, 0)), [Close(2, CloseReason::Freed)]);
    assert_eq!(bench.push(close(head(1), 4, 0)), []);
    assert_eq!(bench.table.totals().all_gaps().count, 0);
}

#[test]
fn a_process_that_ends_closes_its_connections_and_no_others() {
    for (event, reason) in [
        (Event::Exit as fn(Head) -> Event<'static>, CloseReason::Exit),
        (Event::Exec, CloseReason::Exec),
    ] {
        let mut bench = Bench::new();
        let other = Head { tgid: 6, ..head(1) };
        let reused_pid = Head { start_ns: 71, ..head(1) };
        for head in [head(1), other, head(2), reused_pid, head(3)] {
            bench.push(data(head, Read, 0, b"x"));
        }
        let ended = Ended { pos: [5, 0], in_flight: [None, Some(InFlight { requested: 99 })] };
        bench.known.ended.insert(Key::from(&head(2)), ended);
        assert_eq!(
            bench.push(event(head(0))),
            [
                Close(1, reason),
                Gap(3, Read, 1, 4, GapReason::RingFull),
                Close(3, reason),
                Close(5, reason)
            ]
        );
        assert_eq!(bench.told.closes[1].unfinished, ended.in_flight);
        assert_eq!(bench.table.len(), 2);
    }
}

#[test]
fn the_end_of_the_capture_closes_everything_in_order() {
    let mut bench = Bench::new();
    for conn in [3, 1, 2] {
        bench.push(data(head(conn), Write, 0, b"x"));
    }
    let ended = Ended { pos: [0, 8], ..Ended::default() };
    bench.known.ended.insert(Key::from(&head(1)), ended);
    assert_eq!(
        bench.finish(),
        [
            Close(1, CloseReason::Detached),
            Gap(2, Write, 1, 7, GapReason::RingFull),
            Close(2, CloseReason::Detached),
            Close(3, CloseReason::Detached)
        ]
    );
    assert!(bench.table.is_empty());
    assert_eq!(bench.finish(), []);
}

#[test]
fn times_are_wall_clock() {
    let mut bench = Bench::new();
    bench.table.set_wall_offset(500);
    bench.push(data(head(1), Read, 2, b"x"));
    bench.table.set_wall_offset(-999);
    bench.push(close(head(1), 3, 0));
    assert_eq!(bench.told.times, [1_500, 1_500, 1_500, 1]);
    bench.table.set_wall_offset(i64::MIN);
    bench.push(data(head(2), Read, 0, b"x"));
    assert_eq!(bench.told.times[4], 0);
}

#[test]
fn lengths_at_the_end_of_the_numbers_do_no_harm() {
    let mut bench = Bench::new();
    bench.push(gap(head(1), Read, u64::MAX - 1, u64::MAX, GapReason::NoBuffer));
    bench.push(data(head(1), Read, u64::MAX, b"xyz"));
    bench.push(close(head(1), u64::MAX, u64::MAX));
    bench.push(gap(head(2), Write, u64::MAX, u64::MAX, GapReason::NoBuffer));
    bench.finish();
    assert_eq!(bench.table.totals().all_gaps().bytes, u64::MAX);
}

#[test]
fn records_that_cannot_be_read_are_counted() {
    let mut bench = Bench::new();
    assert!(bench.table.push_record(&[0; 80], &mut bench.known, &mut bench.told).is_err());
    assert_eq!(bench.table.totals().undecoded, 1);
}

#[test]
fn tables_that_share_numbers_give_each_once() {
    let ids = stream::Ids::default();
    let mut numbers = Vec::new();
    for _ in 0..2 {
        let mut bench = Bench::new();
        bench.table = stream::Table::new(stream::Limits::default(), ids.clone());
        bench.push(data(head(1), Read, 0, b"x"));
        numbers.extend(bench.told.conns.into_keys());
    }
    assert_eq!(numbers, [1, 2]);
}
