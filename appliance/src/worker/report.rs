//! Where the data plane's reports go: the worker slot, and the log.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use engine::{Code, Limit};
use serde_json::json;
use shm_catalog::counters::LIMIT_LABELS;
use shm_catalog::{HttpStatus, Method, Route, ScriptEnd, Status, WorkerSlot};

use crate::grpc::observer::Observer as GrpcObserver;
use crate::grpc::service::Call;
use crate::http::observer::Observer as HttpObserver;

use super::log::{Level, Log};

/// Counts everything, logs what is rare, samples the rest.
pub struct Report {
    worker: Rc<WorkerSlot>,
    log: Rc<Log>,
    sample_next: Cell<bool>,
}

impl Report {
    pub fn new(worker: Rc<WorkerSlot>, log: Rc<Log>) -> Self {
        Self {
            worker,
            log,
            sample_next: Cell::new(false),
        }
    }

    /// Has the next request logged, if the level says so. Called at each tick: two lines a second
    /// at most.
    pub fn sample_next(&self) {
        self.sample_next.set(self.log.writes(Level::Debug));
    }
}

impl Report {
    /// Logs an answer that is our own fault, or that is the sample of this tick.
    fn answered(&self, method: &str, status: &str, own_fault: bool, elapsed: Duration) {
        if !self.sample_next.get() && !own_fault {
            return;
        }
        self.sample_next.set(false);
        let level = if own_fault {
            Level::Error
        } else {
            Level::Debug
        };
        let elapsed_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        let fields = json!({"method": method, "status": status, "elapsed_us": elapsed_us});
        self.log.write(level, "Request Answered", fields);
    }

    fn panicked(&self, text: &str) {
        self.worker.count_panic();
        self.log
            .write(Level::Error, "Panic Caught", json!({"error": text}));
    }
}

impl HttpObserver for Report {
    fn request_ended(&self, route: Route, status: HttpStatus, elapsed: Duration) {
        self.worker.count_http_request(route, status, elapsed);
        self.answered(
            route.label(),
            status.label(),
            status.label() == "500",
            elapsed,
        );
    }

    fn connection_opened(&self) {
        // Nobody reserves places for an HTTP worker: it takes what it accepts.
        self.worker.reserve_here();
        self.worker.connection_opened();
    }

    fn connection_closed(&self) {
        self.worker.connection_closed();
    }

    fn script_ended(&self, end: ScriptEnd) {
        self.worker.count_script(end);
    }

    fn scripts_under_way(&self, under_way: usize, waiting: usize) {
        self.worker.set_scripts(under_way, waiting);
    }

    fn definitions_loaded(&self, counts: [u64; 2]) {
        self.worker.count_definitions(counts);
    }

    fn connection_timed_out(&self) {
        self.worker.count_timeout();
    }

    fn panic_caught(&self, text: &str) {
        self.panicked(text);
    }
}

// Limits are counted by their number.
const _: () = assert!(Limit::ALL.len() == LIMIT_LABELS.len());

impl GrpcObserver for Report {
    fn requests_ended(&self, call: Option<Call>, code: Code, elapsed: Duration, count: u64) {
        let (method, status) = (method(call), status(code));
        self.worker.count_requests(method, status, elapsed, count);
        self.answered(
            method.label(),
            status.label(),
            code == Code::Internal,
            elapsed,
        );
    }

    fn stream_reset(&self) {
        self.worker.count_reset();
    }

    /// What a peer's breach or silence runs into is logged; what happens every day is not.
    fn limit_reached(&self, limit: Limit) {
        self.worker.count_limit(limit as usize);
        if !matches!(limit, Limit::QueuedBytes | Limit::Idle | Limit::Age) {
            let fields = json!({"limit": limit.label()});
            self.log.write(Level::Warning, "Limit Reached", fields);
        }
    }

    fn streams_over_aged(&self, count: usize) {
        for _ in 0..count {
            self.worker.count_stream_over_aged();
        }
        let fields = json!({"streams": count});
        self.log.write(Level::Warning, "Stream Over Aged", fields);
    }

    fn connection_opened(&self) {
        self.worker.connection_opened();
    }

    fn connection_closed(&self) {
        self.worker.connection_closed();
    }

    fn panic_caught(&self, text: &str) {
        self.panicked(text);
    }
}

const fn method(call: Option<Call>) -> Method {
    match call {
        Some(Call::GetCommand) => Method::GetCommand,
        Some(Call::SyncCatalog) => Method::SyncCatalog,
        Some(Call::HealthCheck) => Method::HealthCheck,
        Some(Call::HealthWatch) => Method::HealthWatch,
        None => Method::Other,
    }
}

const fn status(code: Code) -> Status {
    match code {
        Code::Ok => Status::Ok,
        Code::InvalidArgument => Status::InvalidArgument,
        Code::DeadlineExceeded => Status::DeadlineExceeded,
        Code::NotFound => Status::NotFound,
        Code::ResourceExhausted => Status::ResourceExhausted,
        Code::Unimplemented => Status::Unimplemented,
        Code::Internal => Status::Internal,
        Code::Unavailable => Status::Unavailable,
        Code::Unauthenticated => Status::Unauthenticated,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_counted_under_their_own_labels() {
        for (number, limit) in Limit::ALL.into_iter().enumerate() {
            assert_eq!(
                (number, LIMIT_LABELS[number]),
                (limit as usize, limit.label())
            );
        }
    }
}
