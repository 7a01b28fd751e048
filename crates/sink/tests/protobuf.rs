//! Messages of Protocol Buffers by name: against prost-reflect's own JSON, and as text.
#![allow(clippy::unwrap_used, reason = "only tests are here")]

mod sample;

use std::path::Path;

use proptest::prelude::*;
use prost_reflect::prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, Kind, MapKey, MessageDescriptor, Value as Of};
use serde_json::{Value, json};
use sink::{Json, Sink, Text, TextOptions, TimeZone};
use stream::Dir;
use stream::message::{Body, Hole, RequestLine, Rpc, What};
use stream::protobuf::Descriptors;

/// `tests/programs/proto/shop.proto`, as protoc describes it.
fn set() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/programs/proto/shop.pb");
    std::fs::read(path).unwrap()
}

fn order() -> MessageDescriptor {
    let pool = DescriptorPool::decode(set().as_slice()).unwrap();
    pool.get_message_by_name("shop.Order").unwrap()
}

fn descriptors() -> Descriptors {
    let mut descriptors = Descriptors::default();
    descriptors.add(&set()).unwrap();
    descriptors
}

/// What `write` makes of a message of gRPC of this call.
fn told(sink: &mut dyn Sink, target: &str, answer: bool, payload: Body<'_>) -> String {
    let mut out = Vec::new();
    let rpc = What::Rpc(Rpc { number: 1, answer, payload });
    let request = Some(RequestLine { target: Some(target.as_bytes()), ..sample::ASKED });
    let message = stream::Message { request, ..sample::message(Dir::Write, rpc) };
    sink.message(&mut out, &sample::conn(), &message);
    String::from_utf8(out).unwrap()
}

fn proto(payload: Body<'_>) -> Value {
    let mut json = Json::describing(descriptors());
    let line = told(&mut json, "/shop.Orders/Place", false, payload);
    serde_json::from_str::<Value>(&line).unwrap()["proto"].take()
}

fn text(target: &str, answer: bool, bytes: &[u8]) -> String {
    let options =
        TextOptions { zone: TimeZone::UTC, descriptors: descriptors(), ..TextOptions::default() };
    told(&mut Text::new(options), target, answer, Body::plain(bytes))
}

/// The one field of 32 bits as the number that it stands for: of two shortest spellings that are
/// equally near, either may be written.
fn as_floats(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_f64() {
                    Some(number) if name == "weight" => *value = json!(number as f32),
                    _ => as_floats(value),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(as_floats),
        _ => {}
    }
}

/// A message with random values in a random half of its fields.
fn random(of: &MessageDescriptor, depth: usize) -> BoxedStrategy<DynamicMessage> {
    let fields: Vec<_> = of
        .fields()
        .filter(|field| depth > 0 || !matches!(field.kind(), Kind::Message(_)))
        .map(|field| {
            let one = value(&field.kind(), depth);
            let values = if field.is_map() {
                let Kind::Message(entry) = field.kind() else { unreachable!() };
                let (key, value) = (entry.map_entry_key_field(), entry.map_entry_value_field());
                let pairs = (value_of_key(&key.kind()), self::value(&value.kind(), depth));
                prop::collection::hash_map(pairs.0, pairs.1, 0..3).prop_map(Of::Map).boxed()
            } else if field.is_list() {
                prop::collection::vec(one, 0..4).prop_map(Of::List).boxed()
            } else {
                one
            };
            prop::option::of(values.prop_map(move |value| (field.clone(), value)))
        })
        .collect();
    let of = of.clone();
    fields
        .prop_map(move |values| {
            let mut message = DynamicMessage::new(of.clone());
            values
                .into_iter()
                .flatten()
                .for_each(|(field, value)| message.set_field(&field, value));
            message
        })
        .boxed()
}

fn value_of_key(kind: &Kind) -> BoxedStrategy<MapKey> {
    match kind {
        Kind::String => "[a-z\"é]{0,3}".prop_map(MapKey::String).boxed(),
        _ => any::<i32>().prop_map(MapKey::I32).boxed(),
    }
}

fn value(kind: &Kind, depth: usize) -> BoxedStrategy<Of> {
    match kind {
        Kind::Double => any::<f64>().prop_map(Of::F64).boxed(),
        Kind::Float => any::<f32>().prop_map(Of::F32).boxed(),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => any::<i32>().prop_map(Of::I32).boxed(),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => any::<i64>().prop_map(Of::I64).boxed(),
        Kind::Uint32 | Kind::Fixed32 => any::<u32>().prop_map(Of::U32).boxed(),
        Kind::Uint64 | Kind::Fixed64 => any::<u64>().prop_map(Of::U64).boxed(),
        Kind::Bool => any::<bool>().prop_map(Of::Bool).boxed(),
        Kind::String => any::<String>().prop_map(Of::String).boxed(),
        Kind::Bytes => any::<Vec<u8>>().prop_map(|bytes| Of::Bytes(bytes.into())).boxed(),
        Kind::Enum(_) => (-1..9).prop_map(Of::EnumNumber).boxed(),
        Kind::Message(of) => random(of, depth.saturating_sub(1)).prop_map(Of::Message).boxed(),
    }
}

