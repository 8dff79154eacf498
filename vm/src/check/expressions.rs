//! Expressions that will certainly fail, so that their text is stored.

use super::assignments::Builtins;
use super::{Checker, Code};
use crate::script::Span;
use crate::script::expression::{BinaryOp, Expression, Node, NodeId};
use crate::script::source::is_space;
use crate::script::tree::EvaluationId;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// Every name that an expression can call without a variable of that name.
const FOUR: [&str; 4] = ["str", "int", "float", "len"];

/// What `return` has besides.
const PURE: [&str; 16] = [
    "max",
    "min",
    "sum",
    "abs",
    "round",
    "sorted",
    "range",
    "list",
    "dict",
    "tuple",
    "set",
    "bool",
    "any",
    "all",
    "zip",
    "enumerate",
];

/// Names that a part of an expression can see, when it stands in a comprehension or lambda.
struct Scope<'a> {
    names: HashSet<&'a str>,
    around: Option<Rc<Scope<'a>>>,
}

impl Scope<'_> {
    fn sees(&self, name: &str) -> bool {
        let mut scope = Some(self);
        while let Some(here) = scope {
            if here.names.contains(name) {
                return true;
            }
            scope = here.around.as_deref();
        }
        false
    }
}

impl<'a> Checker<'a> {
    /// Rules about one expression.
    pub(super) fn expression(&mut self, id: EvaluationId, builtins: Builtins) {
        let evaluation = self.script.evaluation(id);
        match &evaluation.parsed {
            Err(error) => self.unreadable(evaluation.text, &error.message, error.span, builtins),
            Ok(parsed) => {
                if let Some(name) = self.lone_name(id) {
                    self.lone_word(name, evaluation.text);
                } else {
                    self.names(*parsed, builtins);
                }
            }
        }
    }

    fn unreadable(&mut self, text: Span, message: &str, at: Span, builtins: Builtins) {
        let content = self.text(text);
        if content.is_empty() {
            return;
        }
        let place = if text.start <= at.start && at.end <= text.end && !at.is_empty() {
            at
        } else {
            text
        };
        let what = if builtins == Builtins::Return {
            "returned"
        } else {
            "stored"
        };
        let happens = format!("this is no expression ({message}): its own text is {what}");
        if content.contains('`') {
            let meant = "backticks are for commands that fill templates in; join texts with `+`, or write f\"… {name}\"";
            self.report(Code::TemplateNotExpanded, text, happens, meant);
            return;
        }
        let plain = content
            .chars()
            .all(|char| char.is_alphanumeric() || is_space(char) || "_.,!?:;".contains(char));
        let meant = if content.ends_with(';') {
            "leave out the `;`"
        } else if content.contains(['“', '”', '‘', '’']) {
            "write straight quotes: `\"`"
        } else if message.starts_with("leading zeros") {
            "a number has no leading zeros; put a date or a code in quotes"
        } else if message.contains("&&")
            || content.contains("&&")
            || content.contains("||")
            || content.contains('!')
        {
            "write `and`, `or`, `not`"
        } else if plain {
            "put text in quotes"
        } else {
            "expressions are Python's"
        };
        self.report(Code::NotAnExpression, place, happens, meant);
    }

    /// A right side that is one word.
    fn lone_word(&mut self, name: &str, span: Span) {
        let python = match name {
            "true" => "True",
            "false" => "False",
            "null" | "nil" | "undefined" | "none" => "None",
            _ => return,
        };
        if self.assigned.contains(name) {
            return;
        }
        let happens = format!(
            "`{name}` is no literal: unless a variable has that name the text `{name}` is stored"
        );
        self.report(Code::WordIsText, span, happens, format!("write `{python}`"));
    }

