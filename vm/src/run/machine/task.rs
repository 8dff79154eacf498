//! Commands start here: the `task` that a definition gets, and what a call site keeps of it for the next time.

use std::cell::Cell;

use super::Machine;
use super::frame::FrameKind;
use crate::bytecode::operand::Site;
use crate::bytecode::{CallSite, Callee};
use crate::run::dict::Dict;
use crate::run::fault::Fault;
use crate::run::function::Function;
use crate::run::list::List;
use crate::run::object::Object;
use crate::run::text::Text;
use crate::run::value::Value;

/// The `task` and the module-level names of a site whose definition leaves nothing of them behind.
#[derive(Debug)]
pub(super) struct KeptTask<'a> {
    task: &'a Dict<'a>,
    properties: &'a Dict<'a>,
    /// For each entry of the properties, in order: the argument it holds.
    arguments: &'a [u8],
    function: &'a Function<'a>,
    /// Frames below that of the last run.
    depth: Cell<usize>,
}

impl<'a> Machine<'a> {
    /// Run a command's definition.
    pub(super) fn command(
        &mut self,
        site: Site,
        first: usize,
        count: usize,
        result: usize,
    ) -> Result<(), Fault<'a>> {
        let site: &'a CallSite = &self.top().function.code.code().sites[site.index()];
        let Callee::Definition(number) = site.callee else {
            return Err(Fault::Internal("a site without a command"));
        };
        if let Some(Some(fast)) = self.fast.get(site.number as usize) {
            return self.run_fast(*fast, first, result);
        }
        if self.specialising.after != u32::MAX
            && let Some(fast) = self.specialised(site, number as usize)?
        {
            return self.run_fast(fast, first, result);
        }
        let depth = self.frames.len();
        if let Some(Some(kept)) = self.kept.get(site.number as usize) {
            // A run that is not over is a frame at the depth where it began.
            let running = self
                .frames
                .get(kept.depth.get())
                .is_some_and(|frame| std::ptr::eq(frame.function, kept.function));
            if !running {
                let kept: &'a KeptTask<'a> = kept;
                for (place, argument) in kept.arguments.iter().enumerate() {
                    let value = self.stack[first + usize::from(*argument)];
                    kept.properties.set_at(place, value);
                }
                for global in kept.function.globals {
                    global.set(Value::Unset);
                }
                kept.depth.set(depth);
                return self.start(kept.function, kept.task, result);
            }
        }
        let prepared = self.definition(number as usize)?;
        let (task, properties) = self.task(site, prepared.items, first, count)?;
        let code = prepared.loaded.code();
        let arena = self.context.arena();
        let globals = arena.alloc_cells(code.globals.len(), Value::Unset)?;
        let function = arena.alloc(Function {
            code: prepared.loaded,
            globals,
            closure: &[],
            defaults: &[],
        })?;
        if prepared.task_stays {
            let arguments = Self::arguments_of(properties, prepared.items, count);
            let kept = arena.alloc(KeptTask {
                task,
                properties,
                arguments: arena.alloc_slice(&arguments)?,
                function,
                depth: Cell::new(depth),
            })?;
            let number = site.number as usize;
            if self.kept.len() <= number {
                self.kept.resize(self.program.heats.len(), None);
            }
            self.kept[number] = Some(kept);
        }
        self.start(function, task, result)
    }

    fn start(
        &mut self,
        function: &'a Function<'a>,
        task: &'a Dict<'a>,
        result: usize,
    ) -> Result<(), Fault<'a>> {
        let base = self.frame_end();
        self.push(function, base, result, FrameKind::Command)?;
        self.stack[base] = Value::Dict(task);
        self.stack[base + 1] = self.host.fixed.executor;
        Ok(())
    }

    /// Which argument each property holds, in the order of the entries: an item may be called as an index is, or twice
    /// the same; the last one counts.
    fn arguments_of(properties: &Dict<'a>, items: &[&'a Text<'a>], count: usize) -> Vec<u8> {
        let mut arguments = vec![0; properties.len()];
        for (place, argument) in arguments.iter_mut().enumerate().take(count) {
            *argument = place as u8;
        }
        for (argument, item) in items.iter().take(count).enumerate() {
            if let Some(place) = properties.find(Value::Str(item), item.hash()) {
                arguments[place] = argument as u8;
            }
        }
        arguments
    }

    /// `task` and its properties: under their index first, then under the interface's items; an item without argument has none.
    fn task(
        &mut self,
        site: &'a CallSite,
        items: &'a [&'a Text<'a>],
        first: usize,
        count: usize,
    ) -> Result<(&'a Dict<'a>, &'a Dict<'a>), Fault<'a>> {
        let arena = self.context.arena();
        let fixed = self.host.fixed;
        let named = items.len().min(count);
        let properties = arena.alloc(Dict::with_capacity(arena, count + named)?)?;
        while self.indexes.len() < count {
            let text = arena.alloc_str(&self.indexes.len().to_string())?;
            self.indexes.push(arena.alloc(Text::new(text))?);
        }
        for place in 0..count {
            let key = self.indexes[place];
            properties.append(
                arena,
                Value::Str(key),
                key.hash(),
                self.stack[first + place],
            )?;
        }
        for (place, item) in items.iter().take(named).enumerate() {
            properties.set_text(arena, item, self.stack[first + place])?;
        }
        let count = if site.branches.is_some() { 2 } else { 0 };
        let branches = arena.alloc(Dict::with_capacity(arena, count)?)?;
        if let Some([yes, no]) = &site.branches {
            for (key, numbers) in [(fixed.yes, yes), (fixed.no, no)] {
                let nodes = self.nodes(numbers)?;
                branches.set_text(arena, key, Value::List(nodes))?;
            }
        }
        let sequence = self.nodes(&site.sequence)?;
        let context = match &site.context {
            Some(target) => self.context.text_over(target)?,
            None => Value::None,
        };
        let task = arena.alloc(Dict::with_capacity(arena, 4)?)?;
        for (key, value) in [
            (fixed.properties, Value::Dict(properties)),
            (fixed.context, context),
            (fixed.branches, Value::Dict(branches)),
            (fixed.sequence, Value::List(sequence)),
        ] {
            task.append(arena, Value::Str(key), key.hash(), value)?;
        }
        Ok((task, properties))
    }

    /// A new list of child statements; the statements themselves are the same values each time.
    pub(super) fn nodes(&mut self, numbers: &[u32]) -> Result<&'a List<'a>, Fault<'a>> {
        if numbers.is_empty() {
            return self.context.empty_list();
        }
        if self.nodes.is_empty() {
            self.nodes.resize(self.program.codes.len(), Value::Unset);
        }
        for number in numbers {
            let known = &mut self.nodes[*number as usize];
            if known.is_unset() {
                *known = Value::Object(self.context.arena().alloc(Object::Node(*number))?);
            }
        }
        let known = &self.nodes;
        let places = self
            .context
            .arena()
            .alloc_slice_with(numbers.len(), |place| {
                std::cell::Cell::new(known[numbers[place] as usize])
            })?;
        Ok(self.context.arena().alloc(List::over(places))?)
    }
}
