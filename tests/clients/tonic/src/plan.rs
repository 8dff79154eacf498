//! Which calls are made, in which order: a function of the seed alone, the same in all clients (raw/plan.py).

use std::collections::HashSet;

use crate::input::Input;

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Hit,
    Miss,
    WrongKey,
    Sync,
}

impl Kind {
    /// In the order in which the mix is laid out.
    const ALL: [Self; 4] = [Self::Hit, Self::Miss, Self::WrongKey, Self::Sync];

    /// As input and report call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::WrongKey => "wrong_key",
            Self::Sync => "sync",
        }
    }
}

/// One call to make; a key of `None` is left out of the metadata.
pub struct Call {
    pub kind: Kind,
    pub name: String,
    pub key: Option<String>,
}

/// The list of calls.
pub struct Plan {
    state: u32,
    key: String,
    known: HashSet<String>,
    names: Vec<String>,
    total: f64,
    bounds: Vec<(f64, Kind)>,
    left: i64,
}

impl Plan {
    pub fn new(input: &Input) -> Result<Self, String> {
        let known: HashSet<String> = input
            .versions
            .iter()
            .flat_map(|version| version.commands.keys().cloned())
            .collect();
        let mut names: Vec<String> = known.iter().cloned().collect();
        names.sort();
        let mut total = 0.0;
        let mut bounds = Vec::new();
        for kind in Kind::ALL {
            total += input.mix.get(kind.name()).copied().unwrap_or(0.0);
            bounds.push((total, kind));
        }
        if total.is_nan() || total <= 0.0 || names.is_empty() {
            return Err("the input has no mix or no commands".to_owned());
        }
        Ok(Self {
            state: input.seed,
            key: input.key.clone(),
            known,
            names,
            total,
            bounds,
            left: input.calls,
        })
    }

    /// The next call; `None` when those of the input are made, unless the run is to go on.
    pub fn next(&mut self, go_on: bool) -> Option<Call> {
        if self.left <= 0 && !go_on {
            return None;
        }
        self.left -= 1;
        let share = f64::from(self.draw()) / 4_294_967_296.0 * self.total;
        let draw = self.draw();
        let (_, kind) = *self.bounds.iter().find(|(bound, _)| share < *bound)?;
        let name = match kind {
            Kind::Miss => self.miss_name(draw),
            _ => self.name(draw).to_owned(),
        };
        let key = match kind {
            Kind::WrongKey => self.wrong_key(draw),
            _ => Some(self.key.clone()),
        };
        Some(Call { kind, name, key })
    }

    fn name(&self, draw: u32) -> &str {
        &self.names[draw as usize % self.names.len()]
    }

    /// mulberry32: uniform values from a 32-bit seed.
    fn draw(&mut self) -> u32 {
        self.state = self.state.wrapping_add(0x6d2b_79f5);
        let mut mixed = (self.state ^ (self.state >> 15)).wrapping_mul(self.state | 1);
        mixed ^= mixed.wrapping_add((mixed ^ (mixed >> 7)).wrapping_mul(mixed | 0x3d));
        mixed ^ (mixed >> 14)
    }

    /// A name that no version holds; the forms are those that a message may garble.
    fn miss_name(&self, draw: u32) -> String {
        let number = draw & 0xffff;
        let mut name = match (draw >> 16) % 5 {
            0 => format!("missing_{number}"),
            1 => format!("missing ñ 世 {number}"),
            2 => format!("100% missing %41 {number}"),
            3 => format!("it's\tmissing \"{number}\""),
            _ => format!("{}X", self.name(draw)),
        };
        while self.known.contains(&name) {
            name.push('_');
        }
        name
    }

    /// None at all, an empty one, one byte off, one byte more.
    fn wrong_key(&self, draw: u32) -> Option<String> {
        let last = if self.key.ends_with('x') { 'y' } else { 'x' };
        match (draw >> 16) % 4 {
            0 => None,
            1 => Some(String::new()),
            2 => {
                let mut off = self.key.clone();
                off.pop();
                off.push(last);
                Some(off)
            }
            _ => Some(format!("{}x", self.key)),
        }
    }
}
