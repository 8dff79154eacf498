//! Expressions to instructions.
//!
//! A value ends up in the register that is wanted, in a variable's own register, or in the next free one. An instruction
//! writes its result as its last act, so the wanted register may be a variable that the expression reads. Chains on the
//! left (`a + b + …`, `a.b.c`) are walked by a loop; all else nests no deeper than the parsers allow.

use crate::bytecode::op::Op;
use crate::bytecode::operand::{
    self, Base, Const, Count, Dst, Free, NO_CONST, NO_SRC, Slot, Src, Target,
};
use crate::bytecode::{Capture, Constant};
use crate::hir::{BinaryOp, Node, NodeId};
use crate::script::expression::{BoolOp, CompareOp, Conversion, Nodes, Text, UnaryOp};
use crate::script::number::Integer;

use super::function::{Kind, Label, Place};
use super::{Compiler, PREBOUND, Problem, World};

/// Items of a display that are built in one instruction; the rest is appended one by one.
const DISPLAY_MAX: usize = 64;

/// What a name means where it stands.
pub(super) enum Meaning {
    Place(Place),
    /// A constant of the built-ins, or a `NameError` if there is none.
    Builtin,
    Module,
    /// A variable of the script; the flag: a function of that name stands behind it.
    Script(bool),
    /// A name of `eval`'s dicts.
    Dynamic,
}

pub(super) type Compiled<T> = Result<T, Problem>;

