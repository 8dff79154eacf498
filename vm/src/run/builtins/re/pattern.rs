//! `re.Pattern`, and the patterns that an execution keeps.

use super::matcher::Mode;
use super::parse;
use super::program::{self, Program};
use super::search::{find_all, find_iter, method_once, split};
use super::substitution::substitute;
use super::tree::{Flags, bits};
use crate::limits::PATTERN_BYTES_MAX;
use crate::run::arena::{Arena, QuotaReached};
use crate::run::builtins::{
    AttributeDef, NativeDef, Param, TypeDef, calling_method, method, named, optional, required,
};
use crate::run::context::{Context, TextBuilder};
use crate::run::fault::{Class, Fault};
use crate::run::latin1::{self, Alphabet};
use crate::run::object::Object;
use crate::run::ops::print;
use crate::run::survivors::{Abandoned, Survivors};
use crate::run::text::Text;
use crate::run::value::Value;

/// Compiled patterns that an execution keeps; the oldest goes.
const KEPT_MAX: usize = 32;

/// `re.Pattern`.
#[derive(Debug)]
pub struct Pattern<'a> {
    /// Its text, or what stands for its bytes.
    pub source: &'a Text<'a>,
    /// What runs.
    pub program: &'a Program<'a>,
    /// How many were compiled before it.
    number: u64,
}

impl<'a> Pattern<'a> {
    /// Whether it is of text or of bytes, and searches such.
    #[must_use]
    pub const fn alphabet(&self) -> Alphabet {
        self.program.flags.alphabet
    }

    /// A part of what it searched.
    pub fn piece(&self, context: &mut Context<'a>, part: &'a str) -> Result<Value<'a>, Fault<'a>> {
        self.alphabet().over(context, part)
    }

    /// What equal ones share: the number of the one program that an execution has for a pattern and its flags.
    #[must_use]
    pub fn key(&self) -> [u8; 16] {
        u128::from(self.number).to_le_bytes()
    }

    /// The same pattern in another arena, where `source` is its text.
    pub fn moved<'b>(
        &self,
        arena: &'b Arena,
        source: &'b Text<'b>,
    ) -> Result<Pattern<'b>, QuotaReached> {
        Ok(Pattern {
            source,
            program: arena.alloc(self.program.moved(arena)?)?,
            number: self.number,
        })
    }
}

/// Patterns that were compiled in this execution.
#[derive(Debug, Default)]
pub struct Patterns<'a> {
    kept: Vec<(i64, &'a Pattern<'a>)>,
    compiled: u64,
}

impl<'a> Patterns<'a> {
    /// The same patterns in another arena.
    pub fn moved<'b>(&self, survivors: &mut Survivors<'a, 'b>) -> Result<Patterns<'b>, Abandoned> {
        let mut kept = Vec::with_capacity(self.kept.len());
        for (flags, pattern) in &self.kept {
            kept.push((*flags, survivors.pattern(pattern)?));
        }
        Ok(Patterns {
            kept,
            compiled: self.compiled,
        })
    }
}

const STRING: &[Param] = &[required("string"), optional("pos"), optional("endpos")];

/// `re.Pattern`.
pub static PATTERN: TypeDef = TypeDef {
    methods: METHODS,
    attributes: &[
        AttributeDef {
            name: "pattern",
            get: |context, value| {
                let pattern = receiver(value)?;
                match pattern.alphabet() {
                    Alphabet::Characters => Ok(Value::Str(pattern.source)),
                    Alphabet::Bytes => pattern.piece(context, pattern.source.as_str()),
                }
            },
        },
        AttributeDef {
            name: "flags",
            get: |_, value| Ok(Value::Int(receiver(value)?.program.flags.to_bits())),
        },
        AttributeDef {
            name: "groups",
            get: |_, value| Ok(Value::Int(i64::from(receiver(value)?.program.groups))),
        },
        AttributeDef {
            name: "groupindex",
            get: |context, value| {
                let dict = context.dict()?;
                for (name, number) in receiver(value)?.program.names {
                    let name = context.text_over(name)?;
                    context.insert(dict, name, Value::Int(i64::from(*number)))?;
                }
                Ok(Value::Dict(dict))
            },
        },
    ],
    members: &[],
    construct: None,
};

