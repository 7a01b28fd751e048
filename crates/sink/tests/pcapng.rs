//! What a reader of other make finds in the blocks that are written.

use std::iter;

use pcap_parser::pcapng::{Block, PcapNGOption};
use pcap_parser::{Linktype, parse_block_le};
use proptest::prelude::*;
use sink::pcapng::{self, Comment, Interface, Packet, Process, Section, Statistics};

const SECTION: Section<'_> =
    Section { hardware: "a CPU", os: "Linux", application: "ecapture 0", comment: "" };
const LO: Interface<'_> =
    Interface { name: "lo", description: "", link: 1, snap_bytes: 262_144, filter: "tcp port 443" };

fn process(comm: &[u8]) -> Process<'_> {
    let local = "127.0.0.1:443".parse().expect("an address");
    Process { pid: 812, comm, exe: Some(b"/usr/sbin/nginx"), container: None, local }
}

fn packet(bytes: &[u8]) -> Packet<'_> {
    Packet { interface: 0, time_ns: 0x1122_3344_5566_7788, len: 1000, bytes }
}

/// Every block, and that they fill the file without a gap, each with the same length twice.
fn blocks(mut file: &[u8]) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    while !file.is_empty() {
        let len = u32::from_le_bytes(file[4..8].try_into().expect("4 bytes")) as usize;
        assert_eq!(len % 4, 0);
        assert_eq!(file[len - 4..len], file[4..8]);
        let (rest, block) = parse_block_le(&file[..len]).expect("a whole block");
        assert!(rest.is_empty());
        blocks.push(block);
        file = &file[len..];
    }
    blocks
}

fn text<'a>(options: &'a [PcapNGOption<'_>]) -> Vec<(u16, &'a str)> {
    let known = options.iter().filter(|option| option.code.0 != 0);
    known.map(|option| (option.code.0, option.as_str().expect("text"))).collect()
}

#[test]
fn the_first_bytes_are_those_of_the_specification() {
    let mut file = Vec::new();
    pcapng::section(
        &mut file,
        &Section { hardware: "x", os: "", application: "abcd", comment: "" },
    );
    let expected = [
        b"\x0a\x0d\x0d\x0a\x34\0\0\0\x4d\x3c\x2b\x1a\x01\0\0\0".as_slice(),
        &[0xff; 8],
        b"\x02\0\x01\0x\0\0\0\x03\0\0\0\x04\0\x04\0abcd\0\0\0\0\x34\0\0\0",
    ];
    assert_eq!(file, expected.concat());
}

#[test]
fn a_section_and_its_interfaces_say_where_packets_come_from() {
    let mut file = Vec::new();
    pcapng::section(&mut file, &SECTION);
    pcapng::interface(&mut file, &LO);
    pcapng::interface(&mut file, &Interface { name: "any", link: 276, filter: "", ..LO });
    let blocks = blocks(&file);
    let [Block::SectionHeader(section), Block::InterfaceDescription(lo), any] = &blocks[..] else {
        panic!("{blocks:?}")
    };
    assert_eq!((section.major_version, section.minor_version, section.section_len), (1, 0, -1));
    assert_eq!(text(&section.options), [(2, "a CPU"), (3, "Linux"), (4, "ecapture 0")]);
    assert_eq!((lo.linktype, lo.snaplen, lo.if_tsresol), (Linktype::ETHERNET, 262_144, 9));
    assert_eq!(text(&lo.options), [(2, "lo"), (9, "\t"), (11, "\0tcp port 443")]);
    let Block::InterfaceDescription(any) = any else { panic!("{any:?}") };
    assert_eq!((any.linktype, text(&any.options)), (Linktype(276), vec![(2, "any"), (9, "\t")]));
}

#[test]
fn packets_of_every_length_are_padded_and_keep_their_bytes() {
    let bytes: Vec<u8> = (1..=70).collect();
    let mut file = b"x".to_vec();
    for len in 0..bytes.len() {
        let named = (len % 2 == 0).then(|| Comment::Process(process(b"nginx")));
        pcapng::packet(&mut file, &packet(&bytes[..len]), named);
    }
    let blocks = blocks(&file[1..]);
    assert_eq!(blocks.len(), bytes.len());
    for (len, block) in blocks.iter().enumerate() {
        let Block::EnhancedPacket(block) = block else { panic!("{block:?}") };
        assert_eq!((block.if_id, block.caplen as usize, block.origlen), (0, len, 1000));
        assert_eq!((block.ts_high, block.ts_low), (0x1122_3344, 0x5566_7788));
        assert_eq!(block.data[..len], bytes[..len]);
        assert!(block.data[len..].iter().all(|byte| *byte == 0));
        let comment = "pid 812, nginx, /usr/sbin/nginx, at 127.0.0.1:443";
        let expected = if len % 2 == 0 { vec![(1, comment)] } else { vec![] };
        assert_eq!(text(&block.options), expected);
    }
}

