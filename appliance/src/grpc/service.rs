//! What the service answers, without HTTP/2: method and message in, slice of the segment or status
//! out.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::limits::NAME_BYTES_MAX;
use super::proto;
use super::status::{Code, Status};
use crate::plane::auth::Keys;
use crate::plane::version::Version;

/// The methods there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// From the request's `:path`.
    #[must_use]
    pub fn from_path(path: &str) -> Option<Self> {
        match path {
            "/avap.DefinitionEngine/GetCommand" => Some(Self::GetCommand),
            "/avap.DefinitionEngine/SyncCatalog" => Some(Self::SyncCatalog),
            "/grpc.health.v1.Health/Check" => Some(Self::HealthCheck),
            "/grpc.health.v1.Health/Watch" => Some(Self::HealthWatch),
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

/// An answer that is not a status. Slices lie in the segment of the version they were asked of.
#[derive(Debug, PartialEq, Eq)]
pub enum Reply<'version> {
    /// One message: an encoded record.
    Record(&'version [u8]),
    /// One message: the whole catalogue.
    Catalog(&'version [u8]),
    /// One message: the health of a service.
    Health(Health),
    /// A stream of health messages: of a known service, or `ServiceUnknown` for ever.
    Watch {
        /// Whether the service exists.
        known: bool,
    },
}

/// The state of the service: what is served, who may ask, and whether it is ending.
pub struct Service {
    version: RefCell<Option<Rc<Version>>>,
    keys: RefCell<Keys>,
    draining: Cell<bool>,
}

impl Service {
    /// With these keys, and nothing to serve yet.
    #[must_use]
    pub fn new(keys: Keys) -> Self {
        Self {
            version: RefCell::new(None),
            keys: RefCell::new(keys),
            draining: Cell::new(false),
        }
    }

    /// What is served now.
    #[must_use]
    pub fn version(&self) -> Option<Rc<Version>> {
        self.version.borrow().clone()
    }

    /// Serves another version from now on; gives back the one before.
    pub fn swap(&self, version: Version) -> Option<Rc<Version>> {
        self.version.replace(Some(Rc::new(version)))
    }

    /// Other keys from the next request on.
    pub fn set_keys(&self, keys: Keys) {
        self.keys.replace(keys);
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

    /// Checks the key that a call presented.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`.
    pub fn authorize(&self, call: Call, key: Option<&[u8]>) -> Result<(), Status> {
        if !call.needs_key() || self.keys.borrow().admit(key.unwrap_or_default()) {
            return Ok(());
        }
        Err(Status::new(Code::Unauthenticated, "Invalid Credentials"))
    }

    /// Answers one message of an authorized call, from `version`.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`, `NOT_FOUND`, `UNAVAILABLE`.
    pub fn answer<'version>(
        &self,
        call: Call,
        message: &[u8],
        version: Option<&'version Version>,
    ) -> Result<Reply<'version>, Status> {
        match call {
            Call::GetCommand => {
                let name = proto::string_field_1(message).map_err(unreadable)?;
                check_name(name)?;
                let record = hydrated(version)?.segment.lookup(name.as_bytes());
                record.map(Reply::Record).ok_or_else(|| {
                    Status::naming(Code::NotFound, format!("Command '{name}' not found"))
                })
            }
            Call::SyncCatalog => {
                proto::empty(message).map_err(unreadable)?;
                Ok(Reply::Catalog(hydrated(version)?.segment.sync_body()))
            }
            Call::HealthCheck => {
                if is_known_service(proto::string_field_1(message).map_err(unreadable)?) {
                    Ok(Reply::Health(self.health()))
                } else {
                    Err(Status::new(Code::NotFound, "unknown service"))
                }
            }
            Call::HealthWatch => {
                let known = is_known_service(proto::string_field_1(message).map_err(unreadable)?);
                Ok(Reply::Watch { known })
            }
        }
    }
}

/// The empty name stands for the server as a whole.
fn is_known_service(name: &str) -> bool {
    matches!(name, "" | "avap.DefinitionEngine")
}

fn check_name(name: &str) -> Result<(), Status> {
    match name.len() {
        0 => Err(Status::new(
            Code::InvalidArgument,
            "the command's name is empty",
        )),
        1..=NAME_BYTES_MAX => Ok(()),
        length => Err(Status::naming(
            Code::InvalidArgument,
            format!("the command's name has {length} bytes, at most {NAME_BYTES_MAX} are allowed"),
        )),
    }
}

fn hydrated(version: Option<&Version>) -> Result<&Version, Status> {
    version.ok_or(Status::new(Code::Unavailable, "no catalogue is loaded yet"))
}

fn unreadable(error: proto::Unreadable) -> Status {
    Status::naming(
        Code::InvalidArgument,
        format!("unreadable request message: {}", error.reason()),
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

    #[test]
    fn only_the_catalogue_needs_a_key() {
        let service = service();
        for call in [Call::GetCommand, Call::SyncCatalog] {
            assert_eq!(service.authorize(call, Some(b"key")), Ok(()));
            for wrong in [None, Some(&b""[..]), Some(b"kez")] {
                let status = service.authorize(call, wrong).unwrap_err();
                assert_eq!(
                    (status.code, &*status.message),
                    (Code::Unauthenticated, "Invalid Credentials")
                );
            }
        }
        assert_eq!(service.authorize(Call::HealthCheck, None), Ok(()));
        service.set_keys(Keys::new(["new"]));
        assert!(service.authorize(Call::GetCommand, Some(b"key")).is_err());
        assert_eq!(service.authorize(Call::GetCommand, Some(b"new")), Ok(()));
    }

    #[test]
    fn before_the_first_version_names_are_checked_and_nothing_is_served() {
        let service = service();
        let check = |call, message: &[u8], code| {
            assert_eq!(
                service.answer(call, message, None).unwrap_err().code,
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
        let check = |name: &str, expected: Result<Reply<'static>, Code>| {
            let answer = service
                .answer(Call::HealthCheck, &request(name), None)
                .map_err(|status| status.code);
            assert_eq!(answer, expected, "{name:?}");
        };
        check("", Ok(Reply::Health(Health::NotServing)));
        check(
            "avap.DefinitionEngine",
            Ok(Reply::Health(Health::NotServing)),
        );
        check("other", Err(Code::NotFound));
        let watch = |name: &str| {
            service
                .answer(Call::HealthWatch, &request(name), None)
                .unwrap()
        };
        assert_eq!(watch(""), Reply::Watch { known: true });
        assert_eq!(watch("other"), Reply::Watch { known: false });
    }

    #[test]
    fn a_version_answers_with_slices_of_its_segment() {
        let service = service();
        let segment = crate::plane::test_segment::segment(1, &[("if", "one"), ("añadir", "two")]);
        assert_eq!(service.health(), Health::NotServing);
        assert!(
            service
                .swap(Version::new(shm_catalog::Generation(9), segment))
                .is_none()
        );
        assert_eq!(service.health(), Health::Serving);
        let version = service.version().unwrap();
        let segment = &version.segment;
        assert_eq!(version.tag, format!("9-{}", segment.digest()));
        let version = Some(&*version);
        for name in ["if", "añadir"] {
            let record = segment.lookup(name.as_bytes()).unwrap();
            assert_eq!(
                service.answer(Call::GetCommand, &request(name), version),
                Ok(Reply::Record(record))
            );
        }
        let missing = Status::naming(Code::NotFound, "Command 'If' not found".to_owned());
        assert_eq!(
            service.answer(Call::GetCommand, &request("If"), version),
            Err(missing)
        );
        assert_eq!(
            service.answer(Call::SyncCatalog, b"", version),
            Ok(Reply::Catalog(segment.sync_body()))
        );
        service.set_draining();
        assert_eq!(service.health(), Health::NotServing);
        assert!(service.answer(Call::SyncCatalog, b"", version).is_ok());
    }
}
