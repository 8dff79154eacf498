//! A record read back into its fields, for those who show or run commands rather than pass records on.

use std::str;

use crate::ids::WireForm;
use crate::package::PREFIX_BYTES;
use crate::record::read_varint;
use crate::segment::{Segment, SegmentView};

/// The fields of a command. A field that a record leaves out is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Command<'a> {
    /// Unique in a catalogue.
    pub name: &'a str,
    /// Source text of the definition.
    pub code: &'a str,
    /// Lower-case hex SHA-256 of the code.
    pub hash: &'a str,
    /// The column `type`.
    pub kind: &'a str,
    /// JSON list of the arguments, as the source had it.
    pub interface: &'a str,
}

impl<'a> Command<'a> {
    /// Reads a record of a wire form; `None` for bytes that are not one.
    #[must_use]
    pub fn read(record: &'a [u8], wire: WireForm) -> Option<Self> {
        let mut command = Self::default();
        let mut rest = record;
        while let Some((&tag, behind)) = rest.split_first() {
            let (bytes, behind) = read_varint(behind)?;
            let (content, behind) = behind.split_at_checked(usize::try_from(bytes).ok()?)?;
            rest = behind;
            match (wire, tag >> 3) {
                (_, 1) => command.name = str::from_utf8(content).ok()?,
                (WireForm::Standard, 2) => command.code = str::from_utf8(content).ok()?,
                (WireForm::Lite, 4) => {
                    command.code = str::from_utf8(content.get(PREFIX_BYTES..)?).ok()?;
                }
                (WireForm::Standard, 3) | (WireForm::Lite, 5) => {
                    command.hash = str::from_utf8(content).ok()?;
                }
                (WireForm::Standard, 4) | (WireForm::Lite, 2) => {
                    command.kind = str::from_utf8(content).ok()?;
                }
                (WireForm::Standard, 5) | (WireForm::Lite, 3) => {
                    command.interface = str::from_utf8(content).ok()?;
                }
                // The package of the standard form holds the code once more.
                _ => {}
            }
        }
        (!command.name.is_empty()).then_some(command)
    }
}

impl Segment {
    /// The fields of the command with this name.
    #[must_use]
    pub fn command(&self, name: &[u8]) -> Option<Command<'_>> {
        Command::read(self.lookup(name)?, self.wire())
    }

    /// Commands in ascending order of their names' bytes, from the first one behind `name` (which need not be there).
    pub fn commands_after(&self, name: &[u8]) -> impl Iterator<Item = Command<'_>> {
        let view = self.view();
        let wire = self.wire();
        (view.ranks_up_to(name)..self.count()).filter_map(move |rank| {
            let name = view.name_at(view.name_entry(rank)?)?;
            Command::read(view.lookup(name)?, wire)
        })
    }
}

impl SegmentView<'_> {
    /// How many names are at most `name`: a binary search, so at most 64 steps whatever the bytes say.
    fn ranks_up_to(&self, name: &[u8]) -> u64 {
        let (mut low, mut high) = (0, self.header.commands);
        while low < high {
            let middle = low + (high - low) / 2;
            let found = self
                .name_entry(middle)
                .and_then(|offset| self.name_at(offset));
            if found.is_some_and(|found| found <= name) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}
