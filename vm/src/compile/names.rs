//! Which names a function binds, and which of them the functions inside it might share.
//!
//! A variable that is mentioned by name in any function inside counts as shared: that overcounts, and costs a shared
//! variable a little time, but never changes a meaning.

use std::collections::HashSet;

use crate::hir::{Block, Expressions, Node, NodeId, Statement, StatementKind};
use crate::script::expression::{List, Parameter};

/// The names of one function.
#[derive(Debug, Default)]
pub struct Names {
    /// Bound here, in the order of the text, each once.
    pub bound: Vec<String>,
    /// The same, to be asked: 30,000 names took 1.2 s when each was looked for in the list.
    pub is_bound: HashSet<String>,
    /// Declared `global`.
    pub globals: HashSet<String>,
    /// Declared `nonlocal`.
    pub nonlocals: HashSet<String>,
    /// Mentioned by functions inside.
    pub nested: HashSet<String>,
    /// Read or bound here.
    pub mentioned: HashSet<String>,
    /// Deleted somewhere: never certainly bound.
    pub deleted: HashSet<String>,
}

impl Names {
    /// The names of a block of statements.
    #[must_use]
    pub fn of_block(expressions: &Expressions, body: &Block) -> Self {
        let mut names = Self::default();
        names.block(expressions, body);
        let (globals, nonlocals) = (names.globals.clone(), names.nonlocals.clone());
        names
            .bound
            .retain(|name| !globals.contains(name) && !nonlocals.contains(name));
        names
    }

    /// The names of an expression.
    #[must_use]
    pub fn of_expression(expressions: &Expressions, nodes: &[NodeId]) -> Self {
        let mut names = Self::default();
        for node in nodes {
            names.expression(expressions, *node, false);
        }
        names
    }

    fn bind(&mut self, name: &str) {
        self.mentioned.insert(name.to_owned());
        if self.is_bound.insert(name.to_owned()) {
            self.bound.push(name.to_owned());
        }
    }

    fn block(&mut self, expressions: &Expressions, body: &[Statement]) {
        for statement in body {
            self.statement(expressions, statement);
        }
    }

    fn statement(&mut self, expressions: &Expressions, statement: &Statement) {
        match &statement.kind {
            StatementKind::Expression(value) => self.expression(expressions, *value, false),
            StatementKind::Assign(targets, value) => {
                self.expression(expressions, *value, false);
                for target in targets {
                    self.expression(expressions, *target, true);
                }
            }
            StatementKind::Augment(target, _, value) => {
                self.expression(expressions, *value, false);
                self.expression(expressions, *target, true);
            }
            StatementKind::If(arms, otherwise) => {
                for (test, body) in arms {
                    self.expression(expressions, *test, false);
                    self.block(expressions, body);
                }
                self.block(expressions, otherwise);
            }
            StatementKind::While(test, body, otherwise) => {
                self.expression(expressions, *test, false);
                self.block(expressions, body);
                self.block(expressions, otherwise);
            }
            StatementKind::For(target, iterable, body, otherwise) => {
                self.expression(expressions, *iterable, false);
                self.expression(expressions, *target, true);
                self.block(expressions, body);
                self.block(expressions, otherwise);
            }
            StatementKind::Try(attempt) => {
                self.block(expressions, &attempt.body);
                for handler in &attempt.handlers {
                    if let Some(class) = handler.class {
                        self.expression(expressions, class, false);
                    }
                    if let Some(name) = handler.name {
                        let name = expressions.name(name).to_owned();
                        self.bind(&name);
                        self.deleted.insert(name);
                    }
                    self.block(expressions, &handler.body);
                }
                self.block(expressions, &attempt.otherwise);
                self.block(expressions, &attempt.finally);
            }
            StatementKind::Raise(one, two) => {
                for value in [one, two].into_iter().flatten() {
                    self.expression(expressions, *value, false);
                }
            }
            StatementKind::Return(value) => {
                if let Some(value) = value {
                    self.expression(expressions, *value, false);
                }
            }
            StatementKind::Delete(targets) => {
                for target in targets {
                    if let Node::Name(name) = expressions.node(*target) {
                        self.deleted.insert(expressions.name(name).to_owned());
                    }
                    self.expression(expressions, *target, true);
                }
            }
            StatementKind::Assert(test, message) => {
                self.expression(expressions, *test, false);
                if let Some(message) = message {
                    self.expression(expressions, *message, false);
                }
            }
            StatementKind::Global(all) => self
                .globals
                .extend(all.iter().map(|name| expressions.name(*name).to_owned())),
            StatementKind::Nonlocal(all) => {
                self.nonlocals
                    .extend(all.iter().map(|name| expressions.name(*name).to_owned()));
            }
            StatementKind::Import(_, bound, _) => self.bind(expressions.name(*bound)),
            StatementKind::ImportFrom(_, all) => {
                for (_, bound) in all {
                    self.bind(expressions.name(*bound));
                }
            }
            StatementKind::Def(def) => {
                self.bind(expressions.name(def.name));
                self.defaults(expressions, def.parameters);
                let inner = Self::of_block(expressions, &def.body);
                self.absorb(inner);
                for parameter in expressions.parameters(def.parameters) {
                    self.nested
                        .insert(expressions.name(parameter.name).to_owned());
                }
            }
            StatementKind::Break | StatementKind::Continue | StatementKind::Pass => {}
        }
    }

