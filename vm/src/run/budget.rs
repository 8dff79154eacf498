//! One countdown for fuel, fairness, deadline and cancel.
//!
//! Back-edges, calls and native work take units from `left`. When it falls below zero the dispatch loop ends the slice
//! at the next safe point; the caller between two slices looks at the clock and grants the next one. Native code that
//! wants more than all the fuel there is fails at once instead of working first.

use crate::limits::{Limit, METERED, UNIT_BYTES};

/// The units of an execution.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Units left of this slice; below zero: the slice is over.
    left: i64,
    /// Units left after this slice.
    after: i64,
    /// What `left` began with, for counting.
    granted: i64,
    /// Units used in finished slices.
    used: u64,
}

impl Budget {
    /// A budget of `fuel` units, none of them granted yet.
    #[must_use]
    pub fn new(fuel: u64) -> Self {
        Self {
            left: 0,
            after: i64::try_from(fuel).unwrap_or(i64::MAX),
            granted: 0,
            used: 0,
        }
    }

    /// Begin a slice of at most `units`; `Err` when the fuel is used up.
    pub fn grant(&mut self, units: u32) -> Result<(), Limit> {
        self.used += (self.granted - self.left).unsigned_abs();
        // What the last slice overdrew is paid first.
        self.after += self.left;
        self.left = i64::from(units).min(self.after);
        self.granted = self.left;
        self.after -= self.left;
        if self.left <= 0 {
            Err(Limit::Fuel)
        } else {
            Ok(())
        }
    }

    /// Units used so far.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.used + (self.granted - self.left).unsigned_abs()
    }

    /// Take one unit; true when the slice is over.
    #[inline]
    pub fn tick(&mut self) -> bool {
        if !METERED {
            return false;
        }
        self.left -= 1;
        self.left < 0
    }

    /// Take back a [`Budget::tick`] that ended the slice, for what did not run.
    pub fn give_back(&mut self) {
        if METERED {
            self.left += 1;
        }
    }

    /// Is the slice over, by native work for example?
    #[inline]
    #[must_use]
    pub fn is_over(&self) -> bool {
        METERED && self.left < 0
    }

    /// Take units for turns of a loop that are about to be run; true when the slice is over.
    #[inline]
    pub fn take(&mut self, units: usize) -> bool {
        if !METERED {
            return false;
        }
        self.left = self.left.saturating_sub_unsigned(units as u64);
        self.left < 0
    }

    /// Take units for native work that is about to be done.
    #[inline]
    pub fn charge(&mut self, units: usize) -> Result<(), Limit> {
        if !METERED {
            return Ok(());
        }
        let units = i64::try_from(units).unwrap_or(i64::MAX / 4);
        self.left = self.left.saturating_sub(units);
        if self.left.saturating_add(self.after) < 0 {
            Err(Limit::Fuel)
        } else {
            Ok(())
        }
    }

    /// Take units for work over so many bytes.
    #[inline]
    pub fn charge_bytes(&mut self, bytes: usize) -> Result<(), Limit> {
        self.charge(bytes / UNIT_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_slice_overdraws_the_next_one_pays() {
        let mut budget = Budget::new(100);
        budget.grant(10).unwrap();
        budget.charge(35).unwrap();
        assert!(budget.tick());
        budget.grant(10).unwrap();
        assert_eq!(budget.used(), 36);
        assert_eq!(budget.charge(65), Err(Limit::Fuel));
        assert_eq!(budget.grant(10), Err(Limit::Fuel));
    }

    #[test]
    fn fuel_counts_every_unit_once() {
        let mut budget = Budget::new(25);
        let mut ticks = 0;
        while budget.grant(10).is_ok() {
            while !budget.tick() {
                ticks += 1;
            }
        }
        assert!((23..=26).contains(&ticks), "{ticks}");
    }
}