impl Compiler<'_> {
    /// Where a name's value is.
    pub(super) fn meaning(&mut self, name: &str) -> Compiled<Meaning> {
        let top = self.functions.len() - 1;
        let own = |compiler: &Self, level: usize| -> Option<Place> {
            let function = &compiler.functions[level];
            let inner = function
                .inner_places
                .iter()
                .rev()
                .find(|(known, _)| known == name)
                .map(|(_, place)| *place);
            inner.or_else(|| function.places.get(name).copied())
        };
        if let Some(place) = own(self, top) {
            return Ok(Meaning::Place(place));
        }
        for level in (0..top).rev() {
            let capture = match own(self, level) {
                Some(Place::Cell(register)) => Capture::Register(register),
                Some(Place::Free(index)) => Capture::Free(index),
                Some(Place::Global(_) | Place::Register(_)) | None => continue,
            };
            let mut index = self.functions[level + 1].capture(capture)?;
            for inner in level + 2..=top {
                index = self.functions[inner].capture(Capture::Free(index))?;
            }
            return Ok(Meaning::Place(Place::Free(index)));
        }
        let outermost = top == 0 && self.functions[0].comprehensions == 0;
        match self.world {
            World::Definition => {
                if self.globals.contains_key(name) {
                    return Ok(Meaning::Place(Place::Global(self.global(name)?)));
                }
                if crate::run::builtins::global(name).is_some() {
                    return Ok(Meaning::Builtin);
                }
                if PREBOUND.contains(&name) {
                    return Ok(Meaning::Module);
                }
                Ok(Meaning::Place(Place::Global(self.global(name)?)))
            }
            World::Script(functions) if outermost => Ok(Meaning::Script(functions.contains(&name))),
            World::Eval if outermost => Ok(Meaning::Dynamic),
            World::Script(_) | World::Eval => Ok(Meaning::Builtin),
        }
    }

    /// The value of a name.
    fn name(&mut self, name: &str, want: Option<u16>) -> Compiled<u16> {
        let meaning = self.meaning(name)?;
        if let Meaning::Place(Place::Register(register)) = meaning {
            if !self.function().is_bound(register) {
                let function = self.function();
                // A comprehension is a function of its own to Python.
                let inner = function.inner_places.iter().any(|(inner, _)| inner == name);
                let few = operand::Few(u8::from(function.kind == Kind::Module && !inner));
                let k = self.function().text(name)?;
                self.function().emit(Op::Bound {
                    few,
                    s: Src(register),
                    k,
                });
            }
            return Ok(register);
        }
        if let Meaning::Place(Place::Global(_)) = meaning {
            self.note_read(name);
        }
        let d = self.wanted(want)?;
        let op = match meaning {
            Meaning::Place(Place::Cell(cell)) => Op::LoadCell {
                d: Dst(d),
                s: Src(cell),
                k: self.function().text(name)?,
            },
            Meaning::Place(Place::Free(index)) => Op::LoadFree {
                d: Dst(d),
                f: Free(index),
                k: self.function().text(name)?,
            },
            Meaning::Place(Place::Global(slot)) => Op::LoadGlobal {
                d: Dst(d),
                g: Slot(slot),
            },
            Meaning::Place(Place::Register(register)) => Op::Move {
                d: Dst(d),
                s: Src(register),
            },
            Meaning::Builtin => {
                let allowed = match self.world {
                    World::Definition => true,
                    World::Script(functions) => functions.contains(&name),
                    World::Eval => false,
                };
                let constant = if allowed {
                    name.to_owned()
                } else {
                    format!("{name} ")
                };
                Op::Load {
                    d: Dst(d),
                    k: self
                        .function()
                        .constant(Constant::Builtin(constant.into()))?,
                }
            }
            Meaning::Module => Op::Import {
                d: Dst(d),
                k: self.function().text(name)?,
            },
            Meaning::Script(function) => {
                let k = self.function().text(name)?;
                if function {
                    self.function().emit(Op::TryName { d: Dst(d), k });
                    let k = self.function().constant(Constant::Builtin(name.into()))?;
                    Op::Load { d: Dst(d), k }
                } else {
                    Op::LoadName { d: Dst(d), k }
                }
            }
            Meaning::Dynamic => Op::LoadDynamic {
                d: Dst(d),
                k: self.function().text(name)?,
            },
        };
        self.function().emit(op);
        Ok(d)
    }

    /// The wanted register, or the next free one.
    pub(super) fn wanted(&mut self, want: Option<u16>) -> Compiled<u16> {
        match want {
            Some(register) => Ok(register),
            None => self.function().take(),
        }
    }

    /// A constant's value.
    pub(super) fn load(&mut self, constant: Constant, want: Option<u16>) -> Compiled<u16> {
        let d = self.wanted(want)?;
        let k = self.function().constant(constant)?;
        self.function().emit(Op::Load { d: Dst(d), k });
        Ok(d)
    }

    /// The value of an expression in a given register.
    pub(super) fn value_into(&mut self, node: NodeId, register: u16) -> Compiled<()> {
        let found = self.value(node, Some(register))?;
        self.function().copy(register, found);
        Ok(())
    }

    /// The value of an expression, in the wanted register or wherever it is.
    pub(super) fn value(&mut self, root: NodeId, want: Option<u16>) -> Compiled<u16> {
        let mut steps = Vec::new();
        let mut node = root;
        loop {
            match self.expressions.node(node) {
                Node::Binary(_, left, _)
                | Node::Attribute { value: left, .. }
                | Node::Subscript { value: left, .. }
                | Node::Compare { left, .. } => {
                    steps.push(node);
                    node = left;
                }
                Node::Call { function, .. } => {
                    steps.push(node);
                    node = self.method_receiver(node).unwrap_or(function);
                }
                _ => break,
            }
        }
        let mark = self.function().mark();
        let mut register = self.leaf(node, if steps.is_empty() { want } else { None })?;
        while let Some(step) = steps.pop() {
            let want = if steps.is_empty() { want } else { None };
            let span = self.expressions.span(step);
            self.function().at(span);
            register = match self.expressions.node(step) {
                Node::Binary(op @ (BinaryOp::Add | BinaryOp::Sub), _, right)
                    if self.small(right).is_some() =>
                {
                    let i = self.small(right).unwrap_or(operand::Small(0));
                    self.function().release(mark);
                    let d = self.wanted(want)?;
                    let (d_, a) = (Dst(d), Src(register));
                    self.function().emit(if op == BinaryOp::Add {
                        Op::AddInt { d: d_, a, i }
                    } else {
                        Op::SubInt { d: d_, a, i }
                    });
                    d
                }
                Node::Binary(op, _, right) => {
                    let b = self.value(right, None)?;
                    self.function().release(mark);
                    let d = self.wanted(want)?;
                    self.function().at(span);
                    let (d_, a, b) = (Dst(d), Src(register), Src(b));
                    self.function().emit(match binary(op) {
                        operand::Binary::Add => Op::Add { d: d_, a, b },
                        operand::Binary::Sub => Op::Sub { d: d_, a, b },
                        kind => Op::Binary { kind, d: d_, a, b },
                    });
                    d
                }
                Node::Attribute { name, .. } => {
                    self.function().release(mark);
                    let d = self.wanted(want)?;
                    let k = self.function_text(name)?;
                    self.function().emit(Op::GetAttribute {
                        d: Dst(d),
                        o: Src(register),
                        k,
                    });
                    d
                }
                Node::Subscript { index, .. } => self.subscript(register, index, mark, want)?,
                Node::Compare { ops, operands, .. } => {
                    let ops = self.expressions.compare_ops(ops).to_vec();
                    self.compare(register, &ops, operands, mark, want)?
                }
                Node::Call { .. } => self.call(step, register, mark, want)?,
                _ => register,
            };
        }
        Ok(register)
    }

    /// A name of the tree as a constant.
    pub(super) fn function_text(&mut self, name: crate::hir::TextId) -> Compiled<Const> {
        let expressions = self.expressions;
        self.function().text(expressions.name(name))
    }

    /// The text of a literal that is a plain text.
    pub(super) fn plain_text(&self, node: NodeId) -> Option<&str> {
        match self.expressions.node(node) {
            Node::Text(text) => match self.expressions.text(text) {
                Text::Plain(text) => Some(text),
                _ => None,
            },
            _ => None,
        }
    }

    /// An int literal that fits into an instruction.
    fn small(&self, node: NodeId) -> Option<operand::Small> {
        match self.expressions.node(node) {
            Node::Integer(number) => i16::try_from(number).ok().map(operand::Small),
            _ => None,
        }
    }

    fn subscript(&mut self, o: u16, index: NodeId, mark: u16, want: Option<u16>) -> Compiled<u16> {
        let text = self.plain_text(index).map(str::to_owned);
        let op = if let Some(text) = text {
            let k = self.function().text(&text)?;
            self.function().release(mark);
            let d = self.wanted(want)?;
            self.function().emit(Op::GetItemConst {
                d: Dst(d),
                o: Src(o),
                k,
            });
            return Ok(d);
        } else {
            let key = self.value(index, None)?;
            self.function().release(mark);
            let d = self.wanted(want)?;
            (
                d,
                Op::GetItem {
                    d: Dst(d),
                    o: Src(o),
                    key: Src(key),
                },
            )
        };
        self.function().emit(op.1);
        Ok(op.0)
    }

    fn compare(
        &mut self,
        left: u16,
        ops: &[CompareOp],
        operands: Nodes,
        mark: u16,
        want: Option<u16>,
    ) -> Compiled<u16> {
        let operands = self.expressions.nodes(operands).to_vec();
        if let ([op], [right]) = (ops, operands.as_slice()) {
            if let Some(i) = self.small(*right) {
                self.function().release(mark);
                let d = self.wanted(want)?;
                self.function().emit(Op::CompareInt {
                    kind: compare(*op),
                    d: Dst(d),
                    a: Src(left),
                    i,
                });
                return Ok(d);
            }
            let b = self.value(*right, None)?;
            self.function().release(mark);
            let d = self.wanted(want)?;
            self.function().emit(Op::Compare {
                kind: compare(*op),
                d: Dst(d),
                a: Src(left),
                b: Src(b),
            });
            return Ok(d);
        }
        // The result is only written where nothing is read any more: in a register of its own.
        let end = self.function().label();
        let d = self.function().take()?;
        let mut left = left;
        for (place, (op, operand)) in ops.iter().zip(&operands).enumerate() {
            let right = self.function().take()?;
            self.value_into(*operand, right)?;
            self.function().emit(Op::Compare {
                kind: compare(*op),
                d: Dst(d),
                a: Src(left),
                b: Src(right),
            });
            if place + 1 < ops.len() {
                self.function().jump(
                    Op::JumpIfNot {
                        s: Src(d),
                        to: Target(0),
                    },
                    end,
                );
            }
            left = right;
        }
        self.function().place(end);
        self.function().release(mark);
        let out = self.wanted(want)?;
        self.function().copy(out, d);
        Ok(out)
    }

    /// The value of what does not begin with another expression.
    #[allow(clippy::too_many_lines, reason = "one arm a node")]
    fn leaf(&mut self, node: NodeId, want: Option<u16>) -> Compiled<u16> {
        let span = self.expressions.span(node);
        self.function().at(span);
        let expressions = self.expressions;
        match expressions.node(node) {
            Node::None => self.load(Constant::None, want),
            Node::True => self.load(Constant::Bool(true), want),
            Node::False => self.load(Constant::Bool(false), want),
            Node::Ellipsis => self.load(Constant::Ellipsis, want),
            Node::Integer(number) => self.load(Constant::Int(number), want),
            Node::Float(number) => self.load(Constant::Float(number), want),
            Node::BigInteger(id) => match expressions.integer(id) {
                Integer::Small(number) => self.load(Constant::Int(*number), want),
                Integer::Big(number) => self.load(Constant::Big(number.as_ref().clone()), want),
            },
            Node::Text(id) => match expressions.text(id) {
                Text::Plain(text) => self.load(Constant::Text(text.clone()), want),
                Text::Bytes(bytes) => self.load(Constant::Bytes(bytes.clone()), want),
                Text::Surrogates(bytes) => {
                    let text = String::from_utf8_lossy(bytes).into_owned();
                    self.load(Constant::Text(text.into()), want)
                }
            },
            Node::Name(name) => self.name(expressions.name(name), want),
            Node::JoinedStr(parts) => self.format_string(parts, want),
            Node::FormattedValue {
                value,
                conversion,
                spec,
            } => self.formatted(value, conversion, spec, want),
            Node::Unary(op, operand) => self.unary(op, operand, want),
            Node::Bool(op, operands) => {
                let mark = self.function().mark();
                let d = self.function().take()?;
                let end = self.function().label();
                let operands = expressions.nodes(operands);
                let mut bound = None;
                for (place, operand) in operands.iter().enumerate() {
                    self.value_into(*operand, d)?;
                    if place == 0 {
                        bound = Some(self.function().bound.clone());
                    }
                    if place + 1 < operands.len() {
                        let to = Target(0);
                        let op = match op {
                            BoolOp::And => Op::JumpIfNot { s: Src(d), to },
                            BoolOp::Or => Op::JumpIf { s: Src(d), to },
                        };
                        self.function().jump(op, end);
                    }
                }
                self.function().place(end);
                if let Some(bound) = bound {
                    self.function().bound = bound;
                }
                self.function().release(mark);
                let out = self.wanted(want)?;
                self.function().copy(out, d);
                Ok(out)
            }
            Node::Conditional {
                test,
                body,
                otherwise,
            } => {
                let mark = self.function().mark();
                let d = self.wanted(want)?;
                let (no, end) = (self.function().label(), self.function().label());
                self.condition(test, false, no)?;
                self.value_into(body, d)?;
                self.function().jump_to(end);
                self.function().place(no);
                self.value_into(otherwise, d)?;
                self.function().place(end);
                self.function().release(mark);
                if want.is_none() {
                    self.function().take()?;
                }
                Ok(d)
            }
            Node::Lambda { parameters, body } => self.lambda(parameters, body, want),
            Node::Walrus { target, value } => {
                let name = expressions.name(target);
                let found = self.value(value, want)?;
                if !matches!(self.world, World::Definition) && self.functions.len() == 1 {
                    let kept = self.function().take()?;
                    self.function().copy(kept, found);
                    self.function()
                        .inner_places
                        .push((name.to_owned(), Place::Register(kept)));
                    return Ok(kept);
                }
                self.store_name(name, found)?;
                Ok(found)
            }
            Node::List(items) => self.display(items, Display::List, want),
            Node::Tuple(items) => self.display(items, Display::Tuple, want),
            Node::Set(items) => self.display(items, Display::Set, want),
            Node::Dict(items) => self.dict_display(items, want),
            Node::Slice { lower, upper, step } => {
                let mark = self.function().mark();
                let base = self.function().take_many(3)?;
                for (place, part) in [lower, upper, step].into_iter().enumerate() {
                    let register = base + place as u16;
                    match part {
                        Some(part) => self.value_into(part, register)?,
                        None => {
                            self.load(Constant::None, Some(register))?;
                        }
                    }
                }
                self.function().release(mark);
                let d = self.wanted(want)?;
                self.function().emit(Op::BuildSlice {
                    d: Dst(d),
                    base: Base(base),
                });
                Ok(d)
            }
            Node::ListComp { .. } | Node::SetComp { .. } | Node::DictComp { .. } => {
                self.comprehension(node, want)
            }
            Node::Generator { element, clauses } => self.generator(element, clauses, want),
            Node::Starred(_) | Node::Keyword { .. } | Node::Clause { .. } | Node::Unpacked => {
                Err(Problem {
                    span,
                    message: "can't use starred expression here".into(),
                })
            }
            Node::Binary(..)
            | Node::Compare { .. }
            | Node::Attribute { .. }
            | Node::Subscript { .. }
            | Node::Call { .. } => self.value(node, want),
        }
    }

    fn unary(&mut self, op: UnaryOp, operand: NodeId, want: Option<u16>) -> Compiled<u16> {
        if op == UnaryOp::Minus {
            match self.expressions.node(operand) {
                Node::Integer(number) if number != i64::MIN => {
                    return self.load(Constant::Int(-number), want);
                }
                Node::Float(number) => return self.load(Constant::Float(-number), want),
                _ => {}
            }
        }
        let mark = self.function().mark();
        let s = self.value(operand, None)?;
        self.function().release(mark);
        let d = self.wanted(want)?;
        let kind = match op {
            UnaryOp::Not => operand::Unary::Not,
            UnaryOp::Plus => operand::Unary::Pos,
            UnaryOp::Minus => operand::Unary::Neg,
            UnaryOp::Invert => operand::Unary::Invert,
        };
        self.function().emit(Op::Unary {
            kind,
            d: Dst(d),
            s: Src(s),
        });
        Ok(d)
    }

    /// Jump to a label when the truth of an expression is `sense`; else go on.
    pub(super) fn condition(&mut self, node: NodeId, sense: bool, label: Label) -> Compiled<()> {
        match self.expressions.node(node) {
            Node::Unary(UnaryOp::Not, operand) => self.condition(operand, !sense, label),
            Node::Bool(op, operands) => {
                let operands = self.expressions.nodes(operands).to_vec();
                let Some((last, first)) = operands.split_last() else {
                    return Ok(());
                };
                // `and` is decided by a false operand, `or` by a true one.
                let decides = op == BoolOp::Or;
                if decides == sense {
                    for operand in &operands {
                        self.condition(*operand, sense, label)?;
                    }
                    return Ok(());
                }
                let skip = self.function().label();
                for operand in first {
                    self.condition(*operand, decides, skip)?;
                }
                self.condition(*last, sense, label)?;
                self.function().place(skip);
                Ok(())
            }
            _ => {
                let mark = self.function().mark();
                let s = Src(self.value(node, None)?);
                self.function().release(mark);
                let to = Target(0);
                let op = if sense {
                    Op::JumpIf { s, to }
                } else {
                    Op::JumpIfNot { s, to }
                };
                self.function().jump(op, label);
                Ok(())
            }
        }
    }

    fn format_string(&mut self, parts: Nodes, want: Option<u16>) -> Compiled<u16> {
        let parts = self.expressions.nodes(parts).to_vec();
        match parts.as_slice() {
            [] => return self.load(Constant::Text("".into()), want),
            [only] => return self.leaf(*only, want),
            _ => {}
        }
        let mark = self.function().mark();
        let base = self.function().take_many(parts.len())?;
        for (place, part) in parts.iter().enumerate() {
            let register = base + place as u16;
            let found = self.leaf(*part, Some(register))?;
            self.function().copy(register, found);
        }
        self.function().release(mark);
        let d = self.wanted(want)?;
        self.function().emit(Op::BuildText {
            d: Dst(d),
            base: Base(base),
            count: Count(parts.len() as u16),
        });
        Ok(d)
    }

    fn formatted(
        &mut self,
        value: NodeId,
        conversion: Conversion,
        spec: Option<NodeId>,
        want: Option<u16>,
    ) -> Compiled<u16> {
        let mark = self.function().mark();
        let s = self.value(value, None)?;
        let spec = match spec {
            Some(spec) => Src(self.value(spec, None)?),
            None => NO_SRC,
        };
        self.function().release(mark);
        let d = self.wanted(want)?;
        let kind = match conversion {
            Conversion::None => operand::Conversion::Plain,
            Conversion::Str => operand::Conversion::Str,
            Conversion::Repr => operand::Conversion::Repr,
            Conversion::Ascii => operand::Conversion::Ascii,
        };
        self.function().emit(Op::Format {
            kind,
            d: Dst(d),
            s: Src(s),
            spec,
        });
        Ok(d)
    }

    fn display(&mut self, items: Nodes, kind: Display, want: Option<u16>) -> Compiled<u16> {
        let items = self.expressions.nodes(items).to_vec();
        let starred = items
            .iter()
            .any(|item| matches!(self.expressions.node(*item), Node::Starred(_)));
        let mark = self.function().mark();
        if !starred && items.len() <= DISPLAY_MAX {
            let base = self.function().take_many(items.len())?;
            for (place, item) in items.iter().enumerate() {
                self.value_into(*item, base + place as u16)?;
            }
            self.function().release(mark);
            let d = self.wanted(want)?;
            let (d_, base, count) = (Dst(d), Base(base), Count(items.len() as u16));
            self.function().emit(match kind {
                Display::List => Op::BuildList { d: d_, base, count },
                Display::Tuple => Op::BuildTuple { d: d_, base, count },
                Display::Set => Op::BuildSet { d: d_, base, count },
            });
            return Ok(d);
        }
        let built = self.function().take()?;
        let (d, base, count) = (Dst(built), Base(built), Count(0));
        self.function().emit(match kind {
            Display::Set => Op::BuildSet { d, base, count },
            Display::List | Display::Tuple => Op::BuildList { d, base, count },
        });
        self.append_all(&items, built, kind == Display::Set)?;
        self.function().release(mark);
        let out = self.wanted(want)?;
        match kind {
            Display::Tuple => self.function().emit(Op::ListToTuple {
                d: Dst(out),
                s: Src(built),
            }),
            Display::List | Display::Set => self.function().copy(out, built),
        }
        Ok(out)
    }

    /// Append items, starred ones unpacked, to a list or set.
    pub(super) fn append_all(&mut self, items: &[NodeId], built: u16, set: bool) -> Compiled<()> {
        for item in items {
            let mark = self.function().mark();
            if let Node::Starred(inner) = self.expressions.node(*item) {
                let s = Src(self.value(inner, None)?);
                let op = if set {
                    Op::SetUpdate { set: Src(built), s }
                } else {
                    Op::ListExtend {
                        list: Src(built),
                        s,
                    }
                };
                self.function().emit(op);
            } else {
                let s = Src(self.value(*item, None)?);
                let op = if set {
                    Op::SetAdd { set: Src(built), s }
                } else {
                    Op::ListAppend {
                        list: Src(built),
                        s,
                    }
                };
                self.function().emit(op);
            }
            self.function().release(mark);
        }
        Ok(())
    }

    fn dict_display(&mut self, items: Nodes, want: Option<u16>) -> Compiled<u16> {
        let items = self.expressions.nodes(items).to_vec();
        let unpacked = items
            .iter()
            .any(|item| matches!(self.expressions.node(*item), Node::Unpacked));
        let mark = self.function().mark();
        if !unpacked && items.len() <= DISPLAY_MAX {
            let base = self.function().take_many(items.len())?;
            for (place, item) in items.iter().enumerate() {
                self.value_into(*item, base + place as u16)?;
            }
            self.function().release(mark);
            let d = self.wanted(want)?;
            let count = Count((items.len() / 2) as u16);
            self.function().emit(Op::BuildDict {
                d: Dst(d),
                base: Base(base),
                count,
            });
            return Ok(d);
        }
        let built = self.function().take()?;
        self.function().emit(Op::BuildDict {
            d: Dst(built),
            base: Base(built),
            count: Count(0),
        });
        for pair in items.chunks_exact(2) {
            let mark = self.function().mark();
            if matches!(self.expressions.node(pair[0]), Node::Unpacked) {
                let s = Src(self.value(pair[1], None)?);
                self.function().emit(Op::DictUpdate {
                    few: operand::Few(0),
                    dict: Src(built),
                    s,
                });
            } else {
                let key = Src(self.value(pair[0], None)?);
                let s = Src(self.value(pair[1], None)?);
                self.function().emit(Op::DictInsert {
                    dict: Src(built),
                    key,
                    s,
                });
            }
            self.function().release(mark);
        }
        self.function().release(mark);
        let out = self.wanted(want)?;
        self.function().copy(out, built);
        Ok(out)
    }

    /// Give a name a value that is in a register.
    pub(super) fn store_name(&mut self, name: &str, s: u16) -> Compiled<()> {
        let place = match self.meaning(name)? {
            Meaning::Place(place) => place,
            _ => Place::Global(self.global(name)?),
        };
        let function = self.function();
        match place {
            Place::Register(register) => {
                function.copy(register, s);
                function.set_bound(register);
            }
            Place::Cell(cell) => function.emit(Op::StoreCell {
                cell: Src(cell),
                s: Src(s),
            }),
            Place::Free(index) => function.emit(Op::StoreFree {
                f: Free(index),
                s: Src(s),
            }),
            Place::Global(slot) => function.emit(Op::StoreGlobal {
                g: Slot(slot),
                s: Src(s),
            }),
        }
        Ok(())
    }

    /// No names of arguments.
    pub(super) const NAMELESS: Const = NO_CONST;
}

