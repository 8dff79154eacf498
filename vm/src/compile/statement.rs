//! Statements of definitions to instructions.

use crate::bytecode::Constant;
use crate::bytecode::op::Op;
use crate::bytecode::operand::{Base, Count, Dst, Few, NO_SRC, Slot, Src, Target};
use crate::hir::{BinaryOp, Block, Node, NodeId, Statement, StatementKind, TextId, Try};
use crate::limits::{DEFINITION_CODE_MAX, FUNCTION_CODE_MAX};

use super::expression::{Compiled, Meaning, binary};
use super::function::{Exit, Kind, Place};
use super::{Compiler, Problem};

impl<'t> Compiler<'t> {
    /// Statements in a row.
    pub(super) fn block(&mut self, body: &'t Block) -> Compiled<()> {
        for statement in body {
            self.statement(statement)?;
        }
        Ok(())
    }

    /// `return None`
    pub(super) fn return_none(&mut self) -> Compiled<()> {
        let mark = self.function().mark();
        let s = Src(self.load(Constant::None, None)?);
        self.function().emit(Op::Return { s });
        self.function().release(mark);
        Ok(())
    }

    /// Copies of `finally` bodies multiply with their nesting: what is too large is not made first.
    fn check_size(&mut self) -> Compiled<()> {
        let ops = self.function().code.ops.len();
        if ops > FUNCTION_CODE_MAX || self.finished_ops + ops > DEFINITION_CODE_MAX {
            return Err(self.function().too_large());
        }
        Ok(())
    }

    fn statement(&mut self, statement: &'t Statement) -> Compiled<()> {
        self.function().at(statement.span);
        self.check_size()?;
        let mark = self.function().mark();
        match &statement.kind {
            StatementKind::Expression(value) => {
                self.value(*value, None)?;
            }
            StatementKind::Assign(targets, value) => self.assign(targets, *value)?,
            StatementKind::Augment(target, op, value) => self.augment(*target, *op, *value)?,
            StatementKind::If(arms, otherwise) => self.branch(arms, otherwise)?,
            StatementKind::While(test, body, otherwise) => {
                self.repeat_while(*test, body, otherwise)?;
            }
            StatementKind::For(target, iterable, body, otherwise) => {
                self.repeat_for(*target, *iterable, body, otherwise)?;
            }
            StatementKind::Try(attempt) => self.attempt(attempt)?,
            StatementKind::Raise(exception, cause) => self.raise(*exception, *cause, statement)?,
            StatementKind::Return(value) => {
                if self.function().kind == Kind::Module {
                    return Self::refuse(statement, "syntax error: 'return' outside function");
                }
                let register = match value {
                    Some(value) => self.value(*value, None)?,
                    None => self.load(Constant::None, None)?,
                };
                // A `finally` on the way must not change what is returned.
                let kept = if self
                    .function()
                    .exits
                    .iter()
                    .any(|exit| matches!(exit, Exit::Finally(..)))
                {
                    let kept = self.function().take()?;
                    self.function().copy(kept, register);
                    kept
                } else {
                    register
                };
                self.leave(0, |compiler| {
                    compiler.function().emit(Op::Return { s: Src(kept) });
                    Ok(())
                })?;
            }
            StatementKind::Break | StatementKind::Continue => self.leave_loop(statement)?,
            StatementKind::Nonlocal(_) if self.function().kind == Kind::Module => {
                let message = "syntax error: nonlocal declaration not allowed at module level";
                return Self::refuse(statement, message);
            }
            StatementKind::Pass | StatementKind::Global(_) | StatementKind::Nonlocal(_) => {}
            StatementKind::Delete(targets) => {
                for target in targets {
                    self.delete(*target)?;
                }
            }
            StatementKind::Assert(test, message) => {
                let holds = self.function().label();
                self.condition(*test, true, holds)?;
                let base = self.function().take_many(2)?;
                self.load(Constant::Builtin("AssertionError".into()), Some(base))?;
                let few = match message {
                    Some(message) => {
                        self.value_into(*message, base + 1)?;
                        1
                    }
                    None => 0,
                };
                let names = Self::NAMELESS;
                self.function().emit(Op::Call {
                    few: Few(few),
                    d: Dst(base),
                    base: Base(base),
                    names,
                });
                self.function().emit(Op::Raise {
                    s: Src(base),
                    cause: NO_SRC,
                });
                self.function().place(holds);
            }
            StatementKind::Import(module, bound, whole) => {
                let (dotted, bound) = (
                    self.expressions.name(*module),
                    self.expressions.name(*bound),
                );
                // `import a.b` binds `a`; `import a.b as c` binds the inner one.
                let register = self.import(dotted, *whole)?;
                self.store_name(bound, register)?;
            }
            StatementKind::ImportFrom(module, names) => self.import_from(*module, names)?,
            StatementKind::Def(def) => self.def(def)?,
        }
        self.function().release(mark);
        Ok(())
    }

