//! Random numbers that are the same for the same seed.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

/// Numbers that are the same for the same seed (SplitMix64).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x5851_f42d_4c95_7f2d))
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }

    pub fn word(&mut self, most: u64) -> String {
        (0..1 + self.below(most)).map(|_| char::from(b'a' + self.below(26) as u8)).collect()
    }

    pub fn body(&mut self) -> Vec<u8> {
        let len = match self.below(4) {
            0 => 0,
            1 => self.below(100),
            2 => self.below(5_000),
            _ => self.below(60_000),
        };
        (0..len).map(|_| self.below(256) as u8).collect()
    }
}
