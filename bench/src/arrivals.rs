//! When the requests of an open loop are due, and what is drawn by lot.

use crate::plan::{Plan, Spacing, nanoseconds};

const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// splitmix64 (Steele, Lea and Flood 2014): small, fast, and the same for the same seed.
pub struct Random(u64);

impl Random {
    /// Of one thread of a run.
    pub fn new(seed: u64, thread: u32) -> Self {
        // Mixed twice: states a multiple of the step apart would give the same numbers, shifted.
        Self(mix(mix(seed).wrapping_add(u64::from(thread))))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// An index below `count`.
    pub fn below(&mut self, count: usize) -> usize {
        ((u128::from(self.next()) * count as u128) >> 64) as usize
    }

    /// Exponentially distributed with mean 1.
    pub fn exponential(&mut self) -> f64 {
        let above_zero = ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64; // in (0, 1]
        -above_zero.ln()
    }
}

fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

/// Intended times of one thread's requests, at its share of a plan's rate.
///
/// Even: those of all threads together lie at equal distances. Poisson: each thread has a process of
/// its own, and several of those together are one again.
pub struct Arrivals {
    began_ns: u64,
    /// Between two of this thread.
    gap_ns: f64,
    next_ns: f64,
    number: u64,
    first_ns: f64,
    chance: Option<Random>,
}

impl Arrivals {
    /// `None`: the plan is a closed loop.
    pub fn new(plan: &Plan, thread: u32, began_ns: u64) -> Option<Self> {
        let rate = plan.rate?;
        let gap_ns = 1e9 * f64::from(plan.threads) / rate;
        let chance = match plan.arrivals {
            Spacing::Even => None,
            // Not the draws that names are taken by.
            Spacing::Poisson => Some(Random::new(!plan.seed, thread)),
        };
        let mut arrivals = Self {
            began_ns,
            gap_ns,
            next_ns: 0.0,
            number: 0,
            first_ns: 1e9 * f64::from(thread) / rate,
            chance,
        };
        arrivals.place();
        Some(arrivals)
    }

    /// When the next one is due.
    pub fn next_ns(&self) -> u64 {
        self.began_ns + nanoseconds(self.next_ns / 1e9)
    }

    /// Goes on to the one after it.
    pub fn advance(&mut self) {
        self.number += 1;
        self.place();
    }

    fn place(&mut self) {
        match &mut self.chance {
            Some(chance) => self.next_ns += self.gap_ns * chance.exponential(),
            None => self.next_ns = self.first_ns + self.gap_ns * self.number as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(settings: &str, thread: u32) -> Arrivals {
        let json = format!(
            r#"{{"target": "127.0.0.1:1", "connections": 8, "streams": 1, "duration_s": 1, {settings}}}"#
        );
        Arrivals::new(&serde_json::from_str(&json).unwrap(), thread, 1_000).unwrap()
    }

    fn times(mut arrivals: Arrivals, count: usize) -> Vec<u64> {
        let mut next = || {
            let now = arrivals.next_ns();
            arrivals.advance();
            now
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn even_arrivals_of_all_threads_interleave_at_equal_distances() {
        let settings = r#""rate": 1000, "threads": 4"#;
        let mut all: Vec<u64> = (0..4)
            .flat_map(|thread| times(arrivals(settings, thread), 1_000))
            .collect();
        all.sort_unstable();
        let even: Vec<u64> = (0..4_000)
            .map(|number| 1_000 + 1_000_000 * number)
            .collect();
        assert_eq!(all, even);
    }

    /// The mean rate, and the squared coefficient of variation of the distances: 1 for a Poisson process.
    fn statistics(times: &[u64]) -> (f64, f64) {
        let gaps: Vec<f64> = times
            .windows(2)
            .map(|two| (two[1] - two[0]) as f64)
            .collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        (1e9 / mean, variance / mean.powi(2))
    }

    #[test]
    fn poisson_arrivals_are_a_poisson_process_on_one_thread_and_on_four() {
        for threads in [1, 4] {
            let settings = format!(r#""rate": 1000, "arrivals": "poisson", "threads": {threads}"#);
            let mut all: Vec<u64> = (0..threads)
                .flat_map(|thread| times(arrivals(&settings, thread), 400_000 / threads as usize))
                .collect();
            all.sort_unstable();
            all.truncate(380_000); // to where no thread's have ended
            let (rate, variation) = statistics(&all);
            assert!((rate / 1000.0 - 1.0).abs() < 0.01, "{threads}: {rate}");
            assert!((variation - 1.0).abs() < 0.02, "{threads}: {variation}");
        }
    }

    #[test]
    fn another_seed_draws_others_and_the_same_one_the_same() {
        let draw = |seed| {
            let settings = format!(r#""rate": 1000, "arrivals": "poisson", "seed": {seed}"#);
            times(arrivals(&settings, 0), 10)
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn every_index_is_drawn_about_as_often() {
        let mut random = Random::new(0, 0);
        let mut drawn = [0; 7];
        (0..70_000).for_each(|_| drawn[random.below(7)] += 1);
        assert!(
            drawn.iter().all(|count| (9_500..10_500).contains(count)),
            "{drawn:?}"
        );
    }
}
