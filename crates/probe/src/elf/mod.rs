//! Reads from an ELF file what hooking needs: which probed functions it defines, and where.
//!
//! The file comes from another program and may be built to mislead, or change while it is read:
//! it is read by `pread` and never mapped (a file cut short would kill us), every number is
//! checked against the file before it is used, and a symbol counts only where the file maps code.
#![forbid(unsafe_code)]

mod build_id;
mod code;
mod source;

use std::io;

use object::elf::{self, FileHeader64, ProgramHeader64, SectionHeader64, Sym64};
use object::pod::{self, Pod};
use object::{NativeEndian, U32};

pub(crate) use build_id::build_id;
pub(crate) use code::FileCode;
pub use source::Source;

use crate::site::Arch;

/// Bytes of one symbol or string table, at most; a larger one is not read.
const TABLE_MAX: u64 = 128 << 20;
/// Sections and segments, at most.
const HEADERS_MAX: u64 = 65_535;
/// Segments that are looked at. Linkers write some ten.
const SEGMENTS_MAX: usize = 256;

/// Why a file can't be read as a library or program of this machine.
#[derive(Debug, thiserror::Error)]
pub enum ElfError {
    /// Nothing in it.
    #[error("the file is empty")]
    Empty,
    /// Too short, or without the magic number.
    #[error("not an ELF file, so no library or program")]
    NotElf,
    /// An ELF32 file.
    #[error("a 32-bit file; only 64-bit programs and libraries can be hooked")]
    Bits32,
    /// Made for another processor.
    #[error("made for another processor (ELF machine {0})")]
    Machine(u16),
    /// A part that the headers promise is not in the file.
    #[error("damaged or truncated: no {0} where the headers say")]
    Truncated(&'static str),
    /// A table that no compiler makes so large.
    #[error("its {0} is larger than {TABLE_MAX} bytes")]
    TooLarge(&'static str),
    /// The system refused.
    #[error("can't be read: {0}")]
    Io(#[from] io::Error),
}

/// A function that the file defines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Function<T> {
    /// What the caller asked for under this name.
    pub what: T,
    /// Where its code begins, as an offset into the file: how uprobes are placed.
    pub offset: u64,
    /// Where its code begins in the file's own address space.
    pub address: u64,
}

/// A file's headers.
#[derive(Debug)]
pub(crate) struct Image<'a> {
    source: &'a dyn Source,
    len: u64,
    arch: Arch,
    /// Loaded where its addresses say, and nowhere else.
    fixed: bool,
    entry: u64,
    /// What is loaded, code or not.
    loaded: Vec<Segment>,
    code: Vec<Segment>,
    /// Where `.eh_frame_hdr` stands, if the program headers name it.
    unwind: Option<Segment>,
    /// Notes, build ID among them.
    notes: Vec<Segment>,
    sections: Vec<SectionHeader64<NativeEndian>>,
    /// Which of them has the others' names.
    names: usize,
}

/// The bytes of a symbol table and of the names that it points to.
type Symbols = (Vec<u8>, Vec<u8>);

/// Part of the file that is loaded: `size` bytes at `offset` of the file, mapped at `address`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) address: u64,
    pub(crate) offset: u64,
    pub(crate) size: u64,
}

impl Segment {
    /// Where in the file an address of the segment is.
    pub(crate) fn offset_of(&self, address: u64) -> Option<u64> {
        let inside = address.checked_sub(self.address)?;
        (inside < self.size).then(|| self.offset + inside)
    }
}

impl<'a> Image<'a> {
    /// Reads the headers of a file made for this machine.
    pub(crate) fn open(source: &'a dyn Source) -> Result<Self, ElfError> {
        let image = Self::open_any(source)?;
        if image.arch == ARCH { Ok(image) } else { Err(ElfError::Machine(image.arch.machine().0)) }
    }

