//! What the fields of a request say: whether they are well-formed (RFC 9113, section 8), whether
//! they are gRPC, and which call they make. Nothing is kept but what the call needs.

use std::borrow::Cow;
use std::time::Duration;

use crate::blocks::HttpRefusal;
use crate::hpack::ENTRY_OVERHEAD_BYTES;
use crate::limits::QUOTED_BYTES_MAX;
use crate::message::Compression;
use crate::service::{Method, Service};
use crate::status::{Code, Status};
use crate::timeout;

/// An admitted call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    pub method: Method,
    pub compression: Compression,
    pub timeout: Option<Duration>,
}

/// What a header block makes of its stream.
#[derive(Debug, PartialEq, Eq)]
pub enum Request {
    Call(Call),
    /// gRPC, refused at its headers. `None`: there is no such method.
    Refused(Option<Method>, Status<'static>),
    /// Not gRPC.
    Http(HttpRefusal),
    /// A stream error `PROTOCOL_ERROR` (section 8.1.1).
    Malformed,
}

/// Reads one block's fields in their order.
pub struct Reader<'a, S> {
    service: &'a S,
    list_bytes_left: usize,
    malformed: bool,
    too_large: bool,
    regular_seen: bool,
    pseudo: Pseudo,
    path: Quoted,
    method: Option<Method>,
    grpc: Option<bool>,
    key: Option<Result<(), Status<'static>>>,
    encoding: Option<Result<Compression, Quoted>>,
    timeout: Option<Result<Duration, ()>>,
    content_length: Option<u64>,
}

#[derive(Default)]
struct Pseudo {
    method: Option<HttpMethod>,
    scheme: bool,
    path: bool,
    authority: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum HttpMethod {
    Post,
    Connect,
    Other,
}

/// The beginning of a text, for a status.
#[derive(Clone, Copy)]
struct Quoted {
    bytes: [u8; QUOTED_BYTES_MAX],
    length: usize,
}

impl Quoted {
    fn of(text: &[u8]) -> Self {
        let length = text.len().min(QUOTED_BYTES_MAX);
        let mut bytes = [0; QUOTED_BYTES_MAX];
        bytes[..length].copy_from_slice(&text[..length]);
        Self { bytes, length }
    }

    fn unknown(&self, before: &'static str) -> Status<'static> {
        let quoted = Cow::Owned(self.bytes[..self.length].to_vec());
        Status::naming(Code::Unimplemented, before, quoted, "'")
    }
}

impl<'a, S: Service> Reader<'a, S> {
    pub fn new(service: &'a S, list_bytes_max: usize) -> Self {
        Self {
            service,
            list_bytes_left: list_bytes_max,
            malformed: false,
            too_large: false,
            regular_seen: false,
            pseudo: Pseudo::default(),
            path: Quoted::of(b""),
            method: None,
            grpc: None,
            key: None,
            encoding: None,
            timeout: None,
            content_length: None,
        }
    }

    /// Takes the next field.
    pub fn field(&mut self, name: &[u8], value: &[u8]) {
        let size = name.len() + value.len() + ENTRY_OVERHEAD_BYTES;
        match self.list_bytes_left.checked_sub(size) {
            Some(left) => self.list_bytes_left = left,
            None => self.too_large = true,
        }
        if self.malformed || self.too_large {
            return;
        }
        let legal = is_value(value)
            && match name.split_first() {
                Some((b':', pseudo)) => self.pseudo(pseudo, value),
                _ => self.regular(name, value),
            };
        self.malformed = !legal;
    }

    /// Each at most once, and before every regular field (section 8.3).
    fn pseudo(&mut self, name: &[u8], value: &[u8]) -> bool {
        let seen = match name {
            b"method" => self
                .pseudo
                .method
                .replace(match value {
                    b"POST" => HttpMethod::Post,
                    b"CONNECT" => HttpMethod::Connect,
                    _ => HttpMethod::Other,
                })
                .is_some(),
            b"scheme" => std::mem::replace(&mut self.pseudo.scheme, true),
            b"path" => {
                self.method = self.service.method(value);
                if self.method.is_none() {
                    self.path = Quoted::of(value);
                }
                std::mem::replace(&mut self.pseudo.path, true) || value.is_empty()
            }
            b"authority" => std::mem::replace(&mut self.pseudo.authority, true),
            _ => true,
        };
        !seen && !self.regular_seen
    }

