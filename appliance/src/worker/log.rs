//! Log lines: one JSON object each, into a pipe that the supervisor reads.
//!
//! The pipe never blocks: a line that finds it full is dropped and counted. A line is at most
//! `PIPE_BUF` bytes, so the kernel writes it whole or not at all (pipe(7)).

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

use serde::Deserialize;
use serde_json::{Map, Value};
use shm_catalog::WorkerSlot;

/// `PIPE_BUF`
const LINE_BYTES_MAX: usize = 4096;

/// The same message may be logged this often in a window; the rest is counted into the next line.
const REPEATS_MAX: u32 = 10;
const REPEAT_WINDOW: Duration = Duration::from_secs(1);

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Debug,
    #[default]
    Info,
    #[serde(alias = "warn")]
    Warning,
    Error,
}

impl Level {
    const fn label(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warning => "WARN",
            Self::Error => "ERROR",
        }
    }
}

/// The log of this worker.
pub struct Log {
    pipe: OwnedFd,
    worker: Rc<WorkerSlot>,
    role: &'static str,
    slot: usize,
    level: Cell<Level>,
    repeats: RefCell<HashMap<&'static str, Repeats>>,
}

struct Repeats {
    window: Instant,
    count: u32,
}

impl Log {
    /// Into `pipe`, which is non-blocking.
    pub fn new(
        pipe: OwnedFd,
        worker: Rc<WorkerSlot>,
        role: &'static str,
        slot: usize,
        level: Level,
    ) -> Self {
        Self {
            pipe,
            worker,
            role,
            slot,
            level: Cell::new(level),
            repeats: RefCell::default(),
        }
    }

    /// Other level from now on.
    pub fn set_level(&self, level: Level) {
        self.level.set(level);
    }

    /// Whether lines of `level` are written.
    pub fn writes(&self, level: Level) -> bool {
        level >= self.level.get()
    }

    /// One line. `message` is fixed for the kind of event; what varies is in `fields` (a JSON
    /// object).
    pub fn write(&self, level: Level, message: &'static str, fields: Value) {
        if !self.writes(level) {
            return;
        }
        let Some(suppressed) = self.admit(message) else {
            return;
        };
        let mut line = Map::new();
        line.insert(
            "ts".into(),
            humantime::format_rfc3339_millis(SystemTime::now())
                .to_string()
                .into(),
        );
        line.insert("level".into(), level.label().into());
        line.insert("msg".into(), message.into());
        line.insert("pid".into(), std::process::id().into());
        line.insert("role".into(), self.role.into());
        line.insert("slot".into(), self.slot.into());
        if suppressed > 0 {
            line.insert("suppressed".into(), suppressed.into());
        }
        if let Value::Object(fields) = fields {
            line.extend(fields);
        }
        if rustix::io::write(&self.pipe, &encode(line)).is_err() {
            self.worker.count_log_dropped();
        }
    }

    /// `None`: too many of this kind. Else how many were left out in the window before.
    fn admit(&self, message: &'static str) -> Option<u32> {
        let now = Instant::now();
        let mut repeats = self.repeats.borrow_mut();
        let repeats = repeats.entry(message).or_insert(Repeats {
            window: now,
            count: 0,
        });
        let mut suppressed = 0;
        if now.duration_since(repeats.window) >= REPEAT_WINDOW {
            suppressed = repeats.count.saturating_sub(REPEATS_MAX);
            *repeats = Repeats {
                window: now,
                count: 0,
            };
        }
        repeats.count = repeats.count.saturating_add(1);
        (repeats.count <= REPEATS_MAX).then_some(suppressed)
    }
}

/// One line with its end, cut down to `LINE_BYTES_MAX` by shortening its texts.
fn encode(mut line: Map<String, Value>) -> Vec<u8> {
    let mut text_bytes_max = 2048;
    loop {
        let mut bytes = Value::Object(line.clone()).to_string().into_bytes();
        bytes.push(b'\n');
        if bytes.len() <= LINE_BYTES_MAX {
            return bytes;
        }
        if text_bytes_max < 16 {
            line.retain(|key, _| {
                matches!(
                    key.as_str(),
                    "ts" | "level" | "msg" | "pid" | "role" | "slot"
                )
            });
        }
        for value in line.values_mut() {
            match value {
                Value::String(text) => text.truncate(text.floor_char_boundary(text_bytes_max)),
                Value::Array(_) | Value::Object(_) => *value = Value::Null,
                _ => {}
            }
        }
        text_bytes_max /= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn encoded(line: Value) -> String {
        let Value::Object(line) = line else {
            unreachable!("an object")
        };
        String::from_utf8(encode(line)).unwrap()
    }

    #[test]
    fn a_line_is_json_and_ends() {
        assert_eq!(encoded(json!({"msg": "a\nb"})), "{\"msg\":\"a\\nb\"}\n");
    }

    #[test]
    fn a_long_line_is_cut_in_its_texts_and_stays_json() {
        for length in [4000, 5000, 100_000] {
            let line =
                encoded(json!({"msg": "Event", "error": "ñ\u{1}".repeat(length), "number": 5}));
            assert!(line.len() <= LINE_BYTES_MAX);
            let value: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(
                (&value["msg"], &value["number"]),
                (&json!("Event"), &json!(5))
            );
        }
        let many: Map<_, _> = (0..500)
            .map(|index| (format!("field{index}"), json!("x".repeat(50))))
            .collect();
        assert!(encode(many).len() <= LINE_BYTES_MAX);
    }
}
