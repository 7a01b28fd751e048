//! What crosses between the kernel half and the user half, as Rust types.
//!
//! `bpf/abi.h` is the source; `generated.rs` is made from the BTF of the compiled header by
//! `make abi` and committed, so that a build needs no compiler for it. A struct keeps its C name
//! without `abi_`, and the names of its fields; an enum's values lose their prefix.
#![forbid(unsafe_code)]

#[rustfmt::skip]
mod generated;
mod label;

pub use generated::*;
pub use label::padded;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_a_record_survives() {
        let bytes: Vec<u8> = (1..=Data::SIZE as u8).collect();
        assert_eq!(Data::from_bytes(&bytes).unwrap().to_bytes(), bytes[..]);
        let bytes: Vec<u8> = (1..=Conn::SIZE as u8).collect();
        assert_eq!(Conn::from_bytes(&bytes).unwrap().to_bytes(), bytes[..]);
        let bytes: Vec<u8> = (1..=Flow::SIZE as u8).collect();
        assert_eq!(Flow::from_bytes(&bytes).unwrap().to_bytes(), bytes[..]);
        let bytes: Vec<u8> = (1..=Secret::SIZE as u8).collect();
        assert_eq!(Secret::from_bytes(&bytes).unwrap().to_bytes(), bytes[..]);
        let bytes: Vec<u8> = (1..=Line::SIZE as u8).collect();
        assert_eq!(Line::from_bytes(&bytes).unwrap().to_bytes(), bytes[..]);
        let bytes: Vec<u8> = (1..=Rest::SIZE as u8).collect();
        assert_eq!(Rest::from_bytes(&bytes).unwrap().to_bytes(), bytes[..]);
        let bytes: Vec<u8> = (1..=Close::SIZE as u8).collect();
        assert_eq!(Close::from_bytes(&bytes).unwrap().to_bytes(), bytes[..]);
    }

    #[test]
    fn a_byte_too_few_is_refused_and_more_are_ignored() {
        assert_eq!(Data::from_bytes(&[0; Data::SIZE - 1]), None);
        assert_eq!(Data::from_bytes(&[0; Data::SIZE + 1]), Some(Data::default()));
    }

    #[test]
    fn enums_know_their_values_only() {
        for value in 0..=u8::MAX {
            assert_eq!(Kind::from_u8(value).map_or(value, |kind| kind as u8), value);
        }
        assert_eq!(Kind::from_u8(0), None);
        assert_eq!(Kind::from_u8(Kind::Line as u8 + 1), None);
        assert_eq!(Kind::ALL.len(), 11);
    }
}
