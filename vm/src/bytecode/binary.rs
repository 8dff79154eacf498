//! The binary form of definitions: what one process compiled, another one runs.
//!
//! ```text
//! definition   version u64 | name | items | 0 error | 1 task_stays code
//! error        line | column | message
//! code         the function itself, then each function inside, as deep as they nest, in order
//! ```
//!
//! Numbers are LEB128, texts and lists begin with their length. The version is a digest of the table of instructions and
//! of the form's own number, so code of another release of the machine is refused, not misread. Hashes of texts are not
//! part of it: their keys are drawn by each process.
//!
//! Reading trusts nothing: every length is held against the bytes that are left before anything is allocated, nesting is
//! bounded, and what was read passes the verifier. Memory for decoded code is at most some thirty times its bytes.

use num_bigint::{BigInt, Sign};

use super::code::{CallSite, Callee, Capture, Code, Constant, Handler, Parameters};
use super::cover::covers;
use super::op::{Op, TABLE};
use super::operand::{
    Base, Binary, Child, Compare, Const, Conversion, Count, Dst, Few, Free, Site, Slot, Small, Src,
    Statement, Target, Unary,
};
use super::verify::verify;
use crate::compile::GIVEN;
use crate::definition::DefinitionError;
use crate::limits::DEFINITION_NESTING_MAX;
use crate::program::Definition;
use crate::run::fault::Class;
use crate::run::hash::hash_text;
use crate::script::span::Position;
use crate::specialise::Shapes;

/// Raised by a change of this form that the table of instructions does not show.
const FORM: u64 = 2;

/// What the bytes of a definition begin with: equal in two builds that understand each other's code.
pub const VERSION: u64 = fnv1a(FORM, TABLE.as_bytes());

const fn fnv1a(seed: u64, text: &[u8]) -> u64 {
    let mut hash = 0xCBF2_9CE4_8422_2325 ^ seed;
    let mut place = 0;
    while place < text.len() {
        hash = (hash ^ text[place] as u64).wrapping_mul(0x0000_0100_0000_01B3);
        place += 1;
    }
    hash
}

/// Why bytes are not a definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the binary form of a definition: {0}")]
pub struct BinaryError(pub(super) &'static str);

const CUT: BinaryError = BinaryError("it ends too early");

/// Something that has a binary form.
pub(super) trait Coded: Sized {
    /// Append it.
    fn encode(self, out: &mut Vec<u8>);
    /// Read it.
    fn decode(input: &mut Input<'_>) -> Result<Self, BinaryError>;
}

/// Bytes that are being read.
pub(super) struct Input<'b>(&'b [u8]);

impl<'b> Input<'b> {
    pub(super) fn byte(&mut self) -> Result<u8, BinaryError> {
        let (first, rest) = self.0.split_first().ok_or(CUT)?;
        self.0 = rest;
        Ok(*first)
    }

    fn flag(&mut self) -> Result<bool, BinaryError> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(BinaryError("a flag that is neither 0 nor 1")),
        }
    }

    fn number(&mut self) -> Result<u64, BinaryError> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7F);
            if bits << shift >> shift != bits || (byte == 0 && shift > 0) {
                break;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(BinaryError("a number that is too long"))
    }

    fn small<T: TryFrom<u64>>(&mut self) -> Result<T, BinaryError> {
        T::try_from(self.number()?).map_err(|_| BinaryError("a number that is too large"))
    }

    fn take(&mut self, count: usize) -> Result<&'b [u8], BinaryError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(CUT)?;
        self.0 = rest;
        Ok(taken)
    }

    fn word(&mut self) -> Result<u64, BinaryError> {
        let bytes = self.take(8)?.first_chunk().ok_or(CUT)?;
        Ok(u64::from_le_bytes(*bytes))
    }

    fn bytes(&mut self) -> Result<&'b [u8], BinaryError> {
        let count = self.small()?;
        self.take(count)
    }

    fn text(&mut self) -> Result<Box<str>, BinaryError> {
        let text = std::str::from_utf8(self.bytes()?);
        text.map(Into::into)
            .map_err(|_| BinaryError("a text that is not UTF-8"))
    }

    /// A list whose entries have at least one byte each.
    fn list<T>(
        &mut self,
        mut entry: impl FnMut(&mut Self) -> Result<T, BinaryError>,
    ) -> Result<Vec<T>, BinaryError> {
        let count: usize = self.small()?;
        if count > self.0.len() {
            return Err(CUT);
        }
        let mut list = Vec::with_capacity(count);
        for _ in 0..count {
            list.push(entry(self)?);
        }
        Ok(list)
    }
}

fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_bytes(out, text.as_bytes());
}

