//! The module `re`: patterns, searching, splitting, substituting.
//!
//! The engine is ours and not `fancy-regex`, because a search must cost fuel for every step it takes. `fancy-regex` has
//! one limit for a whole search and tells nobody how much of it was used: a pattern that backtracks 999,999 times in each
//! call would be charged like one that does not. Besides, its classes, empty matches and repeated groups are not Python's.
//! [`matcher`] counts each step, recurses on nothing, and keeps its program in the arena.

pub mod generate;
pub mod matcher;
mod matches;
pub mod parse;
pub mod program;
mod template;
pub mod tree;

use super::{
    Args, AttributeDef, Calls, Member, ModuleDef, NativeDef, TypeDef, calling, calling_method,
    exactly, function, method, named, optional, required,
};
use crate::run::arena::{Arena, QuotaReached};
use crate::run::context::{Context, TextBuilder};
use crate::run::fault::{Class, Fault};
use crate::run::kind::Type;
use crate::run::list::{List, Tuple};
use crate::run::object::Object;
use crate::run::ops::subscript::offset;
use crate::run::survivors::{Abandoned, Survivors};
use crate::run::text::Text;
use crate::run::value::Value;
use matcher::{Mode, Search};
pub use matches::{MATCH, Match, item, write as write_match};
use program::Program;
use tree::{Flags, bits};

/// Compiled patterns that an execution keeps; the oldest goes.
const KEPT_MAX: usize = 32;

/// Characters of a pattern: the tree takes about 100 bytes each, outside of the arena.
const PATTERN_BYTES_MAX: usize = 64 << 10;

/// `re.Pattern`.
#[derive(Debug)]
pub struct Pattern<'a> {
    /// Its text.
    pub source: &'a Text<'a>,
    /// What runs.
    pub program: &'a Program<'a>,
    /// How many were compiled before it.
    number: u64,
}

impl Pattern<'_> {
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

/// `re`.
pub static MODULE: ModuleDef = ModuleDef {
    name: "re",
    members: &[
        Member::Native(function(
            "compile",
            named(&[required("pattern"), optional("flags")]),
            |context, args| {
                let pattern = pattern(context, args.or_none(0), args.or_none(1))?;
                Ok(Value::Object(
                    context.arena().alloc(Object::Pattern(pattern))?,
                ))
            },
        )),
        Member::Native(function(
            "search",
            named(PATTERN_STRING),
            |context, args| once(context, args, Mode::Search),
        )),
        Member::Native(function("match", named(PATTERN_STRING), |context, args| {
            once(context, args, Mode::Match)
        })),
        Member::Native(function(
            "fullmatch",
            named(PATTERN_STRING),
            |context, args| once(context, args, Mode::Full),
        )),
        Member::Native(function(
            "findall",
            named(PATTERN_STRING),
            |context, args| {
                let pattern = pattern(context, args.or_none(0), args.or_none(2))?;
                find_all(context, pattern, args.or_none(1))
            },
        )),
        Member::Native(function(
            "finditer",
            named(PATTERN_STRING),
            |context, args| {
                let pattern = pattern(context, args.or_none(0), args.or_none(2))?;
                find_iter(context, pattern, args.or_none(1))
            },
        )),
        Member::Native(function(
            "split",
            named(&[
                required("pattern"),
                required("string"),
                optional("maxsplit"),
                optional("flags"),
            ]),
            |context, args| {
                let pattern = pattern(context, args.or_none(0), args.or_none(3))?;
                split(context, pattern, args.or_none(1), args.get(2))
            },
        )),
        Member::Native(calling("sub", named(SUB), |context, args| {
            let pattern = pattern(context, args.or_none(0), args.or_none(4))?;
            let values = [args.or_none(1), args.or_none(2)];
            substitute(context, pattern, values, args.get(3), false)
        })),
        Member::Native(calling("subn", named(SUB), |context, args| {
            let pattern = pattern(context, args.or_none(0), args.or_none(4))?;
            let values = [args.or_none(1), args.or_none(2)];
            substitute(context, pattern, values, args.get(3), true)
        })),
        Member::Native(function("escape", named(&[required("pattern")]), escape)),
        Member::Native(function("purge", exactly(0), |_, _| Ok(Value::None))),
        Member::Type("error", Type::Exception(Class::RegexError)),
        Member::Type("Pattern", Type::Pattern),
        Member::Type("Match", Type::Match),
        Member::Int("A", bits::ASCII),
        Member::Int("ASCII", bits::ASCII),
        Member::Int("I", bits::IGNORE_CASE),
        Member::Int("IGNORECASE", bits::IGNORE_CASE),
        Member::Int("M", bits::MULTILINE),
        Member::Int("MULTILINE", bits::MULTILINE),
        Member::Int("S", bits::DOT_ALL),
        Member::Int("DOTALL", bits::DOT_ALL),
        Member::Int("U", bits::UNICODE),
        Member::Int("UNICODE", bits::UNICODE),
        Member::Int("X", bits::VERBOSE),
        Member::Int("VERBOSE", bits::VERBOSE),
        Member::Int("NOFLAG", 0),
    ],
};

