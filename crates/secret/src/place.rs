//! Where in a connection's memory something is: searched for by its bytes, in the connection itself
//! and behind its pointers.

/// Bytes of a connection that are searched.
const OBJECT: usize = 16 << 10;
/// No connection is smaller.
const SMALLEST: usize = 128;
/// Of these, those that may be pointers.
const POINTERS: usize = 4 << 10;
/// And so many bytes behind each.
const BEHIND: usize = 1 << 10;
/// The same where pointers lead to pointers.
const POINTERS_DEEP: usize = 1 << 10;
const BEHIND_DEEP: usize = 512;
/// Where a connection says which side it is, it says so near its beginning.
const SIDES: usize = 512;
/// Reads stop at pages, which may be missing.
const PAGE: u64 = 4096;
/// A traffic secret, and zeros up to this.
const ROOM: usize = 64;
/// Room for the longest secret that there is.
const LONGEST: usize = 48;
/// Places that a secret may be at, at first.
const PLACES_MAX: usize = 16;

/// A process, as far as its connections are looked into.
pub trait Process {
    /// Copies its memory and says how much could be read.
    fn read(&mut self, at: u64, into: &mut [u8]) -> usize;

    /// What code is at this address, if any.
    fn code(&mut self, at: u64) -> Option<Code>;
}

/// An instruction of some file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// Device (major, minor) and inode of the file.
    pub file: (u32, u32, u64),
    /// Where in the file.
    pub offset: u64,
}

/// The way from a connection to a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// So many bytes past its beginning.
    Inside(u32),
    /// Behind the pointer there, so many bytes further.
    Behind(u32, u32),
    /// Behind a pointer that is behind a pointer.
    Deep(u32, u32, u32),
}

/// What holds a secret, and so tells how long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// 64 bytes; zeros follow the secret.
    Large,
    /// 48 bytes; zeros follow the secret.
    Tight,
    /// 48 bytes, and one that says how many of them are used.
    Counted,
}

/// What connections of one side have in common: a pointer to code of the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Side {
    /// Where in the connection it is.
    pub at: u32,
    /// What it points to.
    pub code: Code,
}

impl Place {
    /// As the kernel half follows it.
    pub(crate) fn to_abi(self) -> abi::Chain {
        let mut chain = abi::Chain::default();
        match self {
            Self::Inside(at) => chain.offsets[0] = at,
            Self::Behind(at, then) => {
                chain.loads = 1;
                chain.offsets[..2].copy_from_slice(&[at, then]);
            }
            Self::Deep(at, then, last) => {
                chain.loads = 2;
                chain.offsets[..3].copy_from_slice(&[at, then, last]);
            }
        }
        chain
    }
}

/// As much of a connection as can be read, and is one. Its neighbours in memory hold packets with
/// the same random. What allocates memory, glibc as well as BoringSSL itself, writes its size before
/// it; where something else stands there, it may be of any size.
pub(crate) fn object(at: u64, process: &mut dyn Process) -> Option<Vec<u8>> {
    if at < 8 || !at.is_multiple_of(8) {
        return None;
    }
    let mut size = [0; 8];
    let known = process.read(at - 8, &mut size) == size.len();
    // The lowest bits are glibc's own.
    let size = (u64::from_le_bytes(size) & !7) as usize;
    let len = if known && (SMALLEST..OBJECT).contains(&size) { size } else { OBJECT };
    let bytes = stretch(at, len, process);
    (bytes.len() >= ROOM).then_some(bytes)
}

/// Where bytes are that nothing need follow: in the connection, else behind its pointers, else
/// behind theirs.
pub(crate) fn bytes(object: &[u8], wanted: &[u8], process: &mut dyn Process) -> Vec<Place> {
    let inside = offsets(object, wanted).take(PLACES_MAX).map(|at| Place::Inside(at as u32));
    let mut found: Vec<_> = inside.collect();
    for further in [behind, deep] {
        if found.is_empty() {
            found = further(object, wanted, process);
        }
    }
    found
}