    fn refuse<T>(statement: &Statement, message: &str) -> Compiled<T> {
        Err(Problem {
            span: statement.span,
            message: message.into(),
        })
    }

    fn import_from(&mut self, module: TextId, names: &[(TextId, TextId)]) -> Compiled<()> {
        let module = self.expressions.name(module);
        let s = Src(self.import(module, true)?);
        for (name, bound) in names {
            let mark = self.function().mark();
            let d = self.function().take()?;
            let k = self.function_text(*name)?;
            self.function().emit(Op::ImportFrom { d: Dst(d), s, k });
            let bound = self.expressions.name(*bound);
            self.store_name(bound, d)?;
            self.function().release(mark);
        }
        Ok(())
    }

    fn import(&mut self, dotted: &str, whole: bool) -> Compiled<u16> {
        let d = self.function().take()?;
        let k = self.function().text(dotted)?;
        self.function().emit(Op::Import { d: Dst(d), k });
        if !whole && let Some((first, _)) = dotted.split_once('.') {
            let k = self.function().text(first)?;
            self.function().emit(Op::Import { d: Dst(d), k });
        }
        Ok(d)
    }

    fn assign(&mut self, targets: &[NodeId], value: NodeId) -> Compiled<()> {
        // Straight into a variable's register, where that is all.
        if let [target] = targets
            && let Node::Name(name) = self.expressions.node(*target)
            && let Meaning::Place(Place::Register(register)) =
                self.meaning(self.expressions.name(name))?
        {
            self.value_into(value, register)?;
            self.function().set_bound(register);
            return Ok(());
        }
        let register = self.value(value, None)?;
        for target in targets {
            self.store(*target, register)?;
        }
        Ok(())
    }

    /// Give a target a value that is in a register.
    pub(super) fn store(&mut self, target: NodeId, s: u16) -> Compiled<()> {
        let mark = self.function().mark();
        let span = self.expressions.span(target);
        match self.expressions.node(target) {
            Node::Name(name) => {
                let name = self.expressions.name(name);
                self.store_name(name, s)?;
            }
            Node::Attribute { value, name } => {
                let o = Src(self.value(value, None)?);
                let k = self.function_text(name)?;
                self.function().at(span);
                self.function().emit(Op::SetAttribute { o, k, s: Src(s) });
            }
            Node::Subscript { value, index } => {
                let o = Src(self.value(value, None)?);
                if let Some(text) = self.plain_text(index).map(str::to_owned) {
                    let k = self.function().text(&text)?;
                    self.function().at(span);
                    self.function().emit(Op::SetItemConst { o, k, s: Src(s) });
                } else {
                    let key = Src(self.value(index, None)?);
                    self.function().at(span);
                    self.function().emit(Op::SetItem { o, key, s: Src(s) });
                }
            }
            Node::Tuple(items) | Node::List(items) => {
                let items = self.expressions.nodes(items).to_vec();
                let stars = items
                    .iter()
                    .filter(|item| matches!(self.expressions.node(**item), Node::Starred(_)));
                let star = items
                    .iter()
                    .position(|item| matches!(self.expressions.node(*item), Node::Starred(_)));
                if stars.count() > 1 {
                    let message = "syntax error: multiple starred expressions in assignment".into();
                    return Err(Problem { span, message });
                }
                let base = self.function().take_many(items.len())?;
                match star {
                    None => {
                        let count = Count(items.len() as u16);
                        self.function().emit(Op::Unpack {
                            s: Src(s),
                            base: Base(base),
                            count,
                        });
                    }
                    Some(star) if star < 256 => {
                        let count = Count((items.len() - star - 1) as u16);
                        let few = Few(star as u8);
                        self.function().emit(Op::UnpackRest {
                            few,
                            s: Src(s),
                            base: Base(base),
                            count,
                        });
                    }
                    Some(_) => return Err(self.function().too_large()),
                }
                for (place, item) in items.iter().enumerate() {
                    let inner = match self.expressions.node(*item) {
                        Node::Starred(inner) => inner,
                        _ => *item,
                    };
                    self.store(inner, base + place as u16)?;
                }
            }
            _ => {
                return Err(Problem {
                    span,
                    message: "syntax error: cannot assign to this".into(),
                });
            }
        }
        self.function().release(mark);
        Ok(())
    }

