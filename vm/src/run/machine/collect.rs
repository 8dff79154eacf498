//! The roots of an execution: what is live is what they reach. Between two slices all of it can move to another arena.

use std::cell::Cell;

use super::Evaluated;
use super::frame::{Frame, FrameKind, Native};
use super::{ErrorSite, LogEntry, Machine, Prepared};
use crate::program::Program;
use crate::run::arena::Arena;
use crate::run::host::{Fixed, Host};
use crate::run::survivors::{Abandoned, Survivors};
use crate::run::value::Value;

impl<'a> Machine<'a> {
    /// The same machine over what is live of it, copied into `arena`. `program` and `evaluated` are those it runs.
    /// `work` counts objects and places, also when the copy is given up.
    pub fn moved<'b>(
        &self,
        arena: &'b Arena,
        program: &'b Program,
        evaluated: &'b Evaluated,
        work: &mut usize,
    ) -> Result<Machine<'b>, Abandoned> {
        let mut survivors = Survivors::new(arena);
        let machine = self.roots(&mut survivors, arena, program, evaluated);
        *work += survivors.work();
        machine
    }

    fn roots<'b>(
        &self,
        survivors: &mut Survivors<'a, 'b>,
        arena: &'b Arena,
        program: &'b Program,
        evaluated: &'b Evaluated,
    ) -> Result<Machine<'b>, Abandoned> {
        let definitions = self.code(survivors, arena, program, evaluated)?;
        let codes = arena.alloc_cells(self.codes.len(), None)?;
        for (known, moved) in self.codes.iter().zip(codes) {
            if let Some(function) = known.get() {
                moved.set(Some(survivors.function(function)?));
            }
        }
        let mut evaluations = Vec::with_capacity(self.evaluations.len());
        for (text, function) in &self.evaluations {
            evaluations.push((survivors.content(text)?, survivors.function(function)?));
        }
        let mut frames = Vec::with_capacity(self.frames.len());
        for frame in &self.frames {
            frames.push(Frame {
                function: survivors.function(frame.function)?,
                pc: frame.pc,
                base: frame.base,
                result: frame.result,
                kind: kind(survivors, arena, &frame.kind)?,
            });
        }
        // Registers above the last frame hold what ended calls left.
        let mut stack = vec![Value::Unset; self.stack.len()];
        let end = if self.frames.is_empty() {
            0
        } else {
            self.frame_end().min(stack.len())
        };
        for (new, old) in stack.iter_mut().zip(&self.stack[..end]) {
            *new = survivors.value(*old)?;
        }
        let mut outer_scopes = Vec::with_capacity(self.outer_scopes.len());
        for scope in &self.outer_scopes {
            outer_scopes.push(survivors.dict(scope)?);
        }
        let scope = survivors.dict(self.scope)?;
        let mut indexes = Vec::with_capacity(self.indexes.len());
        for index in &self.indexes {
            indexes.push(survivors.text(index)?);
        }
        let mut nodes = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            nodes.push(survivors.value(*node)?);
        }
        let mut logs = Vec::with_capacity(self.logs.len());
        for entry in &self.logs {
            logs.push(LogEntry {
                statement: entry.statement,
                duration_ns: entry.duration_ns,
                error: entry
                    .error
                    .map(|text| survivors.content(text))
                    .transpose()?,
            });
        }
        let site = match self.site {
            None => None,
            Some(site) => Some(ErrorSite {
                offset: site.offset,
                command: site
                    .command
                    .map(|text| survivors.content(text))
                    .transpose()?,
            }),
        };
        let mut fast = Vec::with_capacity(self.fast.len());
        for known in &self.fast {
            fast.push(match known {
                Some(known) => Some(known.moved(survivors, arena)?),
                None => None,
            });
        }
        let host = arena.alloc(host(survivors, self.host)?)?;
        let patterns = self.context.known_patterns().moved(survivors)?;
        survivors.finish()?;
        let identities = self
            .context
            .identities()
            .moved(arena, |value| survivors.known(value))?;
        Ok(Machine {
            context: self.context.moved(arena, Some(host), patterns, identities),
            program,
            evaluated,
            evaluations,
            stack,
            frames,
            host,
            scope,
            outer_scopes,
            codes,
            definitions,
            indexes,
            nodes,
            logs,
            site,
            clock: self.clock,
            began_ns: self.began_ns,
            kept: Vec::new(),
            fast,
            specialising: self.specialising,
        })
    }

    /// All code that was loaded; it must be known before any function.
    fn code<'b>(
        &self,
        survivors: &mut Survivors<'a, 'b>,
        arena: &'b Arena,
        program: &'b Program,
        evaluated: &'b Evaluated,
    ) -> Result<&'b [Cell<Option<Prepared<'b>>>], Abandoned> {
        for (known, code) in self.codes.iter().zip(&program.codes) {
            if let Some(function) = known.get() {
                survivors.code(function.code, code, &[])?;
            }
        }
        for (number, (_, function)) in self.evaluations.iter().enumerate() {
            let Some(code) = evaluated.get().and_then(|codes| codes.get(number)) else {
                return Err(Abandoned::Unknown("an evaluation without code"));
            };
            survivors.code(function.code, code, &[])?;
        }
        for (known, heat) in self.fast.iter().zip(&program.heats) {
            if let (Some(known), Some(made)) = (known, heat.made()) {
                survivors.code(known.function.code, &made.code, &[])?;
            }
        }
        let definitions = arena.alloc_cells(self.definitions.len(), None)?;
        let known = self.definitions.iter().zip(&program.definitions);
        for ((known, definition), moved) in known.zip(definitions) {
            if let (Some(prepared), Ok(code)) = (known.get(), &definition.code) {
                let mut items = Vec::with_capacity(prepared.items.len());
                for item in prepared.items {
                    items.push(survivors.text(item)?);
                }
                moved.set(Some(Prepared {
                    loaded: survivors.code(prepared.loaded, code, &code.globals)?,
                    items: arena.alloc_slice(&items)?,
                    task_stays: prepared.task_stays,
                }));
            }
        }
        Ok(definitions)
    }
}