/// A display of items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Display {
    List,
    Tuple,
    Set,
}

/// The instruction's operator for the tree's.
pub(super) const fn binary(op: BinaryOp) -> operand::Binary {
    match op {
        BinaryOp::Add => operand::Binary::Add,
        BinaryOp::Sub => operand::Binary::Sub,
        BinaryOp::Mult => operand::Binary::Mul,
        BinaryOp::MatMult => operand::Binary::MatMul,
        BinaryOp::Div => operand::Binary::Div,
        BinaryOp::FloorDiv => operand::Binary::FloorDiv,
        BinaryOp::Mod => operand::Binary::Mod,
        BinaryOp::Pow => operand::Binary::Pow,
        BinaryOp::LShift => operand::Binary::Shl,
        BinaryOp::RShift => operand::Binary::Shr,
        BinaryOp::BitOr => operand::Binary::Or,
        BinaryOp::BitXor => operand::Binary::Xor,
        BinaryOp::BitAnd => operand::Binary::And,
    }
}

const fn compare(op: CompareOp) -> operand::Compare {
    match op {
        CompareOp::Eq => operand::Compare::Eq,
        CompareOp::NotEq => operand::Compare::Ne,
        CompareOp::Lt => operand::Compare::Lt,
        CompareOp::LtE => operand::Compare::Le,
        CompareOp::Gt => operand::Compare::Gt,
        CompareOp::GtE => operand::Compare::Ge,
        CompareOp::Is => operand::Compare::Is,
        CompareOp::IsNot => operand::Compare::IsNot,
        CompareOp::In => operand::Compare::In,
        CompareOp::NotIn => operand::Compare::NotIn,
    }
}
