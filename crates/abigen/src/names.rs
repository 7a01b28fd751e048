//! Which types the header defines.

/// A type's C name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Name {
    /// `struct …`
    Struct(String),
    /// `enum …`
    Enum(String),
}

/// Finds the definitions: lines of the form `struct abi_x {` or `enum abi_x {`, in order.
pub(crate) fn scan(header: &str) -> Vec<Name> {
    header.lines().filter_map(definition).collect()
}

fn definition(line: &str) -> Option<Name> {
    let line = line.trim_end().strip_suffix(" {")?;
    let (keyword, name) = line.split_once(' ')?;
    if !name.starts_with("abi_") {
        return None;
    }
    match keyword {
        "struct" => Some(Name::Struct(name.to_owned())),
        "enum" => Some(Name::Enum(name.to_owned())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_definitions_and_not_uses() {
        let header = "enum abi_kind {\n};\nstruct abi_data {\n    struct abi_head head;\n};\n";
        let expected = [Name::Enum("abi_kind".into()), Name::Struct("abi_data".into())];
        assert_eq!(scan(header), expected);
    }
}