fn put_list<T>(out: &mut Vec<u8>, list: &[T], mut entry: impl FnMut(&mut Vec<u8>, &T)) {
    put_number(out, list.len() as u64);
    for item in list {
        entry(out, item);
    }
}

/// Small differences in either direction as small numbers.
const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

const fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}

macro_rules! coded_indexes {
    ($($name:ident),+) => {$(
        impl Coded for $name {
            fn encode(self, out: &mut Vec<u8>) {
                put_number(out, u64::from(self.0));
            }
            fn decode(input: &mut Input<'_>) -> Result<Self, BinaryError> {
                input.small().map(Self)
            }
        }
    )+};
}

coded_indexes!(
    Dst, Src, Base, Const, Slot, Free, Child, Site, Target, Few, Count, Statement
);

impl Coded for Small {
    fn encode(self, out: &mut Vec<u8>) {
        put_number(out, zigzag(i64::from(self.0)));
    }
    fn decode(input: &mut Input<'_>) -> Result<Self, BinaryError> {
        let number = i16::try_from(unzigzag(input.number()?));
        number
            .map(Self)
            .map_err(|_| BinaryError("a number that is too large"))
    }
}

macro_rules! coded_kinds {
    ($($name:ident),+) => {$(
        impl Coded for $name {
            fn encode(self, out: &mut Vec<u8>) {
                out.push(self as u8);
            }
            fn decode(input: &mut Input<'_>) -> Result<Self, BinaryError> {
                let kind = Self::ALL.get(usize::from(input.byte()?));
                kind.copied().ok_or(BinaryError("no such operator"))
            }
        }
    )+};
}

coded_kinds!(Binary, Unary, Compare, Conversion);

impl Definition {
    /// Its binary form.
    #[must_use]
    pub fn to_binary(&self) -> Vec<u8> {
        let Self {
            name,
            items,
            code,
            task_stays,
            shapes: _,
        } = self;
        let mut out = VERSION.to_le_bytes().to_vec();
        put_text(&mut out, name);
        put_list(&mut out, items, |out, item| put_text(out, item));
        match code {
            Err(DefinitionError { position, message }) => {
                out.push(0);
                put_number(&mut out, u64::from(position.line));
                put_number(&mut out, u64::from(position.column));
                put_text(&mut out, message);
            }
            Ok(code) => {
                out.push(1);
                out.push(u8::from(*task_stays));
                put_code(&mut out, code);
            }
        }
        out
    }

    /// Read the binary form; the code in it passed the verifier.
    ///
    /// # Errors
    /// For all bytes that `to_binary` of this release did not write, as far as that can be seen.
    pub fn from_binary(bytes: &[u8]) -> Result<Self, BinaryError> {
        let mut input = Input(bytes);
        if input.word()? != VERSION {
            return Err(BinaryError("of another version"));
        }
        let name = input.text()?;
        let items = input.list(Input::text)?;
        let (code, task_stays) = match input.byte()? {
            0 => {
                let position = Position {
                    line: input.small()?,
                    column: input.small()?,
                };
                let message = input.text()?.into();
                (Err(DefinitionError { position, message }), false)
            }
            1 => {
                let task_stays = input.flag()?;
                let code = code(&mut input)?;
                check_module(&code)?;
                verify(&code, code.globals.len(), 0, 0)
                    .map_err(|_| BinaryError("code that the verifier refuses"))?;
                (Ok(code), task_stays)
            }
            _ => return Err(BinaryError("neither code nor an error")),
        };
        if !input.0.is_empty() {
            return Err(BinaryError("more bytes than it has"));
        }
        Ok(Self {
            name,
            items,
            code,
            task_stays,
            shapes: Shapes::default(),
        })
    }
}

/// What a run takes for granted of a definition's own code.
fn check_module(code: &Code) -> Result<(), BinaryError> {
    let parameters = &code.parameters;
    let given = parameters.names.iter().map(AsRef::as_ref).eq(GIVEN);
    if !given
        || usize::from(parameters.positional) != GIVEN.len()
        || parameters.defaults > 0
        || parameters.rest
        || parameters.named_rest
        || !code.captures.is_empty()
        || code.is_generator
        || code.is_script
    {
        return Err(BinaryError("code that is not a definition's"));
    }
    Ok(())
}

/// Levels of functions in functions: the module's own, and one for each bracket, block or `lambda` that may nest.
const FUNCTIONS_DEEP_MAX: usize = DEFINITION_NESTING_MAX + 1;

/// A function and those inside it, the outer ones first.
fn put_code(out: &mut Vec<u8>, code: &Code) {
    put_function(out, code);
    for child in &code.children {
        put_code(out, child);
    }
}

