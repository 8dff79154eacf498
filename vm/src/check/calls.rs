//! Calls: whether there is such a command, how many arguments it gets, and what stands behind it.

use super::{Checker, Code, is_identifier, shorten};
use crate::script::Span;
use crate::script::expression::{Expressions, Node, NodeId, parse};
use crate::script::template::is_template;
use crate::script::tree::{Argument, ArgumentValue, CallId, Callee, StatementKind};

/// What `if` compares with.
const COMPARISONS: [&str; 7] = ["=", "==", "!=", "<", ">", "<=", ">="];

impl Checker<'_> {
    /// Rules about calls.
    pub(super) fn calls(&mut self) {
        for id in self.statements() {
            let statement = *self.script.statement(id);
            match statement.kind {
                StatementKind::If { call, .. } => {
                    self.behind(call, statement.span);
                    self.condition(call, statement.span);
                }
                StatementKind::Loop { call, body } => {
                    self.behind(call, statement.span);
                    self.loop_call(
                        call,
                        statement.span,
                        self.script.block(body).next().is_none(),
                    );
                }
                StatementKind::Call { call, target } => {
                    self.behind(call, statement.span);
                    self.called(call, target);
                }
                _ => {}
            }
        }
        for id in self.call_ids() {
            self.arguments(id);
        }
    }

    /// What is on the line behind a call's last `)`.
    fn behind(&mut self, call: CallId, line: Span) {
        let span = self.script.call(call).span;
        let rest = self.script.strip(Span {
            start: span.end,
            end: line.end,
        });
        let list = self.script.call(call).list;
        if span.end == list.end && !self.text(line).contains(')') {
            self.report(
                Code::Unclosed,
                line,
                "without a `)` the last character of the line is taken for it",
                "close the call on this line",
            );
            return;
        }
        let text = self.text(rest);
        if !rest.is_empty() && !text.starts_with("//") && text != ";" && text != "{" {
            self.report(
                Code::TextAfterCall,
                rest,
                format!("`{}` does nothing", shorten(text)),
                "one statement a line; begin a note with `//`",
            );
        }
        // `f(a) // see (b)`: the note's parenthesis belongs to the call.
        let inner = self.text(list);
        if let Some(at) = inner.find(") //").filter(|_| !inner.contains("://")) {
            let start = list.start + at as u32;
            self.report(
                Code::TextAfterCall,
                Span {
                    start,
                    end: list.end,
                },
                "the call lasts to the last `)` of the line: the note is part of its arguments",
                "put notes with parentheses on a line of their own",
            );
        }
    }

    /// A call that is a statement or an assignment's right side.
    fn called(&mut self, id: CallId, target: Option<Span>) {
        let call = *self.script.call(id);
        let name = self.text(call.name);
        match call.callee {
            Callee::Function(function) => {
                let wanted = self.script.function(function).parameters.len();
                let given = self.script.arguments(id).len();
                if given != wanted {
                    let code = if given > wanted {
                        Code::TooManyArguments
                    } else {
                        Code::TooFewArguments
                    };
                    let happens = if given > wanted {
                        format!(
                            "`{name}` has {wanted} parameters and gets {given} arguments: the rest is ignored"
                        )
                    } else {
                        format!(
                            "`{name}` has {wanted} parameters and gets {given} arguments: the others stay unbound"
                        )
                    };
                    self.report(code, call.span, happens, format!("give it {wanted}"));
                }
            }
            Callee::Command if self.catalog.interface(name).is_some() => self.argument_count(id),
            Callee::Command => self.unknown_command(name, call.span, target),
            Callee::Loop | Callee::Return => {}
        }
    }

    fn argument_count(&mut self, id: CallId) {
        let call = *self.script.call(id);
        let name = self.text(call.name);
        let Some(items) = self.catalog.interface(name) else {
            return;
        };
        let given = self.script.arguments(id).len();
        if given > items.len() {
            let happens = format!(
                "`{name}` has {} arguments and gets {given}: the rest is ignored",
                items.len()
            );
            let last = self.script.arguments(id)[items.len()].span;
            let meant = if items.is_empty() {
                "leave them out".into()
            } else {
                format!("{name}({})", items.join(", "))
            };
            self.report(Code::TooManyArguments, last, happens, meant);
        } else if given < items.len() && name != "exception" {
            let missing = items[given..].join(", ");
            let happens = format!(
                "`{name}` gets {given} of its {} arguments; missing: {missing}: many commands write to another argument then",
                items.len()
            );
            let meant = format!(
                "{name}({}); write `\"\"` for one that is to be empty",
                items.join(", ")
            );
            self.report(Code::TooFewArguments, call.span, happens, meant);
        }
    }

    pub(super) fn no_such_construct(&mut self, name: &str, span: Span) {
        let meant = match name {
            "elseif" | "elif" => {
                "put a second `if(…)` with its own `end()` between `else()` and `end()`"
            }
            "endif" => "write `end()`",
            "while" => "there is only the counting loop: `startLoop(i, 1, n)` … `endLoop()`",
            "for" | "foreach" => {
                "write `startLoop(i, 0, last)` … `endLoop()` and `itemFromList(list, i, item)`"
            }
            _ => "write `if(a, b, =)` … `else()` … `end()`",
        };
        self.report(
            Code::NoSuchConstruct,
            span,
            format!("there is no `{name}`: the request fails here"),
            meant,
        );
    }

    fn unknown_command(&mut self, name: &str, span: Span, target: Option<Span>) {
        if target.is_some()
            && (!is_identifier(name) || matches!(name, "len" | "str" | "int" | "float"))
        {
            let call = self.shown(span);
            let shown = if name.is_empty() {
                "a command with an empty name".into()
            } else {
                format!("a command `{}`", shorten(name))
            };
            let neutral = if name == "str" || name.contains('"') || name.contains('.') {
                "\"\""
            } else {
                "0"
            };
            self.report(
                Code::CallWithoutOperator,
                span,
                format!("a right side that ends in `)` without `+ - * /` is a call of {shown}: the request fails"),
                format!("add a neutral operation: `{call} + {neutral}`"),
            );
            return;
        }
        if matches!(
            name,
            "elseif" | "elif" | "endif" | "while" | "for" | "foreach" | "switch"
        ) {
            return self.no_such_construct(name, span);
        }
        let happens = format!(
            "there is no command `{}`: the request fails with `Command not found`",
            shorten(name)
        );
        let meant = match self.catalog.similar(name) {
            Some(similar) => format!("did you mean `{similar}`?"),
            None => "define a function of that name, or look at the catalogue".into(),
        };
        self.report(Code::UnknownCommand, span, happens, meant);
    }

    /// A call that is the argument of another.
    pub(super) fn nested_call(&mut self, argument: &Argument, quoted: bool, id: CallId) {
        let call = *self.script.call(id);
        let name = self.text(call.name);
        if let Callee::Function(_) | Callee::Return = call.callee {
            return self.called(id, None);
        }
        let known = self.catalog.interface(name).is_some();
        let end = if known {
            "it gives null"
        } else {
            "the request fails"
        };
        if quoted || !is_identifier(name) {
            let meant = if name.contains(");") {
                "one statement a line: the next one begins behind `;`"
            } else {
                "put the text into a variable first: `text = \"…\"`, then pass `text`"
            };
            self.report(
                Code::QuotedCall,
                argument.span,
                format!(
                    "text with `( )` and no operator is a call of `{}`: {end}",
                    shorten(name)
                ),
                meant,
            );
        } else if known {
            self.report(
                Code::NestedCommand,
                argument.span,
                format!("`{name}` runs, and the argument is null"),
                format!("give `{name}` a target on a line of its own, then pass that variable"),
            );
        } else {
            self.unknown_command(name, argument.span, None);
        }
    }

    fn loop_call(&mut self, id: CallId, line: Span, empty: bool) {
        let call = self.script.call(id);
        if empty && !self.text(line).starts_with("startLoop(") {
            self.report(
                Code::LoopWithoutBody,
                line,
                "with a space in front of `(` the loop has no body: what follows runs once",
                "write `startLoop(` without a space",
            );
        }
        let span = call.span;
        if self.script.arguments(id).len() < 3 {
            self.report(
                Code::MissingArguments,
                span,
                "it needs three arguments: the request fails with `list index out of range`",
                "startLoop(name, first, last)",
            );
        }
    }

    fn condition(&mut self, id: CallId, line: Span) {
        let arguments = self.script.arguments(id);
        let Some(operator) = arguments.get(2) else {
            self.report(
                Code::MissingArguments,
                line,
                "it needs three arguments: the request fails with `'comparator'`",
                "if(left, right, =), or if(None, None, `condition`)",
            );
            return;
        };
        let ArgumentValue::Text { text, .. } = operator.value else {
            return self.unknown_comparison(operator.span);
        };
        let operator_text = self.text(text).trim_matches(['"', '\'', ' ']);
        if is_template(operator_text) {
            let inner = &operator_text[1..operator_text.len() - 1];
            let place = self.text(text).find(inner).unwrap_or(0);
            let start = text.start as usize + place;
            let span = Span::new(start, start + inner.len());
            // It is parsed when it runs; here once more, in vectors of its own.
            let mut own = Expressions::default();
            match parse(
                &mut own,
                self.script.source().text(),
                self.script.strip(span),
            ) {
                Err(error) => {
                    let happens =
                        format!("the condition cannot be read ({error}): it is always false");
                    self.report(
                        Code::ConditionFails,
                        span,
                        happens,
                        "write a Python expression over variables",
                    );
                }
                Ok(parsed) if own.ids(parsed).any(|id| calls_a_name(&own, id)) => self.report(
                    Code::ConditionFails,
                    span,
                    "a condition can call no function: it is false where it would",
                    "assign the value to a variable first: `n = len(items) + 0`",
                ),
                Ok(_) => {}
            }
        } else if operator_text.starts_with('`') {
            self.report(
                Code::ConditionFails,
                operator.span,
                "a comma outside quotes and parentheses ends the condition: it is always false",
                "put parentheses around the part with the comma",
            );
        } else if !COMPARISONS.contains(&operator_text) {
            self.unknown_comparison(operator.span);
        }
    }

    fn unknown_comparison(&mut self, operator: Span) {
        let text = self.text(operator);
        let meant = if text.contains([' ', '.', '(']) || text.contains("and") {
            "for an expression write if(None, None, `expression`), with backticks"
        } else {
            "operators are = == != < > <= >=; for others write if(None, None, `a in b`)"
        };
        let happens = format!(
            "`{}` is no operator: the condition is always false",
            shorten(text)
        );
        self.report(Code::UnknownComparison, operator, happens, meant);
    }
}

/// Is it `name(…)`? Methods are called too, but have an object in front of them.
fn calls_a_name(expressions: &Expressions, id: NodeId) -> bool {
    matches!(expressions.node(id), Node::Call { function, .. } if matches!(expressions.node(function), Node::Name(_)))
}
