//! Choices that look random and are the same in every run.

/// SplitMix64.
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below the bound.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % bound as u64).unwrap()
    }

    /// Two that differ.
    pub fn pair<T: Clone>(&mut self, of: &[T]) -> (T, T) {
        let first = self.below(of.len());
        let second = (first + 1 + self.below(of.len() - 1)) % of.len();
        (of[first].clone(), of[second].clone())
    }
}
