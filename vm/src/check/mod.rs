//! What will surprise the writer of a script, said before it runs.
//!
//! The language never complains: lines that fit no rule are left out, expressions that fail store their own text, empty arguments
//! vanish. [`check`] reads a script, runs nothing of it, and names each such place: what will happen, what was probably meant, and
//! how that is written. All kinds are in one table, [`codes::CODES`]; those that lose text or work are errors of the strict
//! dialect.
//!
//! It says only what is certain from the text and the catalogue. Where a value of the request decides, it says nothing.

mod arguments;
mod assignments;
mod blocks;
mod calls;
mod catalog;
pub mod codes;
#[cfg(test)]
mod document_tests;
mod expressions;
mod functions;
mod lines;
#[cfg(test)]
mod property_tests;
mod render;
mod shadowing;
#[cfg(test)]
mod tests;

use crate::limits::DIAGNOSTICS_MAX;
use crate::script::tree::{CallId, EvaluationId, Script, StatementId, StatementKind};
use crate::script::{Position, Span, parse_leniently};
pub use catalog::{Catalog, most_similar};
pub use codes::{Code, Severity};
pub use render::render;
use std::collections::HashSet;

/// One place of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The kind of surprise.
    pub code: Code,
    /// The text it is about.
    pub span: Span,
    /// Where that begins.
    pub position: Position,
    /// What will happen.
    pub happens: String,
    /// What was probably meant and how to write it.
    pub meant: String,
}

/// What a check found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// In the order of the text.
    pub diagnostics: Vec<Diagnostic>,
    /// How many more there were than [`DIAGNOSTICS_MAX`].
    pub left_out: u64,
}

impl Report {
    /// Would the strict dialect refuse the script?
    #[must_use]
    pub fn is_refused_by_strict(&self) -> bool {
        self.left_out > 0 || self.diagnostics.iter().any(|one| one.code.info().strict)
    }
}

/// Checks a script against a catalogue. Nothing is run.
#[must_use]
pub fn check(text: &str, catalog: &dyn Catalog) -> Report {
    let script = match parse_leniently(text) {
        Ok(script) => script,
        Err(error) => {
            let diagnostic = Diagnostic {
                code: Code::TooLarge,
                span: Span::default(),
                position: Position { line: 1, column: 1 },
                happens: error.message,
                meant: "split the script".into(),
            };
            return Report {
                diagnostics: vec![diagnostic],
                left_out: 0,
            };
        }
    };
    let mut checker = Checker {
        script: &script,
        catalog,
        assigned: assigned(&script),
        found: Vec::new(),
        left_out: 0,
    };
    checker.lines();
    checker.blocks();
    checker.assignments();
    checker.calls();
    checker.empty_arguments();
    checker.functions();
    checker.shadowing();
    let mut found = checker.found;
    found.sort_by_key(|one| (one.span.start, one.code));
    found.dedup_by_key(|one| (one.span.start, one.code));
    Report {
        diagnostics: found,
        left_out: checker.left_out,
    }
}

/// A check under way. Each file beside this one adds the rules of one part of the language.
struct Checker<'a> {
    script: &'a Script,
    catalog: &'a dyn Catalog,
    /// Names that some line assigns to, and parameters.
    assigned: HashSet<&'a str>,
    found: Vec<Diagnostic>,
    left_out: u64,
}

impl<'a> Checker<'a> {
    fn report(
        &mut self,
        code: Code,
        span: Span,
        happens: impl Into<String>,
        meant: impl Into<String>,
    ) {
        if self.found.len() >= DIAGNOSTICS_MAX {
            self.left_out += 1;
            return;
        }
        let position = self.script.position(span);
        self.found.push(Diagnostic {
            code,
            span,
            position,
            happens: happens.into(),
            meant: meant.into(),
        });
    }

    /// What a span names.
    fn text(&self, span: Span) -> &'a str {
        self.script.text(span)
    }

    /// The same, shortened for a message.
    fn shown(&self, span: Span) -> String {
        shorten(self.text(span))
    }

    fn statements(&self) -> impl Iterator<Item = StatementId> + use<> {
        self.script.statement_ids()
    }

    fn call_ids(&self) -> impl Iterator<Item = CallId> + use<> {
        self.script.call_ids()
    }

    /// The name of a variable that an expression consists of, if it is nothing else.
    fn lone_name(&self, id: EvaluationId) -> Option<&'a str> {
        use crate::script::expression::Node;
        let expressions = self.script.expressions();
        let parsed = self.script.evaluation(id).parsed.as_ref().ok()?;
        match expressions.node(parsed.root) {
            Node::Name(name) => Some(expressions.name(name)),
            _ => None,
        }
    }
}

/// Names that some line assigns to, and parameters.
fn assigned(script: &Script) -> HashSet<&str> {
    let targets = script.statements().filter_map(|(_, one)| match one.kind {
        StatementKind::Assign { target, .. } => Some(target),
        StatementKind::Call { target, .. } => target,
        _ => None,
    });
    let parameters = script
        .functions()
        .flat_map(|(_, function)| function.parameters.iter().copied());
    targets
        .chain(parameters)
        .map(|span| script.text(span))
        .collect()
}

/// Text of a script in a message: at most 60 characters of it.
fn shorten(text: &str) -> String {
    match text.char_indices().nth(60) {
        None => text.into(),
        Some((at, _)) => format!("{}…", &text[..at]),
    }
}

/// Is it a name that an expression can say?
fn is_identifier(text: &str) -> bool {
    let mut chars = text.chars();
    chars
        .next()
        .is_some_and(|first| first == '_' || unicode_ident::is_xid_start(first))
        && chars.all(unicode_ident::is_xid_continue)
}
