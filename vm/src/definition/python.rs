//! The one file that knows the parser's types: its tree to ours, by an allow-list.

use ruff_python_ast as py;
use ruff_python_parser::{Mode, ParseOptions};
use ruff_text_size::Ranged;

use super::{DefinitionError, scan};
use crate::hir::{
    BinaryOp, Block, Def, Except, Expressions, Module, Node, NodeId, Span, Statement,
    StatementKind, TextId, Try,
};
use crate::script::expression::{
    BoolOp, CompareOp, Conversion, List, Parameter, ParameterKind, Text, UnaryOp,
};
use crate::script::number::{Integer, parse_integer};

/// Read a definition.
pub fn parse(source: &str) -> Result<Module, DefinitionError> {
    scan::check(source)?;
    let options = ParseOptions::from(Mode::Module).with_target_version(py::PythonVersion::PY311);
    let parsed = match ruff_python_parser::parse(source, options) {
        Ok(parsed) => parsed,
        Err(error) => {
            return Err(DefinitionError::at(
                source,
                span_of(error.location),
                format!("syntax error: {}", error.error),
            ));
        }
    };
    if let Some(error) = parsed.unsupported_syntax_errors().first() {
        return Err(DefinitionError::at(
            source,
            span_of(error.range),
            format!("syntax error: {error}"),
        ));
    }
    let mut lowering = Lowering {
        source,
        expressions: Expressions::default(),
    };
    let py::Mod::Module(module) = parsed.into_syntax() else {
        return Err(DefinitionError::at(source, Span::default(), "not a module"));
    };
    let body = lowering.block(&module.body)?;
    Ok(Module {
        expressions: lowering.expressions,
        body,
    })
}

fn span_of(range: ruff_text_size::TextRange) -> Span {
    Span::new(range.start().to_usize(), range.end().to_usize())
}

struct Lowering<'s> {
    source: &'s str,
    expressions: Expressions,
}

type Lowered<T> = Result<T, DefinitionError>;