    /// Reads the headers of a file made for any machine whose code can be read.
    pub(crate) fn open_any(source: &'a dyn Source) -> Result<Self, ElfError> {
        let len = source.size()?;
        let mut image = Self {
            source,
            len,
            arch: ARCH,
            fixed: false,
            entry: 0,
            loaded: Vec::new(),
            code: Vec::new(),
            unwind: None,
            notes: Vec::new(),
            sections: Vec::new(),
            names: 0,
        };
        if len == 0 {
            return Err(ElfError::Empty);
        }
        let ident = image.read(0, len.min(20), "header")?;
        if !ident.starts_with(&elf::ELFMAG) {
            return Err(ElfError::NotElf);
        }
        if ident.get(4) == Some(&elf::ELFCLASS32.0) {
            return Err(ElfError::Bits32);
        }
        let header: FileHeader64<NativeEndian> = image.one(0, "header")?;
        let machine = header.e_machine.get(NativeEndian);
        let known = [Arch::X86_64, Arch::Arm64].into_iter().find(|arch| arch.machine() == machine);
        image.arch = known.ok_or(ElfError::Machine(machine.0))?;
        image.fixed = header.e_type.get(NativeEndian) == elf::ET_EXEC;
        image.entry = header.e_entry.get(NativeEndian);
        let segments: Vec<ProgramHeader64<NativeEndian>> = image.table(
            header.e_phoff.get(NativeEndian),
            u64::from(header.e_phnum.get(NativeEndian)),
            "program headers",
        )?;
        let loaded = |s: &&ProgramHeader64<_>| s.p_type.get(NativeEndian) == elf::PT_LOAD;
        let loaded = || segments.iter().filter(loaded).take(SEGMENTS_MAX);
        image.loaded = loaded().filter_map(|s| whole(s, len)).collect();
        image.code = loaded().filter(|s| is_code(s)).filter_map(|s| whole(s, len)).collect();
        let notes = |s: &&ProgramHeader64<_>| s.p_type.get(NativeEndian) == elf::PT_NOTE;
        let notes = segments.iter().filter(notes).take(SEGMENTS_MAX);
        image.notes = notes.filter_map(|s| whole(s, len)).collect();
        let unwind = |s: &&ProgramHeader64<_>| s.p_type.get(NativeEndian) == elf::PT_GNU_EH_FRAME;
        image.unwind = segments.iter().find(unwind).and_then(|segment| whole(segment, len));
        // Without a section table (a stripped one is legal) there are no symbols to be found.
        image.sections = image
            .table(
                header.e_shoff.get(NativeEndian),
                u64::from(header.e_shnum.get(NativeEndian)),
                "section headers",
            )
            .unwrap_or_default();
        image.names = usize::from(header.e_shstrndx.get(NativeEndian).0);
        Ok(image)
    }

