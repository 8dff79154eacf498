//! A whole run: its threads begin together, end together, and make one report.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use crate::answers::Answers;
use crate::clock::now_ns;
use crate::connection::Connection;
use crate::drive::Drive;
use crate::expected::Expected;
use crate::http1::Http1;
use crate::http2::{self, Http2};
use crate::plan::{LoadError, Method, Plan};
use crate::report::{Report, Share};
use crate::request::{RequestHeaders, Requests};
use crate::tally::Tally;

/// How often the caller is asked whether to stop while the other threads finish.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// Runs a plan to its end, or until `interrupted` says so (asked about twenty times a second, on this thread).
///
/// No thread and no socket outlives the call.
///
/// # Errors
/// [`LoadError`]: a plan that cannot be run, a target that cannot be reached at the start, samples that cannot be
/// written. What happens later is part of the report.
pub fn run(
    plan: &Plan,
    expected: &Expected,
    interrupted: &mut dyn FnMut() -> bool,
) -> Result<Report, LoadError> {
    plan.check()?;
    let shares = match (plan.method, &plan.http) {
        (Method::Execute, Some(http)) => {
            let requests = Requests::execute(plan, http);
            let answers = Answers::Http(http);
            drive_all::<Http1>(plan, &requests, &answers, &|| (), interrupted)?
        }
        (method, _) => {
            let nameless = [String::new()];
            let names = match method {
                Method::SyncCatalog => &nameless,
                _ if plan.names.is_empty() => expected.names(),
                _ => &plan.names,
            };
            let requests = Requests::grpc(names)?;
            let answers = Answers::grpc(method, expected, &requests);
            let setup = || http2::Setup {
                streams_max: plan.streams as usize,
                headers: RequestHeaders::new(method.path(), &plan.target.to_string(), &plan.key),
                stream_window: plan.stream_window,
                connection_window: plan.connection_window,
            };
            drive_all::<Http2>(plan, &requests, &answers, &setup, interrupted)?
        }
    };
    let (report, samples) = Report::of(plan, shares);
    if let Some(path) = &plan.samples {
        write_samples(path, &samples)?;
    }
    Ok(report)
}

/// Runs every thread of a plan, the first of them here.
fn drive_all<C: Connection>(
    plan: &Plan,
    requests: &Requests,
    answers: &Answers<'_>,
    setup: &(dyn Fn() -> C::Setup + Sync),
    interrupted: &mut dyn FnMut() -> bool,
) -> Result<Vec<Share>, LoadError> {
    let start = Start::new(plan.threads);
    let stop = AtomicBool::new(false);
    let one = |thread: u32, interrupted: &mut dyn FnMut() -> bool| {
        let _leaving = Leaving(&start);
        let tally = Tally::new(answers, requests, plan.samples.is_some(), plan.threads);
        let mut drive = Drive::<C>::open(plan, thread, requests, tally, setup(), interrupted)?;
        drive.settle(interrupted)?;
        let began_ns = start.wait().ok_or(LoadError::Interrupted)?;
        drive.run(began_ns, interrupted)
    };
    let outcomes = thread::scope(|scope| {
        let _stopping = Stopping(&stop); // also when this thread panics: the scope waits for the others
        let (ended, ends) = mpsc::channel();
        let mut others = Vec::new();
        for thread in 1..plan.threads {
            let ended = ended.clone();
            let (one, stop) = (&one, &stop);
            let work = move || {
                let outcome = one(thread, &mut || stop.load(Ordering::Relaxed));
                if outcome.is_err() {
                    stop.store(true, Ordering::Relaxed);
                }
                let _ = ended.send(()); // nobody listens any more when the caller's thread is unwinding
                outcome
            };
            let spawned = thread::Builder::new()
                .name("bench-load".to_owned())
                .spawn_scoped(scope, work);
            match spawned {
                Ok(other) => others.push(other),
                Err(error) => {
                    start.leave();
                    let what = "starting a thread";
                    return vec![Err(LoadError::Os { what, error })];
                }
            }
        }
        drop(ended);
        let mut ask = || {
            if interrupted() {
                stop.store(true, Ordering::Relaxed);
            }
            stop.load(Ordering::Relaxed)
        };
        let mut outcomes = vec![one(0, &mut ask)];
        if outcomes[0].is_err() {
            stop.store(true, Ordering::Relaxed);
        }
        while let Err(mpsc::RecvTimeoutError::Timeout) | Ok(()) = ends.recv_timeout(ASK_EVERY) {
            ask();
        }
        outcomes.extend(others.into_iter().map(|other| {
            other
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        }));
        outcomes
    });
    first_cause(outcomes)
}

/// All shares, or the error that stopped the others and not one of those that followed from it.
fn first_cause(outcomes: Vec<Result<Share, LoadError>>) -> Result<Vec<Share>, LoadError> {
    let (mut shares, mut cause) = (Vec::new(), None);
    for outcome in outcomes {
        match outcome {
            Ok(share) => shares.push(share),
            Err(LoadError::Interrupted) if cause.is_some() => {}
            Err(error) if matches!(cause, None | Some(LoadError::Interrupted)) => {
                cause = Some(error);
            }
            Err(_) => {}
        }
    }
    cause.map_or(Ok(shares), Err)
}

/// Where threads wait for each other before the first request.
struct Start {
    threads: u32,
    state: Mutex<StartState>,
    changed: Condvar,
}

#[derive(Default)]
struct StartState {
    ready: u32,
    began_ns: Option<u64>,
    /// A thread will not come.
    left: bool,
}

impl Start {
    fn new(threads: u32) -> Self {
        Self {
            threads,
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Waits for all and returns the time to begin at; `None`: one left before.
    ///
    /// Each of the others comes or leaves within the time that a connection may take to be made.
    fn wait(&self) -> Option<u64> {
        let mut state = self.lock();
        state.ready += 1;
        if state.ready == self.threads {
            state.began_ns = Some(now_ns());
            self.changed.notify_all();
        }
        while state.began_ns.is_none() && !state.left {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.began_ns
    }

    fn leave(&self) {
        self.lock().left = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, StartState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says that a thread left, however it did.
struct Leaving<'s>(&'s Start);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// Stops the other threads, however this one ends.
struct Stopping<'s>(&'s AtomicBool);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn write_samples(path: &Path, samples: &[(u64, u64)]) -> Result<(), LoadError> {
    let bytes: Vec<u8> = samples
        .iter()
        .flat_map(|(from, to)| [from.to_le_bytes(), to.to_le_bytes()])
        .flatten()
        .collect();
    fs::write(path, bytes).map_err(|error| LoadError::Os {
        what: "writing the samples",
        error,
    })
}
