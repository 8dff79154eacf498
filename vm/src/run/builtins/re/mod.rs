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
mod pattern;
pub mod program;
mod search;
mod substitution;
mod template;
pub mod tree;

use super::{Args, Member, ModuleDef, calling, exactly, function, named, optional, required};
use crate::run::context::Context;
use crate::run::fault::{Class, Fault};
use crate::run::kind::Type;
use crate::run::latin1::{self, Alphabet};
use crate::run::object::Object;
use crate::run::value::Value;
use matcher::Mode;
pub use matches::{MATCH, Match, item, write as write_match};
use pattern::pattern;
pub use pattern::{PATTERN, Pattern, Patterns, compile, write_pattern};
use search::{find_all, find_iter, once, split};
use substitution::substitute;
use tree::bits;

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

/// `re.escape`.
fn escape<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let (text, alphabet) = match args.or_none(0) {
        Value::Str(text) => (text.as_str(), Alphabet::Characters),
        Value::Bytes(bytes) => {
            let text = latin1::text(context, bytes.as_slice())?;
            (text.as_str(), Alphabet::Bytes)
        }
        other => {
            let kind = other.type_of().name();
            return Err(context.raise(
                Class::TypeError,
                format_args!("decoding to str: need a bytes-like object, {kind} found"),
            ));
        }
    };
    context.charge_bytes(text.len() * 2)?;
    let mut out = context.builder();
    for character in text.chars() {
        if "()[]{}?*+-|^$\\.&~# \t\n\r\u{b}\u{c}".contains(character) {
            out.push('\\')?;
        }
        out.push(character)?;
    }
    alphabet.copied(context, out.as_str())
}
