//! A file's build ID: a note that linkers write, and that any file may bear.

use super::{Image, Source};

/// Bytes of a note segment that are read: a few notes.
const LARGEST: u64 = 4096;
/// Bytes of a build ID, at most. Linkers write 8 to 32.
const LONGEST: usize = 64;
/// `NT_GNU_BUILD_ID`.
const BUILD_ID: u32 = 3;

/// The build ID of an ELF file, if it has one.
pub(crate) fn build_id(file: &dyn Source) -> Option<Vec<u8>> {
    let image = Image::open_any(file).ok()?;
    image.notes.iter().find_map(|notes| {
        let bytes = image.read(notes.offset, notes.size.min(LARGEST), "notes").ok()?;
        in_notes(&bytes)
    })
}

/// Notes are a name's length, a description's length and a type, then both, each padded to 4 bytes
/// (System V ABI, "Note Section").
fn in_notes(mut bytes: &[u8]) -> Option<Vec<u8>> {
    loop {
        let (head, rest) = bytes.split_first_chunk::<12>()?;
        let number = |at: usize| Some(u32::from_ne_bytes(*head.get(at..)?.first_chunk()?));
        let (name_len, len, kind) = (number(0)? as usize, number(4)? as usize, number(8)?);
        let (name, rest) = rest.split_at_checked(name_len.checked_next_multiple_of(4)?)?;
        let description = rest.get(..len)?;
        if name == b"GNU\0" && kind == BUILD_ID {
            let sound = (1..=LONGEST).contains(&len);
            return sound.then(|| description.to_vec());
        }
        bytes = rest.get(len.checked_next_multiple_of(4)?..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(name: &[u8], description: &[u8], kind: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend((name.len() as u32).to_ne_bytes());
        bytes.extend((description.len() as u32).to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        for part in [name, description] {
            bytes.extend(part);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        bytes
    }

    #[test]
    fn it_is_found_behind_other_notes() {
        let mut bytes = note(b"GNU\0", &[0; 16], 1);
        bytes.extend(note(b"other\0", &[7; 5], BUILD_ID));
        bytes.extend(note(b"GNU\0", &[1, 2, 3, 4, 5], BUILD_ID));
        assert_eq!(in_notes(&bytes), Some(vec![1, 2, 3, 4, 5]));
        (0..bytes.len() - 3).for_each(|len| assert_eq!(in_notes(&bytes[..len]), None));
        assert_eq!(in_notes(&note(b"GNU\0", &[0; 65], BUILD_ID)), None);
        assert_eq!(in_notes(&[0xff; 64]), None);
    }
}