    /// All names of a function inside are shared, as far as this one has them.
    fn absorb(&mut self, inner: Names) {
        self.nested.extend(inner.mentioned);
        self.nested.extend(inner.nested);
        self.nested.extend(inner.globals);
        self.nested.extend(inner.nonlocals);
    }

    fn defaults(&mut self, expressions: &Expressions, parameters: List<Parameter>) {
        for parameter in expressions.parameters(parameters) {
            if let Some(default) = parameter.default {
                self.expression(expressions, default, false);
            }
        }
    }

    /// Names of an expression, from a list of nodes. Targets of comprehensions count as mentioned, not as bound.
    #[allow(clippy::too_many_lines, reason = "one arm a node")]
    fn expression(&mut self, expressions: &Expressions, root: NodeId, target: bool) {
        let mut waiting = vec![(root, target)];
        while let Some((id, target)) = waiting.pop() {
            let all = |list, waiting: &mut Vec<(NodeId, bool)>, target| {
                waiting.extend(expressions.nodes(list).iter().map(|node| (*node, target)));
            };
            match expressions.node(id) {
                Node::Name(name) => {
                    let name = expressions.name(name);
                    if target {
                        self.bind(name);
                    } else {
                        self.mentioned.insert(name.to_owned());
                    }
                }
                Node::Walrus { target, value } => {
                    self.bind(expressions.name(target));
                    waiting.push((value, false));
                }
                Node::Tuple(list) | Node::List(list) => all(list, &mut waiting, target),
                Node::Starred(value) => waiting.push((value, target)),
                Node::JoinedStr(list)
                | Node::Bool(_, list)
                | Node::Set(list)
                | Node::Dict(list) => {
                    all(list, &mut waiting, false);
                }
                Node::FormattedValue { value, spec, .. } => {
                    waiting.push((value, false));
                    waiting.extend(spec.map(|spec| (spec, false)));
                }
                Node::Unary(_, value)
                | Node::Attribute { value, .. }
                | Node::Keyword { value, .. } => {
                    waiting.push((value, false));
                }
                Node::Binary(_, left, right) => waiting.extend([(left, false), (right, false)]),
                Node::Compare { left, operands, .. } => {
                    waiting.push((left, false));
                    all(operands, &mut waiting, false);
                }
                Node::Conditional {
                    test,
                    body,
                    otherwise,
                } => {
                    waiting.extend([(test, false), (body, false), (otherwise, false)]);
                }
                Node::Subscript { value, index } => {
                    waiting.extend([(value, false), (index, false)]);
                }
                Node::Slice { lower, upper, step } => {
                    waiting.extend(
                        [lower, upper, step]
                            .into_iter()
                            .flatten()
                            .map(|node| (node, false)),
                    );
                }
                Node::Call {
                    function,
                    arguments,
                    keywords,
                } => {
                    waiting.push((function, false));
                    all(arguments, &mut waiting, false);
                    all(keywords, &mut waiting, false);
                }
                Node::Lambda { parameters, body } => {
                    self.defaults(expressions, parameters);
                    let inner = Self::of_expression(expressions, &[body]);
                    self.absorb(inner);
                    for parameter in expressions.parameters(parameters) {
                        self.nested
                            .insert(expressions.name(parameter.name).to_owned());
                    }
                }
                Node::ListComp { element, clauses } | Node::SetComp { element, clauses } => {
                    waiting.push((element, false));
                    all(clauses, &mut waiting, false);
                }
                Node::DictComp { pair, clauses } => {
                    all(pair, &mut waiting, false);
                    all(clauses, &mut waiting, false);
                }
                Node::Generator { element, clauses } => {
                    let mut inside = vec![element];
                    for (place, clause) in expressions.nodes(clauses).iter().enumerate() {
                        let Node::Clause {
                            target,
                            iterable,
                            conditions,
                        } = expressions.node(*clause)
                        else {
                            continue;
                        };
                        inside.push(target);
                        inside.extend(expressions.nodes(conditions));
                        if place == 0 {
                            waiting.push((iterable, false));
                        } else {
                            inside.push(iterable);
                        }
                    }
                    let inner = Self::of_expression(expressions, &inside);
                    self.absorb(inner);
                }
                Node::Clause {
                    target,
                    iterable,
                    conditions,
                } => {
                    waiting.extend([(target, false), (iterable, false)]);
                    all(conditions, &mut waiting, false);
                }
                Node::None
                | Node::True
                | Node::False
                | Node::Ellipsis
                | Node::Integer(_)
                | Node::BigInteger(_)
                | Node::Float(_)
                | Node::Text(_)
                | Node::Unpacked => {}
            }
        }
    }
}