const PATTERN_STRING: &[super::Param] =
    &[required("pattern"), required("string"), optional("flags")];

const SUB: &[super::Param] = &[
    required("pattern"),
    required("repl"),
    required("string"),
    optional("count"),
    optional("flags"),
];

const STRING: &[super::Param] = &[required("string"), optional("pos"), optional("endpos")];

/// `re.Pattern`.
pub static PATTERN: TypeDef = TypeDef {
    methods: METHODS,
    attributes: &[
        AttributeDef {
            name: "pattern",
            get: |_, value| Ok(Value::Str(receiver(value)?.source)),
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

fn receiver(value: Value<'_>) -> Result<&Pattern<'_>, Fault<'_>> {
    match value {
        Value::Object(Object::Pattern(pattern)) => Ok(pattern),
        _ => Err(Fault::Internal("a pattern's method without its receiver")),
    }
}

/// The error of a pattern, with its place as CPython shows it.
#[cold]
fn syntax_error<'a>(context: &mut Context<'a>, pattern: &str, error: &parse::Error) -> Fault<'a> {
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
fn pattern<'a>(
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
    let source = match value {
        Value::Object(Object::Pattern(pattern)) => {
            if bits != 0 {
                return Err(context.raise(
                    Class::ValueError,
                    "cannot process flags argument with a compiled pattern",
                ));
            }
            return Ok(pattern);
        }
        Value::Str(source) => source,
        Value::Bytes(_) => {
            return Err(context.raise(
                Class::TypeError,
                "patterns of bytes are not available: decode them first",
            ));
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
    compile(context, source, bits)
}

/// A pattern of a text, from those kept or new.
pub fn compile<'a>(
    context: &mut Context<'a>,
    source: &'a Text<'a>,
    bits: i64,
) -> Result<&'a Pattern<'a>, Fault<'a>> {
    let known = context
        .patterns()
        .kept
        .iter()
        .find(|(flags, pattern)| *flags == bits && pattern.source.as_str() == source.as_str());
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
    if bits & tree::bits::ASCII != 0 && bits & tree::bits::UNICODE != 0 {
        return Err(context.raise(
            Class::ValueError,
            "ASCII and UNICODE flags are incompatible",
        ));
    }
    if bits & 4 != 0 {
        return Err(context.raise(
            Class::ValueError,
            "cannot use LOCALE flag with a str pattern",
        ));
    }
    let (tree, root) = match parse::parse(text, Flags::from_bits(bits)) {
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

/// The text to search in.
fn subject<'a>(context: &mut Context<'a>, value: Value<'a>) -> Result<&'a Text<'a>, Fault<'a>> {
    match value {
        Value::Str(text) => Ok(text),
        Value::Bytes(_) => Err(context.raise(
            Class::TypeError,
            "cannot use a string pattern on a bytes-like object",
        )),
        other => {
            let kind = other.type_of().name();
            Err(context.raise(
                Class::TypeError,
                format_args!("expected string or bytes-like object, got '{kind}'"),
            ))
        }
    }
}

fn once<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
    mode: Mode,
) -> Result<Value<'a>, Fault<'a>> {
    let pattern = pattern(context, args.or_none(0), args.or_none(2))?;
    let text = subject(context, args.or_none(1))?;
    first(context, pattern, text, 0, mode)
}

fn method_once<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
    mode: Mode,
) -> Result<Value<'a>, Fault<'a>> {
    let pattern = receiver(args.receiver)?;
    let text = subject(context, args.or_none(0))?;
    if args.get(2).is_some() {
        return Err(context.raise(
            Class::ValueError,
            "endpos is not available: cut the text first",
        ));
    }
    let start = match args.get(1) {
        None => 0,
        Some(_) => {
            context.charge_bytes(text.as_str().len())?;
            let characters = usize::try_from(args.index(context, 1)?).unwrap_or(0);
            offset(text.as_str(), characters)
        }
    };
    first(context, pattern, text, start, mode)
}

fn first<'a>(
    context: &mut Context<'a>,
    pattern: &'a Pattern<'a>,
    text: &'a Text<'a>,
    start: usize,
    mode: Mode,
) -> Result<Value<'a>, Fault<'a>> {
    let mut search = Search::new(pattern.program, text.as_str());
    if search.find(context, start, mode, false)? {
        matches::value(context, pattern, text, &search.slots)
    } else {
        Ok(Value::None)
    }
}