fn code(input: &mut Input<'_>) -> Result<Code, BinaryError> {
    // Functions around the one that is read, each with how many of those inside it are still to come.
    let mut open: Vec<(Code, usize)> = Vec::new();
    loop {
        let (code, children) = function(input)?;
        open.push((code, children));
        if open.len() > FUNCTIONS_DEEP_MAX {
            return Err(BinaryError("nested too deep"));
        }
        while let Some((_, 0)) = open.last() {
            let Some((whole, _)) = open.pop() else {
                break;
            };
            let Some((around, missing)) = open.last_mut() else {
                return Ok(whole);
            };
            around.children.push(whole);
            *missing -= 1;
        }
    }
}

fn put_function(out: &mut Vec<u8>, code: &Code) {
    let Code {
        name,
        ops,
        offsets,
        constants,
        hashes: _,
        handlers,
        covers: _,
        registers,
        unset_start,
        unset_end,
        parameters,
        children,
        captures,
        globals,
        is_generator,
        is_script,
        sites,
    } = code;
    put_text(out, name);
    put_list(out, ops, |out, op| op.encode(out));
    let mut before = 0;
    for offset in offsets {
        put_number(out, zigzag(i64::from(*offset) - before));
        before = i64::from(*offset);
    }
    put_list(out, constants, put_constant);
    put_list(out, handlers, |out, handler| {
        put_number(out, u64::from(handler.start));
        put_number(out, u64::from(handler.end));
        handler.target.encode(out);
        handler.caught.encode(out);
    });
    for number in [registers, unset_start, unset_end] {
        put_number(out, u64::from(*number));
    }
    put_parameters(out, parameters);
    put_list(out, captures, |out, capture| {
        let (kind, index) = match capture {
            Capture::Register(register) => (0, register),
            Capture::Free(index) => (1, index),
        };
        out.push(kind);
        put_number(out, u64::from(*index));
    });
    put_list(out, globals, |out, name| put_text(out, name));
    out.push(u8::from(*is_generator));
    out.push(u8::from(*is_script));
    put_list(out, sites, put_site);
    put_number(out, children.len() as u64);
}

/// One function, and how many are inside it.
fn function(input: &mut Input<'_>) -> Result<(Code, usize), BinaryError> {
    let name = input.text()?;
    let ops = input.list(Op::decode)?;
    if ops.len() > input.0.len() {
        return Err(CUT);
    }
    let mut offsets = Vec::with_capacity(ops.len());
    let mut before = 0_i64;
    for _ in &ops {
        let offset = before.checked_add(unzigzag(input.number()?));
        let offset = offset.and_then(|offset| u32::try_from(offset).ok());
        let offset = offset.ok_or(BinaryError("a place before the text"))?;
        offsets.push(offset);
        before = i64::from(offset);
    }
    let constants = input.list(constant)?;
    let hashes = constants
        .iter()
        .map(|constant| constant.as_text().map_or(0, hash_text))
        .collect();
    let handlers = input.list(|input| {
        Ok(Handler {
            start: input.small()?,
            end: input.small()?,
            target: Coded::decode(input)?,
            caught: Coded::decode(input)?,
        })
    })?;
    let (registers, unset_start, unset_end) = (input.small()?, input.small()?, input.small()?);
    let parameters = parameters(input)?;
    let captures = input.list(|input| match input.byte()? {
        0 => input.small().map(Capture::Register),
        1 => input.small().map(Capture::Free),
        _ => Err(BinaryError("no such kind of captured variable")),
    })?;
    let code = Code {
        name,
        ops,
        offsets,
        constants,
        hashes,
        covers: covers(&handlers),
        handlers,
        registers,
        unset_start,
        unset_end,
        parameters,
        children: Vec::new(),
        captures,
        globals: input.list(Input::text)?,
        is_generator: input.flag()?,
        is_script: input.flag()?,
        sites: input.list(site)?,
    };
    Ok((code, input.small()?))
}

fn put_constant(out: &mut Vec<u8>, constant: &Constant) {
    match constant {
        Constant::None => out.push(0),
        Constant::Bool(truth) => out.push(1 + u8::from(*truth)),
        Constant::Int(int) => {
            out.push(3);
            put_number(out, zigzag(*int));
        }
        Constant::Big(big) => {
            let (sign, magnitude) = big.to_bytes_le();
            out.push(if sign == Sign::Minus { 5 } else { 4 });
            put_bytes(out, &magnitude);
        }
        Constant::Float(float) => {
            out.push(6);
            out.extend_from_slice(&float.to_bits().to_le_bytes());
        }
        Constant::Text(text) => {
            out.push(7);
            put_text(out, text);
        }
        Constant::Bytes(bytes) => {
            out.push(8);
            put_bytes(out, bytes);
        }
        Constant::Names(names) => {
            out.push(9);
            put_list(out, names, |out, name| put_text(out, name));
        }
        Constant::Builtin(name) => {
            out.push(10);
            put_text(out, name);
        }
        Constant::Ellipsis => out.push(11),
    }
}

