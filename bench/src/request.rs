//! Requests, encoded before the run: one block of headers a connection, one message a name.

use std::fmt::Write as _;

use crate::frame;
use crate::plan::{Http, LoadError, Plan};

/// Of a connection whose server has not said otherwise (RFC 7541, section 4.2; RFC 9113, section 6.5.2).
pub const TABLE_BYTES_DEFAULT: u32 = 4096;
/// The first index of the dynamic table (RFC 7541, section 2.3.3).
const DYNAMIC_FIRST: usize = 62;
const NAME_BYTES_MAX: usize = 256;

const AGENT: &str = concat!("avap-bench/", env!("CARGO_PKG_VERSION"));
const METHOD_POST: u8 = 0x83;
const SCHEME_HTTP: u8 = 0x86;

/// A header that is not in the static table with its value: the static index of its name or 0, name, value.
struct Header {
    name_index: u8,
    name: &'static str,
    value: String,
}

/// The headers of every request: written out in a connection's first block, indexes afterwards, as gRPC clients do.
pub struct RequestHeaders(Vec<Header>);

/// The HEADERS of one connection, as whole frames for stream 0.
#[derive(Debug, PartialEq, Eq)]
pub struct Blocks {
    pub first: Vec<u8>,
    pub next: Vec<u8>,
}

impl RequestHeaders {
    /// Of calls of `path`.
    pub fn new(path: &str, authority: &str, key: &str) -> Self {
        let header = |name_index, name, value: &str| Header {
            name_index,
            name,
            value: value.to_owned(),
        };
        let mut headers = vec![
            header(4, ":path", path),
            header(1, ":authority", authority),
            header(31, "content-type", "application/grpc"),
            header(0, "te", "trailers"),
            header(58, "user-agent", AGENT),
        ];
        if !key.is_empty() {
            headers.push(header(0, "x-avap-auth", key));
        }
        Self(headers)
    }

    /// For a server whose dynamic table holds `table_bytes`.
    pub fn blocks(&self, table_bytes: u32) -> Blocks {
        let framed = |block: &[u8]| {
            let mut whole = Vec::with_capacity(frame::HEAD_BYTES + block.len());
            frame::put_headers(&mut whole, 0, block);
            whole
        };
        let needed: usize = self
            .0
            .iter()
            .map(|header| header.name.len() + header.value.len() + 32)
            .sum();
        let mut first = Vec::new();
        if table_bytes < TABLE_BYTES_DEFAULT {
            put_integer(&mut first, 0x20, 5, table_bytes as usize);
        }
        if needed > table_bytes.min(TABLE_BYTES_DEFAULT) as usize {
            let plain = self.literals(0x00, 4);
            first.extend_from_slice(&plain);
            return Blocks {
                first: framed(&first),
                next: framed(&plain),
            };
        }
        first.extend_from_slice(&self.literals(0x40, 6));
        let mut next = vec![METHOD_POST, SCHEME_HTTP];
        for position in 0..self.0.len() {
            put_integer(
                &mut next,
                0x80,
                7,
                DYNAMIC_FIRST + self.0.len() - 1 - position,
            );
        }
        Blocks {
            first: framed(&first),
            next: framed(&next),
        }
    }

    fn literals(&self, pattern: u8, prefix_bits: u8) -> Vec<u8> {
        let mut block = vec![METHOD_POST, SCHEME_HTTP];
        for header in &self.0 {
            put_integer(
                &mut block,
                pattern,
                prefix_bits,
                usize::from(header.name_index),
            );
            if header.name_index == 0 {
                put_string(&mut block, header.name);
            }
            put_string(&mut block, &header.value);
        }
        block
    }
}

