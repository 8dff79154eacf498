//! Commands whose definition was specialised for their call site: their code, and where its registers come from.

use super::Machine;
use super::frame::FrameKind;
use crate::bytecode::CallSite;
use crate::limits::UNITS_OF_A_STEP;
use crate::run::arena::Arena;
use crate::run::fault::Fault;
use crate::run::function::Function;
use crate::run::loaded::Loaded;
use crate::run::survivors::{Abandoned, Survivors};
use crate::run::value::Value;
use crate::specialise::{Input, Shape};

/// What specialising may cost and has cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Specialising {
    /// Runs of a site before it.
    pub(super) after: u32,
    /// Sites for which it may still be done.
    pub(super) sites_left: u32,
    /// Units that it took.
    pub(super) units: u32,
}

/// A call site's specialised code in this execution.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fast<'a> {
    pub(super) function: &'a Function<'a>,
    /// Arguments that it reads, by number.
    arguments: &'a [u8],
    /// Registers that are the same for each run.
    inputs: &'a [(u16, Value<'a>)],
}

impl<'a> Fast<'a> {
    /// The same in another arena, where its code is known already.
    pub(super) fn moved<'b>(
        &self,
        survivors: &mut Survivors<'a, 'b>,
        arena: &'b Arena,
    ) -> Result<Fast<'b>, Abandoned> {
        let mut inputs = Vec::with_capacity(self.inputs.len());
        for (register, value) in self.inputs {
            inputs.push((*register, survivors.value(*value)?));
        }
        Ok(Fast {
            function: survivors.function(self.function)?,
            arguments: arena.alloc_slice(self.arguments)?,
            inputs: arena.alloc_slice(&inputs)?,
        })
    }
}

impl<'a> Machine<'a> {
    /// Run a command by its site's specialised code.
    #[inline]
    pub(super) fn run_fast(
        &mut self,
        fast: Fast<'a>,
        first: usize,
        result: usize,
    ) -> Result<(), Fault<'a>> {
        let base = self.frame_end();
        self.push(fast.function, base, result, FrameKind::Command)?;
        for argument in fast.arguments {
            let place = usize::from(*argument);
            self.stack[base + place] = self.stack[first + place];
        }
        for (register, value) in fast.inputs {
            self.stack[base + usize::from(*register)] = *value;
        }
        Ok(())
    }

    /// The specialised code of a site, once it ran often enough and if there is any.
    pub(super) fn specialised(
        &mut self,
        site: &'a CallSite,
        definition: usize,
    ) -> Result<Option<Fast<'a>>, Fault<'a>> {
        let number = site.number as usize;
        let heat = &self.program.heats[number];
        let made = match heat.made() {
            Some(made) => made,
            None if self.specialising.sites_left == 0 => return Ok(None),
            None => {
                let code = self.top().function.code.code();
                let definition = &*self.program.definitions[definition];
                let (mut asked, mut steps) = (false, 0);
                let shape = || {
                    asked = true;
                    Shape::of(site, code)
                };
                let made = heat.run(self.specialising.after, definition, shape, &mut steps);
                self.specialising.sites_left -= u32::from(asked);
                let units = steps * UNITS_OF_A_STEP;
                self.specialising.units = self.specialising.units.saturating_add(units as u32);
                self.context.charge(units)?;
                match made {
                    Some(made) => made,
                    None => return Ok(None),
                }
            }
        };
        let code = Loaded::new(&mut self.context, &made.code, &[])?;
        let mut inputs = Vec::with_capacity(made.inputs.len());
        for (register, input) in &made.inputs {
            inputs.push((*register, self.input(site, *input)?));
        }
        let arena = self.context.arena();
        let function = arena.alloc(Function {
            code,
            globals: &[],
            closure: &[],
            defaults: &[],
        })?;
        let fast = Fast {
            function,
            arguments: &made.arguments,
            inputs: arena.alloc_slice(&inputs)?,
        };
        if self.fast.len() <= number {
            self.fast.resize(self.program.heats.len(), None);
        }
        self.fast[number] = Some(fast);
        Ok(Some(fast))
    }

    fn input(&mut self, site: &'a CallSite, input: Input) -> Result<Value<'a>, Fault<'a>> {
        let host = self.host;
        let statements: &[u32] = match (input, &site.branches) {
            (Input::Executor, _) => return Ok(host.fixed.executor),
            (Input::Connector, _) => return Ok(host.fixed.connector),
            (Input::Variables, _) => return Ok(Value::Dict(host.variables)),
            (Input::Results, _) => return Ok(Value::Dict(host.results)),
            (Input::Target, _) => {
                return match &site.context {
                    Some(target) => self.context.text_over(target),
                    None => Ok(Value::None),
                };
            }
            (Input::Yes, Some([yes, _])) => yes,
            (Input::No, Some([_, no])) => no,
            (Input::Sequence, _) => &site.sequence,
            (Input::Yes | Input::No, None) => &[],
        };
        Ok(Value::List(self.nodes(statements)?))
    }
}