fn constant(input: &mut Input<'_>) -> Result<Constant, BinaryError> {
    Ok(match input.byte()? {
        0 => Constant::None,
        1 => Constant::Bool(false),
        2 => Constant::Bool(true),
        3 => Constant::Int(unzigzag(input.number()?)),
        4 => Constant::Big(big(Sign::Plus, input.bytes()?)?),
        5 => Constant::Big(big(Sign::Minus, input.bytes()?)?),
        6 => Constant::Float(f64::from_bits(input.word()?)),
        7 => Constant::Text(input.text()?),
        8 => Constant::Bytes(input.bytes()?.into()),
        9 => Constant::Names(input.list(Input::text)?.into()),
        10 => Constant::Builtin(input.text()?),
        11 => Constant::Ellipsis,
        _ => return Err(BinaryError("no such kind of constant")),
    })
}

/// An int that 64 bits do not hold: smaller ones are constants of another kind.
fn big(sign: Sign, magnitude: &[u8]) -> Result<BigInt, BinaryError> {
    let big = BigInt::from_bytes_le(sign, magnitude);
    if i64::try_from(&big).is_ok() || magnitude.last() == Some(&0) {
        return Err(BinaryError("a small int in the form of a large one"));
    }
    Ok(big)
}

fn put_parameters(out: &mut Vec<u8>, parameters: &Parameters) {
    let Parameters {
        names,
        positional,
        positional_only,
        defaults,
        keyword_defaults,
        rest,
        named_rest,
        rest_names,
    } = parameters;
    put_list(out, names, |out, name| put_text(out, name));
    for number in [positional, positional_only, defaults] {
        put_number(out, u64::from(*number));
    }
    put_list(out, keyword_defaults, |out, has| out.push(u8::from(*has)));
    out.push(u8::from(*rest));
    out.push(u8::from(*named_rest));
    put_list(out, rest_names, |out, name| put_text(out, name));
}

fn parameters(input: &mut Input<'_>) -> Result<Parameters, BinaryError> {
    let parameters = Parameters {
        names: input.list(Input::text)?,
        positional: input.small()?,
        positional_only: input.small()?,
        defaults: input.small()?,
        keyword_defaults: input.list(Input::flag)?,
        rest: input.flag()?,
        named_rest: input.flag()?,
        rest_names: input.list(Input::text)?,
    };
    let rests = usize::from(parameters.rest) + usize::from(parameters.named_rest);
    if parameters.rest_names.len() != rests {
        return Err(BinaryError("parameters without their names"));
    }
    Ok(parameters)
}

fn put_site(out: &mut Vec<u8>, site: &CallSite) {
    let CallSite {
        name,
        callee,
        context,
        branches,
        sequence,
        literals,
        number,
    } = site;
    put_text(out, name);
    match callee {
        Callee::Definition(number) => {
            out.push(0);
            put_number(out, u64::from(*number));
        }
        Callee::Function(number) => {
            out.push(1);
            put_number(out, u64::from(*number));
        }
        Callee::Error(class, text) => {
            out.push(2);
            out.push(*class as u8);
            put_text(out, text);
        }
    }
    out.push(u8::from(context.is_some()));
    if let Some(context) = context {
        put_text(out, context);
    }
    out.push(u8::from(branches.is_some()));
    let parts = branches.iter().flatten().chain([sequence]);
    for part in parts {
        put_list(out, part, |out, number| put_number(out, u64::from(*number)));
    }
    put_list(out, literals, |out, literal| literal.encode(out));
    put_number(out, u64::from(*number));
}

fn site(input: &mut Input<'_>) -> Result<CallSite, BinaryError> {
    let name = input.text()?;
    let callee = match input.byte()? {
        0 => Callee::Definition(input.small()?),
        1 => Callee::Function(input.small()?),
        2 => {
            let class = Class::ALL.get(usize::from(input.byte()?));
            let class = class.ok_or(BinaryError("no such class of error"))?;
            Callee::Error(*class, input.text()?)
        }
        _ => return Err(BinaryError("no such kind of call")),
    };
    let context = if input.flag()? {
        Some(input.text()?)
    } else {
        None
    };
    let numbers = |input: &mut Input<'_>| input.list(Input::small::<u32>);
    let branches = if input.flag()? {
        Some([numbers(input)?, numbers(input)?])
    } else {
        None
    };
    Ok(CallSite {
        name,
        callee,
        context,
        branches,
        sequence: numbers(input)?,
        literals: input.list(Const::decode)?,
        number: input.small()?,
    })
}