    /// Names and calls that cannot work where they stand.
    pub(super) fn names(&mut self, parsed: Expression, builtins: Builtins) {
        let expressions = self.script.expressions();
        // Only nodes within a comprehension or lambda have a scope: all others see every variable.
        let mut scopes: HashMap<NodeId, Rc<Scope<'a>>> = HashMap::new();
        let mut found: Vec<(Code, Span, String, String)> = Vec::new();
        // Nodes that may not be evaluated at all.
        let mut lazy: HashSet<NodeId> = HashSet::new();
        let mut parts = Vec::new();
        let mut open = vec![parsed.root];
        while let Some(id) = open.pop() {
            let scope = scopes.remove(&id);
            match expressions.node(id) {
                Node::Name(name) => {
                    let name = expressions.name(name);
                    if scope.as_ref().is_some_and(|scope| !scope.sees(name))
                        && !is_builtin(name, builtins)
                    {
                        found.push((
                            Code::ScopeOfComprehension,
                            expressions.span(id),
                            format!("in a comprehension or lambda `{name}` is not visible: the whole expression fails"),
                            "only its own names, and what the first `in` says, are there: use a loop".into(),
                        ));
                    }
                    if matches!(name, "true" | "false" | "null")
                        && parsed.root != id
                        && !self.assigned.contains(name)
                    {
                        let python = if name == "null" {
                            "None"
                        } else if name == "true" {
                            "True"
                        } else {
                            "False"
                        };
                        let happens = format!(
                            "`{name}` is no literal: the expression fails, and its text is stored"
                        );
                        found.push((
                            Code::WordIsText,
                            expressions.span(id),
                            happens,
                            format!("write `{python}`"),
                        ));
                    }
                }
                Node::Call { function, .. } => {
                    if let Node::Name(name) = expressions.node(function) {
                        let name = expressions.name(name);
                        let local = scope.as_ref().is_some_and(|scope| scope.sees(name));
                        if !local && !is_builtin(name, builtins) && !self.assigned.contains(name) {
                            found.push(self.unknown_function(name, expressions.span(id), builtins));
                            continue;
                        }
                    }
                }
                Node::Binary(op, left, right) if !lazy.contains(&id) => {
                    if let Some((why, meant)) = self.always_fails(op, left, right) {
                        let happens =
                            format!("{why}: the expression fails, and its text is stored");
                        found.push((
                            Code::AlwaysFails,
                            expressions.span(id),
                            happens,
                            meant.into(),
                        ));
                    }
                }
                _ => {}
            }
            parts.clear();
            expressions.push_parts(id, &mut parts);
            if lazy.contains(&id) || is_lazy(expressions.node(id)) {
                lazy.extend(&parts);
            }
            self.enter(id, scope.as_ref(), &parts, &mut scopes);
            open.append(&mut parts);
        }
        for (code, span, happens, meant) in found {
            self.report(code, span, happens, meant);
        }
    }

    /// Why two literals, or anything and a literal 0, can never be operands of this operator.
    fn always_fails(
        &self,
        op: BinaryOp,
        left: NodeId,
        right: NodeId,
    ) -> Option<(&'static str, &'static str)> {
        let expressions = self.script.expressions();
        let is_text = |id| matches!(expressions.node(id), Node::Text(_) | Node::JoinedStr(_));
        let is_number = |id| {
            matches!(
                expressions.node(id),
                Node::Integer(_) | Node::BigInteger(_) | Node::Float(_)
            )
        };
        let is_zero = matches!(expressions.node(right), Node::Integer(0))
            || expressions.node(right) == Node::Float(0.0);
        match op {
            BinaryOp::Add
                if is_text(left) && is_number(right) || is_number(left) && is_text(right) =>
            {
                Some((
                    "text and number cannot be added",
                    "write `str(number)`, or put the number in quotes",
                ))
            }
            BinaryOp::Sub | BinaryOp::Div | BinaryOp::FloorDiv
                if is_text(left) || is_text(right) =>
            {
                Some((
                    "a text cannot be subtracted or divided",
                    "write `int(text)` or `float(text)`",
                ))
            }
            BinaryOp::Div | BinaryOp::FloorDiv if is_zero => {
                Some(("this divides by 0", "look at the divisor"))
            }
            BinaryOp::Mod if is_zero && is_number(left) => {
                Some(("this divides by 0", "look at the divisor"))
            }
            _ => None,
        }
    }

