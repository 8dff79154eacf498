//! A service for tests: a few records, one key, and a count of what was reported.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::OnceLock;

use engine::{Answer, Blocks, Code, Limit, Method, Moment, Pin, Service, Status};

pub const KEY: &str = "key";
pub const GET: &str = "/avap.DefinitionEngine/GetCommand";
pub const SYNC: &str = "/avap.DefinitionEngine/SyncCatalog";
pub const WATCH: &str = "/grpc.health.v1.Health/Watch";

/// What records are slices of. The bytes are made once, the pins are a store's own.
#[derive(Clone, Debug)]
pub struct Text {
    bytes: &'static [u8],
    holders: Rc<()>,
}

impl Text {
    fn new() -> Self {
        static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
        let bytes = || (0..200_000_u32).map(|index| (index % 251) as u8).collect();
        Self {
            bytes: BYTES.get_or_init(bytes),
            holders: Rc::new(()),
        }
    }

    /// How many replies, or parts of them, hold it.
    #[allow(dead_code, reason = "not every test asks")]
    pub fn holders(&self) -> usize {
        Rc::strong_count(&self.holders) - 1
    }
}

impl Pin for Text {
    fn bytes(&self) -> &[u8] {
        self.bytes
    }
}

/// See the head of the file.
pub struct Store {
    pub text: Text,
    pub blocks: Blocks,
    pub watched: Cell<&'static [u8]>,
    pub epoch: Cell<u64>,
    pub key: Cell<&'static str>,
    pub ended: RefCell<Vec<(Option<Method>, Code)>>,
    pub resets: Cell<usize>,
    pub limits: RefCell<Vec<Limit>>,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            text: Text::new(),
            blocks: Blocks::new(&[("avap-catalog-version", "1-abc")]),
            watched: Cell::new(b"\x08\x01"),
            epoch: Cell::new(0),
            key: Cell::new(KEY),
            ended: RefCell::default(),
            resets: Cell::new(0),
            limits: RefCell::default(),
        }
    }
}

impl Store {
    pub const GET_COMMAND: Method = Method(0);
    pub const SYNC_CATALOG: Method = Method(1);
    pub const HEALTH_WATCH: Method = Method(2);
}

impl Service for Store {
    type Pin = Text;

    fn method(&self, path: &[u8]) -> Option<Method> {
        match std::str::from_utf8(path) {
            Ok(GET) => Some(Self::GET_COMMAND),
            Ok(SYNC) => Some(Self::SYNC_CATALOG),
            Ok(WATCH) => Some(Self::HEALTH_WATCH),
            _ => None,
        }
    }

    fn authorize(&self, _: Method, key: Option<&[u8]>) -> Result<(), Status<'static>> {
        if key == Some(self.key.get().as_bytes()) {
            return Ok(());
        }
        Err(Status::new(Code::Unauthenticated, "Invalid Credentials"))
    }

    fn key_epoch(&self) -> u64 {
        self.epoch.get()
    }

    /// The message is the length of the record, in decimal.
    fn answer<'message>(
        &self,
        method: Method,
        message: &'message [u8],
    ) -> Answer<'message, Self::Pin> {
        let pin = self.text.clone();
        if method == Self::HEALTH_WATCH {
            return Answer::Watch(0);
        }
        if method == Self::SYNC_CATALOG {
            let to = pin.bytes().len();
            return Answer::Slice { pin, from: 0, to };
        }
        match std::str::from_utf8(message).map(str::parse::<usize>) {
            Ok(Ok(length)) if length <= pin.bytes().len() => Answer::Slice {
                pin,
                from: 0,
                to: length,
            },
            _ => Answer::Refused(Status::naming(
                Code::NotFound,
                "Command '",
                Cow::Borrowed(message),
                "' not found",
            )),
        }
    }

    fn watched(&self, _: u8) -> &'static [u8] {
        self.watched.get()
    }

    fn blocks(&self) -> &Blocks {
        &self.blocks
    }

    fn call_ended(&self, method: Option<Method>, code: Code, _: Moment) {
        self.ended.borrow_mut().push((method, code));
    }

    fn stream_reset(&self) {
        self.resets.set(self.resets.get() + 1);
    }

    fn limit_reached(&self, limit: Limit) {
        self.limits.borrow_mut().push(limit);
    }
}
