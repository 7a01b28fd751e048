//! The examples of RFC 7541, appendix C, and what a decoder makes of a connection's middle.

use proptest::prelude::*;

use super::*;

const BUDGET: usize = 65_536;

type Fields = Vec<(Option<String>, Option<String>)>;

fn fields(decoder: &mut Decoder, block: &[u8]) -> (Fields, Result<BlockEnd, &'static str>) {
    let text = |part: Option<&[u8]>| part.map(|part| String::from_utf8_lossy(part).into_owned());
    let mut fields = Fields::new();
    let end = decoder.decode(block, |name, value| fields.push((text(name), text(value))));
    (fields, end)
}

fn known(pairs: &[(&str, &str)]) -> Fields {
    pairs.iter().map(|(name, value)| (Some(name.to_string()), Some(value.to_string()))).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pair = |two: &[u8]| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}

/// Decodes blocks in order and compares their fields.
fn example(decoder: &mut Decoder, blocks: &[(&str, &[(&str, &str)])]) {
    for (hex, pairs) in blocks {
        assert_eq!(fields(decoder, &bytes(hex)), (known(pairs), Ok(BlockEnd::Whole)), "{hex}");
    }
}

#[test]
fn single_fields() {
    // C.2.1 to C.2.4
    let mut decoder = Decoder::fresh(BUDGET);
    example(
        &mut decoder,
        &[
            (
                "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
                &[("custom-key", "custom-header")],
            ),
            ("040c 2f73 616d 706c 652f 7061 7468", &[(":path", "/sample/path")]),
            ("1008 7061 7373 776f 7264 0673 6563 7265 74", &[("password", "secret")]),
            ("82", &[(":method", "GET")]),
            ("be", &[("custom-key", "custom-header")]),
        ],
    );
    assert!(fields(&mut decoder, &[0xbf]).1.is_err(), "only one was added");
}

const REQUESTS: [&[(&str, &str)]; 3] = [
    &[(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "www.example.com")],
    &[
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/"),
        (":authority", "www.example.com"),
        ("cache-control", "no-cache"),
    ],
    &[
        (":method", "GET"),
        (":scheme", "https"),
        (":path", "/index.html"),
        (":authority", "www.example.com"),
        ("custom-key", "custom-value"),
    ],
];

/// C.3: three requests, the later ones by references to the first.
const PLAIN: [&str; 3] = [
    "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
    "8286 84be 5808 6e6f 2d63 6163 6865",
    "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
];

#[test]
fn requests() {
    let coded = [
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ];
    for blocks in [PLAIN, coded] {
        let mut decoder = Decoder::fresh(BUDGET);
        let all: Vec<_> = blocks.into_iter().zip(REQUESTS).collect();
        example(&mut decoder, &all);
    }
}

#[test]
fn responses_that_evict() {
    // C.5 and C.6: a table of 256 bytes.
    let date = ("date", "Mon, 21 Oct 2013 20:13:21 GMT");
    let later = ("date", "Mon, 21 Oct 2013 20:13:22 GMT");
    let location = ("location", "https://www.example.com");
    let private = ("cache-control", "private");
    let cookie = ("set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1");
    let first = [(":status", "302"), private, date, location];
    let second = [(":status", "307"), private, date, location];
    let third =
        [(":status", "200"), private, later, location, ("content-encoding", "gzip"), cookie];
    let plain = [
        "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a
         3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "4803 3330 37c1 c0bf",
        "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04
         677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49
         553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31",
    ];
    let coded = [
        "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e
         919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
        "4883 640e ffc1 c0bf",
        "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7
         821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed
         4ee5 b106 3d50 07",
    ];
    for blocks in [plain, coded] {
        let mut decoder = Decoder::fresh(BUDGET);
        decoder.table.resize(256);
        let expected: [&[(&str, &str)]; 3] = [&first, &second, &third];
        let all: Vec<_> = blocks.into_iter().zip(expected).collect();
        example(&mut decoder, &all);
        assert!(fields(&mut decoder, &[0xc1]).1.is_err(), "only three are left");
    }
}

#[test]
fn joined_late_what_was_set_before_is_unknown() {
    let mut decoder = Decoder::late(BUDGET);
    let (second, end) = fields(&mut decoder, &bytes(PLAIN[1]));
    assert_eq!(end, Ok(BlockEnd::Whole));
    assert_eq!(second[..3], known(&REQUESTS[1][..3]));
    assert_eq!(second[3], (None, None), "the authority was set in the first request");
    assert_eq!(second[4..], known(&REQUESTS[1][4..]));
    let (third, _) = fields(&mut decoder, &bytes(PLAIN[2]));
    assert_eq!(third[3], (None, None), "and moved on by one");
    assert_eq!(third[4..], known(&REQUESTS[2][4..]));
}

#[test]
fn a_lost_block_makes_all_unknown() {
    let mut decoder = Decoder::fresh(BUDGET);
    let _ = fields(&mut decoder, &bytes(PLAIN[0])).0;
    decoder.lose();
    assert_eq!(fields(&mut decoder, &bytes(PLAIN[2])).0[3], (None, None));
}

#[test]
fn a_cut_block_tells_what_it_has() {
    let block = bytes(PLAIN[0]);
    for len in 0..block.len() {
        let mut decoder = Decoder::fresh(BUDGET);
        let (told, end) = fields(&mut decoder, &block[..len]);
        assert_eq!(told, known(&REQUESTS[0][..len.min(3)]));
        let cut = if len > 3 { BlockEnd::Cut } else { BlockEnd::Whole };
        assert_eq!(end, Ok(cut), "{len}");
        if len > 3 {
            assert_eq!(fields(&mut decoder, &[0xbe]).0, [(None, None)], "and the table is lost");
        }
    }
}

