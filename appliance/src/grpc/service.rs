//! What the service answers, without HTTP/2: method and message in, slice of the segment or status
//! out.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};

use engine::{Answer, Code, Pin, Status};

use super::limits::NAME_BYTES_MAX;
use super::proto;
use super::version::{Pinned, Version};
use crate::plane::auth::Keys;

/// The methods there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Call {
    /// `avap.DefinitionEngine/GetCommand`
    GetCommand,
    /// `avap.DefinitionEngine/SyncCatalog`
    SyncCatalog,
    /// `grpc.health.v1.Health/Check`
    HealthCheck,
    /// `grpc.health.v1.Health/Watch`
    HealthWatch,
}

impl Call {
    /// In the order of their numbers.
    pub const ALL: [Self; 4] = [
        Self::GetCommand,
        Self::SyncCatalog,
        Self::HealthCheck,
        Self::HealthWatch,
    ];

    /// From the request's `:path`.
    #[must_use]
    pub fn from_path(path: &[u8]) -> Option<Self> {
        match path {
            b"/avap.DefinitionEngine/GetCommand" => Some(Self::GetCommand),
            b"/avap.DefinitionEngine/SyncCatalog" => Some(Self::SyncCatalog),
            b"/grpc.health.v1.Health/Check" => Some(Self::HealthCheck),
            b"/grpc.health.v1.Health/Watch" => Some(Self::HealthWatch),
            _ => None,
        }
    }

    /// Whether it takes a key. Health probes have none.
    #[must_use]
    pub const fn needs_key(self) -> bool {
        matches!(self, Self::GetCommand | Self::SyncCatalog)
    }
}

/// `grpc.health.v1.HealthCheckResponse.ServingStatus`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Health {
    /// A version is announced and this worker stays.
    Serving = 1,
    /// Nothing hydrated yet, or draining.
    NotServing = 2,
    /// There is no service of that name (`Watch` only).
    ServiceUnknown = 3,
}

impl Health {
    /// The encoded `HealthCheckResponse`.
    #[must_use]
    pub const fn message(self) -> &'static [u8] {
        match self {
            Self::Serving => &[0x08, 1],
            Self::NotServing => &[0x08, 2],
            Self::ServiceUnknown => &[0x08, 3],
        }
    }
}

/// What a watcher of the health watches: the topic of `engine::Answer::Watch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Topic {
    /// A service that there is not: `ServiceUnknown` for ever.
    Unknown = 0,
    /// The services that there are.
    Known = 1,
}

/// The state of the service: what is served, who may ask, and whether it is ending.
pub struct Service {
    version: RefCell<Option<Pinned>>,
    keys: RefCell<Keys>,
    key_epoch: Cell<u64>,
    draining: Cell<bool>,
}

impl Service {
    /// With these keys, and nothing to serve yet.
    #[must_use]
    pub fn new(keys: Keys) -> Self {
        Self {
            version: RefCell::new(None),
            keys: RefCell::new(keys),
            key_epoch: Cell::new(0),
            draining: Cell::new(false),
        }
    }

    /// What is served now.
    #[must_use]
    pub fn version(&self) -> Option<Pinned> {
        self.version.borrow().clone()
    }

    /// Serves another version from now on; gives back the one before.
    pub fn swap(&self, version: Version) -> Option<Pinned> {
        self.version.replace(Some(Pinned::new(version)))
    }

    /// Other keys from the next request on.
    pub fn set_keys(&self, keys: Keys) {
        self.keys.replace(keys);
        self.key_epoch.set(self.key_epoch.get() + 1);
    }

    /// Grows with every change of the keys.
    #[must_use]
    pub const fn key_epoch(&self) -> u64 {
        self.key_epoch.get()
    }

    /// From now on the health is `NotServing`.
    pub fn set_draining(&self) {
        self.draining.set(true);
    }

    /// The health of the services there are.
    #[must_use]
    pub fn health(&self) -> Health {
        if self.draining.get() || self.version.borrow().is_none() {
            Health::NotServing
        } else {
            Health::Serving
        }
    }