    fn augment(&mut self, target: NodeId, op: BinaryOp, value: NodeId) -> Compiled<()> {
        let kind = binary(op);
        let span = self.expressions.span(target);
        match self.expressions.node(target) {
            Node::Name(name) => {
                let a = self.value(target, None)?;
                let b = self.value(value, None)?;
                let name = self.expressions.name(name);
                let d = if let Meaning::Place(Place::Register(register)) = self.meaning(name)? {
                    register
                } else {
                    self.function().take()?
                };
                self.function().at(span);
                self.function().emit(Op::InPlace {
                    kind,
                    d: Dst(d),
                    a: Src(a),
                    b: Src(b),
                });
                self.store_name(name, d)
            }
            Node::Attribute {
                value: object,
                name,
            } => {
                let o = Src(self.value(object, None)?);
                let k = self.function_text(name)?;
                let d = self.function().take()?;
                self.function().emit(Op::GetAttribute { d: Dst(d), o, k });
                let b = Src(self.value(value, None)?);
                self.function().emit(Op::InPlace {
                    kind,
                    d: Dst(d),
                    a: Src(d),
                    b,
                });
                self.function().emit(Op::SetAttribute { o, k, s: Src(d) });
                Ok(())
            }
            Node::Subscript {
                value: object,
                index,
            } => {
                let o = Src(self.value(object, None)?);
                let key = Src(self.value(index, None)?);
                let d = self.function().take()?;
                self.function().emit(Op::GetItem { d: Dst(d), o, key });
                let b = Src(self.value(value, None)?);
                self.function().emit(Op::InPlace {
                    kind,
                    d: Dst(d),
                    a: Src(d),
                    b,
                });
                self.function().emit(Op::SetItem { o, key, s: Src(d) });
                Ok(())
            }
            _ => {
                let message = "syntax error: illegal expression for augmented assignment".into();
                Err(Problem { span, message })
            }
        }
    }

    fn delete(&mut self, target: NodeId) -> Compiled<()> {
        let span = self.expressions.span(target);
        match self.expressions.node(target) {
            Node::Name(name) => {
                let text = self.expressions.name(name);
                // Deleting what is not bound raises.
                self.value(target, None)?;
                self.unbind(text)
            }
            Node::Subscript { value, index } => {
                let o = Src(self.value(value, None)?);
                let key = Src(self.value(index, None)?);
                self.function().emit(Op::DeleteItem { o, key });
                Ok(())
            }
            Node::Tuple(items) => {
                for item in self.expressions.nodes(items).to_vec() {
                    self.delete(item)?;
                }
                Ok(())
            }
            _ => Err(Problem {
                span,
                message: "this cannot be deleted in definitions".into(),
            }),
        }
    }

    fn unbind(&mut self, name: &str) -> Compiled<()> {
        let Meaning::Place(place) = self.meaning(name)? else {
            return Ok(());
        };
        let mark = self.function().mark();
        let function = self.function();
        match place {
            Place::Register(register) => function.emit(Op::Unbind { d: Dst(register) }),
            Place::Cell(cell) => {
                let empty = function.take()?;
                function.emit(Op::Unbind { d: Dst(empty) });
                function.emit(Op::StoreCell {
                    cell: Src(cell),
                    s: Src(empty),
                });
            }
            Place::Free(index) => {
                let empty = function.take()?;
                function.emit(Op::Unbind { d: Dst(empty) });
                function.emit(Op::StoreFree {
                    f: crate::bytecode::operand::Free(index),
                    s: Src(empty),
                });
            }
            Place::Global(slot) => function.emit(Op::UnbindGlobal { g: Slot(slot) }),
        }
        function.release(mark);
        Ok(())
    }