    /// Gives the parts of a node their scope.
    fn enter(
        &self,
        id: NodeId,
        scope: Option<&Rc<Scope<'a>>>,
        parts: &[NodeId],
        scopes: &mut HashMap<NodeId, Rc<Scope<'a>>>,
    ) {
        let expressions = self.script.expressions();
        let mut names = HashSet::new();
        let mut outside = None;
        match expressions.node(id) {
            Node::Lambda { parameters, body } => {
                names.extend(
                    expressions
                        .parameters(parameters)
                        .iter()
                        .map(|one| expressions.name(one.name)),
                );
                let own = Rc::new(Scope {
                    names,
                    around: scope.cloned(),
                });
                scopes.insert(body, own);
                for &part in parts.iter().filter(|&&part| part != body) {
                    scopes.extend(scope.map(|scope| (part, scope.clone())));
                }
                return;
            }
            Node::ListComp { clauses, .. }
            | Node::SetComp { clauses, .. }
            | Node::DictComp { clauses, .. }
            | Node::Generator { clauses, .. } => {
                for &clause in expressions.nodes(clauses) {
                    if let Node::Clause {
                        target, iterable, ..
                    } = expressions.node(clause)
                    {
                        outside = outside.or(Some(iterable));
                        self.bound_names(target, &mut names);
                    }
                }
            }
            _ => {
                for &part in parts {
                    // The first iterable of a comprehension has its scope already.
                    if let Some(scope) = scope
                        && !scopes.contains_key(&part)
                    {
                        scopes.insert(part, scope.clone());
                    }
                }
                if let Node::Clause { iterable, .. } = expressions.node(id)
                    && scopes
                        .get(&iterable)
                        .is_some_and(|scope| scope.names.contains(EVERYTHING))
                {
                    scopes.remove(&iterable);
                }
                return;
            }
        }
        let own = Rc::new(Scope {
            names,
            around: scope.cloned(),
        });
        scopes.extend(parts.iter().map(|&part| (part, own.clone())));
        if let Some(first) = outside {
            let everything = || {
                Rc::new(Scope {
                    names: HashSet::from([EVERYTHING]),
                    around: None,
                })
            };
            scopes.insert(first, scope.cloned().unwrap_or_else(everything));
        }
    }

    /// The names that the target of a `for` binds.
    fn bound_names(&self, target: NodeId, names: &mut HashSet<&'a str>) {
        let expressions = self.script.expressions();
        let mut open = vec![target];
        while let Some(target) = open.pop() {
            match expressions.node(target) {
                Node::Name(name) => _ = names.insert(expressions.name(name)),
                Node::Starred(_) | Node::Tuple(_) | Node::List(_) => {
                    expressions.push_parts(target, &mut open);
                }
                _ => {}
            }
        }
    }

    fn unknown_function(
        &self,
        name: &str,
        span: Span,
        builtins: Builtins,
    ) -> (Code, Span, String, String) {
        if self.script.function_named(name).is_some() {
            let happens =
                format!("an expression cannot call `{name}`: it fails, and its text is stored");
            return (
                Code::FunctionInExpression,
                span,
                happens,
                format!("two lines: `part = {name}(…)`, then use `part`"),
            );
        }
        let (happens, meant) = match builtins {
            Builtins::Four if PURE.contains(&name) => (
                format!(
                    "only `return` knows `{name}`: the expression fails, and its text is stored"
                ),
                format!("write a function whose body is `return {name}(…)`"),
            ),
            _ if self.catalog.interface(name).is_some() => (
                format!(
                    "`{name}` is a command, which an expression cannot call: its text is stored"
                ),
                format!("call `{name}(…)` on a line of its own"),
            ),
            _ => (
                format!(
                    "there is no function `{name}`: the expression fails, and its text is stored"
                ),
                "expressions know `str`, `int`, `float` and `len`, and methods such as `.upper()`"
                    .into(),
            ),
        };
        (Code::NoSuchFunction, span, happens, meant)
    }
}

/// Stands in a scope that sees every variable; no name has a space.
const EVERYTHING: &str = "every name";

/// Are there parts of this node that it may leave unevaluated?
fn is_lazy(node: Node) -> bool {
    matches!(
        node,
        Node::Bool(..)
            | Node::Conditional { .. }
            | Node::Compare { .. }
            | Node::Lambda { .. }
            | Node::ListComp { .. }
            | Node::SetComp { .. }
            | Node::DictComp { .. }
            | Node::Generator { .. }
    )
}

fn is_builtin(name: &str, builtins: Builtins) -> bool {
    match builtins {
        Builtins::Four => FOUR.contains(&name),
        Builtins::Return => FOUR.contains(&name) || PURE.contains(&name),
    }
}