#[test]
fn what_breaks_the_rules() {
    for (block, why) in [
        (&[0x80][..], "index 0"),
        (&[0xbe], "past the end"),
        (&[0x40, 0x81, 0x00, 0x00], "padding with zeros"),
        (&[0x82, 0x20], "a size update after a field"),
        (&[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], "a huge index"),
    ] {
        let mut decoder = Decoder::fresh(BUDGET);
        assert!(fields(&mut decoder, block).1.is_err(), "{why}");
        let unknown = vec![(None, None)];
        assert_eq!(fields(&mut decoder, &[0xbe]).0, unknown, "the table is lost");
    }
}

/// What a peer may do to its table.
#[derive(Debug, Clone)]
enum Step {
    New(String, String),
    Named(usize, String),
    Index(usize),
    Resize(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => ("[a-z]{1,6}", "[a-z]{0,60}").prop_map(|(name, value)| Step::New(name, value)),
        2 => (any::<usize>(), "[a-z]{0,9}").prop_map(|(index, value)| Step::Named(index, value)),
        4 => any::<usize>().prop_map(Step::Index),
        1 => (0usize..400).prop_map(Step::Resize),
    ];
    prop::collection::vec(step, 1..80)
}

/// The real table: a plain list by the letter of section 4.
struct Real {
    entries: Vec<(String, String)>,
    max: usize,
}

impl Real {
    fn evict(&mut self) {
        let size = |entries: &[(String, String)]| -> usize {
            entries.iter().map(|(name, value)| name.len() + value.len() + 32).sum()
        };
        while size(&self.entries) > self.max {
            self.entries.pop();
        }
    }

    /// One block with one field, and that field.
    fn block(&mut self, step: &Step) -> (Vec<u8>, Option<(String, String)>) {
        let text = |text: &str| [&[text.len() as u8], text.as_bytes()].concat();
        let index = |at: &usize, len: usize| (len > 0).then(|| at % len);
        match step {
            Step::New(name, value) => {
                let block = [vec![0x40], text(name), text(value)].concat();
                self.entries.insert(0, (name.clone(), value.clone()));
                self.evict();
                (block, Some((name.clone(), value.clone())))
            }
            Step::Named(at, value) => {
                let Some(at) = index(at, self.entries.len()) else { return (Vec::new(), None) };
                let name = self.entries[at].0.clone();
                let mut block = prefixed(0x40, 6, 62 + at);
                block.extend(text(value));
                self.entries.insert(0, (name.clone(), value.clone()));
                self.evict();
                (block, Some((name, value.clone())))
            }
            Step::Index(at) => {
                let Some(at) = index(at, self.entries.len()) else { return (Vec::new(), None) };
                (prefixed(0x80, 7, 62 + at), Some(self.entries[at].clone()))
            }
            Step::Resize(max) => {
                self.max = *max;
                self.evict();
                (prefixed(0x20, 5, *max), None)
            }
        }
    }
}

fn prefixed(flags: u8, bits: u32, value: usize) -> Vec<u8> {
    let full = (1 << bits) - 1;
    if value < full {
        return vec![flags | value as u8];
    }
    let mut out = vec![flags | full as u8];
    let mut rest = value - full;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Joined at any block, with any small budget and with lost blocks: what is known is right, and
    /// nothing that the peer did counts as an error.
    #[test]
    fn never_a_wrong_value(
        steps in steps(),
        first in 0usize..400,
        join in 0usize..40,
        budget in 0usize..500,
        lost in prop::collection::vec(0usize..80, 0..3),
    ) {
        let mut real = Real { entries: Vec::new(), max: first };
        let mut decoder = Decoder::late(budget);
        for (at, step) in steps.iter().enumerate() {
            let (block, truth) = real.block(step);
            if at < join {
                continue;
            }
            if lost.contains(&at) {
                decoder.lose();
                continue;
            }
            let (told, end) = fields(&mut decoder, &block);
            prop_assert_eq!(end, Ok(BlockEnd::Whole));
            prop_assert_eq!(told.len(), usize::from(truth.is_some()));
            if let (Some((name, value)), Some(truth)) = (told.first(), truth) {
                prop_assert!(name.as_ref().is_none_or(|name| *name == truth.0));
                prop_assert!(value.as_ref().is_none_or(|value| *value == truth.1));
            }
        }
    }

    /// From the beginning on, with room for all, everything is known.
    #[test]
    fn all_is_known_from_the_beginning(steps in steps()) {
        let mut real = Real { entries: Vec::new(), max: 4_096 };
        let mut decoder = Decoder::fresh(BUDGET);
        for step in &steps {
            let (block, truth) = real.block(step);
            let (told, end) = fields(&mut decoder, &block);
            prop_assert_eq!(end, Ok(BlockEnd::Whole));
            let truth = truth.map(|(name, value)| (Some(name), Some(value)));
            prop_assert_eq!(told, Vec::from_iter(truth));
        }
    }

    #[test]
    fn any_bytes_are_no_harm(block in prop::collection::vec(any::<u8>(), 0..200)) {
        for mut decoder in [Decoder::fresh(300), Decoder::late(300)] {
            let _ = fields(&mut decoder, &block).0;
            let _ = fields(&mut decoder, &block).0;
        }
    }
}
