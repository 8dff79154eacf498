//! Definitions specialised by the shape of the calls that run them.
//!
//! ```text
//! definition's code ─┐
//! shape of a site ───┴▶ walk: what is known goes, what is not is left (residue) ─▶ verify ─▶ run in place of the definition
//! ```
//!
//! The walk follows the definition's bytecode with what a call site fixes: how many arguments there are, which of them are
//! literals and what they say, whether there is a target and whether there are branches. `task` and what is below it never
//! comes into being, functions of the definition are walked in place, what literals decide is decided. The same instructions
//! in the same order act on the script's state, and raise the same errors. Nothing depends on what names or comments a
//! definition has; whatever it does that the walk does not know makes it give up, and the generic code goes on running.
//!
//! Specialised code is made when a site has run some times, kept with the definition by shape, and so shared by all scripts
//! over that definition. An edited definition is another one, with none.

mod calls;
mod known;
mod liveness;
mod residue;
mod step;
mod task;
mod walk;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use crate::bytecode::verify::{self, VerifyError};
use crate::bytecode::{CallSite, Code, Constant};
use crate::limits::{SHAPE_LITERAL_BYTES_MAX, SHAPES_MAX, SPECIALISED_BYTES_MAX};
use crate::program::Definition;
pub use known::Input;

/// What is fixed of a definition's runs from one call site.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// The arguments: those that are short literals with what they say.
    pub arguments: Vec<Option<Constant>>,
    /// The call is assigned to something.
    pub has_target: bool,
    /// It has branches.
    pub has_branches: bool,
}

impl Shape {
    /// The shape of a site of a script part's code.
    #[must_use]
    pub fn of(site: &CallSite, code: &Code) -> Self {
        let arguments = site.literals.iter().map(|literal| {
            code.constants
                .get(literal.index())
                .filter(|constant| match constant {
                    Constant::Text(text) => text.len() <= SHAPE_LITERAL_BYTES_MAX,
                    Constant::Int(_) | Constant::Float(_) => true,
                    _ => false,
                })
                .cloned()
        });
        Self {
            arguments: arguments.collect(),
            has_target: site.context.is_some(),
            has_branches: site.branches.is_some(),
        }
    }

    /// Equal for equal shapes only.
    fn key(&self) -> String {
        format!("{self:?}")
    }
}

/// A definition's code for one shape. Its registers begin with the arguments; then comes one for each [`Input`].
#[derive(Debug)]
pub struct Specialised {
    /// The code: a function without parameters or module-level names.
    pub code: Code,
    /// Arguments that it reads, by number.
    pub arguments: Vec<u8>,
    /// Inputs that it reads, each with its register.
    pub inputs: Vec<(u16, Input)>,
}

impl Specialised {
    /// Bytes that it holds.
    #[must_use]
    pub fn weight_bytes(&self) -> usize {
        let lists = self.arguments.capacity() + self.inputs.capacity() * size_of::<(u16, Input)>();
        size_of::<Self>() + lists + self.code.weight_bytes()
    }

    /// What the verifier says of the code, given the registers that its caller fills.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn verify(&self) -> Result<(), VerifyError> {
        let arguments = self.arguments.iter().copied().map(u16::from);
        let inputs = self.inputs.iter().map(|(register, _)| *register);
        let given: Vec<u16> = arguments.chain(inputs).collect();
        verify::verify_given(&self.code, 0, 0, 0, &given)
    }
}

/// Specialise a definition; nothing when it does something that the walk does not know.
#[must_use]
pub fn specialise(definition: &Definition, shape: &Shape) -> Option<Specialised> {
    specialise_counted(definition, shape, &mut 0)
}

/// The same. The instructions that were looked at, in vain or not, are added to `steps`.
pub fn specialise_counted(
    definition: &Definition,
    shape: &Shape,
    steps: &mut usize,
) -> Option<Specialised> {
    let code = definition.code.as_ref().ok()?;
    let made = walk::walk(code, &definition.items, shape, steps)?;
    *steps += made.code.ops.len();
    // Code that the verifier refuses is a fault of the walk: the definition itself still runs.
    let verified = made.verify();
    debug_assert!(verified.is_ok(), "{verified:?}");
    verified.ok()?;
    Some(made)
}

/// Bytes of specialised code in this process.
static HELD_BYTES: AtomicUsize = AtomicUsize::new(0);

/// A part of [`HELD_BYTES`].
#[derive(Debug)]
struct Held(usize);

impl Held {
    /// Nothing when there is too much already.
    fn take(bytes: usize) -> Option<Self> {
        let before = HELD_BYTES.fetch_add(bytes, Ordering::Relaxed);
        let held = Self(bytes);
        (before + bytes <= SPECIALISED_BYTES_MAX).then_some(held)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        HELD_BYTES.fetch_sub(self.0, Ordering::Relaxed);
    }
}

/// Specialised code that counts.
#[derive(Debug)]
struct Kept {
    specialised: Specialised,
    _held: Held,
}

/// Specialised code, or nothing where there is none.
type Made = Option<Arc<Kept>>;

/// The specialised code of one definition by shape.
#[derive(Debug, Default)]
pub struct Shapes(Mutex<HashMap<String, Made>>);

/// Another thread specialises the same definition.
struct Busy;

impl Shapes {
    /// The code of a shape, made now if it was not before. `Err` while another thread is at it.
    fn get(&self, definition: &Definition, shape: &Shape, steps: &mut usize) -> Result<Made, Busy> {
        let mut known = self.0.try_lock().map_err(|_| Busy)?;
        let key = shape.key();
        if let Some(known) = known.get(&key) {
            return Ok(known.clone());
        }
        // Sites keep what they have; those that come later make it again.
        if known.len() >= SHAPES_MAX {
            known.clear();
        }
        let Some(specialised) = specialise_counted(definition, shape, steps) else {
            known.insert(key, None);
            return Ok(None);
        };
        let bytes = specialised.weight_bytes() + key.len();
        let held = Held::take(bytes).or_else(|| {
            known.clear();
            Held::take(bytes)
        });
        // Not known for good: sites that come later ask again.
        let Some(held) = held else { return Ok(None) };
        let made = Arc::new(Kept {
            specialised,
            _held: held,
        });
        known.insert(key, Some(Arc::clone(&made)));
        Ok(Some(made))
    }
}

/// How often a call site ran, in all executions of its program, and its specialised code.
#[derive(Debug, Default)]
pub struct Heat {
    runs: AtomicU32,
    made: OnceLock<Made>,
}

impl Heat {
    /// The specialised code, if it was made.
    #[must_use]
    pub fn made(&self) -> Option<&Specialised> {
        self.made.get()?.as_deref().map(|kept| &kept.specialised)
    }

    /// The site runs once more: its specialised code if it ran more than `after` times and has one. What making it takes
    /// is added to `steps`.
    pub fn run(
        &self,
        after: u32,
        definition: &Definition,
        shape: impl FnOnce() -> Shape,
        steps: &mut usize,
    ) -> Option<&Specialised> {
        if let Some(made) = self.made.get() {
            return made.as_deref().map(|kept| &kept.specialised);
        }
        if self.runs.fetch_add(1, Ordering::Relaxed) < after {
            return None;
        }
        let made = definition.shapes.get(definition, &shape(), steps).ok()?;
        let made = self.made.get_or_init(|| made).as_deref();
        made.map(|kept| &kept.specialised)
    }
}