static METHODS: &[NativeDef] = &[
    method("search", named(STRING), |context, args| {
        method_once(context, args, Mode::Search)
    }),
    method("match", named(STRING), |context, args| {
        method_once(context, args, Mode::Match)
    }),
    method("fullmatch", named(STRING), |context, args| {
        method_once(context, args, Mode::Full)
    }),
    method("findall", named(&[required("string")]), |context, args| {
        find_all(context, receiver(args.receiver)?, args.or_none(0))
    }),
    method("finditer", named(&[required("string")]), |context, args| {
        find_iter(context, receiver(args.receiver)?, args.or_none(0))
    }),
    method(
        "split",
        named(&[required("string"), optional("maxsplit")]),
        |context, args| {
            split(
                context,
                receiver(args.receiver)?,
                args.or_none(0),
                args.get(1),
            )
        },
    ),
    calling_method(
        "sub",
        named(&[required("repl"), required("string"), optional("count")]),
        |context, args| {
            let values = [args.or_none(0), args.or_none(1)];
            substitute(
                context,
                receiver(args.receiver)?,
                values,
                args.get(2),
                false,
            )
        },
    ),
    calling_method(
        "subn",
        named(&[required("repl"), required("string"), optional("count")]),
        |context, args| {
            let values = [args.or_none(0), args.or_none(1)];
            substitute(context, receiver(args.receiver)?, values, args.get(2), true)
        },
    ),
];

pub(super) fn receiver(value: Value<'_>) -> Result<&Pattern<'_>, Fault<'_>> {
    match value {
        Value::Object(Object::Pattern(pattern)) => Ok(pattern),
        _ => Err(Fault::Internal("a pattern's method without its receiver")),
    }
}

/// The error of a pattern, with its place as CPython shows it.
#[cold]
pub(super) fn syntax_error<'a>(
    context: &mut Context<'a>,
    pattern: &str,
    error: &parse::Error,
) -> Fault<'a> {
    match error.kind {
        parse::Kind::Syntax => {}
        parse::Kind::Depth => return context.raise(Class::RecursionError, &error.message),
        parse::Kind::Overflow => return context.raise(Class::OverflowError, &error.message),
    }
    let message = &error.message;
    let Some(position) = error.position else {
        return context.raise(Class::RegexError, message);
    };
    if !pattern.contains('\n') {
        return context.raise(
            Class::RegexError,
            format_args!("{message} at position {position}"),
        );
    }
    let before: Vec<char> = pattern.chars().take(position).collect();
    let line = before
        .iter()
        .filter(|character| **character == '\n')
        .count()
        + 1;
    let column = before
        .iter()
        .rev()
        .take_while(|character| **character != '\n')
        .count()
        + 1;
    context.raise(
        Class::RegexError,
        format_args!("{message} at position {position} (line {line}, column {column})"),
    )
}

/// The pattern of an argument, compiled once an execution.
pub(super) fn pattern<'a>(
    context: &mut Context<'a>,
    value: Value<'a>,
    flags: Value<'a>,
) -> Result<&'a Pattern<'a>, Fault<'a>> {
    let bits = match flags {
        Value::None => 0,
        Value::Int(bits) => bits,
        Value::Bool(flag) => i64::from(flag),
        other => {
            let kind = other.type_of().name();
            let text = format_args!("unsupported operand type(s) for &: '{kind}' and 'RegexFlag'");
            return Err(context.raise(Class::TypeError, text));
        }
    };
    let (source, alphabet) = match value {
        Value::Object(Object::Pattern(pattern)) => {
            if bits != 0 {
                return Err(context.raise(
                    Class::ValueError,
                    "cannot process flags argument with a compiled pattern",
                ));
            }
            return Ok(pattern);
        }
        Value::Str(source) => (source, Alphabet::Characters),
        Value::Bytes(bytes) => {
            let source = latin1::text(context, bytes.as_slice())?;
            (source, Alphabet::Bytes)
        }
        Value::List(_) | Value::Dict(_) | Value::Set(_) => {
            let kind = value.type_of().name();
            return Err(context.raise(Class::TypeError, format_args!("unhashable type: '{kind}'")));
        }
        _ => {
            return Err(context.raise(
                Class::TypeError,
                "first argument must be string or compiled pattern",
            ));
        }
    };
    compile(context, source, alphabet, bits)
}

