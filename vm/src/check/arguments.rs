//! Arguments: what splitting and resolving does to them.

use super::{Checker, Code};
use crate::script::Span;
use crate::script::expression::{Expressions, Node, parse};
use crate::script::template::{is_template, placeholders};
use crate::script::tree::{
    Argument, ArgumentValue, CallId, Callee, EvaluationId, RemarkKind, TextForm,
};

/// The commands that fill templates in.
const EXPANDING: [&str; 2] = ["AddvariableToJSON", "encodeMD5"];

impl Checker<'_> {
    /// Rules about the arguments of one call.
    pub(super) fn arguments(&mut self, id: CallId) {
        let call = *self.script.call(id);
        let name = self.text(call.name);
        let is_if = name == "if";
        let mut open_bracket = false;
        let arguments = self.script.arguments(id).to_vec();
        for (index, argument) in arguments.iter().enumerate() {
            let content = self.text(argument.span);
            let ArgumentValue::Text { text, quoted, form } = argument.value else {
                continue;
            };
            if index + 1 == arguments.len() {
                self.unclosed_quote(argument.span);
            }
            let brackets = balance(content, b"[{", b"]}");
            let ticks = content.matches('`').count() % 2;
            if !quoted
                && (brackets > 0 || ticks == 1)
                && !open_bracket
                && index + 1 < arguments.len()
            {
                open_bracket = true;
                if !(is_if && index == 2) {
                    self.report(
                        Code::SplitInBrackets,
                        argument.span,
                        "the comma splits the argument here: brackets, braces and backticks do not protect it",
                        "assign the value to a variable first, then pass the variable",
                    );
                }
            }
            self.resolution(id, argument, quoted, form, open_bracket);
            let word = self.text(text);
            if !quoted
                && !is_if
                && call.callee == Callee::Command
                && matches!(word, "true" | "false" | "null" | "True" | "False" | "None")
                && !self.assigned.contains(word)
            {
                let python = match word {
                    "true" => "True",
                    "false" => "False",
                    "null" => "None",
                    _ => word,
                };
                self.report(
                    Code::WordArgument,
                    argument.span,
                    format!("an argument `{word}` is the text `{word}`"),
                    format!("assign it first: `value = {python}`, then pass `value`; or write \"{word}\" to say that the text is meant"),
                );
            }
            if name == "encodeMD5" && index == 0 && self.assigned.contains(self.text(text)) {
                self.report(
                    Code::WordIsHashed,
                    argument.span,
                    format!(
                        "the word `{}` itself is hashed, not the variable's value",
                        self.shown(text)
                    ),
                    format!("write a template: `${{{}}}` in backticks", self.text(text)),
                );
            }
            if !is_if {
                self.template(argument.span, text, name);
            }
        }
    }

    /// All empty arguments of the script.
    pub(super) fn empty_arguments(&mut self) {
        for remark in self.script.remarks() {
            if let RemarkKind::EmptyArgument(call) = remark.kind {
                let name = self.shown(self.script.call(call).name);
                self.report(
                    Code::EmptyArgument,
                    remark.span,
                    format!("this argument of `{name}` is empty and dropped: later ones move left"),
                    "write `\"\"` for an empty text",
                );
            }
        }
    }

    /// A quote that lasts to the end of the list, with commas behind it.
    fn unclosed_quote(&mut self, piece: Span) {
        let mut open: Option<(u8, usize)> = None;
        let bytes = self.text(piece).as_bytes();
        for (at, &byte) in bytes.iter().enumerate() {
            match open {
                Some((quote, _)) if quote == byte => open = None,
                None if byte == b'"' || byte == b'\'' => open = Some((byte, at)),
                _ => {}
            }
        }
        if let Some((_, at)) = open
            && bytes[at..].contains(&b',')
        {
            let start = piece.start + at as u32;
            self.report(
                Code::UnclosedQuote,
                Span {
                    start,
                    end: piece.end,
                },
                "this quote has no partner: the commas behind it separate nothing",
                "put the whole text in quotes of the other kind: \"don't\"",
            );
        }
    }

    fn resolution(
        &mut self,
        call: CallId,
        argument: &Argument,
        quoted: bool,
        form: TextForm,
        in_brackets: bool,
    ) {
        match form {
            TextForm::Nested(inner) if !in_brackets => self.nested_call(argument, quoted, inner),
            TextForm::TooDeep => self.report(
                Code::TooDeep,
                argument.span,
                "calls nest too deep here: the request fails with `maximum recursion depth exceeded`",
                "assign inner values to variables",
            ),
            TextForm::Operation(id) if quoted => self.quoted_operation(argument, id),
            TextForm::Operation(id) => self.open_operation(id),
            TextForm::Plain | TextForm::Quoted(_) if !quoted && !in_brackets => {
                self.not_evaluated(call, argument.span, form);
            }
            _ => {}
        }
    }

    /// `"2024-10-12"`, `"A " + x + "!"`.
    fn quoted_operation(&mut self, argument: &Argument, id: EvaluationId) {
        let expressions = self.script.expressions();
        if let Ok(parsed) = self.script.evaluation(id).parsed {
            let constant = expressions.ids(parsed).all(|id| {
                matches!(
                    expressions.node(id),
                    Node::Integer(_)
                        | Node::BigInteger(_)
                        | Node::Float(_)
                        | Node::Binary(..)
                        | Node::Unary(..)
                )
            });
            if constant {
                self.report(
                    Code::QuotedArithmetic,
                    argument.span,
                    "this reads as arithmetic and is computed, quotes or not",
                    "put the text into a variable first: `text = \"…\"`, then pass `text`",
                );
            }
            return;
        }
        let whole = self.text(argument.span);
        let inner_quotes = whole.len() > 2 && whole[1..whole.len() - 1].contains(&whole[..1]);
        let source = self.script.source().text();
        if inner_quotes && parse(&mut Expressions::default(), source, argument.span).is_ok() {
            self.report(
                Code::QuotesAtBothEnds,
                argument.span,
                "quotes at both ends are taken off and the rest is one text, quotes and operators included",
                "assign it first: `text = …`, then pass `text`",
            );
        }
    }

    /// `a + "b` and such: an operation that is no expression stays text, which is often meant; names in it may be calls.
    fn open_operation(&mut self, id: EvaluationId) {
        if let Ok(parsed) = self.script.evaluation(id).parsed {
            self.names(parsed, super::assignments::Builtins::Four);
        }
    }

    /// `row["id"]`, `a == b`: expressions without one of the five operators.
    fn not_evaluated(&mut self, call: CallId, piece: Span, form: TextForm) {
        let content = self.text(piece);
        if !content.contains(['[', '<', '>']) && !content.contains(" in ") && !content.contains('.')
        {
            return;
        }
        let source = self.script.source().text();
        let mut expressions = Expressions::default();
        let Ok(parsed) = parse(&mut expressions, source, piece) else {
            return;
        };
        let telling = matches!(
            expressions.node(parsed.root),
            Node::Subscript { .. } | Node::Attribute { .. } | Node::Compare { .. } | Node::List(_)
        );
        let callee = self.script.call(call).callee;
        if telling
            && !(callee == Callee::Return
                || matches!(form, TextForm::Quoted(_)) && callee != Callee::Command)
        {
            self.report(
                Code::NotEvaluated,
                piece,
                format!(
                    "without `+ - * / %` it is the text `{}`, not its value",
                    self.shown(piece)
                ),
                "assign it first: `value = …`, then pass `value`",
            );
        }
    }

    /// `${name}` where nothing fills it in.
    fn template(&mut self, piece: Span, text: Span, command: &str) {
        if placeholders(self.script.source().text(), text)
            .next()
            .is_none()
        {
            return;
        }
        let in_backticks = is_template(self.text(text));
        if in_backticks && EXPANDING.contains(&command) {
            return;
        }
        let happens = if in_backticks {
            format!("`{command}` does not fill templates in: `${{…}}` stays as it is")
        } else {
            "templates are in backticks: `${…}` stays as it is".into()
        };
        let meant = "join texts in an assignment: `text = \"Hi \" + name`, or f\"Hi {name}\"";
        self.report(Code::TemplateNotExpanded, piece, happens, meant);
    }
}

/// How many of the `open` bytes there are, less those of `close`, outside quotes.
fn balance(text: &str, open: &[u8], close: &[u8]) -> i64 {
    let mut quote = None;
    let mut balance = 0;
    for byte in text.bytes() {
        match quote {
            Some(open) if open == byte => quote = None,
            None if byte == b'"' || byte == b'\'' => quote = Some(byte),
            None => balance += i64::from(open.contains(&byte)) - i64::from(close.contains(&byte)),
            _ => {}
        }
    }
    balance
}
