//! The text form of expressions: one line of parentheses, for tests and for people.
//!
//! `a + b * 2` is `(+ a (* b 2))`, `row["id"].strip()` is `(call (. ([] row "id") strip))`. A part that is left out is `_`.

use super::{
    BinaryOp, BoolOp, CompareOp, Conversion, Expressions, Node, NodeId, ParameterKind, Text,
    TextId, UnaryOp,
};
use std::fmt::Write as _;

/// The text form of a node and all below it. Works without recursion.
#[must_use]
pub fn print(of: &Expressions, root: NodeId) -> String {
    let mut printer = Printer {
        of,
        out: String::new(),
        open: vec![Piece::Node(root)],
    };
    while let Some(piece) = printer.open.pop() {
        match piece {
            Piece::Node(id) => printer.node(id),
            Piece::Word(word) => printer.out.push_str(word),
            Piece::Name(name) => printer.out.push_str(of.name(name)),
        }
    }
    printer.out
}

#[derive(Clone, Copy)]
enum Piece {
    Node(NodeId),
    Word(&'static str),
    Name(TextId),
}

struct Printer<'a> {
    of: &'a Expressions,
    out: String,
    /// What is to be written, the next at the end.
    open: Vec<Piece>,
}

impl Printer<'_> {
    #[expect(clippy::too_many_lines, reason = "one arm a kind of node")]
    fn node(&mut self, id: NodeId) {
        use Piece::{Name, Node as Part, Word};
        let of = self.of;
        match of.node(id) {
            Node::None => self.out.push_str("None"),
            Node::True => self.out.push_str("True"),
            Node::False => self.out.push_str("False"),
            Node::Ellipsis => self.out.push_str("..."),
            Node::Unpacked => self.out.push_str("**"),
            Node::Integer(value) => _ = write!(self.out, "{value}"),
            Node::BigInteger(value) => _ = write!(self.out, "{}", of.integer(value)),
            Node::Float(value) => self.out.push_str(&float(value)),
            Node::Text(text) => literal(&mut self.out, of.text(text)),
            Node::Name(name) => self.out.push_str(of.name(name)),
            Node::JoinedStr(parts) => self.form("f", of.nodes(parts).iter().map(|&id| Part(id))),
            Node::FormattedValue {
                value,
                conversion,
                spec,
            } => {
                let conversion = match conversion {
                    Conversion::None => None,
                    Conversion::Str => Some(Word("!s")),
                    Conversion::Repr => Some(Word("!r")),
                    Conversion::Ascii => Some(Word("!a")),
                };
                self.form(
                    "field",
                    [Some(Part(value)), conversion, spec.map(Part)]
                        .into_iter()
                        .flatten(),
                );
            }
            Node::Unary(op, value) => self.form(unary(op), [Part(value)].into_iter()),
            Node::Binary(op, left, right) => {
                self.form(binary(op), [Part(left), Part(right)].into_iter());
            }
            Node::Bool(op, operands) => {
                let word = if op == BoolOp::And { "and" } else { "or" };
                self.form(word, of.nodes(operands).iter().map(|&id| Part(id)));
            }
            Node::Compare {
                left,
                ops,
                operands,
            } => {
                let pairs = of.compare_ops(ops).iter().zip(of.nodes(operands));
                let rest = pairs.flat_map(|(&op, &operand)| [Word(compare(op)), Part(operand)]);
                self.form("compare", std::iter::once(Part(left)).chain(rest));
            }
            Node::Conditional {
                test,
                body,
                otherwise,
            } => {
                self.form("if", [Part(test), Part(body), Part(otherwise)].into_iter());
            }
            Node::Lambda { parameters, body } => {
                let mut pieces = Vec::new();
                for parameter in of.parameters(parameters) {
                    pieces.extend([Word(kind(parameter.kind)), Name(parameter.name)]);
                    pieces.extend(parameter.default.map(Part));
                }
                pieces.extend([Word(":"), Part(body)]);
                self.form("lambda", pieces.into_iter());
            }
            Node::Walrus { target, value } => {
                self.form(":=", [Name(target), Part(value)].into_iter());
            }
            Node::List(list) => self.form("list", of.nodes(list).iter().map(|&id| Part(id))),
            Node::Tuple(list) => self.form("tuple", of.nodes(list).iter().map(|&id| Part(id))),
            Node::Set(list) => self.form("set", of.nodes(list).iter().map(|&id| Part(id))),
            Node::Dict(list) => self.form("dict", of.nodes(list).iter().map(|&id| Part(id))),
            Node::Starred(value) => self.form("*", [Part(value)].into_iter()),
            Node::Attribute { value, name } => {
                self.form(".", [Part(value), Name(name)].into_iter());
            }
            Node::Subscript { value, index } => {
                self.form("[]", [Part(value), Part(index)].into_iter());
            }
            Node::Slice { lower, upper, step } => {
                self.form(
                    "slice",
                    [lower, upper, step]
                        .into_iter()
                        .map(|part| part.map_or(Word("_"), Part)),
                );
            }
            Node::Call {
                function,
                arguments,
                keywords,
            } => {
                let parts = of.nodes(arguments).iter().chain(of.nodes(keywords));
                self.form(
                    "call",
                    std::iter::once(Part(function)).chain(parts.map(|&id| Part(id))),
                );
            }
            Node::Keyword { name, value } => {
                self.form(
                    "=",
                    [name.map_or(Word("**"), Name), Part(value)].into_iter(),
                );
            }
            Node::ListComp { element, clauses } => {
                self.comprehension("listcomp", &[element], of.nodes(clauses));
            }
            Node::SetComp { element, clauses } => {
                self.comprehension("setcomp", &[element], of.nodes(clauses));
            }
            Node::Generator { element, clauses } => {
                self.comprehension("generator", &[element], of.nodes(clauses));
            }
            Node::DictComp { pair, clauses } => {
                self.comprehension("dictcomp", of.nodes(pair), of.nodes(clauses));
            }
            Node::Clause {
                target,
                iterable,
                conditions,
            } => {
                let conditions = of.nodes(conditions).iter().map(|&id| Part(id));
                self.form(
                    "for",
                    [Part(target), Part(iterable)].into_iter().chain(conditions),
                );
            }
        }
    }

    fn comprehension(&mut self, word: &'static str, element: &[NodeId], clauses: &[NodeId]) {
        self.form(
            word,
            element.iter().chain(clauses).map(|&id| Piece::Node(id)),
        );
    }

    /// `(word piece piece …)`.
    fn form(&mut self, word: &str, pieces: impl Iterator<Item = Piece>) {
        self.out.push('(');
        self.out.push_str(word);
        let from = self.open.len();
        for piece in pieces {
            self.open.extend([Piece::Word(" "), piece]);
        }
        self.open.push(Piece::Word(")"));
        self.open[from..].reverse();
    }
}

