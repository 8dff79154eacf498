//! Calls, and functions of definitions.

use crate::bytecode::op::Op;
use crate::bytecode::operand::{Base, Child, Count, Dst, Few, Src};
use crate::bytecode::{Constant, Parameters};
use crate::hir::{Block, Def, Node, NodeId};
use crate::script::expression::{List, Parameter, ParameterKind};

use super::expression::Compiled;
use super::function::{Function, Kind, Place};
use super::names::Names;
use super::{Compiler, Problem};

/// Arguments of a call that stand in registers; with more they are collected in a list.
const ARGUMENTS_MAX: usize = 200;

impl<'t> Compiler<'t> {
    /// The receiver, if a call is one of a method that `CallMethod` can do.
    pub(super) fn method_receiver(&self, call: NodeId) -> Option<NodeId> {
        let Node::Call {
            function,
            arguments,
            keywords,
        } = self.expressions.node(call)
        else {
            return None;
        };
        let Node::Attribute { value, .. } = self.expressions.node(function) else {
            return None;
        };
        (keywords.is_empty() && !self.is_spread(arguments, keywords)).then_some(value)
    }

    fn is_spread(
        &self,
        arguments: crate::script::expression::Nodes,
        keywords: crate::script::expression::Nodes,
    ) -> bool {
        let arguments = self.expressions.nodes(arguments);
        let keywords = self.expressions.nodes(keywords);
        arguments.len() + keywords.len() > ARGUMENTS_MAX
            || arguments
                .iter()
                .any(|argument| matches!(self.expressions.node(*argument), Node::Starred(_)))
            || keywords.iter().any(|keyword| {
                matches!(
                    self.expressions.node(*keyword),
                    Node::Keyword { name: None, .. }
                )
            })
    }

    /// A call whose function (or receiver) is in a register.
    pub(super) fn call(
        &mut self,
        node: NodeId,
        register: u16,
        mark: u16,
        want: Option<u16>,
    ) -> Compiled<u16> {
        let Node::Call {
            function,
            arguments,
            keywords,
        } = self.expressions.node(node)
        else {
            return Ok(register);
        };
        let span = self.expressions.span(node);
        let method = self
            .method_receiver(node)
            .and(match self.expressions.node(function) {
                Node::Attribute { name, .. } => Some(name),
                _ => None,
            });
        self.function().release(mark);
        let base = self.function().take()?;
        self.function().copy(base, register);
        if self.is_spread(arguments, keywords) {
            return self.spread_call(node, base, mark, want);
        }
        let mut names: Vec<Box<str>> = Vec::new();
        let mut few = 0_u8;
        for argument in self.expressions.nodes(arguments).to_vec() {
            let place = self.function().take()?;
            self.value_into(argument, place)?;
            few += 1;
        }
        for keyword in self.expressions.nodes(keywords).to_vec() {
            let Node::Keyword {
                name: Some(name),
                value,
            } = self.expressions.node(keyword)
            else {
                continue;
            };
            let name: Box<str> = self.expressions.name(name).into();
            if names.contains(&name) {
                return Err(Problem {
                    span,
                    message: format!("syntax error: keyword argument repeated: {name}"),
                });
            }
            names.push(name);
            let place = self.function().take()?;
            self.value_into(value, place)?;
            few += 1;
        }
        self.function().release(mark);
        let d = self.wanted(want)?;
        self.function().at(span);
        if let Some(name) = method {
            let k = self.function_text(name)?;
            self.function().emit(Op::CallMethod {
                few: Few(few),
                d: Dst(d),
                base: Base(base),
                k,
            });
        } else {
            let names = if names.is_empty() {
                Self::NAMELESS
            } else {
                self.function().constant(Constant::Names(names.into()))?
            };
            self.function().emit(Op::Call {
                few: Few(few),
                d: Dst(d),
                base: Base(base),
                names,
            });
        }
        Ok(d)
    }