    fn branch(&mut self, arms: &'t [(NodeId, Block)], otherwise: &'t Block) -> Compiled<()> {
        let end = self.function().label();
        let mut ends: Vec<Vec<bool>> = Vec::new();
        for (test, body) in arms {
            let no = self.function().label();
            self.condition(*test, false, no)?;
            let before = self.function().bound.clone();
            self.block(body)?;
            if !self.ended() {
                let bound = self.function().bound.clone();
                ends.push(bound);
                self.function().jump_to(end);
            }
            self.function().bound = before;
            self.function().place(no);
        }
        self.block(otherwise)?;
        if self.ended() && !ends.is_empty() {
            self.function().bound.fill(true);
        }
        for bound in ends {
            self.function().meet(&bound);
        }
        self.function().place(end);
        Ok(())
    }

    /// The last instruction goes elsewhere: what follows it here is not reached from it.
    fn ended(&mut self) -> bool {
        self.function().has_ended()
    }

    fn repeat_while(
        &mut self,
        test: NodeId,
        body: &'t Block,
        otherwise: &'t Block,
    ) -> Compiled<()> {
        let (next, no, after) = (
            self.function().label(),
            self.function().label(),
            self.function().label(),
        );
        self.function().place(next);
        self.condition(test, false, no)?;
        let bound = self.function().bound.clone();
        self.function().exits.push(Exit::Loop { after, next });
        self.block(body)?;
        self.function().exits.pop();
        self.function().jump(Op::Loop { to: Target(0) }, next);
        self.function().bound.clone_from(&bound);
        self.function().place(no);
        self.block(otherwise)?;
        self.function().bound = bound;
        self.function().place(after);
        Ok(())
    }

    fn repeat_for(
        &mut self,
        target: NodeId,
        iterable: NodeId,
        body: &'t Block,
        otherwise: &'t Block,
    ) -> Compiled<()> {
        let iter = self.function().take_many(2)?;
        let s = Src(self.value(iterable, None)?);
        self.function().emit(Op::GetIter { d: Dst(iter), s });
        self.function().release(iter + 2);
        let (turn, next, after) = (
            self.function().label(),
            self.function().label(),
            self.function().label(),
        );
        let bound = self.function().bound.clone();
        self.function().jump_to(next);
        self.function().place(turn);
        self.store(target, iter + 1)?;
        self.function().exits.push(Exit::Loop { after, next });
        self.block(body)?;
        self.function().exits.pop();
        self.function().bound.clone_from(&bound);
        self.function().place(next);
        let span = self.expressions.span(iterable);
        self.function().at(span);
        self.function().jump(
            Op::ForNext {
                iter: Src(iter),
                to: Target(0),
            },
            turn,
        );
        self.block(otherwise)?;
        self.function().bound = bound;
        self.function().place(after);
        Ok(())
    }

    fn leave_loop(&mut self, statement: &Statement) -> Compiled<()> {
        let is_break = matches!(statement.kind, StatementKind::Break);
        let Some(depth) = self
            .function()
            .exits
            .iter()
            .rposition(|exit| matches!(exit, Exit::Loop { .. }))
        else {
            let word = if is_break {
                "'break' outside loop"
            } else {
                "'continue' not properly in loop"
            };
            return Self::refuse(statement, &format!("syntax error: {word}"));
        };
        let Exit::Loop { after, next } = self.function().exits[depth].clone() else {
            return Ok(());
        };
        self.leave(depth + 1, |compiler| {
            compiler
                .function()
                .jump_to(if is_break { after } else { next });
            Ok(())
        })
    }

