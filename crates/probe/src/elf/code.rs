//! A file's machine code as [`site`](crate::site) looks at it: read page by page when it is asked
//! for, since a function or two of a large program are all that matters.

use std::cell::{Cell, OnceCell};
use std::collections::HashMap;
use std::ops::Range;

use object::NativeEndian;
use object::elf::{self, Rela64, Sym64};

use super::{ElfError, Image, Segment, pods};
use crate::site::{Arch, Code, Extents};

/// Bytes that are read at once.
const PAGE: u64 = 64 << 10;
/// Bytes that can be asked for at once: pages overlap by as much, so that none is cut in two.
const REACH: u64 = 4 << 10;
/// Pages of one file, at most: code that leads to more of them is made to waste memory.
const PAGES_MAX: u32 = 384;

/// The machine code of one file.
#[derive(Debug)]
pub(crate) struct FileCode<'a> {
    image: &'a Image<'a>,
    pages: Vec<(Segment, Vec<OnceCell<Vec<u8>>>)>,
    /// Pages that may still be read.
    left: Cell<u32>,
    /// `.eh_frame_hdr` and its address.
    unwind: (Vec<u8>, u64),
    slots: OnceCell<HashMap<u64, u64>>,
}

impl<'a> FileCode<'a> {
    /// Reads what tells functions apart; code is read later.
    pub(crate) fn open(image: &'a Image<'a>) -> Self {
        Self::over(image, &image.code)
    }

    /// The same with all that is loaded, constants among it.
    pub(crate) fn with_data(image: &'a Image<'a>) -> Self {
        Self::over(image, &image.loaded)
    }

    fn over(image: &'a Image<'a>, segments: &[Segment]) -> Self {
        let pages = |segment: &Segment| {
            let count = segment.size.div_ceil(PAGE) as usize;
            (*segment, (0..count).map(|_| OnceCell::new()).collect())
        };
        Self {
            image,
            pages: segments.iter().map(pages).collect(),
            left: Cell::new(PAGES_MAX),
            // Without it only sites at a function's entry are proved.
            unwind: image.unwind_header().unwrap_or_default(),
            slots: OnceCell::new(),
        }
    }
}

impl Code for FileCode<'_> {
    fn at(&self, va: u64, max: usize) -> &[u8] {
        let holds = |(segment, _): &&(Segment, _)| {
            va.checked_sub(segment.address).is_some_and(|inside| inside < segment.size)
        };
        let Some((segment, pages)) = self.pages.iter().find(holds) else { return &[] };
        let inside = va - segment.address;
        let start = inside / PAGE * PAGE;
        let Some(page) = pages.get((inside / PAGE) as usize) else { return &[] };
        let bytes = page.get_or_init(|| {
            let Some(left) = self.left.get().checked_sub(1) else { return Vec::new() };
            self.left.set(left);
            let len = (segment.size - start).min(PAGE + REACH);
            self.image.read(segment.offset + start, len, "code").unwrap_or_default()
        });
        let rest = bytes.get((inside - start) as usize..).unwrap_or_default();
        &rest[..rest.len().min(max)]
    }

    fn extent(&self, va: u64) -> Option<Range<u64>> {
        Extents::parse(&self.unwind.0, self.unwind.1)?.of(va)
    }

    fn slot(&self, va: u64) -> Option<u64> {
        self.slots.get_or_init(|| slots(self.image).unwrap_or_default()).get(&va).copied()
    }
}

/// Import slots that are bound to functions of the file itself (System V ABI, x86-64 and AArch64
/// supplements: JUMP_SLOT and GLOB_DAT relocations).
fn slots(image: &Image<'_>) -> Result<HashMap<u64, u64>, ElfError> {
    let mut slots = HashMap::new();
    let Some((symbols, _)) = image.symbols(elf::SHT_DYNSYM)? else { return Ok(slots) };
    let symbols = pods::<Sym64<NativeEndian>>(&symbols);
    for section in image.sections.iter().filter(|s| s.sh_type.get(NativeEndian) == elf::SHT_RELA) {
        let table = image.section(section, "relocations")?;
        for relocation in pods::<Rela64<NativeEndian>>(&table) {
            let info = relocation.r_info.get(NativeEndian);
            let (symbol, kind) = ((info >> 32) as usize, info as u32);
            let Some(symbol) = symbols.get(symbol).filter(|_| binds(image.arch).contains(&kind))
            else {
                continue;
            };
            if symbol.st_shndx.get(NativeEndian) != elf::SHN_UNDEF {
                let address = symbol.st_value.get(NativeEndian);
                slots.insert(relocation.r_offset.get(NativeEndian), address);
            }
        }
    }
    Ok(slots)
}

/// Relocations that bind a slot to a function.
fn binds(arch: Arch) -> [u32; 2] {
    match arch {
        Arch::X86_64 => [elf::R_X86_64_JUMP_SLOT.0, elf::R_X86_64_GLOB_DAT.0],
        Arch::Arm64 => [elf::R_AARCH64_JUMP_SLOT.0, elf::R_AARCH64_GLOB_DAT.0],
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn code_is_what_the_file_holds_also_across_pages() {
        let file = File::open("/proc/self/exe").unwrap();
        let bytes = std::fs::read("/proc/self/exe").unwrap();
        let image = Image::open(&file).unwrap();
        let code = FileCode::open(&image);
        let segment = image.code.iter().max_by_key(|segment| segment.size).unwrap();
        for at in [0, 1, PAGE - 1, PAGE, PAGE + 7, segment.size - 1] {
            let found = code.at(segment.address + at, REACH as usize);
            let start = (segment.offset + at) as usize;
            let len = REACH.min(segment.size - at) as usize;
            assert!(found == &bytes[start..start + len], "at {at}");
        }
        assert!(code.at(segment.address + segment.size, 1).is_empty());
    }

    #[test]
    fn functions_have_extents() {
        let file = File::open("/proc/self/exe").unwrap();
        let image = Image::open(&file).unwrap();
        let main = image.functions(|name| (name == b"main").then_some(())).unwrap();
        let extent = FileCode::open(&image).extent(main[0].address).unwrap();
        assert_eq!(extent.start, main[0].address);
        assert!(extent.end > extent.start);
    }
}