#[test]
fn both_ends_may_be_named() {
    let mut file = Vec::new();
    let local = "[::1]:4000".parse().unwrap();
    let client = Process { pid: 9, comm: b"curl", exe: None, container: Some(b"web"), local };
    pcapng::packet(&mut file, &packet(b""), [client, process(b"nginx")].map(Comment::Process));
    let blocks = blocks(&file);
    let [Block::EnhancedPacket(block)] = &blocks[..] else { panic!("{blocks:?}") };
    let comments = text(&block.options);
    assert_eq!(comments[0], (1, "pid 9, curl, in container web, at [::1]:4000"));
    assert_eq!(comments.len(), 2);
}

#[test]
fn keys_and_names_have_blocks_of_their_own() {
    let mut file = Vec::new();
    pcapng::secrets(&mut file, b"CLIENT_RANDOM 00 11\n");
    let addresses = ["10.0.0.7", "2001:db8::1"].map(|address| address.parse().unwrap());
    pcapng::names(&mut file, addresses.into_iter().zip(["www.example.org", "six"]));
    let blocks = blocks(&file);
    let [Block::DecryptionSecrets(keys), Block::NameResolution(names)] = &blocks[..] else {
        panic!("{blocks:?}")
    };
    assert_eq!(keys.secrets_type.0, 0x544c_534b);
    assert_eq!(&keys.data[..keys.secrets_len as usize], b"CLIENT_RANDOM 00 11\n");
    let found: Vec<_> =
        names.nr.iter().map(|name| (name.record_type.0, name.record_value)).collect();
    let v6 =
        [&[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], b"six\0".as_slice()].concat();
    assert_eq!(found[0], (1, b"\x0a\0\0\x07www.example.org\0".as_slice()));
    assert_eq!(found[1], (2, v6.as_slice()));
}

#[test]
fn statistics_keep_large_numbers_and_add_losses_up() {
    let mut file = Vec::new();
    let statistics = Statistics {
        start_ns: 0x1_0000_0002,
        end_ns: 0x3_0000_0004,
        received: 1 << 40,
        missed: 3,
        dropped: 4,
        written: 5,
    };
    pcapng::statistics(&mut file, 7, &statistics);
    let blocks = blocks(&file);
    let [Block::InterfaceStatistics(block)] = &blocks[..] else { panic!("{blocks:?}") };
    assert_eq!((block.if_id, block.ts_high, block.ts_low), (7, 3, 4));
    let value = |code| {
        let option = block.options.iter().find(|option| option.code.0 == code).unwrap();
        option.value().try_into().map(u64::from_le_bytes).unwrap()
    };
    // Times are written upper half first.
    assert_eq!((value(2), value(3)), (0x2_0000_0001, 0x4_0000_0003));
    let counted: Vec<u64> = (4..=8).map(value).collect();
    assert_eq!(counted, [1 << 40, 7, 1 << 40, 4, 5]);
}

#[test]
fn what_does_not_fit_an_option_is_cut_between_characters() {
    for shift in 0..3 {
        let filter = "x".repeat(shift) + &"世".repeat(30_000);
        let mut file = Vec::new();
        pcapng::interface(&mut file, &Interface { filter: &filter, ..LO });
        let blocks = blocks(&file);
        let [Block::InterfaceDescription(block)] = &blocks[..] else { panic!("{blocks:?}") };
        let kept = text(&block.options)[2].1.len();
        assert!((65_533..=65_535).contains(&kept), "{kept}");
    }
}

#[test]
fn a_packet_costs_no_allocation() {
    let mut out = Vec::with_capacity(1 << 20);
    let bytes = [7; 1400];
    let count = allocation_counter::measure(|| {
        for number in 0..500 {
            let named = (number % 10 == 0).then(|| Comment::Process(process(b"nginx: worker\n")));
            pcapng::packet(&mut out, &packet(&bytes), named);
        }
    });
    assert_eq!(count.count_total, 0);
}

proptest! {
    #[test]
    fn names_of_strangers_stay_one_line_of_text(comm in proptest::collection::vec(any::<u8>(), 0..16)) {
        let mut file = Vec::new();
        pcapng::packet(&mut file, &packet(b"abc"), iter::once(Comment::Process(process(&comm))));
        let blocks = blocks(&file);
        let [Block::EnhancedPacket(block)] = &blocks[..] else { panic!("{blocks:?}") };
        let comments = text(&block.options);
        prop_assert!(comments[0].1.chars().all(|c| !c.is_control()));
        prop_assert!(comments[0].1.starts_with("pid 812, "));
    }
}