    fn spread_call(
        &mut self,
        node: NodeId,
        base: u16,
        mark: u16,
        want: Option<u16>,
    ) -> Compiled<u16> {
        let Node::Call {
            arguments,
            keywords,
            ..
        } = self.expressions.node(node)
        else {
            return Ok(base);
        };
        let list = self.function().take()?;
        let dict = self.function().take()?;
        self.function().emit(Op::BuildList {
            d: Dst(list),
            base: Base(list),
            count: Count(0),
        });
        let arguments = self.expressions.nodes(arguments).to_vec();
        self.append_all(&arguments, list, false)?;
        self.function().emit(Op::BuildDict {
            d: Dst(dict),
            base: Base(dict),
            count: Count(0),
        });
        for keyword in self.expressions.nodes(keywords).to_vec() {
            let Node::Keyword { name, value } = self.expressions.node(keyword) else {
                continue;
            };
            let inner = self.function().mark();
            match name {
                Some(name) => {
                    // A one-entry dict, so that a repeated name is found where all are.
                    let pair = self.function().take_many(2)?;
                    let k = self.function_text(name)?;
                    self.function().emit(Op::Load { d: Dst(pair), k });
                    self.value_into(value, pair + 1)?;
                    self.function().emit(Op::BuildDict {
                        d: Dst(pair),
                        base: Base(pair),
                        count: Count(1),
                    });
                    self.function().emit(Op::DictUpdate {
                        few: Few(1),
                        dict: Src(dict),
                        s: Src(pair),
                    });
                }
                None => {
                    let s = Src(self.value(value, None)?);
                    self.function().emit(Op::DictUpdate {
                        few: Few(1),
                        dict: Src(dict),
                        s,
                    });
                }
            }
            self.function().release(inner);
        }
        self.function().release(mark);
        let d = self.wanted(want)?;
        let span = self.expressions.span(node);
        self.function().at(span);
        self.function().emit(Op::CallSpread {
            d: Dst(d),
            base: Base(base),
        });
        Ok(d)
    }

    /// `lambda`.
    pub(super) fn lambda(
        &mut self,
        parameters: List<Parameter>,
        body: NodeId,
        want: Option<u16>,
    ) -> Compiled<u16> {
        let names = Names::of_expression(self.expressions, &[body]);
        let span = self.expressions.span(body);
        self.make("<lambda>", parameters, &names, want, |compiler| {
            let register = compiler.value(body, None)?;
            compiler.function().at(span);
            compiler.function().emit(Op::Return { s: Src(register) });
            Ok(())
        })
    }

    /// `def`.
    pub(super) fn def(&mut self, def: &'t Def) -> Compiled<()> {
        let name = self.expressions.name(def.name);
        let names = Names::of_block(self.expressions, &def.body);
        let mark = self.function().mark();
        let body: &'t Block = &def.body;
        let register = self.make(name, def.parameters, &names, None, |compiler| {
            compiler.block(body)?;
            compiler.return_none()
        })?;
        self.store_name(name, register)?;
        self.function().release(mark);
        Ok(())
    }

    /// Compile a function and make it a value.
    fn make(
        &mut self,
        name: &str,
        parameters: List<Parameter>,
        names: &Names,
        want: Option<u16>,
        body: impl FnOnce(&mut Self) -> Compiled<()>,
    ) -> Compiled<u16> {
        let mark = self.function().mark();
        let all = self.expressions.parameters(parameters).to_vec();
        // Defaults are values of the function around.
        let defaults: Vec<NodeId> = all
            .iter()
            .filter_map(|parameter| parameter.default)
            .collect();
        if defaults.len() > ARGUMENTS_MAX || all.len() > ARGUMENTS_MAX {
            return Err(self.function().too_large());
        }
        let base = self.function().take_many(defaults.len())?;
        for (place, default) in defaults.iter().enumerate() {
            self.value_into(*default, base + place as u16)?;
        }
        let qualified = self.qualified(name);
        let mut function = Function::new(&qualified, Kind::Inner);
        function.code.parameters = self.signature(&all)?;
        self.prepare(&mut function, names)?;
        self.functions.push(function);
        body(self)?;
        let Some(function) = self.functions.pop() else {
            return Err(self.function().too_large());
        };
        let code = function.finish()?;
        self.finished_ops += code.ops.len();
        self.function().release(mark);
        let d = self.wanted(want)?;
        self.function().code.children.push(code);
        let child = self.function().code.children.len() - 1;
        if child >= usize::from(u16::MAX) {
            return Err(self.function().too_large());
        }
        let few = Few(defaults.len() as u8);
        self.function().emit(Op::MakeFunction {
            few,
            d: Dst(d),
            c: Child(child as u16),
            base: Base(base),
        });
        Ok(d)
    }

