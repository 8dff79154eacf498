//! The records in a hash map, and what one call is answered from.

use std::collections::HashMap;

use crate::frame;

/// Field 1, length-delimited: a record in the catalogue, the name in a record and in a request.
const FIELD_1: u8 = 0x0A;
const PREFIX_BYTES: usize = 5;
/// The windows that a connection and a stream begin with (RFC 9113, section 6.9.2).
pub const MESSAGE_BYTES_MAX: usize = 65_535;
const GET_COMMAND: &[u8] = b"/avap.DefinitionEngine/GetCommand";

/// What a block of request headers asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Call {
    GetCommand,
    /// Without the key.
    Denied,
    /// Any other method.
    Unknown,
}

/// What does not change while it serves.
pub struct Engine {
    /// Name to its reply's message, the prefix included.
    pub records: HashMap<Vec<u8>, Vec<u8>>,
    pub blocks: frame::Blocks,
    key: String,
}

impl Engine {
    /// From a serialized `Catalog`.
    pub fn new(catalog: &[u8], version: &str, key: String) -> Result<Self, &'static str> {
        let mut records = HashMap::new();
        let mut rest = catalog;
        while !rest.is_empty() {
            let (record, after) = field_1(rest).ok_or("the catalogue holds no records")?;
            let (name, _) = field_1(record).ok_or("a record does not begin with its name")?;
            let mut message = vec![0];
            message.extend_from_slice(&(record.len() as u32).to_be_bytes());
            message.extend_from_slice(record);
            if message.len() > MESSAGE_BYTES_MAX {
                return Err("a record is longer than the window that a stream begins with");
            }
            records.insert(name.to_vec(), message);
            rest = after;
        }
        Ok(Self {
            records,
            blocks: frame::Blocks::new(version),
            key,
        })
    }

    /// What a decoded block of headers asks for.
    pub fn call(&self, headers: &[(Vec<u8>, Vec<u8>)]) -> Call {
        let value = |wanted: &[u8]| {
            let mut found = headers.iter().filter(|(name, _)| name == wanted);
            found.next().map(|(_, value)| value.as_slice())
        };
        match value(b":path") {
            Some(GET_COMMAND) if value(b"x-avap-auth") == Some(self.key.as_bytes()) => {
                Call::GetCommand
            }
            Some(GET_COMMAND) => Call::Denied,
            _ => Call::Unknown,
        }
    }
}

/// The name in a `CommandRequest` behind its prefix; `None`: it is no such message.
pub fn name(message: &[u8]) -> Option<&[u8]> {
    match message.get(PREFIX_BYTES..)? {
        [] => Some(&[]),
        request => Some(field_1(request)?.0),
    }
}

/// The contents of the field that a message begins with, and what follows it.
fn field_1(message: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&FIELD_1, mut rest) = message.split_first()? else {
        return None;
    };
    let mut length = 0;
    for shift in (0..35).step_by(7) {
        let (byte, after) = rest.split_first()?;
        rest = after;
        length |= usize::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return rest.split_at_checked(length);
        }
    }
    None
}