/// A pattern of a text or what stands for bytes, from those kept or new.
pub fn compile<'a>(
    context: &mut Context<'a>,
    source: &'a Text<'a>,
    alphabet: Alphabet,
    bits: i64,
) -> Result<&'a Pattern<'a>, Fault<'a>> {
    let known = context.patterns().kept.iter().find(|(flags, pattern)| {
        *flags == bits
            && pattern.alphabet() == alphabet
            && pattern.source.as_str() == source.as_str()
    });
    if let Some((_, pattern)) = known {
        return Ok(pattern);
    }
    let text = source.as_str();
    if text.len() > PATTERN_BYTES_MAX {
        return Err(context.raise(
            Class::RegexError,
            format_args!("a pattern may have {PATTERN_BYTES_MAX} bytes at most"),
        ));
    }
    // Reading a character takes about as long as four units.
    context.charge(16 + text.len() * 4)?;
    let (has_ascii, has_unicode) = (bits & bits::ASCII != 0, bits & bits::UNICODE != 0);
    let refusal = match alphabet {
        Alphabet::Characters if has_ascii && has_unicode => {
            "ASCII and UNICODE flags are incompatible"
        }
        Alphabet::Characters if bits & bits::LOCALE != 0 => {
            "cannot use LOCALE flag with a str pattern"
        }
        Alphabet::Bytes if has_unicode => "cannot use UNICODE flag with a bytes pattern",
        Alphabet::Bytes if bits & bits::LOCALE != 0 => "the LOCALE flag is not available",
        _ => "",
    };
    if !refusal.is_empty() {
        return Err(context.raise(Class::ValueError, refusal));
    }
    let (tree, root) = match parse::parse(text, Flags::from_bits(bits, alphabet)) {
        Ok(parsed) => parsed,
        Err(error) => return Err(syntax_error(context, text, &error)),
    };
    let program = program::compile(context, &tree, root)?;
    let patterns = context.patterns();
    patterns.compiled += 1;
    let number = patterns.compiled;
    let pattern: &'a Pattern<'a> = context.arena().alloc(Pattern {
        source,
        program,
        number,
    })?;
    let kept = &mut context.patterns().kept;
    if kept.len() >= KEPT_MAX {
        kept.remove(0);
    }
    kept.push((bits, pattern));
    Ok(pattern)
}

/// `repr()` of a pattern.
pub fn write_pattern<'a>(
    context: &mut Context<'a>,
    out: &mut TextBuilder,
    pattern: &Pattern<'a>,
) -> Result<(), Fault<'a>> {
    let names: Vec<&str> = [
        ("re.IGNORECASE", bits::IGNORE_CASE),
        ("re.MULTILINE", bits::MULTILINE),
        ("re.DOTALL", bits::DOT_ALL),
        ("re.VERBOSE", bits::VERBOSE),
        ("re.ASCII", bits::ASCII),
    ]
    .into_iter()
    .filter(|(_, bit)| pattern.program.flags.to_bits() & bit != 0)
    .map(|(name, _)| name)
    .collect();
    let mut repr = String::new();
    let source = pattern.piece(context, pattern.source.as_str())?;
    out.push_str("re.compile(")?;
    let mut quoted = context.builder();
    print::write_repr(context, &mut quoted, source)?;
    repr.extend(quoted.as_str().chars().take(200));
    out.push_str(&repr)?;
    if !names.is_empty() {
        out.push_str(", ")?;
        out.push_str(&names.join("|"))?;
    }
    Ok(out.push_str(")")?)
}
