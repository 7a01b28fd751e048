//! What is wrong with a message: partial data is shown, and said to be partial.

/// One thing that is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flaw {
    /// Bytes in it are missing.
    Gap,
    /// It had not ended when its connection, its stream or the capture did.
    Cut,
    /// Its beginning was not seen.
    Late,
    /// More of it than is kept: a limit was reached.
    Limit,
    /// It breaks the rules of its protocol.
    Broken,
}

impl Flaw {
    /// Every flaw.
    pub const ALL: [Self; 5] = [Self::Gap, Self::Cut, Self::Late, Self::Limit, Self::Broken];

    /// The name in every output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gap => "gap",
            Self::Cut => "cut",
            Self::Late => "late",
            Self::Limit => "limit",
            Self::Broken => "broken",
        }
    }
}

/// All that is wrong with a message; mostly nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flaws(u8);

impl Flaws {
    /// Nothing is wrong.
    pub const NONE: Self = Self(0);

    /// Whether nothing is wrong.
    pub fn is_empty(self) -> bool {
        self == Self::NONE
    }

    /// Whether this is wrong.
    pub fn has(self, flaw: Flaw) -> bool {
        self.0 & bit(flaw) != 0
    }

    /// This is wrong, too.
    pub fn add(&mut self, flaw: Flaw) {
        self.0 |= bit(flaw);
    }

    /// These, and one more.
    #[must_use]
    pub fn with(mut self, flaw: Flaw) -> Self {
        self.add(flaw);
        self
    }

    /// What is wrong, in the order of [`Flaw::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Flaw> {
        Flaw::ALL.into_iter().filter(move |&flaw| self.has(flaw))
    }
}

fn bit(flaw: Flaw) -> u8 {
    1 << flaw as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_flaw_stands_for_itself() {
        let mut flaws = Flaws::NONE;
        assert!(flaws.is_empty());
        for flaw in Flaw::ALL {
            assert!(!flaws.has(flaw));
            flaws.add(flaw);
            assert!(flaws.has(flaw));
        }
        assert!(flaws.iter().eq(Flaw::ALL));
        assert_eq!(Flaws::NONE.with(Flaw::Cut).iter().collect::<Vec<_>>(), [Flaw::Cut]);
    }
}
