//! CPU time of scripts for the benchmarks: a worker's path from a request's body to its answer, on the calling thread.
//!
//! What a worker divides between its loop thread and its VM threads runs here one after the other: the same body
//! reader, the same caches, the same slices, and nobody is woken.

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::HeaderMap;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use rustix::time::{ClockId, clock_gettime};
use shm_catalog::{Generation, Segment};
use vm::execution::{Answer, Progress};
use vm::limits::SLICE_UNITS;

use crate::catalog::errors::ArenaError;
use crate::http::execute::{self, Request};
use crate::scripts::definitions::Cold;
use crate::scripts::runner::{Begun, Order, Shared};

/// No version is announced here.
const GENERATION: Generation = Generation(1);

/// Far: what takes too long is for whoever measures to see.
const TIMEOUT: Duration = Duration::from_mins(10);

/// Turns of one call: Ctrl-C waits for its end.
const TURNS_MAX: u32 = 1_000_000;

/// Adds `ScriptTimer`.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<ScriptTimer>()
}

/// Runs scripts over one catalogue, with caches of its own that are empty at first.
#[pyclass(frozen, module = "appliance._native")]
struct ScriptTimer {
    segment: Segment,
    shared: Shared,
}

#[pymethods]
impl ScriptTimer {
    #[new]
    #[pyo3(signature = (segment_name, memory_bytes = vm::limits::MEMORY_BYTES))]
    fn new(segment_name: &str, memory_bytes: usize) -> PyResult<Self> {
        let segment = Segment::open(segment_name).map_err(ArenaError::from)?;
        Ok(Self {
            segment,
            shared: Shared::new(1, memory_bytes),
        })
    }

    fn run(&self, body: &[u8]) -> PyResult<(u16, String, u64)> {
        let answer = self.answer(&order(&Bytes::copy_from_slice(body))?);
        let fuel = answer.fuel_of_script();
        Ok((answer.status, answer.body, fuel))
    }

    fn each_ns(&self, body: &[u8], runs: u32) -> PyResult<Vec<u64>> {
        let body = Bytes::copy_from_slice(body);
        let mut spent = Vec::new();
        for _ in 0..bounded(runs)? {
            let order = order(&body)?;
            let start = cpu_ns();
            let answer = self.answer(&order);
            spent.push(cpu_ns() - start);
            complete(&answer, &mut { answer.fuel_of_script() })?;
        }
        Ok(spent)
    }

    fn turns_ns(&self, body: &[u8], turns: u32) -> PyResult<u64> {
        let order = order(&Bytes::copy_from_slice(body))?;
        let mut fuel = self.answer(&order).fuel_of_script();
        let start = cpu_ns();
        for _ in 0..bounded(turns)? {
            complete(&black_box(self.answer(black_box(&order))), &mut fuel)?;
        }
        Ok(cpu_ns() - start)
    }

    fn turns_with_body_ns(&self, body: &[u8], turns: u32) -> PyResult<u64> {
        let body = Bytes::copy_from_slice(body);
        let mut fuel = self.answer(&order(&body)?).fuel_of_script();
        let start = cpu_ns();
        for _ in 0..bounded(turns)? {
            let order = order(black_box(&body))?;
            complete(&black_box(self.answer(&order)), &mut fuel)?;
        }
        Ok(cpu_ns() - start)
    }

    #[allow(clippy::needless_pass_by_value, reason = "PyO3 makes the list for us")]
    fn compile_ns(&self, scripts: Vec<String>) -> PyResult<u64> {
        let deadline = Instant::now() + TIMEOUT;
        let start = cpu_ns();
        for script in &scripts {
            let compiled =
                self.shared
                    .program(script, &self.segment, GENERATION, Cold::Compile, deadline);
            if let Err(instead) = compiled {
                return Err(refused(&instead));
            }
        }
        Ok(cpu_ns() - start)
    }
}

impl ScriptTimer {
    fn answer(&self, order: &Order) -> Answer {
        let begun = self
            .shared
            .begin(order, &self.segment, GENERATION, Cold::Compile);
        let mut execution = match begun {
            Begun::Answered(answer) => return answer,
            Begun::Running(execution) => execution,
            Begun::Cold => unreachable!("what is not compiled was to be compiled"),
        };
        loop {
            if let Progress::Done(answer) = execution.run(SLICE_UNITS) {
                return answer;
            }
        }
    }
}

fn order(body: &Bytes) -> PyResult<Order> {
    let request = Request {
        headers: &HeaderMap::new(),
        query: "",
        body: body.clone(),
        arrived: Instant::now(),
    };
    execute::order(request, TIMEOUT).map_err(|problem| PyValueError::new_err(problem.text))
}

/// That a script came to its end for the fuel that it took before. Calls that have run often take less from then on.
fn complete(answer: &Answer, fuel: &mut u64) -> PyResult<()> {
    if let Some(failure) = &answer.failure {
        return Err(PyValueError::new_err(failure.error.clone()));
    }
    if answer.fuel_of_script() > *fuel {
        let text = format!("fuel {fuel} and then {}", answer.fuel_of_script());
        return Err(PyValueError::new_err(text));
    }
    *fuel = answer.fuel_of_script();
    Ok(())
}

fn refused(begun: &Begun) -> PyErr {
    let text = match begun {
        Begun::Answered(answer) => answer.body.clone(),
        Begun::Running(_) | Begun::Cold => "the script was not compiled".to_owned(),
    };
    PyValueError::new_err(text)
}

fn bounded(turns: u32) -> PyResult<u32> {
    if (1..=TURNS_MAX).contains(&turns) {
        return Ok(turns);
    }
    let text = format!("1 to {TURNS_MAX} turns; found {turns}");
    Err(PyValueError::new_err(text))
}

/// CPU time of this thread.
fn cpu_ns() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}