fn unary(op: UnaryOp) -> &'static str {
    match op {
        UnaryOp::Not => "not",
        UnaryOp::Plus => "+",
        UnaryOp::Minus => "-",
        UnaryOp::Invert => "~",
    }
}

fn binary(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Mult => "*",
        BinaryOp::MatMult => "@",
        BinaryOp::Div => "/",
        BinaryOp::FloorDiv => "//",
        BinaryOp::Mod => "%",
        BinaryOp::Pow => "**",
        BinaryOp::LShift => "<<",
        BinaryOp::RShift => ">>",
        BinaryOp::BitOr => "|",
        BinaryOp::BitXor => "^",
        BinaryOp::BitAnd => "&",
    }
}

fn compare(op: CompareOp) -> &'static str {
    match op {
        CompareOp::Eq => "==",
        CompareOp::NotEq => "!=",
        CompareOp::Lt => "<",
        CompareOp::LtE => "<=",
        CompareOp::Gt => ">",
        CompareOp::GtE => ">=",
        CompareOp::Is => "is",
        CompareOp::IsNot => "is-not",
        CompareOp::In => "in",
        CompareOp::NotIn => "not-in",
    }
}

fn kind(kind: ParameterKind) -> &'static str {
    match kind {
        ParameterKind::PositionalOnly => "positional-only",
        ParameterKind::Positional => "positional",
        ParameterKind::Rest => "*",
        ParameterKind::KeywordOnly => "keyword-only",
        ParameterKind::KeywordRest => "**",
    }
}

/// A float as Python's `repr` writes it.
#[must_use]
pub fn float(value: f64) -> String {
    if !value.is_finite() {
        return if value.is_nan() {
            "nan".into()
        } else if value > 0.0 {
            "inf".into()
        } else {
            "-inf".into()
        };
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..16).contains(&exponent) => {
            format!(
                "{digits}e{}{:02}",
                if exponent < 0 { '-' } else { '+' },
                exponent.abs()
            )
        }
        _ => format!("{value:?}"),
    }
}

/// A literal in double quotes, all but printable characters escaped.
fn literal(out: &mut String, text: &Text) {
    let content = match text {
        Text::Plain(text) => return quoted(out, text.chars().map(u32::from)),
        Text::Bytes(bytes) => {
            out.push('b');
            return quoted(out, bytes.iter().map(|&byte| u32::from(byte)));
        }
        Text::Surrogates(content) => content,
    };
    let mut codes = Vec::new();
    let mut rest = &content[..];
    while let Some(&first) = rest.first() {
        let length = [1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 2, 2, 3, 4][usize::from(first >> 4)]
            .max(1)
            .min(rest.len());
        let lead = if length == 1 {
            u32::from(first)
        } else {
            u32::from(first) & (0x7f >> length)
        };
        codes.push(
            rest[1..length]
                .iter()
                .fold(lead, |code, &byte| code << 6 | u32::from(byte & 0x3f)),
        );
        rest = &rest[length..];
    }
    quoted(out, codes.into_iter());
}

fn quoted(out: &mut String, codes: impl Iterator<Item = u32>) {
    out.push('"');
    for code in codes {
        match char::from_u32(code) {
            Some(char @ ('"' | '\\')) => out.extend(['\\', char]),
            Some(char @ ' '..='~') => out.push(char),
            _ => _ = write!(out, "\\u{{{code:x}}}"),
        }
    }
    out.push('"');
}
