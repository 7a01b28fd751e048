//! Why bytes are missing.

/// Why a gap is there, as the output names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GapReason {
    /// The program's memory could not be read.
    Unreadable,
    /// Past the user's cap per call.
    Cap,
    /// The call names no buffer.
    NoBuffer,
    /// One call longer than the kernel half can copy.
    TooLong,
    /// The ring had no room.
    RingFull,
    /// The rest of a call that was cut because of the load.
    Overload,
    /// Moved before it was known whether the connection's addresses are wanted.
    UnknownAddress,
}

impl GapReason {
    /// Every reason; a reason's place here is its [`index`](Self::index).
    pub const ALL: [Self; 7] = [
        Self::Unreadable,
        Self::Cap,
        Self::NoBuffer,
        Self::TooLong,
        Self::RingFull,
        Self::Overload,
        Self::UnknownAddress,
    ];

    /// The reason that a record gives, if it gives one.
    pub fn from_record(value: u8) -> Option<Self> {
        match abi::Reason::from_u8(value)? {
            abi::Reason::None => None,
            abi::Reason::Unreadable => Some(Self::Unreadable),
            abi::Reason::Cap => Some(Self::Cap),
            abi::Reason::NoBuffer => Some(Self::NoBuffer),
            abi::Reason::TooLong => Some(Self::TooLong),
            abi::Reason::RingFull => Some(Self::RingFull),
            abi::Reason::Overload => Some(Self::Overload),
            abi::Reason::UnknownAddress => Some(Self::UnknownAddress),
        }
    }

    /// The name in every output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Cap => "cap",
            Self::NoBuffer => "no-buffer",
            Self::TooLong => "too-long",
            Self::RingFull => "ring-full",
            Self::Overload => "overload",
            Self::UnknownAddress => "unknown-address",
        }
    }

    /// The reason's place in [`ALL`](Self::ALL).
    pub fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_is_the_place_in_all() {
        for (index, reason) in GapReason::ALL.into_iter().enumerate() {
            assert_eq!(reason.index(), index);
        }
    }

    #[test]
    fn every_reason_of_the_contract_but_none_is_known() {
        for reason in abi::Reason::ALL {
            let known = GapReason::from_record(*reason as u8).is_some();
            assert_eq!(known, *reason != abi::Reason::None, "{reason:?}");
        }
    }
}
