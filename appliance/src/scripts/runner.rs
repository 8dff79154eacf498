//! The door for whoever has a script to run.

use std::cell::Cell;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::time::{ClockId, clock_gettime};
use shm_catalog::slots::monotonic_ns;
use shm_catalog::{Generation, Segment};
use tokio::sync::oneshot;
use vm::execution::{Answer, Execution, Failure, Inputs, Progress, Variables, compile};
use vm::limits::{Limit, SLICE_UNITS};
use vm::program::Program;

use crate::plane::panics;
use crate::plane::version::Version;

use super::admission::Admission;
use super::definitions::{Asked, Cold, Definitions};
use super::job::{Job, Work};
use super::limits::{INLINE_BYTES_MAX, INLINE_NESTING_MAX, OVERDUE};
use super::pool;
use super::programs::Programs;
use super::queue::{Queue, Rank};

/// Names and values, in order.
pub type Parameters = Vec<(String, Vec<Vec<u8>>)>;

/// A script to run, with all that it may see.
pub struct Order {
    /// Its text.
    pub script: String,
    /// The request's body, which `addParam` reads.
    pub body: Bytes,
    /// Where `variables` stands in it.
    pub variables: Option<Range<usize>>,
    /// The URL's query.
    pub query: Parameters,
    /// The form's fields.
    pub form: Parameters,
    /// When it must be done.
    pub deadline: Instant,
}

impl Order {
    fn variables_json(&self) -> Variables<'_> {
        let place = self.variables.clone();
        place
            .and_then(|place| std::str::from_utf8(self.body.get(place)?).ok())
            .map_or(Variables::Empty, Variables::Json)
    }
}

/// How it ended.
pub enum Outcome {
    /// As the script or a limit had it.
    Answered(Answer),
    /// It was not run: it would not have been done in time.
    Refused,
    /// By a fault of ours.
    Panicked(String),
}

/// How work beside scripts ended.
pub enum Aside<T> {
    /// With this result.
    Done(T),
    /// The threads have too much to do.
    Refused,
    /// By a fault of ours.
    Panicked,
}

/// What begins with an order.
pub(crate) enum Begun {
    /// It is done already.
    Answered(Answer),
    /// It used its first slice.
    Running(Box<Execution>),
    /// A definition that it needs is not compiled, or its own text is too long to be compiled at once.
    Cold,
}

/// What the loop thread and the VM threads share.
pub(crate) struct Shared {
    pub(super) queue: Queue<Job>,
    pub(super) admission: Admission,
    /// Slices that VM threads have begun.
    #[cfg(test)]
    pub(super) slices: AtomicU64,
    definitions: Definitions,
    programs: Programs,
    memory_bytes: usize,
}

/// How scripts are run.
#[derive(Clone, Debug)]
pub struct Options {
    /// VM threads.
    pub threads: usize,
    /// Their cores, in turn; none: where the kernel likes.
    pub cores: Vec<usize>,
    /// Of one execution.
    pub memory_bytes: usize,
    /// From a request's arrival to its answer.
    pub timeout: Duration,
}

/// Runs the scripts of one worker. Dropping it sends its threads home.
pub struct Runner {
    shared: Arc<Shared>,
    timeout: Duration,
    numbers: Cell<u64>,
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.shared.queue.close();
    }
}

impl Runner {
    /// Starts the VM threads.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(options: &Options) -> io::Result<Self> {
        let shared = Arc::new(Shared::new(options.threads, options.memory_bytes));
        pool::start(&shared, options.threads, &options.cores)?;
        Ok(Self {
            shared,
            timeout: options.timeout,
            numbers: Cell::new(0),
        })
    }

    /// The longest that a script may take.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Where its scripts have their definitions from.
    pub fn definitions(&self) -> &Definitions {
        &self.shared.definitions
    }

    /// Says of these commands why the catalogue does without them: names, each with the reason.
    pub fn set_left_out(&self, rows: &[(String, String)]) {
        self.shared.definitions.set_left_out(rows);
        self.shared.programs.forget_those_with_missing_commands();
    }

    /// Executions that did not end in their first slice and are under way, and how many of them wait.
    pub fn load(&self) -> (usize, usize) {
        (self.shared.admission.jobs(), self.shared.queue.len())
    }

    /// Has the VM threads give back what they freed.
    pub fn tidy(&self) {
        self.shared.queue.tidy();
    }

    /// Runs an order to its end: the first slice at once, the rest on the VM threads. Dropping the future ends it.
    pub async fn run(&self, order: Order, version: &Version) -> Outcome {
        let (segment, generation) = (&version.segment, version.generation);
        let deadline = order.deadline;
        let begun = panics::catch(|| self.shared.begin(&order, segment, generation, Cold::Leave));
        let work = match begun {
            Err(text) => return Outcome::Panicked(text),
            Ok(Begun::Answered(answer)) => return Outcome::Answered(answer),
            Ok(Begun::Running(execution)) => Work::Run(execution),
            Ok(Begun::Cold) => Work::Begin(Box::new(order), Arc::clone(segment), generation),
        };
        let remaining = deadline.saturating_duration_since(Instant::now());
        if remaining.is_zero() {
            return Outcome::Answered(of_limit(Limit::Deadline));
        }
        if !self.shared.admission.admit(remaining) {
            return Outcome::Refused;
        }
        self.finish_on_a_thread(work, deadline).await
    }

    /// Runs `work` on a VM thread, as if it were the first slice of a script.
    pub async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Aside<T> {
        if !self.shared.admission.admit(self.timeout) {
            return Aside::Refused;
        }
        let (reply, outcome) = oneshot::channel();
        let work = Work::Aside(Box::new(move || {
            // Nobody waits: the client is gone.
            let _ = reply.send(work());
        }));
        let abandoned = Abandon(Arc::default());
        self.push(work, Instant::now() + self.timeout, &abandoned, None);
        match tokio::time::timeout(self.timeout + OVERDUE, outcome).await {
            Ok(Ok(value)) => Aside::Done(value),
            Ok(Err(_)) => Aside::Panicked,
            Err(_) => Aside::Refused,
        }
    }

    fn push(
        &self,
        work: Work,
        deadline: Instant,
        abandoned: &Abandon,
        reply: Option<oneshot::Sender<Outcome>>,
    ) {
        self.numbers.set(self.numbers.get() + 1);
        let rank = Rank {
            level: 0,
            number: self.numbers.get(),
        };
        let job = Job {
            work,
            deadline,
            abandoned: Arc::clone(&abandoned.0),
            reply,
        };
        self.shared.queue.push(rank, job);
    }

    async fn finish_on_a_thread(&self, work: Work, deadline: Instant) -> Outcome {
        let (reply, outcome) = oneshot::channel();
        let abandoned = Abandon(Arc::default());
        self.push(work, deadline, &abandoned, Some(reply));
        // A thread that has the job ends it at the deadline; one that is busy with others does not get to it.
        match tokio::time::timeout_at((deadline + OVERDUE).into(), outcome).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Outcome::Panicked("a VM thread is gone".to_owned()),
            Err(_) => Outcome::Answered(of_limit(Limit::Deadline)),
        }
    }
}

