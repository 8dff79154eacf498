//! Who is slow: what a connection is doing, and since when. Looked at twice a second, so that no request costs a timer.

use std::cell::Cell;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::limits::{HEAD_TIMEOUT, IDLE_TIMEOUT, WRITE_TIMEOUT};

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing: between two requests.
    Idle,
    /// The peer sends a request's headers.
    Head,
    /// We work on a request, or wait for its body (which has its own timeout).
    Working,
    /// The peer takes an answer.
    Writing,
}

/// A moment of the kernel's coarse clock: to some milliseconds, and for a fifth of the price of an exact one. Each
/// request needs four of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(Duration);

impl Moment {
    /// Now.
    pub fn now() -> Self {
        let now = clock_gettime(ClockId::MonotonicCoarse);
        Self(Duration::new(
            now.tv_sec.unsigned_abs(),
            u32::try_from(now.tv_nsec).unwrap_or(0),
        ))
    }

    fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// What is to become of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may go on.
    Fine,
    /// It has been idle for long enough: close it in good order.
    Close,
    /// Its peer is too slow: close it now.
    Abort,
}

/// The pace of one connection.
#[derive(Debug)]
pub struct Pace {
    phase: Cell<Phase>,
    since: Cell<Moment>,
}

impl Pace {
    /// Of a connection that was just accepted: its first request is due.
    pub fn new(now: Moment) -> Self {
        Self {
            phase: Cell::new(Phase::Head),
            since: Cell::new(now),
        }
    }

    /// Bytes came from the peer.
    pub fn received(&self) {
        if self.phase.get() == Phase::Idle {
            self.enter(Phase::Head);
        }
    }

    /// A request's headers are complete.
    pub fn request_began(&self) {
        self.enter(Phase::Working);
    }

    /// Its answer is handed over.
    pub fn answered(&self) {
        self.enter(Phase::Writing);
    }

    /// The peer took bytes.
    pub fn sent(&self) {
        if self.phase.get() == Phase::Writing {
            self.since.set(Moment::now());
        }
    }

    /// Everything written so far is with the kernel.
    pub fn flushed(&self) {
        if self.phase.get() == Phase::Writing {
            self.enter(Phase::Idle);
        }
    }

    /// What is to become of it.
    pub fn judge(&self, now: Moment) -> Verdict {
        let elapsed = now.since(self.since.get());
        match self.phase.get() {
            Phase::Idle if elapsed >= IDLE_TIMEOUT => Verdict::Close,
            Phase::Head if elapsed >= HEAD_TIMEOUT => Verdict::Abort,
            Phase::Writing if elapsed >= WRITE_TIMEOUT => Verdict::Abort,
            _ => Verdict::Fine,
        }
    }

    fn enter(&self, phase: Phase) {
        self.phase.set(phase);
        self.since.set(Moment::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_phase_has_its_own_patience() {
        let pace = Pace::new(Moment::now());
        let later = |by| Moment(Moment::now().0 + by);
        assert_eq!(pace.judge(later(HEAD_TIMEOUT / 2)), Verdict::Fine);
        pace.received();
        assert_eq!(pace.judge(later(HEAD_TIMEOUT)), Verdict::Abort);
        pace.request_began();
        assert_eq!(pace.judge(later(IDLE_TIMEOUT * 10)), Verdict::Fine);
        pace.flushed();
        pace.answered();
        assert_eq!(pace.judge(later(WRITE_TIMEOUT)), Verdict::Abort);
        pace.sent();
        pace.flushed();
        assert_eq!(pace.judge(later(WRITE_TIMEOUT)), Verdict::Fine);
        assert_eq!(pace.judge(later(IDLE_TIMEOUT)), Verdict::Close);
        pace.received();
        assert_eq!(pace.judge(later(HEAD_TIMEOUT)), Verdict::Abort);
    }
}
