//! Random numbers from the seed of an execution: the same seed, the same script, the same answer.

/// `SplitMix64` (Steele, Lea, Flood 2014). Not for secrets: nothing here makes any.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
    /// Gives the seed, which is not yet needed: few executions want a number.
    entropy: Option<fn() -> u64>,
}

impl Random {
    /// A sequence from a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self {
            state: seed,
            entropy: None,
        }
    }

    /// A sequence from a seed that is asked for with the first number.
    #[must_use]
    pub const fn later(entropy: fn() -> u64) -> Self {
        Self {
            state: 0,
            entropy: Some(entropy),
        }
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        if let Some(entropy) = self.entropy.take() {
            self.state = entropy();
        }
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_that_comes_later_gives_the_same_numbers() {
        let (mut now, mut later) = (Random::new(7), Random::later(|| 7));
        let of = |random: &mut Random| [random.bits(), random.below(1000), random.bits()];
        let numbers = of(&mut now);
        assert_eq!(of(&mut later), numbers);
        assert_ne!(of(&mut later), numbers);
    }
}