/// Tells the VM threads that nobody waits any more.
struct Abandon(Arc<AtomicBool>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Shared {
    pub(crate) fn new(threads: usize, memory_bytes: usize) -> Self {
        Self {
            queue: Queue::new(),
            admission: Admission::new(threads),
            #[cfg(test)]
            slices: AtomicU64::new(0),
            definitions: Definitions::default(),
            programs: Programs::new(),
            memory_bytes,
        }
    }

    /// Compiles, if need be, and runs the first slice.
    pub(crate) fn begin(
        &self,
        order: &Order,
        segment: &Segment,
        generation: Generation,
        cold: Cold,
    ) -> Begun {
        let Order {
            script, deadline, ..
        } = order;
        let program = match self.program(script, segment, generation, cold, *deadline) {
            Ok(program) => program,
            Err(instead) => return instead,
        };
        let inputs = Inputs {
            body: &order.body,
            variables: order.variables_json(),
            query: &order.query,
            form: &order.form,
            now_us: now_us(),
            entropy: Some(seed),
            memory_bytes: self.memory_bytes,
            clock: Some(monotonic_ns),
            ..Inputs::default()
        };
        let mut execution = match Execution::new(program, &inputs) {
            Ok(execution) => execution,
            Err(failure) => return Begun::Answered(of_failure(*failure)),
        };
        match execution.run(SLICE_UNITS) {
            Progress::Done(answer) => Begun::Answered(answer),
            Progress::Yielded => Begun::Running(Box::new(execution)),
        }
    }

    /// The program of a script, kept or compiled now, by the deadline; else what the order begins with instead.
    pub(crate) fn program(
        &self,
        script: &str,
        segment: &Segment,
        generation: Generation,
        cold: Cold,
        deadline: Instant,
    ) -> Result<Arc<Program>, Begun> {
        if let Some(program) = self.programs.find(script, segment, generation) {
            return Ok(program);
        }
        if cold == Cold::Leave && !is_soon_compiled(script) {
            return Err(Begun::Cold);
        }
        let asked = Asked::new(&self.definitions, segment, cold, deadline);
        let compiled = compile(script, &asked);
        if asked.has_left_any() {
            return Err(Begun::Cold);
        }
        match compiled {
            Ok(program) => {
                let program = Arc::new(program);
                self.programs.keep(&program, generation, asked.names());
                Ok(program)
            }
            Err(failure) => Err(Begun::Answered(of_failure(failure))),
        }
    }
}

/// Is a script compiled in the time that the loop thread has?
fn is_soon_compiled(script: &str) -> bool {
    if script.len() > INLINE_BYTES_MAX {
        return false;
    }
    let mut open = 0_usize;
    for byte in script.bytes() {
        match byte {
            b'(' => open += 1,
            b')' => open = open.saturating_sub(1),
            b'\n' => open = 0,
            _ => {}
        }
        if open > INLINE_NESTING_MAX {
            return false;
        }
    }
    true
}

/// A seed of random numbers, from its number under keys that nobody knows: what a script sees of its own says nothing
/// about those of others.
fn seed() -> u64 {
    static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    KEYS.hash_one(NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// UTC, microseconds since 1970.
fn now_us() -> i64 {
    let now = clock_gettime(ClockId::Realtime);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1_000
}

/// The answer of a script that reached a limit.
#[must_use]
pub fn of_limit(limit: Limit) -> Answer {
    of_failure(Failure::of_limit(limit))
}

fn of_failure(failure: Failure) -> Answer {
    Answer {
        status: failure.status,
        body: failure.body(),
        failure: Some(Box::new(failure)),
        fuel_used: 0,
        fuel_specialising: 0,
    }
}

#[cfg(test)]
#[path = "runner_tests.rs"]
mod tests;
