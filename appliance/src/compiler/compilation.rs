//! All definitions of a version, one after the other, into a code segment.

use std::collections::HashMap;

use serde::Serialize;
use shm_catalog::code::{CodeError, EntryKind};
use shm_catalog::{CodeBuilder, CodeSegment, Command, OpenError, Segment, SegmentId, SourceHash};
use vm::bytecode::binary;
use vm::definition::DefinitionError;
use vm::program::Definition;
use vm::script::span::Position;
use vm::specialise::Shapes;

use crate::plane::panics;

use super::{Order, Report, limits};

/// Panics that a report spells out.
const PANICS_TOLD_MAX: usize = 20;

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Definitions of the version.
    pub definitions: u64,
    /// Compiled by this process, whatever came of it.
    pub compiled: u64,
    /// Copied from the older code segment.
    pub reused: u64,
    /// In the segment already: a process before this one wrote them.
    pub resumed: u64,
    /// Definitions that do not compile.
    pub refused: u64,
    /// Definitions that were not compiled because that ended a compiler before, or that made this one panic.
    pub quarantined: u64,
    /// Bytes of the code segment.
    pub bytes: u64,
    /// Source hash, name and text of panics.
    pub panicked: Vec<(String, String, String)>,
}

/// Follows an order. The limit of memory stays in force.
pub fn run(order: &Order) -> Report {
    match compile(order) {
        Ok(counts) => Report::Done(counts),
        Err(Failure { kind, error }) => Report::Failed { kind, error },
    }
}

struct Failure {
    kind: &'static str,
    error: String,
}

impl Failure {
    fn system(what: &str, error: &impl std::fmt::Display) -> Self {
        Self {
            kind: "system",
            error: format!("{what}: {error}"),
        }
    }
}

impl From<CodeError> for Failure {
    fn from(error: CodeError) -> Self {
        let kind = match error {
            CodeError::Room(_) | CodeError::TooLarge(_) => "no_room",
            CodeError::Twice(_) | CodeError::System { .. } => "system",
        };
        Self {
            kind,
            error: error.to_string(),
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        let kind = match error {
            OpenError::Gone(_) => "gone",
            _ => "system",
        };
        Self {
            kind,
            error: error.to_string(),
        }
    }
}

fn compile(order: &Order) -> Result<Counts, Failure> {
    let segment = Segment::open(&order.segment)?;
    let quarantined: HashMap<_, _> = order
        .quarantined
        .iter()
        .filter_map(|(hash, reason)| Some((SourceHash::from_hex(hash)?, reason.as_str())))
        .collect();
    let mut work = Work {
        // Retired meanwhile, or of another release: all is compiled anew.
        previous: order
            .previous
            .as_deref()
            .and_then(|name| CodeSegment::open(name).ok())
            .filter(|code| code.form() == binary::VERSION),
        quarantined,
        builder: CodeBuilder::open(&order.code, order.reserve_bytes)?,
        cpu_ms: order.cpu_ms,
        counts: Counts::default(),
    };
    // All that is mapped is mapped now: what comes on top is the compiler's.
    limits::bound_memory(order.memory_bytes)
        .map_err(|error| Failure::system("limit of memory", &error))?;
    work.counts.resumed = work.builder.entries();
    // Entries lie in the order of the names, one for each.
    let resumed = usize::try_from(work.counts.resumed).unwrap_or(usize::MAX);
    for command in segment.commands_after(b"").skip(resumed) {
        work.take(&command)?;
    }
    let Work {
        builder,
        mut counts,
        ..
    } = work;
    let report = builder.finish(SegmentId(order.code_id), segment.digest(), binary::VERSION)?;
    counts.definitions = report.entries;
    counts.refused = report.refused;
    counts.quarantined = report.quarantined;
    counts.bytes = report.bytes;
    Ok(counts)
}

struct Work<'o> {
    previous: Option<CodeSegment>,
    quarantined: HashMap<SourceHash, &'o str>,
    builder: CodeBuilder,
    cpu_ms: u64,
    counts: Counts,
}

impl Work<'_> {
    fn take(&mut self, command: &Command<'_>) -> Result<(), Failure> {
        let hash = SourceHash::of(command);
        if let Some(reason) = self.quarantined.get(&hash) {
            let definition = quarantined_definition(command.name, reason);
            return self.put(hash, EntryKind::Quarantined, &definition.to_binary());
        }
        let previous = self.previous.as_ref().and_then(|code| code.find(hash));
        if let Some(entry) = previous.filter(|entry| entry.kind != EntryKind::Quarantined) {
            self.counts.reused += 1;
            return Ok(self.builder.push(hash, entry.kind, entry.payload)?);
        }
        self.builder.begin(hash, command.name)?;
        limits::bound_cpu(Some(self.cpu_ms))
            .map_err(|error| Failure::system("limit of CPU time", &error))?;
        let compiled = panics::catch(|| compiled(command));
        limits::bound_cpu(None).map_err(|error| Failure::system("limit of CPU time", &error))?;
        self.builder.idle()?;
        self.counts.compiled += 1;
        match compiled {
            Ok((kind, payload)) => self.put(hash, kind, &payload),
            Err(text) => {
                let reason = format!("the compiler failed on it: {text}");
                let definition = quarantined_definition(command.name, &reason);
                if self.counts.panicked.len() < PANICS_TOLD_MAX {
                    let told = (hash.to_string(), command.name.to_owned(), reason);
                    self.counts.panicked.push(told);
                }
                self.put(hash, EntryKind::Quarantined, &definition.to_binary())
            }
        }
    }

    fn put(&mut self, hash: SourceHash, kind: EntryKind, payload: &[u8]) -> Result<(), Failure> {
        Ok(self.builder.push(hash, kind, payload)?)
    }
}

/// A definition's kind and binary form, which was read back: what is written can be loaded, and passes the verifier.
fn compiled(command: &Command<'_>) -> (EntryKind, Vec<u8>) {
    let definition = Definition::new(command.name, command.code, command.interface);
    let payload = definition.to_binary();
    let kind = match definition.code {
        Ok(_) => EntryKind::Compiled,
        Err(_) => EntryKind::Refused,
    };
    // A panic is caught above, and puts the row into quarantine.
    Definition::from_binary(&payload).expect("the binary form of what was just compiled");
    (kind, payload)
}

/// What stands for a definition that is not compiled because that ended a compiler. Its position says "all of it".
#[must_use]
pub fn quarantined_definition(name: &str, reason: &str) -> Definition {
    refused_definition(name, format!("quarantined: {reason}"))
}

/// What stands for a definition that nobody looks into. Its position says "all of it".
#[must_use]
pub fn refused_definition(name: &str, message: String) -> Definition {
    Definition {
        name: name.into(),
        items: Vec::new(),
        code: Err(DefinitionError {
            position: Position { line: 1, column: 1 },
            message,
        }),
        task_stays: false,
        shapes: Shapes::default(),
    }
}