    /// The present message of a topic.
    #[must_use]
    pub fn watched(&self, topic: u8) -> &'static [u8] {
        if topic == Topic::Known as u8 {
            self.health().message()
        } else {
            Health::ServiceUnknown.message()
        }
    }

    /// Checks the key that a call presented.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`.
    pub fn authorize(&self, call: Call, key: Option<&[u8]>) -> Result<(), Status<'static>> {
        if !call.needs_key() || self.keys.borrow().admit(key.unwrap_or_default()) {
            return Ok(());
        }
        Err(Status::new(Code::Unauthenticated, "Invalid Credentials"))
    }

    /// Answers one message of an authorized call, from `version`.
    pub fn answer<'message>(
        &self,
        call: Call,
        message: &'message [u8],
        version: Option<&Pinned>,
    ) -> Answer<'message, Pinned> {
        let answer = match call {
            Call::GetCommand => get_command(message, version),
            Call::SyncCatalog => sync_catalog(message, version),
            Call::HealthCheck => self.health_check(message),
            Call::HealthWatch => health_watch(message),
        };
        answer.unwrap_or_else(Answer::Refused)
    }

    fn health_check<'message>(
        &self,
        message: &'message [u8],
    ) -> Result<Answer<'message, Pinned>, Status<'message>> {
        if is_known_service(proto::string_field_1(message).map_err(unreadable)?) {
            Ok(Answer::Constant(self.health().message()))
        } else {
            Err(Status::new(Code::NotFound, "unknown service"))
        }
    }
}

type Answered<'message> = Result<Answer<'message, Pinned>, Status<'message>>;

fn get_command<'message>(message: &'message [u8], version: Option<&Pinned>) -> Answered<'message> {
    let name = proto::string_field_1(message).map_err(unreadable)?;
    check_name(name)?;
    let pin = hydrated(version)?;
    let record = pin.segment.lookup(name.as_bytes()).ok_or_else(|| {
        let quoted = Cow::Borrowed(name.as_bytes());
        Status::naming(Code::NotFound, "Command '", quoted, "' not found")
    })?;
    slice(pin, record)
}

fn sync_catalog<'message>(message: &'message [u8], version: Option<&Pinned>) -> Answered<'message> {
    proto::empty(message).map_err(unreadable)?;
    let pin = hydrated(version)?;
    slice(pin, pin.bytes())
}

fn health_watch(message: &[u8]) -> Answered<'_> {
    let known = is_known_service(proto::string_field_1(message).map_err(unreadable)?);
    let topic = if known { Topic::Known } else { Topic::Unknown };
    Ok(Answer::Watch(topic as u8))
}

/// Every record lies in the body of `SyncCatalog`; what does not is our own fault.
fn slice<'message>(pin: &Pinned, part: &[u8]) -> Answered<'message> {
    let body = pin.bytes();
    let from = part.as_ptr().addr().checked_sub(body.as_ptr().addr());
    match from {
        Some(from) if from + part.len() <= body.len() => Ok(Answer::Slice {
            pin: pin.clone(),
            from,
            to: from + part.len(),
        }),
        _ => Err(Status::new(
            Code::Internal,
            "the record lies outside its region",
        )),
    }
}

/// The empty name stands for the server as a whole.
fn is_known_service(name: &str) -> bool {
    matches!(name, "" | "avap.DefinitionEngine")
}

fn check_name(name: &str) -> Result<(), Status<'static>> {
    match name.len() {
        0 => Err(Status::new(
            Code::InvalidArgument,
            "the command's name is empty",
        )),
        1..=NAME_BYTES_MAX => Ok(()),
        length => Err(Status::naming(
            Code::InvalidArgument,
            "the command's name is longer than 256 bytes: ",
            Cow::Owned(length.to_string().into_bytes()),
            "",
        )),
    }
}

fn hydrated(version: Option<&Pinned>) -> Result<&Pinned, Status<'static>> {
    version.ok_or(Status::new(Code::Unavailable, "no catalogue is loaded yet"))
}