/// Call `each` with the slots of every match in turn, `most` of them (0: all).
fn for_each<'a>(
    context: &mut Context<'a>,
    pattern: &'a Pattern<'a>,
    text: &'a Text<'a>,
    most: usize,
    mut each: impl FnMut(&mut Context<'a>, &[usize]) -> Result<(), Fault<'a>>,
) -> Result<(), Fault<'a>> {
    let mut search = Search::new(pattern.program, text.as_str());
    let (mut at, mut not_empty, mut count) = (0, false, 0);
    while (most == 0 || count < most) && search.find(context, at, Mode::Search, not_empty)? {
        let (start, end) = (search.slots[0], search.slots[1]);
        context.charge(2 + search.slots.len() / 4)?;
        each(context, &search.slots)?;
        // After an empty match the next one must take a character or begin later.
        not_empty = start == end;
        at = end;
        count += 1;
    }
    Ok(())
}

/// The text of a group, or nothing when it took no part.
fn group_text<'a>(text: &'a Text<'a>, slots: &[usize], group: usize) -> Option<&'a str> {
    let (start, end) = (*slots.get(group * 2)?, *slots.get(group * 2 + 1)?);
    if start == matcher::UNSET || end == matcher::UNSET {
        return None;
    }
    text.as_str().get(start..end)
}

fn find_all<'a>(
    context: &mut Context<'a>,
    pattern: &'a Pattern<'a>,
    value: Value<'a>,
) -> Result<Value<'a>, Fault<'a>> {
    let text = subject(context, value)?;
    let groups = pattern.program.groups as usize;
    let list = context.empty_list()?;
    for_each(context, pattern, text, 0, |context, slots| {
        let item = match groups {
            0 | 1 => context.text_over(group_text(text, slots, groups).unwrap_or_default())?,
            _ => {
                let mut items = Vec::with_capacity(groups);
                for group in 1..=groups {
                    items.push(
                        context.text_over(group_text(text, slots, group).unwrap_or_default())?,
                    );
                }
                context.tuple(&items)?
            }
        };
        context.push(list, item)
    })?;
    Ok(Value::List(list))
}

fn find_iter<'a>(
    context: &mut Context<'a>,
    pattern: &'a Pattern<'a>,
    value: Value<'a>,
) -> Result<Value<'a>, Fault<'a>> {
    let list = all_matches(context, pattern, value, 0)?;
    Ok(Value::Iter(context.iterate(Value::List(list))?))
}

fn all_matches<'a>(
    context: &mut Context<'a>,
    pattern: &'a Pattern<'a>,
    value: Value<'a>,
    most: usize,
) -> Result<&'a List<'a>, Fault<'a>> {
    let text = subject(context, value)?;
    let list = context.empty_list()?;
    for_each(context, pattern, text, most, |context, slots| {
        let found = matches::value(context, pattern, text, slots)?;
        context.push(list, found)
    })?;
    Ok(list)
}

/// A count argument: 0 is all, below 0 none for `split` and all for `sub`.
fn count<'a>(context: &mut Context<'a>, value: Option<Value<'a>>) -> Result<i64, Fault<'a>> {
    match value {
        None => Ok(0),
        Some(Value::Int(number)) => Ok(number),
        Some(Value::Bool(flag)) => Ok(i64::from(flag)),
        Some(other) => {
            let kind = other.type_of().name();
            Err(context.raise(
                Class::TypeError,
                format_args!("'{kind}' object cannot be interpreted as an integer"),
            ))
        }
    }
}

fn split<'a>(
    context: &mut Context<'a>,
    pattern: &'a Pattern<'a>,
    value: Value<'a>,
    most: Option<Value<'a>>,
) -> Result<Value<'a>, Fault<'a>> {
    let text = subject(context, value)?;
    let most = count(context, most)?;
    let list = context.empty_list()?;
    let mut last = 0;
    if most >= 0 {
        for_each(context, pattern, text, most as usize, |context, slots| {
            let piece = context.text_over(&text.as_str()[last..slots[0]])?;
            context.push(list, piece)?;
            for group in 1..=pattern.program.groups as usize {
                let part = match group_text(text, slots, group) {
                    Some(part) => context.text_over(part)?,
                    None => Value::None,
                };
                context.push(list, part)?;
            }
            last = slots[1];
            Ok(())
        })?;
    }
    let rest = context.text_over(&text.as_str()[last..])?;
    context.push(list, rest)?;
    Ok(Value::List(list))
}