    /// Run the `finally` blocks of the exits from `depth` on, innermost first, then what ends the way out.
    fn leave(&mut self, depth: usize, end: impl FnOnce(&mut Self) -> Compiled<()>) -> Compiled<()> {
        let exits = self.function().exits.clone();
        let bound = self.function().bound.clone();
        let mut covered = self.function().regions.len();
        for place in (depth..exits.len()).rev() {
            let Exit::Finally(body, regions) = &exits[place] else {
                continue;
            };
            // Neither the try's own handlers nor those inside it cover its `finally`.
            if *regions < covered {
                self.function().suspend(*regions);
            }
            covered = covered.min(*regions);
            let hidden = self.function().regions.split_off(*regions);
            self.function().exits.truncate(place);
            self.block(body)?;
            self.function().exits.clone_from(&exits);
            self.function().regions.truncate(*regions);
            self.function().regions.extend(hidden);
        }
        end(self)?;
        let open = self.function().regions.len();
        if covered < open {
            self.function().resume(covered);
        }
        self.function().bound = bound;
        Ok(())
    }

    fn raise(
        &mut self,
        exception: Option<NodeId>,
        cause: Option<NodeId>,
        statement: &Statement,
    ) -> Compiled<()> {
        let Some(exception) = exception else {
            return match self.function().handled.last().copied() {
                Some(register) => {
                    self.function().emit(Op::Reraise { s: Src(register) });
                    Ok(())
                }
                None => Self::refuse(
                    statement,
                    "'raise' without an exception is supported inside 'except' only",
                ),
            };
        };
        let s = Src(self.value(exception, None)?);
        let cause = match cause {
            Some(cause) => Src(self.value(cause, None)?),
            None => NO_SRC,
        };
        self.function().at(statement.span);
        self.function().emit(Op::Raise { s, cause });
        Ok(())
    }

    fn attempt(&mut self, attempt: &'t Try) -> Compiled<()> {
        if attempt.finally.is_empty() {
            return self.attempt_handlers(attempt);
        }
        let caught = self.function().take()?;
        let before = self.function().bound.clone();
        let depth = self.function().regions.len();
        self.function()
            .exits
            .push(Exit::Finally(&attempt.finally, depth));
        self.function().open_region();
        if attempt.handlers.is_empty() {
            self.block(&attempt.body)?;
            self.block(&attempt.otherwise)?;
        } else {
            self.attempt_handlers(attempt)?;
        }
        let region = self.function().end_region();
        self.function().exits.pop();
        let after = self.function().label();
        self.block(&attempt.finally)?;
        let bound = self.function().bound.clone();
        self.function().jump_to(after);
        // The way of an exception.
        self.function().close_region(region, caught);
        self.function().bound = before;
        self.function().handled.push(caught);
        self.block(&attempt.finally)?;
        self.function().handled.pop();
        self.function().emit(Op::Reraise { s: Src(caught) });
        self.function().bound = bound;
        self.function().place(after);
        Ok(())
    }

    fn attempt_handlers(&mut self, attempt: &'t Try) -> Compiled<()> {
        let caught = self.function().take()?;
        let before = self.function().bound.clone();
        let after = self.function().label();
        self.function().open_region();
        self.block(&attempt.body)?;
        let region = self.function().end_region();
        self.block(&attempt.otherwise)?;
        let mut ends = vec![self.function().bound.clone()];
        self.function().jump_to(after);
        self.function().close_region(region, caught);
        self.function().handled.push(caught);
        let mut caught_all = false;
        for handler in &attempt.handlers {
            self.function().bound.clone_from(&before);
            self.function().at(handler.span);
            let other = self.function().label();
            if let Some(class) = handler.class {
                let mark = self.function().mark();
                let class = Src(self.value(class, None)?);
                let d = self.function().take()?;
                self.function().emit(Op::Catches {
                    d: Dst(d),
                    s: Src(caught),
                    class,
                });
                self.function().jump(
                    Op::JumpIfNot {
                        s: Src(d),
                        to: Target(0),
                    },
                    other,
                );
                self.function().release(mark);
            } else {
                caught_all = true;
            }
            if let Some(name) = handler.name {
                let name = self.expressions.name(name);
                self.store_name(name, caught)?;
            }
            self.block(&handler.body)?;
            if let Some(name) = handler.name {
                self.unbind(self.expressions.name(name))?;
            }
            let bound = self.function().bound.clone();
            ends.push(bound);
            self.function().jump_to(after);
            self.function().place(other);
        }
        self.function().handled.pop();
        if !caught_all {
            self.function().emit(Op::Reraise { s: Src(caught) });
        }
        self.function().bound.fill(true);
        for bound in ends {
            self.function().meet(&bound);
        }
        self.function().place(after);
        Ok(())
    }
}