fn unreadable(error: proto::Unreadable) -> Status<'static> {
    Status::naming(
        Code::InvalidArgument,
        "unreadable request message: ",
        Cow::Borrowed(error.reason().as_bytes()),
        "",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service() -> Service {
        Service::new(Keys::new(["key"]))
    }

    fn request(name: &str) -> Vec<u8> {
        let mut message = vec![0x0a];
        let mut length = name.len();
        while length >= 0x80 {
            message.push((length as u8) | 0x80);
            length >>= 7;
        }
        message.push(length as u8);
        message.extend_from_slice(name.as_bytes());
        message
    }

    fn refused(answer: Answer<'_, Pinned>) -> Code {
        match answer {
            Answer::Refused(status) => status.code,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_the_catalogue_needs_a_key() {
        let service = service();
        for call in [Call::GetCommand, Call::SyncCatalog] {
            assert_eq!(service.authorize(call, Some(b"key")), Ok(()));
            for wrong in [None, Some(&b""[..]), Some(b"kez")] {
                let status = service.authorize(call, wrong).unwrap_err();
                assert_eq!(
                    (status.code, &*status.text()),
                    (Code::Unauthenticated, "Invalid Credentials")
                );
            }
        }
        assert_eq!(service.authorize(Call::HealthCheck, None), Ok(()));
        let before = service.key_epoch();
        service.set_keys(Keys::new(["new"]));
        assert_ne!(service.key_epoch(), before);
        assert!(service.authorize(Call::GetCommand, Some(b"key")).is_err());
        assert_eq!(service.authorize(Call::GetCommand, Some(b"new")), Ok(()));
    }

    #[test]
    fn before_the_first_version_names_are_checked_and_nothing_is_served() {
        let service = service();
        let check = |call, message: &[u8], code| {
            assert_eq!(
                refused(service.answer(call, message, None)),
                code,
                "{call:?}"
            );
        };
        check(Call::GetCommand, &request("if"), Code::Unavailable);
        check(Call::SyncCatalog, b"", Code::Unavailable);
        check(Call::GetCommand, b"", Code::InvalidArgument);
        check(
            Call::GetCommand,
            &request(&"x".repeat(256)),
            Code::Unavailable,
        );
        check(
            Call::GetCommand,
            &request(&"x".repeat(257)),
            Code::InvalidArgument,
        );
        check(Call::GetCommand, b"\x0a\x02\xff\xff", Code::InvalidArgument);
        check(Call::SyncCatalog, b"\x0a", Code::InvalidArgument);
    }

    #[test]
    fn health_knows_two_names() {
        let service = service();
        for name in ["", "avap.DefinitionEngine"] {
            let message = request(name);
            let answer = service.answer(Call::HealthCheck, &message, None);
            assert!(
                matches!(answer, Answer::Constant(b"\x08\x02")),
                "{answer:?}"
            );
        }
        assert_eq!(
            refused(service.answer(Call::HealthCheck, &request("other"), None)),
            Code::NotFound
        );
        for (name, expected) in [("", Health::NotServing), ("other", Health::ServiceUnknown)] {
            match service.answer(Call::HealthWatch, &request(name), None) {
                Answer::Watch(topic) => assert_eq!(service.watched(topic), expected.message()),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_version_answers_with_slices_of_its_segment() {
        let service = service();
        let segment = crate::plane::test_segment::segment(1, &[("if", "one"), ("añadir", "two")]);
        assert_eq!(service.health(), Health::NotServing);
        let version = Version::new(shm_catalog::Generation(9), segment);
        assert!(service.swap(version).is_none());
        assert_eq!(service.health(), Health::Serving);
        let version = service.version().unwrap();
        let segment = &version.segment;
        assert_eq!(version.tag, format!("9-{}", segment.digest()));
        let sliced = |answer: Answer<'_, Pinned>| match answer {
            Answer::Slice { pin, from, to } => pin.bytes()[from..to].to_vec(),
            other => panic!("{other:?}"),
        };
        for name in ["if", "añadir"] {
            let record = segment.lookup(name.as_bytes()).unwrap();
            let message = request(name);
            let answer = service.answer(Call::GetCommand, &message, Some(&version));
            assert_eq!(sliced(answer), record);
        }
        match service.answer(Call::GetCommand, &request("If"), Some(&version)) {
            Answer::Refused(status) => {
                assert_eq!(
                    (status.code, &*status.text()),
                    (Code::NotFound, "Command 'If' not found")
                );
            }
            other => panic!("{other:?}"),
        }
        let whole = service.answer(Call::SyncCatalog, b"", Some(&version));
        assert_eq!(sliced(whole), segment.sync_body());
        service.set_draining();
        assert_eq!(service.health(), Health::NotServing);
        let whole = service.answer(Call::SyncCatalog, b"", Some(&version));
        assert_eq!(sliced(whole), segment.sync_body());
    }
}
