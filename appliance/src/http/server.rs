//! What all connections of a worker share.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use http::{HeaderMap, HeaderValue, StatusCode};
use hyper::server::conn::http1::Builder;
use serde_json::{Map, Value, json};
use shm_catalog::slots::SlotPages;
use shm_catalog::{CodeSegment, Generation, Segment, SegmentId};
use tokio::net::TcpStream;

use super::connections::{ConnectionId, Connections, Order};
use crate::memory::Tide;
use crate::plane::Plane;
use crate::plane::auth::Keys;
use crate::plane::version::Version;
use crate::scripts::runner::{self, Runner};

use super::body::Held;
use super::connection;
use super::head;
use super::limits::{HEAD_BYTES_MAX, HEADERS_MAX};
use super::observer::Observer;
use super::pace::{Moment, Pace, Verdict};
use super::problem::{Problem, no_catalogue};
use super::reply::{Reply, RequestIds};

const NO_VERSION: HeaderValue = HeaderValue::from_static("none");

/// What an HTTP worker is told at its start.
pub struct Options {
    /// Whether requests need a key.
    pub needs_key: bool,
    /// Origins of pages that may call.
    pub cors_origins: Vec<String>,
    /// How scripts are run.
    pub scripts: runner::Options,
}

/// The data plane of one worker.
pub struct Server {
    /// The open ones.
    pub connections: Connections,
    /// Who counts and logs.
    pub observer: Rc<dyn Observer>,
    pub(super) paces: RefCell<HashMap<ConnectionId, Rc<Pace>>>,
    pub(super) protocol: Builder,
    pub(super) slots: SlotPages,
    pub(super) request_ids: RequestIds,
    pub(super) runner: Runner,
    pub(super) held: Held,
    pub(super) cors_origins: Vec<String>,
    needs_key: bool,
    keys: RefCell<Keys>,
    version: RefCell<Option<Rc<Version>>>,
    version_header: RefCell<HeaderValue>,
    draining: Cell<bool>,
    tide: Tide,
}

impl Server {
    /// With these keys, and nothing to serve yet. `slots` are the pages of all workers.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn new(
        options: Options,
        keys: Keys,
        slots: SlotPages,
        observer: Rc<dyn Observer>,
    ) -> io::Result<Self> {
        Ok(Self {
            connections: Connections::default(),
            observer,
            paces: RefCell::default(),
            protocol: protocol(),
            slots,
            request_ids: RequestIds::new(),
            runner: Runner::start(&options.scripts)?,
            held: Held::default(),
            cors_origins: options.cors_origins,
            needs_key: options.needs_key,
            keys: RefCell::new(keys),
            version: RefCell::new(None),
            version_header: RefCell::new(NO_VERSION),
            draining: Cell::new(false),
            tide: Tide::default(),
        })
    }

    /// Serves an accepted connection to its end, in a task of its own.
    pub fn accept(self: &Rc<Self>, stream: TcpStream) {
        connection::serve(self, stream);
    }

    /// Tells every peer to go away; connections close when what is under way is answered.
    pub fn end_connections(&self) {
        self.connections.give_all(Order::Drain);
    }

    /// Called at each tick: ends what takes too long, and gives back what is not needed.
    pub fn sweep(&self) {
        if self.tide.look() {
            self.runner.tidy();
        }
        let now = Moment::now();
        let (under_way, waiting) = self.runner.load();
        self.observer.scripts_under_way(under_way, waiting);
        self.observer
            .definitions_loaded(self.runner.definitions().take_counts());
        for (id, pace) in &*self.paces.borrow() {
            match pace.judge(now) {
                Verdict::Fine => {}
                Verdict::Close => self.connections.give(*id, Order::Drain),
                Verdict::Abort => {
                    self.observer.connection_timed_out();
                    self.connections.give(*id, Order::Abort);
                }
            }
        }
    }

    /// What is served now.
    pub(super) fn current(&self) -> Option<Rc<Version>> {
        self.version.borrow().clone()
    }

    /// Its name, for `X-Catalog-Version`.
    pub(super) fn version_header(&self) -> HeaderValue {
        self.version_header.borrow().clone()
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// Checks the key of a request where one is needed.
    pub(super) fn authorize(&self, headers: &HeaderMap) -> Result<(), Problem> {
        if !self.needs_key {
            return Ok(());
        }
        head::authorize(headers, &self.keys.borrow())
    }

    /// Whether new requests should be sent here.
    pub(super) fn ready(&self) -> Reply {
        let version = self.version.borrow();
        match &*version {
            _ if self.draining.get() => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "draining",
                "this worker is going away",
            )
            .into(),
            None => no_catalogue().into(),
            Some(version) => {
                let body = json!({
                    "status": "ready",
                    "generation": version.generation.0,
                    "commands": version.segment.count(),
                });
                Reply::json(StatusCode::OK, body.to_string())
            }
        }
    }
}

impl Plane for Server {
    fn served(&self) -> Option<(Generation, Arc<Segment>)> {
        let version = self.version.borrow();
        let version = version.as_ref()?;
        Some((version.generation, Arc::clone(&version.segment)))
    }

    fn serve(&self, version: Version, _: Instant) -> Option<Arc<Segment>> {
        let header = HeaderValue::try_from(version.tag.as_str()).unwrap_or(NO_VERSION);
        self.version_header.replace(header);
        let before = self.version.replace(Some(Rc::new(version)))?;
        Some(Arc::clone(&before.segment))
    }

    fn set_keys(&self, keys: Keys) {
        self.keys.replace(keys);
    }

    /// Answers say `Connection: close` from now on.
    fn begin_drain(&self) {
        self.draining.set(true);
    }

    fn runs_code(&self) -> bool {
        true
    }

    fn code(&self) -> Option<SegmentId> {
        self.runner.definitions().code().map(|code| code.id())
    }

    fn take_code(&self, code: Arc<CodeSegment>) -> Option<Arc<CodeSegment>> {
        self.runner.definitions().take_code(code)
    }

    fn set_quarantine(&self, sources: &[(String, String)]) {
        self.runner.definitions().set_quarantine(sources);
    }

    fn set_left_out(&self, rows: &[(String, String)]) {
        self.runner.set_left_out(rows);
    }

    fn describe(&self) -> Map<String, Value> {
        let (under_way, waiting) = self.runner.load();
        let code = self.code().map_or(0, |id| id.0);
        Map::from_iter([
            ("code_segment".to_owned(), code.into()),
            ("needs_key".to_owned(), self.needs_key.into()),
            ("scripts".to_owned(), under_way.into()),
            ("scripts_waiting".to_owned(), waiting.into()),
        ])
    }
}

/// No timer of hyper's: see `pace`.
fn protocol() -> Builder {
    let mut protocol = Builder::new();
    protocol
        .keep_alive(true)
        .half_close(true)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX);
    protocol
}
