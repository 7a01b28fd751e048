//! Reads sizes, offsets and values out of an object's BTF.

use std::ffi::OsStr;

use anyhow::{Context, Result, bail};
use libbpf_rs::btf::types::{Array, Enum, Int, MemberAttr, Struct};
use libbpf_rs::btf::{Btf, BtfType, TypeId};

use crate::names::Name;

/// A type of the header.
pub(crate) enum Type {
    /// A struct: its C name, size and fields.
    Struct { name: String, size: usize, fields: Vec<Field> },
    /// An enum: its C name, and names and values.
    Enum { name: String, values: Vec<(String, i64)> },
}

/// A field of a struct.
pub(crate) struct Field {
    /// Its C name.
    pub name: String,
    /// Bytes from the start of the struct.
    pub offset: usize,
    /// What it holds.
    pub kind: Kind,
}

/// What a field holds.
pub(crate) enum Kind {
    /// An unsigned integer of so many bytes.
    Int(usize),
    /// An array of unsigned integers: bytes of one, and how many.
    Array(usize, usize),
    /// Another struct: its C name and size.
    Struct(String, usize),
}

impl Kind {
    /// Bytes that a field of this kind takes.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Int(size) | Self::Struct(_, size) => *size,
            Self::Array(size, count) => size * count,
        }
    }
}

/// Reads every type in `names` from an object.
pub(crate) fn read(object: &[u8], names: &[Name]) -> Result<Vec<Type>> {
    let btf =
        Btf::from_raw("abi", object).context("read the BTF")?.context("the object has no BTF")?;
    names.iter().map(|name| read_type(&btf, name)).collect()
}

fn read_type(btf: &Btf<'_>, name: &Name) -> Result<Type> {
    match name {
        Name::Struct(name) => {
            let found: Struct<'_> = find(btf, name)?;
            let fields = found
                .iter()
                .map(|member| field(btf, member.name, member.ty, member.attr))
                .collect::<Result<Vec<_>>>()
                .with_context(|| format!("struct {name}"))?;
            let size = extent(name, &fields)?;
            Ok(Type::Struct { name: name.clone(), size, fields })
        }
        Name::Enum(name) => {
            let found: Enum<'_> = find(btf, name)?;
            let values = found.iter().map(|value| Ok((text(value.name)?, value.value)));
            Ok(Type::Enum { name: name.clone(), values: values.collect::<Result<_>>()? })
        }
    }
}

fn find<'b, T: TryFrom<BtfType<'b>>>(btf: &'b Btf<'_>, name: &str) -> Result<T> {
    btf.type_by_name(name).with_context(|| format!("{name} is not in the BTF"))
}

fn field(btf: &Btf<'_>, name: Option<&OsStr>, ty: TypeId, attr: MemberAttr) -> Result<Field> {
    let name = text(name)?;
    let MemberAttr::Normal { offset } = attr else { bail!("`{name}` is a bit field") };
    let kind = kind(btf, ty).with_context(|| format!("`{name}`"))?;
    Ok(Field { name, offset: offset as usize / 8, kind })
}

fn kind(btf: &Btf<'_>, ty: TypeId) -> Result<Kind> {
    let ty: BtfType<'_> = btf.type_by_id(ty).context("has no type")?;
    let ty = ty.skip_mods_and_typedefs();
    if let Ok(int) = Int::try_from(ty) {
        return Ok(Kind::Int(usize::from(int.bits) / 8));
    }
    if let Ok(array) = Array::try_from(ty) {
        let Kind::Int(size) = kind(btf, array.ty())? else { bail!("is not an array of integers") };
        return Ok(Kind::Array(size, array.capacity()));
    }
    let inner = Struct::try_from(ty).ok().context("is neither integer, array nor struct")?;
    let name = text(inner.name())?;
    let Type::Struct { name, size, .. } = read_type(btf, &Name::Struct(name))? else {
        bail!("is not a struct")
    };
    Ok(Kind::Struct(name, size))
}

/// The end of the last field. Structs without padding are part of the contract: the kernel half
/// would send bytes of its stack in the holes.
fn extent(name: &str, fields: &[Field]) -> Result<usize> {
    let mut end = 0;
    for field in fields {
        if field.offset != end {
            bail!("struct {name}: {} bytes of padding before `{}`", field.offset - end, field.name);
        }
        end += field.kind.size();
    }
    let widest = fields.iter().map(alignment).max().unwrap_or(1);
    if end % widest != 0 {
        bail!("struct {name}: padding after the last field");
    }
    Ok(end)
}

fn alignment(field: &Field) -> usize {
    match field.kind {
        Kind::Int(size) | Kind::Array(size, _) => size,
        // Every record starts with 64-bit fields.
        Kind::Struct(..) => 8,
    }
}

fn text(name: Option<&OsStr>) -> Result<String> {
    let name = name.and_then(OsStr::to_str).context("a name is missing")?;
    Ok(name.to_owned())
}
