//! The Huffman code of HPACK's strings (RFC 7541, section 5.2 and appendix B).
//!
//! The code is canonical: codes of one length follow each other in the order of their symbols, and
//! longer ones come after shorter ones. So the lengths say it all, and the tables are computed from
//! them when the program is compiled.

/// Bits of the code of each symbol (RFC 7541, appendix B); the last one is EOS.
#[rustfmt::skip]
const LENGTHS: [u8; SYMBOLS] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30,
    28, 28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5,
    7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22,
    22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23,
    22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22,
    21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26,
    26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20,
    24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27,
    27, 28, 27, 27, 27, 27, 27, 26, 30,
];

const SYMBOLS: usize = 257;
const EOS: u16 = 256;
/// Bits of the longest code.
const LONGEST: usize = 30;
/// Codes up to this length are found by one look at a table.
const SHORT: usize = 8;

const CODE: Code = Code::new();

/// The code, in the order of its lengths.
struct Code {
    /// Past the last code of each length, at the upper end of 32 bits; one more bit for the last.
    ends: [u64; LONGEST + 1],
    /// The first code of each length, likewise.
    firsts: [u64; LONGEST + 1],
    /// Where the symbols of each length begin in `symbols`.
    places: [u16; LONGEST + 1],
    /// By length, then by value.
    symbols: [u16; SYMBOLS],
    /// By the next eight bits: symbol and length; length 0 if the code is longer.
    short: [(u8, u8); 1 << SHORT],
}

impl Code {
    const fn new() -> Self {
        let mut code = Self {
            ends: [0; LONGEST + 1],
            firsts: [0; LONGEST + 1],
            places: [0; LONGEST + 1],
            symbols: [0; SYMBOLS],
            short: [(0, 0); 1 << SHORT],
        };
        let mut next = 0u64;
        let mut count = 0;
        let mut length = 1;
        while length <= LONGEST {
            let step = 1u64 << (32 - length);
            code.firsts[length] = next;
            code.places[length] = count as u16;
            let mut symbol = 0;
            while symbol < SYMBOLS {
                if LENGTHS[symbol] as usize == length {
                    code.symbols[count] = symbol as u16;
                    count += 1;
                    if length <= SHORT {
                        let mut slot = (next >> (32 - SHORT)) as usize;
                        let end = ((next + step) >> (32 - SHORT)) as usize;
                        while slot < end {
                            code.short[slot] = (symbol as u8, length as u8);
                            slot += 1;
                        }
                    }
                    next += step;
                }
                symbol += 1;
            }
            code.ends[length] = next;
            length += 1;
        }
        code
    }

    /// The symbol whose code begins these bits, and its length.
    fn symbol(&self, bits: u32) -> (u16, usize) {
        let (symbol, length) = self.short[(bits >> (32 - SHORT)) as usize];
        if length > 0 {
            return (u16::from(symbol), usize::from(length));
        }
        let bits = u64::from(bits);
        let fits = |&length: &usize| bits < self.ends[length];
        // The code is complete, so the longest codes end where 32 bits do.
        let length = (SHORT + 1..LONGEST).find(fits).unwrap_or(LONGEST);
        let nth = (bits - self.firsts[length]) >> (32 - length);
        (self.symbols[usize::from(self.places[length]) + nth as usize], length)
    }
}

/// Appends what the coded bytes stand for: at most 8 bytes for 5.
///
/// # Errors
///
/// EOS in the string, or an end that is not a piece of EOS shorter than a byte.
pub(super) fn decode(coded: &[u8], out: &mut Vec<u8>) -> Result<(), &'static str> {
    let mut rest = coded.iter();
    // The next bits, at the upper end; zeros below them.
    let mut bits = 0u64;
    let mut have = 0;
    loop {
        while have <= 56
            && let Some(&byte) = rest.next()
        {
            bits |= u64::from(byte) << (56 - have);
            have += 8;
        }
        let (symbol, length) = CODE.symbol((bits >> 32) as u32);
        if length > have {
            break;
        }
        if symbol == EOS {
            return Err("EOS within a string");
        }
        out.push(symbol as u8);
        bits <<= length;
        have -= length;
    }
    match have {
        0 => Ok(()),
        1..8 if (bits >> (64 - have)) + 1 == 1 << have => Ok(()),
        _ => Err("a string's last bits are not those of EOS"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(coded: &[u8]) -> Result<Vec<u8>, &'static str> {
        let mut out = Vec::new();
        decode(coded, &mut out).map(|()| out)
    }

    /// What another implementation makes of a string.
    fn encoded(text: &[u8]) -> Vec<u8> {
        let mut coded = Vec::new();
        httlib_huffman::encode(text, &mut coded).unwrap();
        coded
    }

    #[test]
    fn every_symbol_is_that_of_another_implementation() {
        for symbol in 0..=255u8 {
            assert_eq!(decoded(&encoded(&[symbol])), Ok(vec![symbol]), "symbol {symbol}");
            let twice = [symbol, b'0', symbol];
            assert_eq!(decoded(&encoded(&twice)), Ok(twice.to_vec()), "symbol {symbol}");
        }
    }

    #[test]
    fn the_code_is_complete() {
        let sum: u64 = LENGTHS.iter().map(|&length| 1 << (32 - length)).sum();
        assert_eq!(sum, 1 << 32);
        assert_eq!(CODE.symbol(u32::MAX), (EOS, 30));
    }

    #[test]
    fn the_strings_of_the_rfc() {
        // RFC 7541, appendix C.4.1 and C.6.1.
        let coded = [0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff];
        assert_eq!(decoded(&coded).unwrap(), b"www.example.com");
        assert_eq!(decoded(&[0x64, 0x02]).unwrap(), b"302");
        assert_eq!(decoded(&[]).unwrap(), b"");
    }

    #[test]
    fn only_a_short_piece_of_eos_may_end_it() {
        assert_eq!(decoded(&[0b0000_0111]).unwrap(), b"0");
        assert!(decoded(&[0b0000_0110]).is_err(), "not all ones");
        assert!(decoded(&[0b0000_0000]).is_err(), "zeros");
        assert!(decoded(&[0b0000_0111, 0xff]).is_err(), "eleven bits");
        assert!(decoded(&[0xff; 4]).is_err(), "EOS");
        assert!(decoded(&[0xff]).is_err(), "eight bits");
    }

    proptest! {
        #[test]
        fn strings_come_back(text in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(decoded(&encoded(&text)).unwrap(), text);
        }

        #[test]
        fn any_bytes_do_as_another_implementation_says(coded in prop::collection::vec(any::<u8>(), 0..20)) {
            // The other one also takes an end that no encoder writes: only what both take must agree.
            let mut other = Vec::new();
            let speed = httlib_huffman::DecoderSpeed::OneBit;
            if let (Ok(ours), Ok(())) = (decoded(&coded), httlib_huffman::decode(&coded, &mut other, speed)) {
                prop_assert_eq!(ours, other);
            }
        }
    }
}