proptest! {
    /// prost-reflect decodes by itself and writes the same JSON.
    #[test]
    fn json_as_another_reader_writes_it(message in random(&order(), 2)) {
        let bytes = message.encode_to_vec();
        let mut shown = proto(Body::plain(&bytes));
        let options = prost_reflect::SerializeOptions::new().use_proto_field_name(true);
        let mut other = Vec::new();
        let mut serializer = serde_json::Serializer::new(&mut other);
        let again = DynamicMessage::decode(order(), bytes.as_slice()).unwrap();
        again.serialize_with_options(&mut serializer, &options).unwrap();
        let mut other: Value = serde_json::from_slice(&other).unwrap();
        [&mut shown, &mut other].into_iter().for_each(as_floats);
        prop_assert_eq!(&shown["fields"], &other);
        prop_assert_eq!(&shown["type"], "shop.Order");
        prop_assert_eq!(&shown["whole"], true);
    }

    /// Bytes of any kind: JSON stays JSON, text a header and lines.
    #[test]
    fn any_bytes_are_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..300), more in 0..2_u64) {
        let payload = Body { len: bytes.len() as u64 + more, ..Body::plain(&bytes) };
        let shown = proto(payload);
        prop_assert!(shown.is_null() || shown["type"] == "shop.Order");
        let text = text("/shop.Orders/Place", false, &bytes);
        prop_assert!(!text.contains(|c: char| c.is_control() && c != '\n'));
    }
}

/// 23: a number that is not described; 3: a string where a state is described.
const ODD: &[u8] =
    b"\x08\x05\xb8\x01\x96\x01\x1a\x03abc\x12\x03ann\x3a\x03\x01\x02\x03\xc2\x01\x02\xff\xfe";

#[test]
fn what_is_not_described_has_its_number() {
    let shown = proto(Body::plain(ODD));
    let fields = json!({
        "id": "5", "customer": "ann", "3": "YWJj", "sizes": [1, 2, 3], "23": "150", "24": "//4="
    });
    assert_eq!(shown["fields"], fields);
    let shown = text("/below/shop.Orders/Place", false, ODD);
    let (header, lines) = shown.split_once('\n').unwrap();
    assert!(header.contains(" message 1 shop.Order 60 B "), "{header}");
    let expected =
        "id: 5\n23: 150\n3: \"abc\"\ncustomer: \"ann\"\nsizes: [1, 2, 3]\n24: <fffe> 2 B\n\n";
    assert_eq!(lines, expected);
}

#[test]
fn each_end_of_a_call_has_its_type() {
    // Field 2 is the customer of an order and the state of a receipt.
    let receipt = b"\x08\x09\x10\x07\x1a\x02ok";
    let lines = |shown: String| shown.split_once('\n').unwrap().1.to_owned();
    assert_eq!(
        lines(text("/shop.Orders/Watch", true, receipt)),
        "id: 9\nstate: SENT\naccess_token: \"ok\"\n\n"
    );
    assert_eq!(lines(text("/shop.Orders/Other", true, receipt)), "1: 9\n2: 7\n3: \"ok\"\n\n");
    assert_eq!(lines(text("/shop.Orders", true, receipt)), "1: 9\n2: 7\n3: \"ok\"\n\n");
}

#[test]
fn a_message_within_a_message() {
    let bytes = b"\x22\x0b\x0a\x03pen\x1a\x04\x01\x02\x03\x04\x2a\x06\x0a\x01k\x12\x01v";
    assert_eq!(
        text("/shop.Orders/Place", false, bytes).split_once('\n').unwrap().1,
        "items {\n  name: \"pen\"\n  offsets: [-1, 1, -2, 2]\n}\n\
         labels {\n  key: \"k\"\n  value: \"v\"\n}\n\n"
    );
    let fields = json!({
        "items": [{"name": "pen", "offsets": ["-1", "1", "-2", "2"]}], "labels": {"k": "v"}
    });
    assert_eq!(proto(Body::plain(bytes))["fields"], fields);
}

#[test]
fn a_part_says_that_it_is_one() {
    let cut = Body { len: 99, ..Body::plain(b"\x08\x05\x12\x20ann") };
    assert_eq!(proto(cut), json!({"type": "shop.Order", "fields": {"id": "5"}, "whole": false}));
    assert_eq!(proto(Body::plain(b"\x08\x05\x12\x20ann")), Value::Null, "it is no message");
    let holes = [Hole { at: 2, len: Some(4) }];
    assert_eq!(proto(Body { holes: &holes, ..Body::plain(b"\x08\x05") }), Value::Null);
    let many = proto(Body::plain(&[0x08, 1].repeat(10_005)));
    assert_eq!(
        (&many["whole"], many["fields"]["id"].as_array().unwrap().len()),
        (&json!(false), 10_000)
    );
}

#[test]
fn a_map_keeps_its_last_value_and_what_a_key_begins_with() {
    let twice =
        b"\x2a\x06\x0a\x01k\x12\x01v\x2a\x06\x0a\x01k\x12\x01w\x2a\x03\x12\x01x\x32\x02\x12\x00";
    assert_eq!(
        proto(Body::plain(twice))["fields"],
        json!({"labels": {"": "x", "k": "w"}, "shelves": {"0": {}}})
    );
}
