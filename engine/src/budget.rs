//! What a peer may do often, but not all the time.

use crate::limits::Rate;
use crate::moment::Moment;

/// One bucket of a connection, in 64ths of a token.
#[derive(Debug)]
pub struct Budget {
    rate: Rate,
    left: u64,
    filled: Moment,
}

impl Budget {
    /// A full one.
    pub fn new(rate: Rate, now: Moment) -> Self {
        Self {
            rate,
            left: u64::from(rate.burst) * 64,
            filled: now,
        }
    }

    /// Takes a token. `false`: there was none.
    pub fn take(&mut self, now: Moment) -> bool {
        if self.left < 64 {
            // Time is only looked at when it matters.
            let per_second = u64::from(self.rate.per_second) * 64;
            let elapsed_ms = u64::try_from(now.since(self.filled).as_millis()).unwrap_or(u64::MAX);
            self.add(per_second.saturating_mul(elapsed_ms) / 1000);
            self.filled = now;
        }
        match self.left.checked_sub(64) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }

    /// A reply went out.
    pub fn replied(&mut self) {
        self.add(u64::from(self.rate.per_reply_64ths));
    }

    fn add(&mut self, amount: u64) {
        let full = u64::from(self.rate.burst) * 64;
        self.left = full.min(self.left.saturating_add(amount));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const RATE: Rate = Rate {
        burst: 3,
        per_second: 2,
        per_reply_64ths: 32,
    };

    #[test]
    fn a_burst_is_free_and_time_and_replies_bring_more() {
        let start = Moment(5);
        let mut budget = Budget::new(RATE, start);
        let taken = |budget: &mut Budget, now| (0..10).take_while(|_| budget.take(now)).count();
        assert_eq!(taken(&mut budget, start), 3);
        assert_eq!(
            taken(&mut budget, start.after(Duration::from_millis(400))),
            0
        );
        let later = start.after(Duration::from_secs(2));
        assert_eq!(taken(&mut budget, later), 3, "never more than the burst");
        for _ in 0..3 {
            budget.replied();
        }
        assert_eq!(taken(&mut budget, later), 1);
    }
}
