//! An ELF file as code for the choice of sites.

use std::{collections::HashMap, fs, ops::Range, path::Path};

use ecapture_probe::site::{Arch, Code, Extents};
use object::{
    Architecture, File, Object, ObjectSection, ObjectSegment, ObjectSymbol, ObjectSymbolTable,
    RelocationFlags, RelocationTarget, SegmentFlags, SymbolKind, elf,
};

pub(crate) struct Elf {
    pub(crate) arch: Arch,
    /// Functions with a name, exported or in the full symbol table: address and size.
    pub(crate) functions: HashMap<String, (u64, u64)>,
    bytes: Vec<u8>,
    /// Executable segments: addresses, and where the file has them.
    segments: Vec<(Range<u64>, usize)>,
    eh_frame_hdr: Option<(Range<usize>, u64)>,
    slots: HashMap<u64, u64>,
}

impl Elf {
    pub(crate) fn open(path: &Path) -> Elf {
        let bytes = fs::read(path).unwrap();
        let file = File::parse(&*bytes).unwrap();
        let arch = match file.architecture() {
            Architecture::X86_64 => Arch::X86_64,
            Architecture::Aarch64 => Arch::Arm64,
            other => panic!("{}: {other:?}", path.display()),
        };
        let executable = |flags| match flags {
            SegmentFlags::Elf { p_flags, .. } => p_flags.0 & elf::PF_X.0 != 0,
            _ => false,
        };
        let segments = file.segments().filter(|s| executable(s.flags())).map(|s| {
            let (at, len) = s.file_range();
            (s.address()..s.address() + len, at as usize)
        });
        let eh_frame_hdr = file.section_by_name(".eh_frame_hdr").map(|s| {
            let (at, len) = s.file_range().unwrap();
            (at as usize..(at + len) as usize, s.address())
        });
        let functions = file
            .symbols()
            .chain(file.dynamic_symbols())
            .filter(|s| s.is_definition() && s.kind() == SymbolKind::Text)
            .map(|s| (s.name().unwrap().to_owned(), (s.address(), s.size())));
        Elf {
            arch,
            functions: functions.collect(),
            segments: segments.collect(),
            eh_frame_hdr,
            slots: slots(&file),
            bytes,
        }
    }
}

/// Import slots that are bound to functions of the file itself.
fn slots(file: &File<'_>) -> HashMap<u64, u64> {
    let Some(symbols) = file.dynamic_symbol_table() else { return HashMap::new() };
    let bound = |(slot, relocation): (u64, object::Relocation)| {
        let RelocationFlags::Elf { r_type } = relocation.flags() else { return None };
        let binds = [
            elf::R_X86_64_JUMP_SLOT,
            elf::R_X86_64_GLOB_DAT,
            elf::R_AARCH64_JUMP_SLOT,
            elf::R_AARCH64_GLOB_DAT,
        ];
        let RelocationTarget::Symbol(index) = relocation.target() else { return None };
        let symbol = symbols.symbol_by_index(index).ok()?;
        (binds.contains(&r_type) && symbol.is_definition()).then_some((slot, symbol.address()))
    };
    file.dynamic_relocations().into_iter().flatten().filter_map(bound).collect()
}

impl Code for Elf {
    fn at(&self, va: u64, max: usize) -> &[u8] {
        let Some((range, at)) = self.segments.iter().find(|(range, _)| range.contains(&va)) else {
            return &[];
        };
        let at = at + (va - range.start) as usize;
        let len = max.min((range.end - va) as usize);
        &self.bytes[at..at + len]
    }

    fn extent(&self, va: u64) -> Option<Range<u64>> {
        let (range, base) = self.eh_frame_hdr.as_ref()?;
        Extents::parse(&self.bytes[range.clone()], *base)?.of(va)
    }

    fn slot(&self, va: u64) -> Option<u64> {
        self.slots.get(&va).copied()
    }
}
