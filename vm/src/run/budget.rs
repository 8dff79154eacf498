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
    /// Turns of a loop that are paid for and yet not run: none, and all of them once the slice is over.
    held_turns: usize,
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
            held_turns: 0,
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
        self.held_turns = 0;
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

    /// How many turns of a loop must be paid for beside the next one. A loop compares what is paid for with this instead
    /// of with 0, so that whether native work ended the slice costs it nothing.
    #[inline]
    #[must_use]
    pub fn held_turns(&self) -> usize {
        if METERED { self.held_turns } else { 0 }
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
        if self.left < 0 {
            self.held_turns = usize::MAX;
        }
        self.left < 0
    }

    /// Take units for native work that is about to be done.
    #[inline]
    pub fn charge(&mut self, units: usize) -> Result<(), Limit> {
        if !METERED {
            return Ok(());
        }
        match i64::try_from(units) {
            Ok(units) => self.charge_few(units),
            Err(_) => self.overdraw(i64::MAX / 4),
        }
    }

    /// Take units, none of them below 0: as few instructions as can be, for natives that do little.
    #[inline]
    fn charge_few(&mut self, units: i64) -> Result<(), Limit> {
        match self.left.checked_sub(units) {
            Some(left) if left >= 0 => {
                self.left = left;
                Ok(())
            }
            _ => self.overdraw(units),
        }
    }

    #[cold]
    fn overdraw(&mut self, units: i64) -> Result<(), Limit> {
        self.left = self.left.saturating_sub(units);
        self.held_turns = usize::MAX;
        if self.left.saturating_add(self.after) < 0 {
            Err(Limit::Fuel)
        } else {
            Ok(())
        }
    }

    /// Take units for work over so many bytes.
    #[inline]
    pub fn charge_bytes(&mut self, bytes: usize) -> Result<(), Limit> {
        // Less than a unit is none: a short text costs one comparison.
        if !METERED || bytes < UNIT_BYTES {
            return Ok(());
        }
        self.charge_few((bytes / UNIT_BYTES).cast_signed() as i64)
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