    /// The functions that `wanted` answers for, by their symbol names: the exported ones or, if
    /// there are none, those of the full symbol table where the file still has one. Each name
    /// counts once.
    pub(crate) fn functions<T: Copy>(
        &self,
        wanted: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Vec<Function<T>>, ElfError> {
        let exported = self.defined(elf::SHT_DYNSYM, &wanted)?;
        if exported.is_empty() { self.defined(elf::SHT_SYMTAB, &wanted) } else { Ok(exported) }
    }

    /// The exported variables that `wanted` answers for, with their addresses in the file's own
    /// address space.
    pub(crate) fn variables<T>(
        &self,
        wanted: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Vec<(T, u64)>, ElfError> {
        let Some((symbols, strings)) = self.symbols(elf::SHT_DYNSYM)? else {
            return Ok(Vec::new());
        };
        let defined = |symbol: &&Sym64<NativeEndian>| {
            symbol.st_shndx.get(NativeEndian) != elf::SHN_UNDEF
                && symbol.st_type() == elf::STT_OBJECT
        };
        let symbols = pods::<Sym64<NativeEndian>>(&symbols).iter().filter(defined);
        let found = symbols.filter_map(|symbol| {
            let what = wanted(name_at(&strings, symbol.st_name))?;
            Some((what, symbol.st_value.get(NativeEndian)))
        });
        Ok(found.collect())
    }

    fn defined<T: Copy>(
        &self,
        kind: elf::SectionType,
        wanted: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Vec<Function<T>>, ElfError> {
        let mut found: Vec<(Vec<u8>, Function<T>)> = Vec::new();
        let Some((symbols, strings)) = self.symbols(kind)? else { return Ok(Vec::new()) };
        for symbol in pods::<Sym64<NativeEndian>>(&symbols) {
            let defined = symbol.st_shndx.get(NativeEndian) != elf::SHN_UNDEF;
            let function = matches!(symbol.st_type(), elf::STT_FUNC | elf::STT_GNU_IFUNC);
            if !defined || !function {
                continue;
            }
            let name = name_at(&strings, symbol.st_name);
            let Some(what) = wanted(name) else { continue };
            let address = symbol.st_value.get(NativeEndian);
            let Some(offset) = self.offset_of(address) else { continue };
            if found.iter().all(|(known, _)| known != name) {
                found.push((name.to_vec(), Function { what, offset, address }));
            }
        }
        Ok(found.into_iter().map(|(_, function)| function).collect())
    }

    /// The functions that the file takes from others, as far as `wanted` answers for them.
    pub(crate) fn imports<T>(
        &self,
        wanted: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Vec<T>, ElfError> {
        let Some((symbols, strings)) = self.symbols(elf::SHT_DYNSYM)? else {
            return Ok(Vec::new());
        };
        let symbols = pods::<Sym64<NativeEndian>>(&symbols);
        let undefined = symbols.iter().filter(|s| s.st_shndx.get(NativeEndian) == elf::SHN_UNDEF);
        Ok(undefined.filter_map(|symbol| wanted(name_at(&strings, symbol.st_name))).collect())
    }

    /// Where a program's code begins, in its own address space.
    pub(crate) fn entry(&self) -> u64 {
        self.entry
    }

    /// Where in the file the code at an address stands.
    pub(crate) fn offset_of(&self, address: u64) -> Option<u64> {
        self.code.iter().find_map(|segment| segment.offset_of(address))
    }

    /// What its code is made of.
    pub(crate) fn arch(&self) -> Arch {
        self.arch
    }

    /// Whether its addresses are those that it will have in memory.
    pub(crate) fn fixed(&self) -> bool {
        self.fixed
    }

    /// What is loaded, code among it.
    pub(crate) fn loaded(&self) -> &[Segment] {
        &self.loaded
    }

    /// What is loaded and may be run.
    pub(crate) fn code(&self) -> &[Segment] {
        &self.code
    }

    /// The file itself.
    pub(crate) fn source(&self) -> &'a dyn Source {
        self.source
    }

    /// Where in the file its relocation tables with addends are.
    pub(crate) fn relocations(&self) -> impl Iterator<Item = (u64, u64)> {
        let tables = self.sections.iter().filter(|s| s.sh_type.get(NativeEndian) == elf::SHT_RELA);
        tables.map(|s| (s.sh_offset.get(NativeEndian), s.sh_size.get(NativeEndian)))
    }

    /// Go's table of functions, by the names that its section goes by, and its address.
    pub(crate) fn go_table(&self) -> Option<(Vec<u8>, u64)> {
        let table = self.named(&[b".gopclntab", b".data.rel.ro.gopclntab"])?;
        let bytes = self.section(table, "table of Go's functions").ok()?;
        Some((bytes, table.sh_addr.get(NativeEndian)))
    }

    /// Where the linker put the code that programs are made of.
    pub(crate) fn text(&self) -> Option<u64> {
        Some(self.named(&[b".text"])?.sh_addr.get(NativeEndian))
    }

    /// What the dynamic linker adds to the file's place in memory and writes to an address.
    pub(crate) fn relocated(&self, place: u64) -> Option<u64> {
        let tables = self.sections.iter().filter(|s| s.sh_type.get(NativeEndian) == elf::SHT_RELA);
        tables.filter_map(|table| self.section(table, "relocations").ok()).find_map(|table| {
            let all = pods::<elf::Rela64<NativeEndian>>(&table);
            let found = all.iter().find(|one| one.r_offset.get(NativeEndian) == place)?;
            u64::try_from(found.r_addend.get(NativeEndian)).ok()
        })
    }

    fn named(&self, wanted: &[&[u8]]) -> Option<&SectionHeader64<NativeEndian>> {
        let names = self.section(self.sections.get(self.names)?, "section names").ok()?;
        self.sections.iter().find(|section| wanted.contains(&name_at(&names, section.sh_name)))
    }

    /// A symbol table and its names.
    fn symbols(&self, kind: elf::SectionType) -> Result<Option<Symbols>, ElfError> {
        let Some(table) = self.sections.iter().find(|s| s.sh_type.get(NativeEndian) == kind) else {
            return Ok(None);
        };
        let strings = self.sections.get(table.sh_link.get(NativeEndian) as usize);
        let strings = strings.ok_or(ElfError::Truncated("string table"))?;
        let symbols = self.section(table, "symbol table")?;
        Ok(Some((symbols, self.section(strings, "string table")?)))
    }

    /// `.eh_frame_hdr` and its address.
    fn unwind_header(&self) -> Option<(Vec<u8>, u64)> {
        let segment = self.unwind?;
        let bytes = self.read(segment.offset, segment.size, "unwind header").ok()?;
        Some((bytes, segment.address))
    }

    fn section(
        &self,
        header: &SectionHeader64<NativeEndian>,
        name: &'static str,
    ) -> Result<Vec<u8>, ElfError> {
        self.read(header.sh_offset.get(NativeEndian), header.sh_size.get(NativeEndian), name)
    }

    fn one<T: Pod + Copy>(&self, offset: u64, name: &'static str) -> Result<T, ElfError> {
        let bytes = self.read(offset, size_of::<T>() as u64, name)?;
        pods::<T>(&bytes).first().copied().ok_or(ElfError::Truncated(name))
    }

    fn table<T: Pod + Copy>(
        &self,
        offset: u64,
        count: u64,
        name: &'static str,
    ) -> Result<Vec<T>, ElfError> {
        if count > HEADERS_MAX {
            return Err(ElfError::TooLarge(name));
        }
        let bytes = self.read(offset, count * size_of::<T>() as u64, name)?;
        Ok(pods::<T>(&bytes).to_vec())
    }

    fn read(&self, offset: u64, size: u64, name: &'static str) -> Result<Vec<u8>, ElfError> {
        if offset.checked_add(size).is_none_or(|end| end > self.len) {
            return Err(ElfError::Truncated(name));
        }
        if size > TABLE_MAX {
            return Err(ElfError::TooLarge(name));
        }
        let mut bytes = vec![0; size as usize];
        match self.source.read(&mut bytes, offset) {
            Ok(()) => Ok(bytes),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(ElfError::Truncated(name))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// What this machine runs.
#[cfg(target_arch = "x86_64")]
const ARCH: Arch = Arch::X86_64;
#[cfg(target_arch = "aarch64")]
const ARCH: Arch = Arch::Arm64;

impl Arch {
    fn machine(self) -> elf::Machine {
        match self {
            Arch::X86_64 => elf::EM_X86_64,
            Arch::Arm64 => elf::EM_AARCH64,
        }
    }
}

fn is_code(header: &ProgramHeader64<NativeEndian>) -> bool {
    header.p_flags.get(NativeEndian).0 & elf::PF_X.0 != 0
}

/// A segment, if the file really has all of it.
fn whole(header: &ProgramHeader64<NativeEndian>, len: u64) -> Option<Segment> {
    let segment = Segment {
        address: header.p_vaddr.get(NativeEndian),
        offset: header.p_offset.get(NativeEndian),
        size: header.p_filesz.get(NativeEndian),
    };
    segment.offset.checked_add(segment.size).filter(|end| *end <= len).map(|_| segment)
}

/// As many whole values as the bytes hold.
fn pods<T: Pod>(bytes: &[u8]) -> &[T] {
    let whole = bytes.len() / size_of::<T>();
    pod::slice_from_bytes(bytes, whole).map_or(&[], |(values, _)| values)
}

fn name_at(strings: &[u8], at: U32<NativeEndian>) -> &[u8] {
    // What is longer is no name that anybody asks for, and a table without an end is hostile.
    const LONGEST: usize = 256;
    let rest = strings.get(at.get(NativeEndian) as usize..).unwrap_or_default();
    let rest = &rest[..rest.len().min(LONGEST)];
    rest.iter().position(|&byte| byte == 0).map_or(&[], |end| &rest[..end])
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;

    use super::*;

    fn own() -> Vec<u8> {
        std::fs::read("/proc/self/exe").unwrap()
    }

    fn file_of(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn refused(bytes: &[u8]) -> String {
        Image::open(&file_of(bytes)).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_program_is_refused() {
        assert!(refused(b"").contains("empty"));
        assert!(refused(b"#!/bin/sh\nexit 0 # and more").contains("not an ELF"));
        let mut bytes = own();
        bytes[4] = elf::ELFCLASS32.0;
        assert!(refused(&bytes).contains("32-bit"));
        let mut bytes = own();
        bytes[18] = elf::EM_S390.0 as u8;
        assert!(refused(&bytes).contains("another processor"));
        assert!(refused(&own()[..100]).contains("truncated"));
    }

    #[test]
    fn no_truncation_panics_or_places_code_outside_the_file() {
        let bytes = own();
        for keep in (0..1024).chain((4096..bytes.len()).step_by(bytes.len() / 16)) {
            let file = file_of(&bytes[..keep]);
            let Ok(image) = Image::open(&file) else { continue };
            for function in image.functions(|_| Some(())).unwrap_or_default().iter().take(1000) {
                assert!(function.offset < keep as u64);
            }
        }
    }

    #[test]
    fn defined_functions_are_found_and_undefined_ones_are_not() {
        let file = file_of(&own());
        let image = Image::open(&file).unwrap();
        let named =
            |wanted: &'static [u8]| image.functions(|name| (name == wanted).then_some(())).unwrap();
        let main = named(b"main");
        assert_eq!(main.len(), 1);
        assert_eq!(image.offset_of(main[0].address), Some(main[0].offset));
        // Imported from libc, so it has a symbol and no code here.
        assert!(named(b"memcpy").is_empty());
    }
}