impl Lowering<'_> {
    fn unsupported<T>(&self, at: &impl Ranged, what: &str) -> Lowered<T> {
        let message = format!("{what} is not supported in definitions");
        Err(DefinitionError::at(
            self.source,
            span_of(at.range()),
            message,
        ))
    }

    fn refuse<T>(&self, at: &impl Ranged, message: &str) -> Lowered<T> {
        Err(DefinitionError::at(
            self.source,
            span_of(at.range()),
            message,
        ))
    }

    fn name(&mut self, name: &str, at: &impl Ranged) -> Lowered<TextId> {
        if name.len() > 4 && name.starts_with("__") && name.ends_with("__") {
            let known = ["__name__", "__class__", "__builtins__", "__last_error__"];
            if !known.contains(&name) {
                return self.unsupported(at, &format!("the name {name}"));
            }
        }
        Ok(self.expressions.push_str(name))
    }

    fn block(&mut self, body: &[py::Stmt]) -> Lowered<Block> {
        body.iter()
            .map(|statement| self.statement(statement))
            .collect()
    }

    fn statement(&mut self, statement: &py::Stmt) -> Lowered<Statement> {
        let span = span_of(statement.range());
        let kind = match statement {
            py::Stmt::Expr(expression) => {
                StatementKind::Expression(self.expression(&expression.value)?)
            }
            py::Stmt::Assign(assign) => {
                let value = self.expression(&assign.value)?;
                let targets = assign
                    .targets
                    .iter()
                    .map(|target| self.target(target))
                    .collect::<Lowered<_>>()?;
                StatementKind::Assign(targets, value)
            }
            py::Stmt::AnnAssign(assign) => match &assign.value {
                Some(value) => {
                    let value = self.expression(value)?;
                    StatementKind::Assign(vec![self.target(&assign.target)?], value)
                }
                None => StatementKind::Pass,
            },
            py::Stmt::AugAssign(assign) => {
                let target = self.target(&assign.target)?;
                StatementKind::Augment(target, binary(assign.op), self.expression(&assign.value)?)
            }
            py::Stmt::If(branch) => {
                let mut arms = vec![(self.expression(&branch.test)?, self.block(&branch.body)?)];
                let mut otherwise = Block::new();
                for clause in &branch.elif_else_clauses {
                    match &clause.test {
                        Some(test) => {
                            arms.push((self.expression(test)?, self.block(&clause.body)?));
                        }
                        None => otherwise = self.block(&clause.body)?,
                    }
                }
                StatementKind::If(arms, otherwise)
            }
            py::Stmt::While(repeat) => StatementKind::While(
                self.expression(&repeat.test)?,
                self.block(&repeat.body)?,
                self.block(&repeat.orelse)?,
            ),
            py::Stmt::For(repeat) if repeat.is_async => {
                return self.unsupported(repeat, "async for");
            }
            py::Stmt::For(repeat) => StatementKind::For(
                self.target(&repeat.target)?,
                self.expression(&repeat.iter)?,
                self.block(&repeat.body)?,
                self.block(&repeat.orelse)?,
            ),
            py::Stmt::Try(attempt) => self.attempt(attempt)?,
            py::Stmt::Raise(raise) => StatementKind::Raise(
                self.optional(raise.exc.as_deref())?,
                self.optional(raise.cause.as_deref())?,
            ),
            py::Stmt::Return(leave) => {
                StatementKind::Return(self.optional(leave.value.as_deref())?)
            }
            py::Stmt::Break(_) => StatementKind::Break,
            py::Stmt::Continue(_) => StatementKind::Continue,
            py::Stmt::Pass(_) => StatementKind::Pass,
            py::Stmt::Delete(delete) => StatementKind::Delete(
                delete
                    .targets
                    .iter()
                    .map(|target| self.target(target))
                    .collect::<Lowered<_>>()?,
            ),
            py::Stmt::Assert(assert) => StatementKind::Assert(
                self.expression(&assert.test)?,
                self.optional(assert.msg.as_deref())?,
            ),
            py::Stmt::Global(names) => StatementKind::Global(self.identifiers(&names.names)?),
            py::Stmt::Nonlocal(names) => StatementKind::Nonlocal(self.identifiers(&names.names)?),
            py::Stmt::Import(import) => return self.import(import, span),
            py::Stmt::ImportFrom(import) => self.import_from(import)?,
            py::Stmt::FunctionDef(def) => self.def(def)?,
            py::Stmt::ClassDef(_) => return self.unsupported(statement, "class"),
            py::Stmt::With(_) => return self.unsupported(statement, "with"),
            py::Stmt::Match(_) => return self.unsupported(statement, "match"),
            py::Stmt::TypeAlias(_) => return self.unsupported(statement, "type"),
            py::Stmt::IpyEscapeCommand(_) => return self.unsupported(statement, "this"),
        };
        Ok(Statement { kind, span })
    }

    fn identifiers(&mut self, names: &[py::Identifier]) -> Lowered<Vec<TextId>> {
        names
            .iter()
            .map(|name| self.name(name.as_str(), name))
            .collect()
    }

    /// `import a, b` is a block of one import each; a lone one is itself.
    fn import(&mut self, import: &py::StmtImport, span: Span) -> Lowered<Statement> {
        let mut all = Vec::new();
        for alias in &import.names {
            let dotted = alias.name.as_str();
            let bound = match &alias.asname {
                Some(name) => name.as_str(),
                None => dotted.split('.').next().unwrap_or(dotted),
            };
            let bound = self.name(bound, alias)?;
            let kind = StatementKind::Import(
                self.expressions.push_str(dotted),
                bound,
                alias.asname.is_some(),
            );
            all.push(Statement {
                kind,
                span: span_of(alias.range()),
            });
        }
        if all.len() == 1
            && let Some(only) = all.pop()
        {
            return Ok(only);
        }
        let always = self.expressions.push(Node::True, span);
        Ok(Statement {
            kind: StatementKind::If(vec![(always, all)], Block::new()),
            span,
        })
    }

    fn import_from(&mut self, import: &py::StmtImportFrom) -> Lowered<StatementKind> {
        let Some(module) = &import.module else {
            return self.unsupported(import, "a relative import");
        };
        if import.level > 0 {
            return self.unsupported(import, "a relative import");
        }
        let mut names = Vec::new();
        for alias in &import.names {
            if alias.name.as_str() == "*" {
                return self.unsupported(alias, "import *");
            }
            let name = self.name(alias.name.as_str(), alias)?;
            let bound = alias.asname.as_ref().unwrap_or(&alias.name).as_str();
            names.push((name, self.name(bound, alias)?));
        }
        Ok(StatementKind::ImportFrom(
            self.expressions.push_str(module.as_str()),
            names,
        ))
    }

    fn attempt(&mut self, attempt: &py::StmtTry) -> Lowered<StatementKind> {
        if attempt.is_star {
            return self.unsupported(attempt, "except*");
        }
        let body = self.block(&attempt.body)?;
        let mut handlers = Vec::new();
        for py::ExceptHandler::ExceptHandler(handler) in &attempt.handlers {
            handlers.push(Except {
                class: self.optional(handler.type_.as_deref())?,
                name: match &handler.name {
                    Some(name) => Some(self.name(name.as_str(), name)?),
                    None => None,
                },
                body: self.block(&handler.body)?,
                span: span_of(handler.range),
            });
        }
        if let Some(place) = handlers.iter().position(|handler| handler.class.is_none())
            && place + 1 < handlers.len()
        {
            return self.refuse(&attempt.handlers[place], "default 'except:' must be last");
        }
        let otherwise = self.block(&attempt.orelse)?;
        let finally = self.block(&attempt.finalbody)?;
        Ok(StatementKind::Try(Box::new(Try {
            body,
            handlers,
            otherwise,
            finally,
        })))
    }

    fn def(&mut self, def: &py::StmtFunctionDef) -> Lowered<StatementKind> {
        if def.is_async {
            return self.unsupported(def, "async def");
        }
        if let Some(decorator) = def.decorator_list.first() {
            return self.unsupported(decorator, "a decorator");
        }
        if let Some(parameters) = &def.type_params {
            return self.unsupported(parameters.as_ref(), "a type parameter");
        }
        let name = self.name(def.name.as_str(), &def.name)?;
        let parameters = self.parameters(&def.parameters)?;
        let body = self.block(&def.body)?;
        Ok(StatementKind::Def(Box::new(Def {
            name,
            parameters,
            body,
        })))
    }

    fn parameters(&mut self, parameters: &py::Parameters) -> Lowered<List<Parameter>> {
        let mut all = Vec::new();
        for (list, kind) in [
            (&parameters.posonlyargs, ParameterKind::PositionalOnly),
            (&parameters.args, ParameterKind::Positional),
        ] {
            for one in list {
                let default = self.optional(one.default.as_deref())?;
                all.push(Parameter {
                    name: self.name(one.parameter.name.as_str(), one)?,
                    kind,
                    default,
                });
            }
        }
        if let Some(rest) = &parameters.vararg {
            let name = self.name(rest.name.as_str(), rest.as_ref())?;
            all.push(Parameter {
                name,
                kind: ParameterKind::Rest,
                default: None,
            });
        }
        for one in &parameters.kwonlyargs {
            let default = self.optional(one.default.as_deref())?;
            let name = self.name(one.parameter.name.as_str(), one)?;
            all.push(Parameter {
                name,
                kind: ParameterKind::KeywordOnly,
                default,
            });
        }
        if let Some(rest) = &parameters.kwarg {
            let name = self.name(rest.name.as_str(), rest.as_ref())?;
            all.push(Parameter {
                name,
                kind: ParameterKind::KeywordRest,
                default: None,
            });
        }
        Ok(self.expressions.push_parameters(&all))
    }

    fn target(&mut self, target: &py::Expr) -> Lowered<NodeId> {
        match target {
            py::Expr::Name(_) | py::Expr::Attribute(_) | py::Expr::Subscript(_) => {
                self.expression(target)
            }
            py::Expr::Tuple(py::ExprTuple { elts, .. })
            | py::Expr::List(py::ExprList { elts, .. }) => {
                let parts = elts
                    .iter()
                    .map(|part| self.target(part))
                    .collect::<Lowered<Vec<_>>>()?;
                let list = self.expressions.push_list(&parts);
                Ok(self
                    .expressions
                    .push(Node::Tuple(list), span_of(target.range())))
            }
            py::Expr::Starred(star) => {
                let value = self.target(&star.value)?;
                Ok(self
                    .expressions
                    .push(Node::Starred(value), span_of(target.range())))
            }
            _ => self.refuse(target, "cannot assign to this"),
        }
    }

    fn optional(&mut self, expression: Option<&py::Expr>) -> Lowered<Option<NodeId>> {
        expression
            .map(|expression| self.expression(expression))
            .transpose()
    }

    fn list<'e>(
        &mut self,
        expressions: impl IntoIterator<Item = &'e py::Expr>,
    ) -> Lowered<crate::script::expression::Nodes> {
        let nodes = expressions
            .into_iter()
            .map(|one| self.expression(one))
            .collect::<Lowered<Vec<_>>>()?;
        Ok(self.expressions.push_list(&nodes))
    }

    #[allow(clippy::too_many_lines, reason = "one arm a node")]
    fn expression(&mut self, expression: &py::Expr) -> Lowered<NodeId> {
        let span = span_of(expression.range());
        let node = match expression {
            py::Expr::NoneLiteral(_) => Node::None,
            py::Expr::BooleanLiteral(literal) => {
                if literal.value {
                    Node::True
                } else {
                    Node::False
                }
            }
            py::Expr::EllipsisLiteral(_) => Node::Ellipsis,
            py::Expr::NumberLiteral(literal) => self.number(literal)?,
            py::Expr::StringLiteral(literal) => {
                Node::Text(self.expressions.push_str(literal.value.to_str()))
            }
            py::Expr::BytesLiteral(literal) => {
                let bytes: Vec<u8> = literal.value.bytes().collect();
                Node::Text(self.expressions.push_text(Text::Bytes(bytes.into())))
            }
            py::Expr::FString(literal) => self.format_string(literal, span)?,
            py::Expr::Name(name) => Node::Name(self.name(name.id.as_str(), name)?),
            py::Expr::BoolOp(both) => {
                let op = if both.op == py::BoolOp::And {
                    BoolOp::And
                } else {
                    BoolOp::Or
                };
                Node::Bool(op, self.list(&both.values)?)
            }
            py::Expr::Named(named) => {
                let py::Expr::Name(name) = named.target.as_ref() else {
                    return self.refuse(named, "cannot assign to this");
                };
                let target = self.name(name.id.as_str(), name)?;
                Node::Walrus {
                    target,
                    value: self.expression(&named.value)?,
                }
            }
            py::Expr::BinOp(both) => {
                let left = self.expression(&both.left)?;
                Node::Binary(binary(both.op), left, self.expression(&both.right)?)
            }
            py::Expr::UnaryOp(one) => {
                let op = match one.op {
                    py::UnaryOp::Not => UnaryOp::Not,
                    py::UnaryOp::UAdd => UnaryOp::Plus,
                    py::UnaryOp::USub => UnaryOp::Minus,
                    py::UnaryOp::Invert => UnaryOp::Invert,
                };
                Node::Unary(op, self.expression(&one.operand)?)
            }
            py::Expr::Lambda(lambda) => {
                let parameters = match &lambda.parameters {
                    Some(parameters) => self.parameters(parameters)?,
                    None => self.expressions.push_parameters(&[]),
                };
                Node::Lambda {
                    parameters,
                    body: self.expression(&lambda.body)?,
                }
            }
            py::Expr::If(choice) => Node::Conditional {
                test: self.expression(&choice.test)?,
                body: self.expression(&choice.body)?,
                otherwise: self.expression(&choice.orelse)?,
            },
            py::Expr::Dict(dict) => {
                let mut parts = Vec::new();
                for item in &dict.items {
                    parts.push(match &item.key {
                        Some(key) => self.expression(key)?,
                        None => self.expressions.push(Node::Unpacked, span),
                    });
                    parts.push(self.expression(&item.value)?);
                }
                Node::Dict(self.expressions.push_list(&parts))
            }
            py::Expr::Set(set) => Node::Set(self.list(&set.elts)?),
            py::Expr::List(list) => Node::List(self.list(&list.elts)?),
            py::Expr::Tuple(tuple) => Node::Tuple(self.list(&tuple.elts)?),
            py::Expr::ListComp(all) => {
                let element = self.expression(&all.elt)?;
                Node::ListComp {
                    element,
                    clauses: self.clauses(&all.generators)?,
                }
            }
            py::Expr::SetComp(all) => {
                let element = self.expression(&all.elt)?;
                Node::SetComp {
                    element,
                    clauses: self.clauses(&all.generators)?,
                }
            }
            py::Expr::DictComp(all) => {
                let Some(key) = &all.key else {
                    return self.unsupported(all, "unpacking in a comprehension");
                };
                let pair = [self.expression(key)?, self.expression(&all.value)?];
                let pair = self.expressions.push_list(&pair);
                Node::DictComp {
                    pair,
                    clauses: self.clauses(&all.generators)?,
                }
            }
            py::Expr::Generator(all) => {
                let element = self.expression(&all.elt)?;
                Node::Generator {
                    element,
                    clauses: self.clauses(&all.generators)?,
                }
            }
            py::Expr::Compare(chain) => {
                let left = self.expression(&chain.left)?;
                let ops: Vec<CompareOp> = chain.ops.iter().map(|op| compare(*op)).collect();
                let ops = self.expressions.push_compare_ops(&ops);
                Node::Compare {
                    left,
                    ops,
                    operands: self.list(chain.comparators.iter())?,
                }
            }
            py::Expr::Call(call) => self.call(call)?,
            py::Expr::Attribute(attribute) => {
                let value = self.expression(&attribute.value)?;
                Node::Attribute {
                    value,
                    name: self.name(attribute.attr.as_str(), &attribute.attr)?,
                }
            }
            py::Expr::Subscript(subscript) => {
                let value = self.expression(&subscript.value)?;
                Node::Subscript {
                    value,
                    index: self.expression(&subscript.slice)?,
                }
            }
            py::Expr::Slice(slice) => Node::Slice {
                lower: self.optional(slice.lower.as_deref())?,
                upper: self.optional(slice.upper.as_deref())?,
                step: self.optional(slice.step.as_deref())?,
            },
            py::Expr::Starred(star) => Node::Starred(self.expression(&star.value)?),
            py::Expr::Await(_) => return self.unsupported(expression, "await"),
            py::Expr::Yield(_) | py::Expr::YieldFrom(_) => {
                return self.unsupported(expression, "yield");
            }
            py::Expr::TString(_) => return self.unsupported(expression, "a template string"),
            py::Expr::IpyEscapeCommand(_) => return self.unsupported(expression, "this"),
        };
        Ok(self.expressions.push(node, span))
    }

    fn number(&mut self, literal: &py::ExprNumberLiteral) -> Lowered<Node> {
        Ok(match &literal.value {
            py::Number::Float(number) => Node::Float(*number),
            py::Number::Complex { .. } => return self.unsupported(literal, "a complex number"),
            py::Number::Int(number) => match number.as_i64() {
                Some(number) => Node::Integer(number),
                None => {
                    let text = number.to_string();
                    let big = match text.get(..2) {
                        Some("0x" | "0X") => radix(&text[2..], 16),
                        Some("0o" | "0O") => radix(&text[2..], 8),
                        Some("0b" | "0B") => radix(&text[2..], 2),
                        _ => parse_integer(&text),
                    };
                    match big {
                        Some(Integer::Small(number)) => Node::Integer(number),
                        Some(big) => Node::BigInteger(self.expressions.push_integer(big)),
                        None => {
                            return self.refuse(
                                literal,
                                "Exceeds the limit (4300 digits) for integer string conversion",
                            );
                        }
                    }
                }
            },
        })
    }

    fn clauses(
        &mut self,
        generators: &[py::Comprehension],
    ) -> Lowered<crate::script::expression::Nodes> {
        let mut all = Vec::new();
        for generator in generators {
            if generator.is_async {
                return self.unsupported(generator, "async for");
            }
            let target = self.target(&generator.target)?;
            let iterable = self.expression(&generator.iter)?;
            let conditions = self.list(&generator.ifs)?;
            all.push(self.expressions.push(
                Node::Clause {
                    target,
                    iterable,
                    conditions,
                },
                span_of(generator.range),
            ));
        }
        Ok(self.expressions.push_list(&all))
    }

    fn call(&mut self, call: &py::ExprCall) -> Lowered<Node> {
        // The type has a name, for `isinstance`, but no values.
        if let py::Expr::Name(name) = call.func.as_ref()
            && name.id.as_str() == "bytearray"
        {
            let what = "bytearray (write bytes, or a list of numbers, instead)";
            return self.unsupported(call, what);
        }
        let function = self.expression(&call.func)?;
        let arguments = self.list(call.arguments.args.iter())?;
        let mut keywords = Vec::new();
        for keyword in &call.arguments.keywords {
            let name = match &keyword.arg {
                Some(name) => Some(self.name(name.as_str(), name)?),
                None => None,
            };
            let value = self.expression(&keyword.value)?;
            keywords.push(
                self.expressions
                    .push(Node::Keyword { name, value }, span_of(keyword.range)),
            );
        }
        Ok(Node::Call {
            function,
            arguments,
            keywords: self.expressions.push_list(&keywords),
        })
    }

    fn format_string(&mut self, literal: &py::ExprFString, span: Span) -> Lowered<Node> {
        let mut parts = Vec::new();
        for part in &literal.value {
            match part {
                py::FStringPart::Literal(text) => self.plain_part(&mut parts, &text.value, span),
                py::FStringPart::FString(format) => {
                    for element in &format.elements {
                        self.format_element(&mut parts, element, span)?;
                    }
                }
            }
        }
        Ok(Node::JoinedStr(self.expressions.push_list(&parts)))
    }

    fn plain_part(&mut self, parts: &mut Vec<NodeId>, text: &str, span: Span) {
        if !text.is_empty() {
            let text = self.expressions.push_str(text);
            parts.push(self.expressions.push(Node::Text(text), span));
        }
    }

    fn format_element(
        &mut self,
        parts: &mut Vec<NodeId>,
        element: &py::InterpolatedStringElement,
        span: Span,
    ) -> Lowered<()> {
        match element {
            py::InterpolatedStringElement::Literal(text) => {
                self.plain_part(parts, &text.value, span);
            }
            py::InterpolatedStringElement::Interpolation(value) => {
                let inner = self.expression(&value.expression)?;
                let mut conversion = match value.conversion {
                    py::ConversionFlag::None => Conversion::None,
                    py::ConversionFlag::Str => Conversion::Str,
                    py::ConversionFlag::Repr => Conversion::Repr,
                    py::ConversionFlag::Ascii => Conversion::Ascii,
                };
                let spec = match &value.format_spec {
                    None => None,
                    Some(spec) => {
                        let mut inside = Vec::new();
                        for element in &spec.elements {
                            self.format_element(&mut inside, element, span)?;
                        }
                        let list = self.expressions.push_list(&inside);
                        Some(self.expressions.push(Node::JoinedStr(list), span))
                    }
                };
                if let Some(debug) = &value.debug_text {
                    // f"{x=}": the expression's own text, then its repr unless a format is given.
                    let text = format!(
                        "{}{}{}",
                        debug.leading(),
                        &self.source[value.expression.range()],
                        debug.trailing()
                    );
                    self.plain_part(parts, &text, span);
                    if spec.is_none() && conversion == Conversion::None {
                        conversion = Conversion::Repr;
                    }
                }
                parts.push(self.expressions.push(
                    Node::FormattedValue {
                        value: inner,
                        conversion,
                        spec,
                    },
                    span,
                ));
            }
        }
        Ok(())
    }
}