/// Where a secret is that libraries keep to update it, and what holds it.
pub(crate) fn secrets(
    object: &[u8],
    wanted: &[u8],
    process: &mut dyn Process,
) -> Vec<(Place, Room)> {
    let large = |at: &usize| zeros(object, at + wanted.len(), ROOM - wanted.len());
    let found = offsets(object, wanted).filter(large).take(PLACES_MAX);
    let found: Vec<_> = found.map(|at| (Place::Inside(at as u32), Room::Large)).collect();
    if !found.is_empty() {
        return found;
    }
    let mut found = Vec::new();
    each_pointer(object, POINTERS, BEHIND, process, |at, bytes, _| {
        for then in windows(bytes, wanted) {
            let room = room(bytes, then, wanted.len());
            found.extend(room.map(|room| (Place::Behind(at, then as u32), room)));
        }
        found.len() < PLACES_MAX
    });
    found
}

/// What a connection says of its side.
pub(crate) fn side(object: &[u8], process: &mut dyn Process) -> Option<Side> {
    pointers(object, SIDES)
        .find_map(|(at, pointer)| Some(Side { at, code: process.code(pointer)? }))
}

/// What holds the secret of this length here.
fn room(bytes: &[u8], at: usize, len: usize) -> Option<Room> {
    let longest = bytes.get(at..at + LONGEST)?;
    match bytes.get(at + LONGEST) {
        Some(&count) if usize::from(count) == len => Some(Room::Counted),
        _ => longest[len..].iter().all(|&byte| byte == 0).then_some(Room::Tight),
    }
}

fn zeros(bytes: &[u8], at: usize, len: usize) -> bool {
    bytes.get(at..at + len).is_some_and(|rest| rest.iter().all(|&byte| byte == 0))
}

/// Where bytes are. In a connection itself, whatever holds them is aligned to 4 bytes at least.
fn offsets<'a>(bytes: &'a [u8], wanted: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    (0..bytes.len()).step_by(4).filter(|&at| bytes[at..].starts_with(wanted))
}

/// The same at any address.
fn windows<'a>(bytes: &'a [u8], wanted: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let all = bytes.windows(wanted.len()).enumerate();
    all.filter(move |(_, window)| *window == wanted).map(|(at, _)| at)
}

fn behind(object: &[u8], wanted: &[u8], process: &mut dyn Process) -> Vec<Place> {
    let mut found = Vec::new();
    each_pointer(object, POINTERS, BEHIND, process, |at, bytes, _| {
        found.extend(offsets(bytes, wanted).map(|then| Place::Behind(at, then as u32)));
        found.truncate(PLACES_MAX);
        found.len() < PLACES_MAX
    });
    found
}

fn deep(object: &[u8], wanted: &[u8], process: &mut dyn Process) -> Vec<Place> {
    let mut found = Vec::new();
    each_pointer(object, POINTERS_DEEP, POINTERS_DEEP, process, |at, bytes, process| {
        each_pointer(bytes, POINTERS_DEEP, BEHIND_DEEP, process, |then, bytes, _| {
            let last = offsets(bytes, wanted).map(|last| Place::Deep(at, then, last as u32));
            found.extend(last);
            found.truncate(PLACES_MAX);
            found.len() < PLACES_MAX
        });
        found.len() < PLACES_MAX
    });
    found
}

/// Hands over where each pointer of the first `most` bytes is, and `len` bytes behind it, until
/// the answer is no.
fn each_pointer(
    object: &[u8],
    most: usize,
    len: usize,
    process: &mut dyn Process,
    mut take: impl FnMut(u32, &[u8], &mut dyn Process) -> bool,
) {
    for (at, pointer) in pointers(object, most) {
        let bytes = stretch(pointer, len, process);
        if !take(at, &bytes, process) {
            return;
        }
    }
}

/// Words of the first `most` bytes that may be pointers.
fn pointers(object: &[u8], most: usize) -> impl Iterator<Item = (u32, u64)> + '_ {
    let words = object.chunks_exact(8).take(most / 8).enumerate();
    let words = words
        .map(|(index, word)| ((index * 8) as u32, word.try_into().map_or(0, u64::from_le_bytes)));
    // Memory of a program lies above its first page and below half of what there is.
    words.filter(|(_, word)| *word >= PAGE && word >> 47 == 0)
}

fn stretch(at: u64, len: usize, process: &mut dyn Process) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let mut held = 0;
    while held < len {
        let Some(from) = at.checked_add(held as u64) else { break };
        let in_page = (PAGE - from % PAGE) as usize;
        let wanted = in_page.min(len - held);
        let got = process.read(from, &mut bytes[held..held + wanted]).min(wanted);
        held += got;
        if got < wanted {
            break;
        }
    }
    bytes.truncate(held);
    bytes
}