    /// The name as messages show it: with the functions around.
    fn qualified(&mut self, name: &str) -> String {
        let around = self.function();
        let is_global = matches!(around.places.get(name), Some(Place::Global(_)));
        if around.kind != Kind::Inner || is_global {
            name.to_owned()
        } else {
            format!("{}.<locals>.{name}", around.code.name)
        }
    }

    fn signature(&mut self, all: &[Parameter]) -> Compiled<Parameters> {
        let mut made = Parameters::default();
        let (mut rest, mut named_rest) = (None, None);
        for parameter in all {
            let name: Box<str> = self.expressions.name(parameter.name).into();
            match parameter.kind {
                ParameterKind::PositionalOnly | ParameterKind::Positional => {
                    made.positional += 1;
                    made.positional_only +=
                        u16::from(parameter.kind == ParameterKind::PositionalOnly);
                    made.defaults += u16::from(parameter.default.is_some());
                    made.names.push(name);
                }
                ParameterKind::KeywordOnly => {
                    made.keyword_defaults.push(parameter.default.is_some());
                    made.names.push(name);
                }
                ParameterKind::Rest => rest = Some(name),
                ParameterKind::KeywordRest => named_rest = Some(name),
            }
        }
        made.rest = rest.is_some();
        made.named_rest = named_rest.is_some();
        made.rest_names = rest.into_iter().chain(named_rest).collect();
        Ok(made)
    }

    /// Registers for parameters and variables; shared ones get their cell first of all.
    pub(super) fn prepare(&mut self, function: &mut Function<'t>, names: &Names) -> Compiled<()> {
        let parameters: Vec<Box<str>> = function
            .code
            .parameters
            .names
            .iter()
            .chain(&function.code.parameters.rest_names)
            .cloned()
            .collect();
        let mut cells = Vec::new();
        for name in &parameters {
            let register = function.take()?;
            let shared = names.nested.contains(name.as_ref());
            let place = if shared {
                Place::Cell(register)
            } else {
                Place::Register(register)
            };
            if function.places.insert(name.to_string(), place).is_some() {
                let message =
                    format!("syntax error: duplicate argument '{name}' in function definition");
                return Err(Problem {
                    span: crate::hir::Span::default(),
                    message,
                });
            }
            if shared {
                cells.push(register);
            }
        }
        let start = function.mark();
        for name in &names.bound {
            if function.places.contains_key(name) {
                continue;
            }
            let register = function.take()?;
            if names.nested.contains(name) {
                cells.push(register);
                function.places.insert(name.clone(), Place::Cell(register));
            } else {
                function
                    .places
                    .insert(name.clone(), Place::Register(register));
                if names.deleted.contains(name) {
                    function.unsure.insert(register);
                }
            }
        }
        (function.code.unset_start, function.code.unset_end) = (start, function.mark());
        function.bound = vec![false; usize::from(function.mark())];
        function.bound[..usize::from(start)].fill(true);
        function.nested.clone_from(&names.nested);
        for register in cells {
            function.emit(Op::MakeCell {
                d: Dst(register),
                s: Src(register),
            });
        }
        self.given_inside.extend(names.globals.iter().cloned());
        for name in &names.globals {
            let slot = self.global(name)?;
            function.places.insert(name.clone(), Place::Global(slot));
        }
        Ok(())
    }
}