fn radix(digits: &str, radix: u32) -> Option<Integer> {
    let digits: String = digits.chars().filter(|digit| *digit != '_').collect();
    num_bigint::BigInt::parse_bytes(digits.as_bytes(), radix).map(|number| {
        match i64::try_from(&number) {
            Ok(small) => Integer::Small(small),
            Err(_) => Integer::Big(Box::new(number)),
        }
    })
}

const fn binary(op: py::Operator) -> BinaryOp {
    match op {
        py::Operator::Add => BinaryOp::Add,
        py::Operator::Sub => BinaryOp::Sub,
        py::Operator::Mult => BinaryOp::Mult,
        py::Operator::MatMult => BinaryOp::MatMult,
        py::Operator::Div => BinaryOp::Div,
        py::Operator::Mod => BinaryOp::Mod,
        py::Operator::Pow => BinaryOp::Pow,
        py::Operator::LShift => BinaryOp::LShift,
        py::Operator::RShift => BinaryOp::RShift,
        py::Operator::BitOr => BinaryOp::BitOr,
        py::Operator::BitXor => BinaryOp::BitXor,
        py::Operator::BitAnd => BinaryOp::BitAnd,
        py::Operator::FloorDiv => BinaryOp::FloorDiv,
    }
}

const fn compare(op: py::CmpOp) -> CompareOp {
    match op {
        py::CmpOp::Eq => CompareOp::Eq,
        py::CmpOp::NotEq => CompareOp::NotEq,
        py::CmpOp::Lt => CompareOp::Lt,
        py::CmpOp::LtE => CompareOp::LtE,
        py::CmpOp::Gt => CompareOp::Gt,
        py::CmpOp::GtE => CompareOp::GtE,
        py::CmpOp::Is => CompareOp::Is,
        py::CmpOp::IsNot => CompareOp::IsNot,
        py::CmpOp::In => CompareOp::In,
        py::CmpOp::NotIn => CompareOp::NotIn,
    }
}
