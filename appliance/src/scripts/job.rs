//! One execution that did not end in its first slice, on its way through the queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use shm_catalog::{Generation, Segment};
use tokio::sync::oneshot;
use vm::execution::{Answer, Execution, Progress};
use vm::limits::{Limit, SLICE_UNITS};

use crate::plane::panics;

use super::definitions::Cold;
use super::runner::{Begun, Order, Outcome, Shared};

/// What is to be done next.
pub enum Work {
    /// Compile with whatever it needs, and begin.
    Begin(Box<Order>, Arc<Segment>, Generation),
    /// Go on.
    Run(Box<Execution>),
    /// Something else that takes long; it tells its result itself.
    Aside(Box<dyn FnOnce() + Send>),
    /// Nothing: it is done.
    Nothing,
}

/// See the module.
pub struct Job {
    pub work: Work,
    pub deadline: Instant,
    pub abandoned: Arc<AtomicBool>,
    pub reply: Option<oneshot::Sender<Outcome>>,
}

/// How a slice ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slice {
    /// There is more to do.
    More,
    /// The script came to its end, good or bad.
    Ended,
    /// It was ended: late, abandoned, or a panic of ours.
    Cut,
}

/// How far a slice came.
enum Step {
    More,
    Answered(Answer),
    Done,
}

impl Job {
    /// Runs one slice.
    pub fn slice(&mut self, shared: &Shared) -> Slice {
        #[cfg(test)]
        shared.slices.fetch_add(1, Ordering::SeqCst);
        if self.abandoned.load(Ordering::Relaxed) {
            self.work = Work::Nothing;
            return Slice::Cut;
        }
        if Instant::now() >= self.deadline {
            self.work = Work::Nothing;
            self.tell(Outcome::Answered(super::runner::of_limit(Limit::Deadline)));
            return Slice::Cut;
        }
        match panics::catch(|| self.step(shared)) {
            Ok(Step::Answered(answer)) => {
                self.tell(Outcome::Answered(answer));
                Slice::Ended
            }
            Ok(Step::Done) => Slice::Cut,
            Ok(Step::More) => Slice::More,
            Err(text) => {
                self.tell(Outcome::Panicked(text));
                Slice::Cut
            }
        }
    }

    fn step(&mut self, shared: &Shared) -> Step {
        match std::mem::replace(&mut self.work, Work::Nothing) {
            Work::Begin(order, segment, generation) => {
                match shared.begin(&order, &segment, generation, Cold::Compile) {
                    Begun::Answered(answer) => return Step::Answered(answer),
                    Begun::Running(execution) => self.work = Work::Run(execution),
                    Begun::Cold => unreachable!("what is not compiled was to be compiled"),
                }
                Step::More
            }
            Work::Run(mut execution) => match execution.run(SLICE_UNITS) {
                Progress::Yielded => {
                    self.work = Work::Run(execution);
                    Step::More
                }
                Progress::Done(answer) => Step::Answered(answer),
            },
            Work::Aside(work) => {
                work();
                Step::Done
            }
            Work::Nothing => unreachable!("a job that is done is not run again"),
        }
    }

    fn tell(&mut self, outcome: Outcome) {
        if let Some(reply) = self.reply.take() {
            // Nobody waits: the client is gone, or the loop thread answered for us.
            let _ = reply.send(outcome);
        }
    }
}