/// `sub` and `subn`: `values` are replacement and text.
fn substitute<'a>(
    context: &mut Context<'a>,
    pattern: &'a Pattern<'a>,
    values: [Value<'a>; 2],
    most: Option<Value<'a>>,
    counted: bool,
) -> Result<Calls<'a>, Fault<'a>> {
    let [replacement, value] = values;
    let text = subject(context, value)?;
    let most = usize::try_from(count(context, most)?).unwrap_or(0);
    let template = match replacement {
        Value::Str(template) => template.as_str(),
        Value::Function(_) | Value::Native(_) | Value::Method(_) | Value::Type(_) => {
            let items = all_matches(context, pattern, value, most)?;
            let extra = context.tuple(&[value, Value::Bool(counted)])?;
            return Ok(Calls::Each {
                function: replacement,
                items,
                spread: false,
                finish: finish_substitute,
                extra,
            });
        }
        other => {
            let kind = other.type_of().name();
            return Err(context.raise(
                Class::TypeError,
                format_args!("decoding to str: need a bytes-like object, {kind} found"),
            ));
        }
    };
    let parts = template::parse(context, pattern, template)?;
    let mut out = context.builder();
    let (mut last, mut done) = (0, 0);
    for_each(context, pattern, text, most, |context, slots| {
        out.push_str(&text.as_str()[last..slots[0]])?;
        context.charge(parts.len())?;
        template::write(context, &mut out, &parts, text, slots)?;
        last = slots[1];
        done += 1;
        Ok(())
    })?;
    finished(context, out, &text.as_str()[last..], done, counted).map(Calls::Done)
}

fn finished<'a>(
    context: &mut Context<'a>,
    mut out: TextBuilder,
    rest: &str,
    count: i64,
    counted: bool,
) -> Result<Value<'a>, Fault<'a>> {
    out.push_str(rest)?;
    let text = context.finish(out)?;
    if counted {
        context.tuple(&[text, Value::Int(count)])
    } else {
        Ok(text)
    }
}

fn finish_substitute<'a>(
    context: &mut Context<'a>,
    items: &'a List<'a>,
    made: &'a List<'a>,
    extra: Value<'a>,
) -> Result<Value<'a>, Fault<'a>> {
    let Value::Tuple(Tuple([Value::Str(text), Value::Bool(counted)])) = extra else {
        return Err(Fault::Internal("a substitution lost its text"));
    };
    let mut out = context.builder();
    let mut last = 0;
    for (index, (item, part)) in items.items().iter().zip(made.items()).enumerate() {
        context.charge(1)?;
        let Value::Object(Object::Match(found)) = item.get() else {
            return Err(Fault::Internal("a substitution lost its matches"));
        };
        out.push_str(&text.as_str()[last..found.slots[0]])?;
        match part.get() {
            Value::Str(part) => {
                context.charge_bytes(part.as_str().len())?;
                out.push_str(part.as_str())?;
            }
            Value::None => {}
            other => {
                let kind = other.type_of().name();
                return Err(context.raise(
                    Class::TypeError,
                    format_args!("sequence item {index}: expected str instance, {kind} found"),
                ));
            }
        }
        last = found.slots[1];
    }
    finished(
        context,
        out,
        &text.as_str()[last..],
        items.len() as i64,
        *counted,
    )
}

/// `re.escape`.
fn escape<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let Some(text) = args.or_none(0).as_str() else {
        let kind = args.or_none(0).type_of().name();
        return Err(context.raise(
            Class::TypeError,
            format_args!("decoding to str: need a bytes-like object, {kind} found"),
        ));
    };
    context.charge_bytes(text.len() * 2)?;
    let mut out = context.builder();
    for character in text.chars() {
        if "()[]{}?*+-|^$\\.&~# \t\n\r\u{b}\u{c}".contains(character) {
            out.push('\\')?;
        }
        out.push(character)?;
    }
    context.finish(out)
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
    let source = pattern.source.as_str();
    out.push_str("re.compile(")?;
    let mut quoted = context.builder();
    crate::run::ops::print::write_quoted(&mut quoted, source)?;
    repr.extend(quoted.as_str().chars().take(200));
    out.push_str(&repr)?;
    if !names.is_empty() {
        out.push_str(", ")?;
        out.push_str(&names.join("|"))?;
    }
    Ok(out.push_str(")")?)
}
