//! What all connections of a worker share, and how the engine asks it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::{Answer, Blocks, Code, Limit, Limits, Method, Moment, Status};

use serde_json::{Map, Value};
use shm_catalog::{Generation, Segment};

use crate::plane::auth::Keys;
use crate::plane::{self, Plane};

use super::observer::Observer;
use super::service::{Call, Service};
use super::version::{Pinned, Version};

/// The data plane of one worker.
pub struct Server {
    /// What it answers.
    pub service: Service,
    /// Who counts and logs.
    pub observer: Rc<dyn Observer>,
    /// Of each connection.
    pub limits: Limits,
    /// How long a stream may hold a superseded segment.
    pub patience: Duration,
    /// Headers of replies before there is a version.
    bare: Blocks,
    /// What ended in this turn: counted when its time is known.
    ended: RefCell<Vec<Ended>>,
    /// Versions that replies may still be leaving from.
    superseded: RefCell<Vec<Pinned>>,
    /// Watchers have not been told of it yet.
    health_changed: Cell<bool>,
}

/// Requests that ended alike.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Ended {
    call: Option<Call>,
    code: Code,
    since: Moment,
    count: u64,
}

impl Server {
    /// See the fields.
    pub fn new(service: Service, observer: Rc<dyn Observer>, patience: Duration) -> Self {
        Self {
            service,
            observer,
            limits: Limits::DEFAULT,
            patience,
            bare: Blocks::new(&[]),
            ended: RefCell::default(),
            superseded: RefCell::default(),
            health_changed: Cell::new(false),
        }
    }

    /// Serves `version` from the next request on. Gives back the one before.
    pub fn swap(&self, version: Version, now: Instant) -> Option<Pinned> {
        let served = version.segment.id();
        let before = self.service.swap(version);
        let mut superseded = self.superseded.borrow_mut();
        superseded.extend(before.clone());
        for old in &*superseded {
            // A segment that is announced again is not superseded.
            if old.segment.id() == served {
                old.superseded.set(None);
            } else if old.superseded.get().is_none() {
                old.superseded.set(Some(now));
            }
        }
        self.health_changed.set(true);
        before
    }

    /// Whether watchers are to be told, once.
    pub fn take_health_change(&self) -> bool {
        self.health_changed.take()
    }

    /// Whether some reply may hold a version that was superseded for longer than `patience`.
    pub fn has_over_aged(&self, now: Instant) -> bool {
        let mut superseded = self.superseded.borrow_mut();
        // The list holds each once itself.
        superseded.retain(|version| version.holders() > 1);
        superseded
            .iter()
            .any(|version| self.is_over_aged(version, now))
    }

    /// Whether this version was superseded for longer than `patience`.
    pub fn is_over_aged(&self, version: &Version, now: Instant) -> bool {
        let since = version.superseded.get();
        since.is_some_and(|since| now.saturating_duration_since(since) >= self.patience)
    }

    /// Versions that replies still hold.
    pub fn held_versions(&self) -> usize {
        let superseded = self.superseded.borrow();
        superseded
            .iter()
            .filter(|version| version.holders() > 1)
            .count()
    }

    /// Counts what has ended by `now`.
    pub fn count_ended(&self, now: Moment) {
        for ended in self.ended.borrow_mut().drain(..) {
            let elapsed = now.since(ended.since);
            self.observer
                .requests_ended(ended.call, ended.code, elapsed, ended.count);
        }
    }

    /// The server for one turn: from one version.
    pub fn serving(&self) -> Serving<'_> {
        Serving {
            server: self,
            version: self.service.version(),
        }
    }
}

impl Plane for Server {
    fn served(&self) -> Option<(Generation, Arc<Segment>)> {
        let version = self.service.version()?;
        Some((version.generation, Arc::clone(&version.segment)))
    }

    fn serve(&self, version: plane::version::Version, now: Instant) -> Option<Arc<Segment>> {
        let before = self.swap(version.into(), now)?;
        Some(Arc::clone(&before.segment))
    }

    fn set_keys(&self, keys: Keys) {
        self.service.set_keys(keys);
    }

    /// Health is `NotServing` from now on.
    fn begin_drain(&self) {
        self.service.set_draining();
        self.health_changed.set(true);
    }

    fn describe(&self) -> Map<String, Value> {
        Map::from_iter([("held_versions".to_owned(), self.held_versions().into())])
    }
}

/// A server whose version stays.
pub struct Serving<'server> {
    server: &'server Server,
    version: Option<Pinned>,
}

fn call_of(method: Method) -> Option<Call> {
    Call::ALL.get(usize::from(method.0)).copied()
}

impl engine::Service for Serving<'_> {
    type Pin = Pinned;

    fn method(&self, path: &[u8]) -> Option<Method> {
        Call::from_path(path).map(|call| Method(call as u8))
    }

    fn authorize(&self, method: Method, key: Option<&[u8]>) -> Result<(), Status<'static>> {
        match call_of(method) {
            Some(call) => self.server.service.authorize(call, key),
            None => Err(NO_METHOD),
        }
    }

    fn key_epoch(&self) -> u64 {
        self.server.service.key_epoch()
    }

    fn answer<'message>(
        &self,
        method: Method,
        message: &'message [u8],
    ) -> Answer<'message, Pinned> {
        match call_of(method) {
            Some(call) => self
                .server
                .service
                .answer(call, message, self.version.as_ref()),
            None => Answer::Refused(NO_METHOD),
        }
    }

    fn watched(&self, topic: u8) -> &'static [u8] {
        self.server.service.watched(topic)
    }

    fn blocks(&self) -> &Blocks {
        match &self.version {
            Some(version) => &version.blocks,
            None => &self.server.bare,
        }
    }

    fn call_ended(&self, method: Option<Method>, code: Code, since: Moment) {
        let call = method.and_then(call_of);
        let mut ended = self.server.ended.borrow_mut();
        match ended.last_mut() {
            Some(last) if (last.call, last.code, last.since) == (call, code, since) => {
                last.count += 1;
            }
            _ => ended.push(Ended {
                call,
                code,
                since,
                count: 1,
            }),
        }
    }

    fn stream_reset(&self) {
        self.server.observer.stream_reset();
    }

    fn limit_reached(&self, limit: Limit) {
        self.server.observer.limit_reached(limit);
    }
}

/// Methods come from `method`: never seen, but said.
const NO_METHOD: Status<'static> = Status::new(Code::Internal, "no such method");