    /// Of a name that comes again the first value counts.
    fn regular(&mut self, name: &[u8], value: &[u8]) -> bool {
        self.regular_seen = true;
        match name {
            b"content-type" if self.grpc.is_none() => self.grpc = Some(is_grpc(value)),
            b"te" => return value == b"trailers",
            b"x-avap-auth" if self.key.is_none() => {
                if let Some(method) = self.method {
                    self.key = Some(self.service.authorize(method, Some(value)));
                }
            }
            b"grpc-encoding" if self.encoding.is_none() => {
                let known = Compression::parse(value).ok_or_else(|| Quoted::of(value));
                self.encoding = Some(known);
            }
            b"grpc-timeout" if self.timeout.is_none() => {
                self.timeout = Some(timeout::parse(value).ok_or(()));
            }
            b"content-length" => {
                let length = decimal(value);
                let same = self.content_length.is_none() || self.content_length == length;
                self.content_length = length;
                return length.is_some() && same;
            }
            // Section 8.2.2.
            b"connection" | b"proxy-connection" | b"keep-alive" | b"transfer-encoding"
            | b"upgrade" => return false,
            _ => return is_name(name),
        }
        true
    }

    /// How long the body is to be.
    pub const fn content_length(&self) -> Option<u64> {
        self.content_length
    }

    /// The block has ended.
    pub fn finish(self) -> Request {
        if self.too_large {
            return Request::Http(HttpRefusal::HeadersTooLarge);
        }
        let Pseudo {
            method: Some(http_method),
            scheme,
            path,
            authority,
        } = self.pseudo
        else {
            return Request::Malformed;
        };
        let complete = match http_method {
            HttpMethod::Connect => !scheme && !path && authority,
            HttpMethod::Post | HttpMethod::Other => scheme && path,
        };
        if self.malformed || !complete {
            return Request::Malformed;
        }
        let is_post = http_method == HttpMethod::Post;
        match (is_post, self.grpc == Some(true), self.method) {
            (true, true, _) => self.call(),
            (_, false, None) | (false, true, None) => Request::Http(HttpRefusal::NotFound),
            (false, _, Some(_)) => Request::Http(HttpRefusal::MethodNotAllowed),
            (true, false, Some(_)) => Request::Http(HttpRefusal::UnsupportedMediaType),
        }
    }

    /// Method, key, compression, timeout, in this order.
    fn call(self) -> Request {
        let Some(method) = self.method else {
            return Request::Refused(None, self.path.unknown("unknown method '"));
        };
        let key = self
            .key
            .unwrap_or_else(|| self.service.authorize(method, None));
        if let Err(status) = key {
            return Request::Refused(Some(method), status);
        }
        let compression = match self.encoding {
            None => Compression::Identity,
            Some(Ok(compression)) => compression,
            Some(Err(unknown)) => {
                return Request::Refused(Some(method), unknown.unknown("unknown grpc-encoding '"));
            }
        };
        let timeout = match self.timeout {
            None => None,
            Some(Ok(timeout)) => Some(timeout),
            Some(Err(())) => {
                let status = Status::new(Code::InvalidArgument, "malformed grpc-timeout");
                return Request::Refused(Some(method), status);
            }
        };
        Request::Call(Call {
            method,
            compression,
            timeout,
        })
    }
}

/// Whether a field may stand among trailers (section 8.1): well-formed, and no pseudo-header.
pub fn is_trailer(name: &[u8], value: &[u8]) -> bool {
    name.first() != Some(&b':') && is_name(name) && is_value(value)
}

/// Section 8.2.1: neither control characters, space, upper case, DEL, bytes beyond, nor a colon.
fn is_name(name: &[u8]) -> bool {
    let legal = |byte: &u8| matches!(byte, 0x21..=0x39 | 0x3B..=0x40 | 0x5B..=0x7E);
    !name.is_empty() && name.iter().all(legal)
}

/// Section 8.2.1: no NUL, CR or LF, no white space at either end.
fn is_value(value: &[u8]) -> bool {
    let white = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    !white(value.first())
        && !white(value.last())
        && !value.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n'))
}

fn decimal(text: &[u8]) -> Option<u64> {
    const DIGITS_MAX: usize = 18;
    if text.is_empty() || text.len() > DIGITS_MAX {
        return None;
    }
    text.iter().try_fold(0, |number, digit| {
        digit
            .is_ascii_digit()
            .then(|| number * 10 + u64::from(digit - b'0'))
    })
}

/// `application/grpc`, `application/grpc+proto`, either with parameters.
fn is_grpc(content_type: &[u8]) -> bool {
    const FAMILY: &[u8] = b"application/grpc";
    let Some((family, rest)) = content_type.split_at_checked(FAMILY.len()) else {
        return false;
    };
    let rest = match rest.split_at_checked(6) {
        Some((suffix, after)) if suffix.eq_ignore_ascii_case(b"+proto") => after,
        _ => rest,
    };
    family.eq_ignore_ascii_case(FAMILY)
        && matches!(rest.trim_ascii_start().first(), None | Some(b';'))
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
