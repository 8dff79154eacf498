//! What VM threads take their work from: the fewest slices used first, and among those the oldest.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A place in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// Slices used so far: one level down for each.
    pub level: u32,
    /// Order of arrival.
    pub number: u64,
}

struct Waiting<T> {
    rank: Rank,
    job: T,
}

impl<T> PartialEq for Waiting<T> {
    fn eq(&self, other: &Self) -> bool {
        self.rank == other.rank
    }
}

impl<T> Eq for Waiting<T> {}

impl<T> PartialOrd for Waiting<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Waiting<T> {
    /// A heap gives the greatest first: the least rank is the greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        other.rank.cmp(&self.rank)
    }
}

/// The queue of one worker. Its length is bounded by who is admitted.
pub struct Queue<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
}

struct State<T> {
    waiting: BinaryHeap<Waiting<T>>,
    closed: bool,
    tidyings: u64,
}

impl<T> Queue<T> {
    pub fn new() -> Self {
        Self {
            state: Mutex::new(State {
                waiting: BinaryHeap::new(),
                closed: false,
                tidyings: 0,
            }),
            filled: Condvar::new(),
        }
    }

    /// Adds a job.
    pub fn push(&self, rank: Rank, job: T) {
        self.state().waiting.push(Waiting { rank, job });
        self.filled.notify_one();
    }

    /// The next job, after waiting for one; `None` when the queue is closed. Who waits tidies up when asked to: once for
    /// all that was asked since `tidied`, and delays nobody by it.
    pub fn pop(&self, tidied: &mut u64, tidy: impl Fn()) -> Option<(Rank, T)> {
        let mut state = self.state();
        loop {
            if state.closed {
                return None;
            }
            if let Some(Waiting { rank, job }) = state.waiting.pop() {
                return Some((rank, job));
            }
            if *tidied != state.tidyings {
                *tidied = state.tidyings;
                drop(state);
                tidy();
                state = self.state();
                continue;
            }
            state = self
                .filled
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Asks every thread to tidy up when it next has nothing to do.
    pub fn tidy(&self) {
        self.state().tidyings += 1;
        self.filled.notify_all();
    }

    /// The job that is to run after a slice of `job`: itself, if none that waits comes before it.
    pub fn exchange(&self, rank: Rank, job: T) -> (Rank, T) {
        let mut state = self.state();
        if state.waiting.peek().is_none_or(|next| rank < next.rank) {
            return (rank, job);
        }
        state.waiting.push(Waiting { rank, job });
        match state.waiting.pop() {
            Some(Waiting { rank, job }) => (rank, job),
            None => unreachable!("one was pushed under the same lock"),
        }
    }

    /// Jobs that wait.
    pub fn len(&self) -> usize {
        self.state().waiting.len()
    }

    /// Sends every thread home.
    pub fn close(&self) {
        self.state().closed = true;
        self.filled.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rank(level: u32, number: u64) -> Rank {
        Rank { level, number }
    }

    #[test]
    fn fewer_slices_first_and_then_the_older() {
        let queue = Queue::new();
        for (level, number) in [(2, 1), (0, 9), (1, 3), (0, 7)] {
            queue.push(rank(level, number), ());
        }
        let order: Vec<_> = (0..4)
            .map(|_| queue.pop(&mut 0, || ()).unwrap().0)
            .map(|rank| (rank.level, rank.number))
            .collect();
        assert_eq!(order, [(0, 7), (0, 9), (1, 3), (2, 1)]);
    }

    #[test]
    fn a_job_goes_on_until_one_before_it_waits() {
        let queue = Queue::new();
        assert_eq!(queue.exchange(rank(1, 1), 'a'), (rank(1, 1), 'a'));
        queue.push(rank(2, 2), 'b');
        assert_eq!(queue.exchange(rank(2, 1), 'a'), (rank(2, 1), 'a'));
        assert_eq!(queue.exchange(rank(3, 1), 'a'), (rank(2, 2), 'b'));
        assert_eq!(queue.len(), 1);
    }

    #[test]
    fn endless_jobs_take_turns_and_a_new_one_waits_for_one_slice() {
        let queue = Queue::new();
        for number in 0..3 {
            queue.push(rank(0, number), number);
        }
        let mut turns = [0; 4];
        let (mut now, mut job) = queue.pop(&mut 0, || ()).unwrap();
        for turn in 0..300 {
            turns[job as usize] += 1;
            if turn == 150 {
                queue.push(rank(0, 3), 3);
            }
            if turn == 151 {
                assert_eq!(job, 3, "the new one's turn is next");
            }
            now.level += 1;
            (now, job) = queue.exchange(now, job);
        }
        // The new one catches up: it has used the fewest slices.
        assert_eq!(turns, [75, 75, 75, 75]);
    }

    #[test]
    fn a_closed_queue_gives_nothing() {
        let queue = Queue::new();
        queue.push(rank(0, 0), ());
        queue.close();
        assert!(queue.pop(&mut 0, || ()).is_none());
    }
    #[test]
    fn who_has_nothing_to_do_tidies_up_once_for_all_that_asked() {
        let queue = Queue::new();
        queue.tidy();
        queue.tidy();
        queue.push(rank(0, 0), 'a');
        let tidyings = std::cell::Cell::new(0);
        let mut tidied = 0;
        let mut pop = || {
            queue.pop(&mut tidied, || {
                tidyings.set(tidyings.get() + 1);
                queue.push(rank(0, 1), 'b');
            })
        };
        assert_eq!(pop(), Some((rank(0, 0), 'a')));
        assert_eq!(tidyings.get(), 0, "a job goes first");
        assert_eq!(pop(), Some((rank(0, 1), 'b')));
        assert_eq!(tidyings.get(), 1);
        queue.push(rank(0, 2), 'c');
        queue.tidy();
        let mut pop = || queue.pop(&mut tidied, || unreachable!("there is work"));
        assert_eq!(pop(), Some((rank(0, 2), 'c')));
    }
}