/// An integer of HPACK (RFC 7541, section 5.1).
fn put_integer(out: &mut Vec<u8>, pattern: u8, prefix_bits: u8, value: usize) {
    let most = (1_usize << prefix_bits) - 1;
    if value < most {
        out.push(pattern | value as u8);
        return;
    }
    out.push(pattern | most as u8);
    let mut rest = value - most;
    while rest >= 0x80 {
        out.push((rest & 0x7F) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

fn put_string(out: &mut Vec<u8>, text: &str) {
    put_integer(out, 0, 7, text.len());
    out.extend_from_slice(text.as_bytes());
}

/// What is asked for: each name with its message.
pub struct Requests {
    pub names: Vec<String>,
    /// gRPC: a DATA frame for stream 0 that ends its stream. Execute: a whole HTTP/1.1 request.
    pub messages: Vec<Vec<u8>>,
}

impl Requests {
    /// One for each name.
    ///
    /// # Errors
    /// [`LoadError::Plan`]: no name, or one that is too long.
    pub fn grpc(names: &[String]) -> Result<Self, LoadError> {
        if names.is_empty() || names.len() > u32::MAX as usize {
            return Err(LoadError::Plan(
                "there must be a name to ask for".to_owned(),
            ));
        }
        if let Some(long) = names.iter().find(|name| name.len() > NAME_BYTES_MAX) {
            return Err(LoadError::Plan(format!(
                "a name has at most {NAME_BYTES_MAX} bytes; found {long:?}"
            )));
        }
        let framed = |name: &String| {
            let mut whole = Vec::new();
            frame::put_last_data(&mut whole, 0, &message(name));
            whole
        };
        Ok(Self {
            names: names.to_vec(),
            messages: names.iter().map(framed).collect(),
        })
    }

    /// The one request of a plan that executes a script.
    pub fn execute(plan: &Plan, http: &Http) -> Self {
        let mut text = format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {AGENT}\r\nContent-Length: {}\r\n",
            http.path,
            plan.target,
            http.body.len()
        );
        if !plan.key.is_empty() {
            let _ = write!(text, "x-avap-auth: {}\r\n", plan.key);
        }
        for (name, value) in &http.headers {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        text.push_str("\r\n");
        text.push_str(&http.body);
        Self {
            names: vec![http.path.clone()],
            messages: vec![text.into_bytes()],
        }
    }
}

/// `CommandRequest{name}` behind its five bytes of length.
fn message(name: &str) -> Vec<u8> {
    let mut request = Vec::with_capacity(name.len() + 3);
    if !name.is_empty() {
        request.push(0x0A);
        let mut length = name.len();
        while length >= 0x80 {
            request.push((length & 0x7F) as u8 | 0x80);
            length >>= 7;
        }
        request.push(length as u8);
        request.extend_from_slice(name.as_bytes());
    }
    let mut framed = vec![0];
    framed.extend_from_slice(&(request.len() as u32).to_be_bytes());
    framed.extend_from_slice(&request);
    framed
}

#[cfg(test)]
mod tests {
    use super::*;

    type Fields = Vec<(Vec<u8>, Vec<u8>)>;

    fn decoded(blocks: &Blocks, table_bytes: u32) -> (Fields, Fields) {
        let mut decoder = loona_hpack::Decoder::new();
        decoder.set_max_allowed_table_size(table_bytes as usize);
        (
            decoder.decode(&blocks.first[frame::HEAD_BYTES..]).unwrap(),
            decoder.decode(&blocks.next[frame::HEAD_BYTES..]).unwrap(),
        )
    }

    #[test]
    fn the_indexed_block_says_what_the_first_one_said() {
        let headers = RequestHeaders::new(
            "/avap.DefinitionEngine/GetCommand",
            "127.0.0.1:50051",
            "a key",
        );
        for table_bytes in [0, 100, 4095, 4096, 65_536] {
            let blocks = headers.blocks(table_bytes);
            let (first, next) = decoded(&blocks, table_bytes);
            assert_eq!(first, next, "{table_bytes}");
            assert_eq!(first[0], (b":method".to_vec(), b"POST".to_vec()));
            assert_eq!(
                first[2],
                (
                    b":path".to_vec(),
                    b"/avap.DefinitionEngine/GetCommand".to_vec()
                )
            );
            assert_eq!(first[7], (b"x-avap-auth".to_vec(), b"a key".to_vec()));
        }
        assert_eq!(headers.blocks(4096).next.len(), frame::HEAD_BYTES + 8);
    }

    #[test]
    fn integers_are_those_of_the_rfc() {
        let mut out = Vec::new();
        put_integer(&mut out, 0, 5, 10);
        put_integer(&mut out, 0, 5, 1337);
        put_integer(&mut out, 0, 8, 42);
        assert_eq!(out, [0x0A, 0x1F, 0x9A, 0x0A, 0x2A]);
    }

    #[test]
    fn a_message_is_a_prefix_and_a_field() {
        assert_eq!(message("ab"), b"\0\0\0\0\x04\x0a\x02ab");
        assert_eq!(message(""), b"\0\0\0\0\0");
        let long = "x".repeat(200);
        assert_eq!(message(&long)[..8], *b"\0\0\0\0\xcb\x0a\xc8\x01");
    }
}
