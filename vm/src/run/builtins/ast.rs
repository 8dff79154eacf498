//! The module `ast`: `literal_eval`, by the parser of expressions.

use super::{Args, Member, ModuleDef, function, named, required};
use crate::bytecode::operand::Unary;
use crate::limits::LITERAL_BYTES_MAX;
use crate::run::context::Context;
use crate::run::fault::{Class, Fault};
use crate::run::ops::arithmetic;
use crate::run::value::Value;
use crate::script::expression::{Expressions, Node, NodeId, Nodes, Text, UnaryOp, parse};
use crate::script::number::Integer;
use crate::script::span::Span;

/// `ast`.
pub static MODULE: ModuleDef = ModuleDef {
    name: "ast",
    members: &[Member::Native(function(
        "literal_eval",
        named(&[required("node_or_string")]),
        literal_eval,
    ))],
};

fn literal_eval<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let given = args.or_none(0);
    let Some(text) = given.as_str() else {
        let mut repr = context.builder();
        crate::run::ops::print::write_repr(context, &mut repr, given)?;
        return Err(context.raise(
            Class::ValueError,
            format_args!("malformed node or string: {}", repr.as_str()),
        ));
    };
    // Lexing, parsing and building take about 20 ns a byte.
    context.charge(16 + text.len() * 2)?;
    if text.len() > LITERAL_BYTES_MAX {
        return Err(context.raise(Class::MemoryError, "the text is too long for a literal"));
    }
    if text.contains('\0') {
        return Err(context.raise(
            Class::ValueError,
            "source code string cannot contain null bytes",
        ));
    }
    let text = text.trim_start_matches([' ', '\t']);
    let mut expressions = Expressions::default();
    let root = match parse(&mut expressions, text, Span::new(0, text.len())) {
        Ok(expression) => expression.root,
        Err(error) => {
            let line = text[..(error.span.start as usize).min(text.len())]
                .matches('\n')
                .count()
                + 1;
            return Err(context.raise(
                Class::SyntaxError,
                format_args!("{} (<unknown>, line {line})", error.message),
            ));
        }
    };
    value(context, &expressions, root)
}

#[cold]
fn malformed<'a>(context: &mut Context<'a>, expressions: &Expressions, id: NodeId) -> Fault<'a> {
    let kind = match expressions.node(id) {
        Node::Name(_) => "Name",
        Node::Call { .. } => "Call",
        Node::Binary(..) => "BinOp",
        Node::Unary(..) => "UnaryOp",
        Node::Bool(..) => "BoolOp",
        Node::Compare { .. } => "Compare",
        Node::Attribute { .. } => "Attribute",
        Node::Subscript { .. } => "Subscript",
        Node::JoinedStr(_) => "JoinedStr",
        Node::Lambda { .. } => "Lambda",
        Node::Starred(_) => "Starred",
        Node::ListComp { .. } => "ListComp",
        _ => "expr",
    };
    context.raise(
        Class::ValueError,
        format_args!("malformed node or string on line 1: <ast.{kind} object>"),
    )
}

/// A node as a value. Only displays nest, and the parser bounds their depth by the limit of Python's tokenizer.
fn value<'a>(
    context: &mut Context<'a>,
    expressions: &Expressions,
    id: NodeId,
) -> Result<Value<'a>, Fault<'a>> {
    context.charge(1)?;
    Ok(match expressions.node(id) {
        Node::None => Value::None,
        Node::True => Value::Bool(true),
        Node::False => Value::Bool(false),
        Node::Ellipsis => Value::Ellipsis,
        Node::Integer(number) => Value::Int(number),
        Node::BigInteger(number) => match expressions.integer(number) {
            Integer::Small(number) => Value::Int(*number),
            Integer::Big(number) => context.big(number)?,
        },
        Node::Float(number) => Value::Float(number),
        Node::Text(text) => match expressions.text(text) {
            Text::Plain(text) => context.text(text)?,
            Text::Surrogates(bytes) => {
                let text = String::from_utf8_lossy(bytes);
                context.text(&text)?
            }
            Text::Bytes(bytes) => context.bytes(bytes)?,
        },
        Node::Unary(op @ (UnaryOp::Minus | UnaryOp::Plus), operand) => {
            match expressions.node(operand) {
                Node::Integer(_) | Node::BigInteger(_) | Node::Float(_) => {}
                _ => return Err(malformed(context, expressions, operand)),
            }
            let number = value(context, expressions, operand)?;
            let op = if op == UnaryOp::Minus {
                Unary::Neg
            } else {
                Unary::Pos
            };
            arithmetic::unary(context, op, number)?
        }
        Node::List(nodes) => {
            let items = values(context, expressions, nodes)?;
            Value::List(context.list(&items)?)
        }
        Node::Tuple(nodes) => {
            let items = values(context, expressions, nodes)?;
            context.tuple(&items)?
        }
        Node::Set(nodes) => {
            let items = values(context, expressions, nodes)?;
            let set = context.set(false)?;
            for item in items {
                context.insert(set.entries(), item, Value::None)?;
            }
            Value::Set(set)
        }
        Node::Dict(nodes) => {
            let dict = context.dict()?;
            for pair in expressions.nodes(nodes).chunks(2) {
                let [key, item] = pair else { continue };
                if matches!(expressions.node(*key), Node::Unpacked) {
                    return Err(malformed(context, expressions, *item));
                }
                let key = value(context, expressions, *key)?;
                let item = value(context, expressions, *item)?;
                context.insert(dict, key, item)?;
            }
            Value::Dict(dict)
        }
        Node::Call {
            function,
            arguments,
            keywords,
        } if arguments.is_empty() && keywords.is_empty() => match expressions.node(function) {
            Node::Name(name) if expressions.name(name) == "set" => Value::Set(context.set(false)?),
            _ => return Err(malformed(context, expressions, id)),
        },
        _ => return Err(malformed(context, expressions, id)),
    })
}

fn values<'a>(
    context: &mut Context<'a>,
    expressions: &Expressions,
    nodes: Nodes,
) -> Result<Vec<Value<'a>>, Fault<'a>> {
    let mut items = Vec::with_capacity(nodes.len());
    for id in expressions.nodes(nodes) {
        items.push(value(context, expressions, *id)?);
    }
    Ok(items)
}
