//! What is compiled: definitions, and scripts over them.

use std::sync::Arc;

use crate::bytecode::Code;
use crate::bytecode::escape::task_stays;
use crate::definition::DefinitionError;
use crate::script::span::Position;
use crate::specialise::{Heat, Shapes};

/// A command's definition as scripts call it. Compiled once for a version of the catalogue and shared by all scripts.
#[derive(Debug)]
pub struct Definition {
    /// The command's name.
    pub name: Box<str>,
    /// Names of its interface's items, in order.
    pub items: Vec<Box<str>>,
    /// Its code, or why it has none: then calling it fails, and nothing else does.
    pub code: Result<Code, DefinitionError>,
    /// Its runs leave nothing of their `task` behind: see [`task_stays`].
    pub task_stays: bool,
    /// What was made of its code for call sites that run often.
    pub shapes: Shapes,
}

impl Definition {
    /// Bytes that it holds, but for what was specialised of it ([`crate::limits::SPECIALISED_BYTES_MAX`]).
    #[must_use]
    pub fn weight_bytes(&self) -> usize {
        let code = match &self.code {
            Ok(code) => code.weight_bytes(),
            Err(error) => error.message.len(),
        };
        let items = self
            .items
            .iter()
            .map(|item| item.len() + size_of::<Box<str>>());
        size_of::<Self>() + self.name.len() + items.sum::<usize>() + code
    }

    /// Compile a definition. `interface_json` is the record's: a list of objects with `item` (or `name`).
    #[must_use]
    pub fn new(name: &str, source: &str, interface_json: &str) -> Self {
        let items = crate::interface::items(interface_json);
        let code = crate::compile::definition(name, source);
        let task_stays = code.as_ref().is_ok_and(task_stays);
        Self {
            name: name.into(),
            items,
            code,
            task_stays,
            shapes: Shapes::default(),
        }
    }
}

/// Where a script's commands come from: one version of the catalogue.
pub trait Catalog {
    /// The definition of a command, or nothing when there is no such command.
    fn definition(&self, name: &str) -> Option<Arc<Definition>>;

    /// Is the program still wanted? Asked now and then ([`crate::limits::STATEMENTS_BETWEEN_LOOKS`]) while a script is
    /// compiled, which ends when it is not.
    fn is_wanted(&self) -> bool {
        true
    }
}

/// A compiled script with the definitions that it names: all that an execution needs, for any number of executions.
#[derive(Debug)]
pub struct Program {
    /// The script's parts: 0 is the program itself, others are functions and the statements of blocks.
    pub codes: Vec<Code>,
    /// The definitions it names.
    pub definitions: Vec<Arc<Definition>>,
    /// How often each call site ran, by number, and its specialised code.
    pub heats: Box<[Heat]>,
    /// Command of each top-level statement, as logs show it.
    pub statements: Vec<Box<str>>,
    /// First byte of each line, for positions.
    pub line_starts: Vec<u32>,
    /// The script.
    pub source: Box<str>,
}

impl Program {
    /// Line and column of a byte of the script.
    #[must_use]
    pub fn position(&self, offset: u32) -> Position {
        let line = self
            .line_starts
            .partition_point(|start| *start <= offset)
            .max(1);
        let start = self.line_starts.get(line - 1).copied().unwrap_or_default() as usize;
        let end = self
            .source
            .floor_char_boundary((offset as usize).clamp(start, self.source.len()));
        let column = self
            .source
            .get(start..end)
            .map_or(0, |text| text.chars().count()) as u32
            + 1;
        Position {
            line: line as u32,
            column,
        }
    }
}
