//! Where the data plane's reports go: the worker slot, and the log.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use serde_json::json;
use shm_catalog::{Method, Status, WorkerSlot};

use crate::grpc::observer::Observer;
use crate::grpc::service::Call;
use crate::grpc::status::Code;

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

impl Observer for Report {
    fn request_ended(&self, call: Option<Call>, code: Code, elapsed: Duration) {
        let (method, status) = (method(call), status(code));
        self.worker.count_request(method, status, elapsed);
        if self.sample_next.get() || code == Code::Internal {
            self.sample_next.set(false);
            let level = if code == Code::Internal {
                Level::Error
            } else {
                Level::Debug
            };
            let elapsed_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
            let fields = json!({"method": method.label(), "status": status.label(), "elapsed_us": elapsed_us});
            self.log.write(level, "Request Answered", fields);
        }
    }

    fn stream_reset(&self) {
        self.worker.count_reset();
    }

    fn stream_over_aged(&self) {
        self.worker.count_stream_over_aged();
        self.log
            .write(Level::Warning, "Stream Over Aged", json!({}));
    }

    fn connection_aborted(&self) {
        self.log.write(
            Level::Warning,
            "Connection Aborted",
            json!({"reason": "over-aged stream"}),
        );
    }

    fn connection_opened(&self) {
        self.worker.connection_opened();
    }

    fn connection_closed(&self) {
        self.worker.connection_closed();
    }

    fn panic_caught(&self, text: &str) {
        self.worker.count_panic();
        self.log
            .write(Level::Error, "Panic Caught", json!({"error": text}));
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
