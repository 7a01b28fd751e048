//! Formatting costs no allocation once the buffer is large enough.

mod sample;

use sample::{conn, gap, piece, unknown};
use sink::{Json, Sink, Text, TextOptions};
use stream::{Dir, Piece};

/// Formats pieces of a second or two, some of them nasty.
fn format(sink: &mut dyn Sink, out: &mut Vec<u8>) {
    let conns = [conn(), unknown()];
    let mixed: Vec<u8> = (0..=255).cycle().take(5_000).collect();
    let text = "text\r\nhéllo 世界\u{202e}\x1b".repeat(100);
    let pieces = [piece(Dir::Write, text.as_bytes()), piece(Dir::Read, &mixed)];
    let count = allocation_counter::measure(|| {
        for time in (0..2_000_000_000).step_by(100_000_000) {
            for conn in &conns {
                for piece in &pieces {
                    sink.data(out, conn, &Piece { time, ..*piece });
                }
                sink.gap(out, conn, &gap());
            }
        }
    });
    assert_eq!(count.count_total, 0);
}

#[test]
fn none_per_event() {
    let text = |hex| Text::new(TextOptions { hex, ..TextOptions::default() });
    let sinks: [Box<dyn Sink>; 3] =
        [Box::new(text(false)), Box::new(text(true)), Box::new(Json::new())];
    for mut sink in sinks {
        let mut out = Vec::with_capacity(8 << 20);
        // The first one works out the zone's offset and fills its buffers.
        sink.data(&mut out, &conn(), &piece(Dir::Write, b"first"));
        format(&mut *sink, &mut out);
    }
}
