//! What all connections of a worker share.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use h2::server::Builder;
use serde_json::{Map, Value};
use shm_catalog::SegmentId;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::connection;
use super::lease::Leases;
use super::limits;
use super::observer::Observer;
use super::reply::ReplyHeaders;
use super::service::{Health, Service};
use crate::plane::Plane;
use crate::plane::auth::Keys;
use crate::plane::connections::{Connections, Order};
use crate::plane::version::Version;

/// What watchers of the health are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announced {
    /// The health of the services.
    Health(Health),
    /// The connection is ending: watches end too, or they would hold it open.
    Ending,
}

/// The data plane of one worker.
pub struct Server {
    /// What it answers.
    pub service: Service,
    /// The open ones.
    pub connections: Connections,
    /// Replies that have not left completely.
    pub leases: Leases,
    /// Who counts and logs.
    pub observer: Rc<dyn Observer>,
    pub(super) health: watch::Sender<Announced>,
    pub(super) protocol: Builder,
    headers: RefCell<Rc<ReplyHeaders>>,
}

impl Server {
    /// `lease_patience`: how long a stream may hold a superseded segment.
    pub fn new(service: Service, observer: Rc<dyn Observer>, lease_patience: Duration) -> Self {
        Self {
            health: watch::Sender::new(Announced::Health(service.health())),
            service,
            connections: Connections::default(),
            leases: Leases::new(lease_patience),
            observer,
            protocol: protocol(),
            headers: RefCell::new(Rc::new(ReplyHeaders::new(None))),
        }
    }

    pub(super) fn reply_headers(&self, version: Option<&Version>) -> Rc<ReplyHeaders> {
        let mut headers = self.headers.borrow_mut();
        if !headers.are_of(version) {
            *headers = Rc::new(ReplyHeaders::new(version));
        }
        Rc::clone(&headers)
    }

    fn announce_health(&self) {
        self.health.send_if_modified(|announced| {
            let health = Announced::Health(self.service.health());
            let news = *announced != Announced::Ending && *announced != health;
            if news {
                *announced = health;
            }
            news
        });
    }
}

impl Plane for Server {
    fn serve(self: Rc<Self>, stream: TcpStream) {
        connection::serve(&self, stream);
    }

    fn connections(&self) -> &Connections {
        &self.connections
    }

    fn version(&self) -> Option<Rc<Version>> {
        self.service.version()
    }

    fn swap(&self, version: Version, now: Instant) -> Option<Rc<Version>> {
        let current: SegmentId = version.segment.id();
        let before = self.service.swap(version);
        if let Some(before) = &before {
            self.leases.supersede(before.segment.id(), current, now);
        }
        self.announce_health();
        before
    }

    fn set_keys(&self, keys: Keys) {
        self.service.set_keys(keys);
    }

    /// Health is `NotServing` from now on.
    fn begin_drain(&self) {
        self.service.set_draining();
        self.announce_health();
    }

    fn end_connections(&self) {
        self.health.send_replace(Announced::Ending);
        self.connections.give_all(Order::Drain);
    }

    /// Looks after leases: see `lease`.
    fn sweep(&self, now: Instant) {
        let swept = self.leases.sweep(now);
        for _ in 0..swept.over_aged {
            self.observer.stream_over_aged();
        }
        for id in &swept.stuck {
            self.observer.connection_aborted();
            self.connections.give(*id, Order::Abort);
        }
    }

    fn describe(&self) -> Map<String, Value> {
        Map::from_iter([("large_replies".to_owned(), self.leases.count().into())])
    }
}

fn protocol() -> Builder {
    let mut protocol = Builder::new();
    protocol
        .initial_window_size(limits::STREAM_WINDOW_BYTES)
        .initial_connection_window_size(limits::CONNECTION_WINDOW_BYTES)
        .max_concurrent_streams(limits::STREAMS_MAX)
        .max_header_list_size(limits::HEADER_LIST_BYTES_MAX)
        .max_send_buffer_size(limits::SEND_BUFFER_BYTES)
        .max_pending_accept_reset_streams(limits::PENDING_ACCEPT_RESETS_MAX)
        .max_local_error_reset_streams(Some(limits::LOCAL_ERROR_RESETS_MAX))
        .max_concurrent_reset_streams(limits::RESET_STREAMS_MAX)
        .reset_stream_duration(limits::RESET_STREAM_MEMORY);
    protocol
}