fn kind<'a, 'b>(
    survivors: &mut Survivors<'a, 'b>,
    arena: &'b Arena,
    kind: &FrameKind<'a>,
) -> Result<FrameKind<'b>, Abandoned> {
    Ok(match kind {
        FrameKind::Plain => FrameKind::Plain,
        FrameKind::Command => FrameKind::Command,
        FrameKind::Scope => FrameKind::Scope,
        FrameKind::Generator(generator, on_item) => {
            FrameKind::Generator(survivors.generator(generator)?, *on_item)
        }
        FrameKind::Native(native) => FrameKind::Native(arena.alloc(match native {
            Native::Each {
                function,
                items,
                results,
                spread,
                finish,
                extra,
            } => Native::Each {
                function: survivors.value(*function)?,
                items: survivors.list(items)?,
                results: survivors.list(results)?,
                spread: *spread,
                finish: *finish,
                extra: survivors.value(*extra)?,
            },
            Native::Drain { generator, items } => Native::Drain {
                generator: survivors.generator(generator)?,
                items: survivors.list(items)?,
            },
            Native::Search {
                generator,
                until,
                default,
            } => Native::Search {
                generator: survivors.generator(generator)?,
                until: *until,
                default: Cell::new(survivors.value(default.get())?),
            },
        })?),
    })
}

fn host<'a, 'b>(
    survivors: &mut Survivors<'a, 'b>,
    host: &'a Host<'a>,
) -> Result<Host<'b>, Abandoned> {
    let fixed = &host.fixed;
    Ok(Host {
        variables: survivors.dict(host.variables)?,
        results: survivors.dict(host.results)?,
        try_level: host.try_level.clone(),
        local_vars: Cell::new(survivors.dict(host.local_vars.get())?),
        function_local_vars: survivors.dict(host.function_local_vars)?,
        asynced_functions: survivors.dict(host.asynced_functions)?,
        query: survivors.dict(host.query)?,
        body: survivors.byte_string(host.body)?,
        form: survivors.dict(host.form)?,
        fixed: Fixed {
            properties: survivors.text(fixed.properties)?,
            context: survivors.text(fixed.context)?,
            branches: survivors.text(fixed.branches)?,
            sequence: survivors.text(fixed.sequence)?,
            yes: survivors.text(fixed.yes)?,
            no: survivors.text(fixed.no)?,
            last_error: survivors.text(fixed.last_error)?,
            executor: survivors.value(fixed.executor)?,
            connector: survivors.value(fixed.connector)?,
            handler: survivors.value(fixed.handler)?,
            request: survivors.value(fixed.request)?,
            logger: survivors.value(fixed.logger)?,
        },
    })
}
