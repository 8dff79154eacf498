//! Comprehensions run in the function around, under names of their own; generator expressions are functions.

use crate::bytecode::Parameters;
use crate::bytecode::op::Op;
use crate::bytecode::operand::{Base, Child, Count, Dst, Few, Src, Target};
use crate::hir::{Node, NodeId};
use crate::script::expression::Nodes;

use super::Compiler;
use super::expression::Compiled;
use super::function::{Function, Kind, Label, Place};
use super::names::Names;

/// What a turn of the innermost clause does.
#[derive(Clone, Copy)]
enum Element {
    List(NodeId),
    Set(NodeId),
    Dict(NodeId, NodeId),
    Yield(NodeId),
}

impl<'t> Compiler<'t> {
    /// A list, set or dict comprehension.
    pub(super) fn comprehension(&mut self, node: NodeId, want: Option<u16>) -> Compiled<u16> {
        let mark = self.function().mark();
        let built = self.function().take()?;
        let (d, base, count) = (Dst(built), Base(built), Count(0));
        let (op, element, clauses) = match self.expressions.node(node) {
            Node::ListComp { element, clauses } => (
                Op::BuildList { d, base, count },
                Element::List(element),
                clauses,
            ),
            Node::SetComp { element, clauses } => (
                Op::BuildSet { d, base, count },
                Element::Set(element),
                clauses,
            ),
            Node::DictComp { pair, clauses } => {
                let pair = self.expressions.nodes(pair);
                (
                    Op::BuildDict { d, base, count },
                    Element::Dict(pair[0], pair[1]),
                    clauses,
                )
            }
            _ => return self.value(node, want),
        };
        self.function().emit(op);
        let clauses = self.expressions.nodes(clauses).to_vec();
        let bound = self.function().bound.clone();
        let open = self.function().inner_places.len();
        self.clause(&clauses, None, built, element)?;
        self.function().inner_places.truncate(open);
        self.function().bound = bound;
        self.function().release(mark);
        let out = self.wanted(want)?;
        self.function().copy(out, built);
        Ok(out)
    }

    /// A generator expression: a function of the first iterator.
    pub(super) fn generator(
        &mut self,
        element: NodeId,
        clauses: Nodes,
        want: Option<u16>,
    ) -> Compiled<u16> {
        let mark = self.function().mark();
        let clauses = self.expressions.nodes(clauses).to_vec();
        let Some(Node::Clause { iterable, .. }) =
            clauses.first().map(|clause| self.expressions.node(*clause))
        else {
            return Err(self.function().too_large());
        };
        let base = self.function().take_many(2)?;
        let first = self.value(iterable, None)?;
        self.function().emit(Op::GetIter {
            d: Dst(base + 1),
            s: Src(first),
        });

        let mut inside = vec![element];
        inside.extend(&clauses);
        let names = Names::of_expression(self.expressions, &inside);
        // Of `:=`.
        self.given_inside.extend(names.is_bound);
        let mut function: Function<'t> = Function::new("<genexpr>", Kind::Inner);
        function.code.is_generator = true;
        function.code.parameters = Parameters {
            names: vec![".0".into()],
            positional: 1,
            ..Parameters::default()
        };
        // Walrus targets would belong to the function around: names bound here are targets of clauses only.
        self.prepare(
            &mut function,
            &Names {
                nested: names.nested,
                ..Names::default()
            },
        )?;
        self.functions.push(function);
        self.clause(&clauses, Some(0), 0, Element::Yield(element))?;
        self.return_none()?;
        let Some(function) = self.functions.pop() else {
            return Err(self.function().too_large());
        };
        let code = function.finish()?;
        self.finished_ops += code.ops.len();
        self.function().code.children.push(code);
        let child = self.function().code.children.len() - 1;
        if child >= usize::from(u16::MAX) {
            return Err(self.function().too_large());
        }
        self.function().emit(Op::MakeFunction {
            few: Few(0),
            d: Dst(base),
            c: Child(child as u16),
            base: Base(base),
        });
        self.function().release(mark);
        let d = self.wanted(want)?;
        self.function().emit(Op::Call {
            few: Few(1),
            d: Dst(d),
            base: Base(base),
            names: Self::NAMELESS,
        });
        Ok(d)
    }

    /// The first of some clauses around the rest. `iterator`: the register of an iterator that is there already.
    fn clause(
        &mut self,
        clauses: &[NodeId],
        iterator: Option<u16>,
        built: u16,
        element: Element,
    ) -> Compiled<()> {
        let Some((first, rest)) = clauses.split_first() else {
            return self.element(built, element);
        };
        let Node::Clause {
            target,
            iterable,
            conditions,
        } = self.expressions.node(*first)
        else {
            return Err(self.function().too_large());
        };
        let mark = self.function().mark();
        let iter = self.function().take_many(2)?;
        match iterator {
            Some(register) => self.function().copy(iter, register),
            None => {
                let found = self.value(iterable, None)?;
                self.function().emit(Op::GetIter {
                    d: Dst(iter),
                    s: Src(found),
                });
            }
        }
        self.function().release(iter + 2);
        self.function().comprehensions += 1;
        self.bind_targets(target)?;
        let (body, next): (Label, Label) = (self.function().label(), self.function().label());
        self.function().jump_to(next);
        self.function().place(body);
        self.store(target, iter + 1)?;
        for condition in self.expressions.nodes(conditions).to_vec() {
            self.condition(condition, false, next)?;
        }
        self.clause(rest, None, built, element)?;
        self.function().place(next);
        self.function().jump(
            Op::ForNext {
                iter: Src(iter),
                to: Target(0),
            },
            body,
        );
        self.function().comprehensions -= 1;
        self.function().release(mark);
        Ok(())
    }

    /// Names of a clause's target get registers of their own; shared ones a cell, one for the whole comprehension.
    fn bind_targets(&mut self, target: NodeId) -> Compiled<()> {
        let mut waiting = vec![target];
        while let Some(node) = waiting.pop() {
            match self.expressions.node(node) {
                Node::Name(name) => {
                    let name = self.expressions.name(name);
                    let register = self.function().take()?;
                    let place = if self.function().nested.contains(name) {
                        self.function().emit(Op::Unbind { d: Dst(register) });
                        self.function().emit(Op::MakeCell {
                            d: Dst(register),
                            s: Src(register),
                        });
                        Place::Cell(register)
                    } else {
                        Place::Register(register)
                    };
                    self.function().inner_places.push((name.to_owned(), place));
                }
                Node::Tuple(items) | Node::List(items) => {
                    waiting.extend(self.expressions.nodes(items));
                }
                Node::Starred(inner) => waiting.push(inner),
                _ => {}
            }
        }
        Ok(())
    }

    fn element(&mut self, built: u16, element: Element) -> Compiled<()> {
        let mark = self.function().mark();
        match element {
            Element::List(node) => {
                let s = Src(self.value(node, None)?);
                self.function().emit(Op::ListAppend {
                    list: Src(built),
                    s,
                });
            }
            Element::Set(node) => {
                let s = Src(self.value(node, None)?);
                self.function().emit(Op::SetAdd { set: Src(built), s });
            }
            Element::Dict(key, value) => {
                let key = Src(self.value(key, None)?);
                let s = Src(self.value(value, None)?);
                self.function().emit(Op::DictInsert {
                    dict: Src(built),
                    key,
                    s,
                });
            }
            Element::Yield(node) => {
                let s = Src(self.value(node, None)?);
                self.function().emit(Op::Yield { s });
            }
        }
        self.function().release(mark);
        Ok(())
    }
}
