//! Makes calls on its connections and enters each outcome in the report.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hyper_util::rt::TokioIo;
use prost::Message;
use tokio::net::TcpStream;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::{Ascii, MetadataMap, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tower::service_fn;

use crate::contract::{RawCodec, standard};
use crate::input::{Input, Version, Wire};
use crate::judge::{judge_hit, judge_sync, parse_version};
use crate::plan::{Call, Kind};
use crate::report::Report;

const AUTH: &str = "x-avap-auth";
const VERSION: &str = "avap-catalog-version";
const GET: &str = "/avap.DefinitionEngine/GetCommand";
const SYNC: &str = "/avap.DefinitionEngine/SyncCatalog";
/// Between two attempts at a connection, while calls wait for one.
const CONNECT_PAUSE: Duration = Duration::from_millis(20);

/// A channel, and the newest generation seen on the TCP connection that it has now.
struct Connection {
    channel: Channel,
    /// Grows with every TCP connection made.
    made: Arc<AtomicU64>,
    /// Of which the floor is.
    seen_on: Cell<u64>,
    floor: Cell<u64>,
}

/// Makes the calls of one run.
pub struct Caller {
    connections: Vec<Connection>,
    versions: HashMap<String, Version>,
    wire: Wire,
    timeout: Duration,
    report: Rc<RefCell<Report>>,
}

impl Caller {
    /// Connects nothing yet.
    pub fn new(input: Input, report: Rc<RefCell<Report>>) -> Result<Self, tonic::transport::Error> {
        let timeout = Duration::from_secs_f64(input.call_timeout_s);
        let endpoint = Endpoint::from_shared(format!("http://{}", input.target))?;
        let connections = (0..input.connections)
            .map(|_| Connection::new(&endpoint, &input.target, input.wait_for_ready))
            .collect();
        let versions = input.versions.into_iter();
        Ok(Self {
            connections,
            versions: versions
                .map(|version| (version.digest.clone(), version))
                .collect(),
            wire: input.wire,
            timeout,
            report,
        })
    }

    /// One of the channels.
    pub fn channel(&self, index: usize) -> Channel {
        self.connections[index].channel.clone()
    }

    /// Of one call.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Makes one call on one connection; whether it was answered.
    pub async fn make(&self, call: &Call, index: usize) -> bool {
        let connection = &self.connections[index];
        let (made, floor) = (
            connection.made.load(Ordering::Relaxed),
            connection.floor.get(),
        );
        self.report.borrow_mut().begin();
        let calling = self.call(call, connection.channel.clone());
        let answer = tokio::time::timeout(self.timeout, calling)
            .await
            .unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer in time")))
            .map_err(with_code_of_the_specification);
        let metadata = match &answer {
            Ok((metadata, _)) => metadata,
            Err(status) if is_answer(status.code()) => status.metadata(),
            Err(status) => {
                let mut report = self.report.borrow_mut();
                let (code, message) = (code_name(status.code()), status.message());
                report.error(call.kind.name(), code, message.to_owned());
                return false;
            }
        };
        let text = metadata
            .get(VERSION)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let named = parse_version(text);
        if let Some((generation, digest)) = named {
            self.report.borrow_mut().version(generation, digest);
            if connection.note(generation, made) && generation < floor {
                self.report.borrow_mut().back(index, floor, generation);
            }
        }
        let judged = match named.and_then(|(_, digest)| self.versions.get(digest)) {
            None => Err(format!("{VERSION} is {text:?}, of no version in the input")),
            Some(version) => match &answer {
                Ok((_, reply)) => self.judge_reply(call, version, reply),
                Err(status) => judge_refusal(call, version, status),
            },
        };
        let mut report = self.report.borrow_mut();
        match judged {
            Ok(()) => report.right(call.kind),
            Err(fault) => report.mismatch(call, fault),
        }
        true
    }

    async fn call(&self, call: &Call, channel: Channel) -> Result<(MetadataMap, Bytes), Status> {
        let (path, message) = if call.kind == Kind::Sync {
            (SYNC, Bytes::new())
        } else {
            let name = call.name.clone();
            let asked = standard::CommandRequest { name }; // the same in both forms
            (GET, asked.encode_to_vec().into())
        };
        let mut request = Request::new(message);
        if let Some(key) = &call.key {
            let value: MetadataValue<Ascii> = key
                .parse()
                .map_err(|_| Status::internal("the key cannot be sent"))?;
            request.metadata_mut().insert(AUTH, value);
        }
        let mut client = Grpc::new(channel).max_decoding_message_size(usize::MAX);
        let ready = client.ready().await;
        ready.map_err(|error| Status::from_error(error.into()))?;
        let path = PathAndQuery::from_static(path);
        let (metadata, reply, _) = client.unary(request, path, RawCodec).await?.into_parts();
        Ok((metadata, reply))
    }

    fn judge_reply(&self, call: &Call, version: &Version, reply: &[u8]) -> Result<(), String> {
        match call.kind {
            Kind::Sync => judge_sync(version, reply, self.wire),
            Kind::Hit => judge_hit(version, &call.name, reply, self.wire),
            Kind::Miss | Kind::WrongKey => Err("answered OK".to_owned()),
        }
    }
}

impl Connection {
    fn new(endpoint: &Endpoint, target: &str, wait_for_ready: bool) -> Self {
        let made = Arc::new(AtomicU64::new(0));
        let (counter, target) = (Arc::clone(&made), target.to_owned());
        let connector = service_fn(move |_| {
            let (counter, target) = (Arc::clone(&counter), target.clone());
            async move {
                let stream = connect(&target, wait_for_ready).await?;
                counter.fetch_add(1, Ordering::Relaxed);
                io::Result::Ok(TokioIo::new(stream))
            }
        });
        Self {
            channel: endpoint.connect_with_connector_lazy(connector),
            made,
            seen_on: Cell::new(0),
            floor: Cell::new(0),
        }
    }

    /// Takes a generation that a call begun on connection `begun_on` was told; whether that is still the connection.
    fn note(&self, generation: u64, begun_on: u64) -> bool {
        let now = self.made.load(Ordering::Relaxed);
        if self.seen_on.replace(now) != now {
            self.floor.set(0);
        }
        if begun_on == now {
            self.floor.set(self.floor.get().max(generation));
        }
        begun_on == now
    }
}

async fn connect(target: &str, wait_for_ready: bool) -> io::Result<TcpStream> {
    loop {
        match TcpStream::connect(target).await {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(_) if wait_for_ready => tokio::time::sleep(CONNECT_PAUSE).await,
            Err(error) => return Err(error),
        }
    }
}

fn judge_refusal(call: &Call, version: &Version, status: &Status) -> Result<(), String> {
    let held = version.commands.contains_key(&call.name);
    let expected = match call.kind {
        Kind::WrongKey => Some((Code::Unauthenticated, "Invalid Credentials".to_owned())),
        Kind::Miss => Some((Code::NotFound, not_found(&call.name))),
        Kind::Hit if !held => Some((Code::NotFound, not_found(&call.name))),
        Kind::Hit | Kind::Sync => None,
    };
    let given = (status.code(), status.message());
    if expected
        .as_ref()
        .is_some_and(|(code, message)| given == (*code, message))
    {
        return Ok(());
    }
    Err(format!("{} {:?}", code_name(given.0), given.1))
}

fn not_found(name: &str) -> String {
    format!("Command '{name}' not found")
}

/// tonic calls a lost connection `Unknown`. The specification has `UNAVAILABLE` for it, and so have the other clients.
fn with_code_of_the_specification(status: Status) -> Status {
    match (status.code(), status.source()) {
        (Code::Unknown, Some(lost)) => Status::unavailable(lost.to_string()),
        _ => status,
    }
}

/// Whether the appliance answers with this status; with any other the call did not get an answer.
fn is_answer(code: Code) -> bool {
    matches!(
        code,
        Code::Ok
            | Code::NotFound
            | Code::Unauthenticated
            | Code::InvalidArgument
            | Code::Unimplemented
    )
}

/// The name that the specification and the other clients use: `NOT_FOUND` for `NotFound`.
fn code_name(code: Code) -> String {
    let mut name = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() && code != Code::Ok {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}
