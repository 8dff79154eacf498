//! What code takes of memory: caches are bounded by it, since a short text can ask for much code.

use std::mem::size_of;

use super::code::{CallSite, Callee, Code, Constant, Parameters};

/// What the allocator adds to a piece, and rounds it up by, about.
const PIECE_BYTES: usize = 16;

fn list<T>(items: &Vec<T>) -> usize {
    if items.capacity() == 0 {
        0
    } else {
        items.capacity() * size_of::<T>() + PIECE_BYTES
    }
}

fn texts<'t>(texts: impl IntoIterator<Item = &'t Box<str>>) -> usize {
    texts.into_iter().map(|text| text.len() + PIECE_BYTES).sum()
}

impl Constant {
    fn weight_bytes(&self) -> usize {
        match self {
            Self::None | Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::Ellipsis => 0,
            Self::Big(int) => int.bits() as usize / 8 + PIECE_BYTES,
            Self::Text(text) | Self::Builtin(text) => text.len() + PIECE_BYTES,
            Self::Bytes(bytes) => bytes.len() + PIECE_BYTES,
            Self::Names(names) => {
                texts(&**names) + names.len() * size_of::<Box<str>>() + PIECE_BYTES
            }
        }
    }
}

impl Parameters {
    fn weight_bytes(&self) -> usize {
        let lists = list(&self.names) + list(&self.keyword_defaults) + list(&self.rest_names);
        lists + texts(self.names.iter().chain(&self.rest_names))
    }
}

impl CallSite {
    fn weight_bytes(&self) -> usize {
        let branches: usize = self.branches.iter().flatten().map(list).sum();
        let error = match &self.callee {
            Callee::Error(_, text) => Some(text),
            Callee::Definition(_) | Callee::Function(_) => None,
        };
        let words = texts(error.into_iter().chain([&self.name]).chain(&self.context));
        words + branches + list(&self.sequence) + list(&self.literals)
    }
}

impl Code {
    /// Bytes that it holds with the functions inside, the structure itself not counted: a tenth less than what a
    /// process with some thousand definitions grew by.
    #[must_use]
    pub fn weight_bytes(&self) -> usize {
        let mut sum = 0;
        let mut waiting = vec![self];
        while let Some(code) = waiting.pop() {
            sum += list(&code.ops) + list(&code.offsets) + list(&code.handlers);
            sum += list(&code.constants) + list(&code.hashes);
            sum += code
                .constants
                .iter()
                .map(Constant::weight_bytes)
                .sum::<usize>();
            sum += size_of_val(&*code.covers);
            sum += code.parameters.weight_bytes();
            sum += list(&code.captures) + list(&code.globals) + texts(&code.globals);
            sum += list(&code.sites);
            sum += code.sites.iter().map(CallSite::weight_bytes).sum::<usize>();
            sum += list(&code.children) + code.name.len() + PIECE_BYTES;
            waiting.extend(&code.children);
        }
        sum
    }
}
