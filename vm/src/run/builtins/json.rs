//! The module `json`: reading by `jiter`, writing by [`crate::run::json`].

use jiter::{Jiter, JiterError, JiterErrorType, JsonErrorType, Peek};
use num_bigint::BigInt;

use super::{Args, Member, ModuleDef, Param, at_least, function, keyword, named, required};
use crate::limits::{INT_DIGITS_MAX, JSON_NESTING_MAX};
use crate::run::context::Context;
use crate::run::dict::Dict;
use crate::run::fault::{Class, Fault};
use crate::run::json::{Layout, write};
use crate::run::kind::Type;
use crate::run::list::List;
use crate::run::nesting::Nesting;
use crate::run::value::Value;

/// `json`.
pub static MODULE: ModuleDef = ModuleDef {
    name: "json",
    members: &[
        Member::Native(function("loads", at_least(1), |context, args| {
            loads(context, args)
        })),
        Member::Native(function(
            "dumps",
            named(&[
                required("obj"),
                keyword("skipkeys"),
                keyword("ensure_ascii"),
                keyword("check_circular"),
                keyword("allow_nan"),
                keyword("cls"),
                keyword("indent"),
                keyword("separators"),
                keyword("default"),
                keyword("sort_keys"),
            ]),
            dumps,
        )),
        Member::Type("JSONDecodeError", Type::Exception(Class::JsonDecodeError)),
    ],
};

const _: Param = keyword("indent");

fn loads<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    match args.or_none(0) {
        Value::Str(text) => {
            if text.as_str().starts_with('\u{feff}') {
                return Err(context.raise(
                    Class::JsonDecodeError,
                    "Unexpected UTF-8 BOM (decode using utf-8-sig): line 1 column 1 (char 0)",
                ));
            }
            read(context, text.as_str())
        }
        Value::Bytes(bytes) => match std::str::from_utf8(bytes.as_slice()) {
            Ok(text) => read(context, text.trim_start_matches('\u{feff}')),
            Err(error) => {
                let at = error.valid_up_to();
                let byte = bytes.as_slice().get(at).copied().unwrap_or(0);
                Err(context.raise(
                    Class::UnicodeDecodeError,
                    format_args!(
                        "'utf-8' codec can't decode byte 0x{byte:02x} in position {at}: \
                         invalid start byte"
                    ),
                ))
            }
        },
        other => {
            let kind = other.type_of().name();
            Err(context.raise(
                Class::TypeError,
                format_args!("the JSON object must be str, bytes or bytearray, not {kind}"),
            ))
        }
    }
}

/// A container that is being filled.
enum Open<'a> {
    Array(&'a List<'a>),
    /// An object and the key that waits for its value.
    Object(&'a Dict<'a>, Value<'a>),
}

/// A JSON text as values. What nests is kept in a list: depth is no native recursion.
pub fn read<'a>(context: &mut Context<'a>, text: &str) -> Result<Value<'a>, Fault<'a>> {
    // Reading a byte takes about 2 ns.
    context.charge_bytes(text.len() * 8)?;
    let repaired = repair(text);
    let text = repaired.as_deref().unwrap_or(text);
    let mut jiter = Jiter::new(text.as_bytes()).with_allow_inf_nan();
    let mut open: Nesting<Open<'a>> = Nesting::new();
    let mut peek = jiter
        .peek()
        .map_err(|error| failure(context, text, &error))?;
    loop {
        context.charge(1)?;
        let mut done = match peek {
            Peek::Array => {
                let list = context.empty_list()?;
                let first = jiter
                    .known_array()
                    .map_err(|error| failure(context, text, &error))?;
                match first {
                    Some(next) => {
                        deepen(context, &mut open, Open::Array(list))?;
                        peek = next;
                        continue;
                    }
                    None => Value::List(list),
                }
            }
            Peek::Object => {
                let dict = context.dict()?;
                let key = jiter
                    .known_object()
                    .map_err(|error| failure_of(&error))
                    .map(|key| key.map(|key| context.text(key)));
                match key {
                    Ok(Some(key)) => {
                        let key = key?;
                        deepen(context, &mut open, Open::Object(dict, key))?;
                        peek = jiter
                            .peek()
                            .map_err(|error| failure(context, text, &error))?;
                        continue;
                    }
                    Ok(None) => Value::Dict(dict),
                    Err(error) => return Err(error.raise(context, text)),
                }
            }
            _ => scalar(context, &mut jiter, peek, text)?,
        };
        // Put it into what is open, and close what ends with it.
        loop {
            match open.last_mut() {
                None => {
                    jiter
                        .finish()
                        .map_err(|error| failure(context, text, &error))?;
                    return Ok(done);
                }
                Some(Open::Array(list)) => {
                    let list = *list;
                    context.push(list, done)?;
                    let next = jiter
                        .array_step()
                        .map_err(|error| failure(context, text, &error))?;
                    if let Some(next) = next {
                        peek = next;
                        break;
                    }
                    done = Value::List(list);
                    open.pop();
                }
                Some(Open::Object(dict, key)) => {
                    let dict = *dict;
                    context.insert(dict, *key, done)?;
                    let next = match jiter.next_key() {
                        Ok(Some(name)) => Ok(Some(context.text(name)?)),
                        Ok(None) => Ok(None),
                        Err(error) => Err(failure_of(&error)),
                    };
                    match next {
                        Ok(Some(name)) => {
                            *key = name;
                            peek = jiter
                                .peek()
                                .map_err(|error| failure(context, text, &error))?;
                            break;
                        }
                        Ok(None) => {
                            done = Value::Dict(dict);
                            open.pop();
                        }
                        Err(error) => return Err(error.raise(context, text)),
                    }
                }
            }
        }
    }
}

fn deepen<'a>(
    context: &mut Context<'a>,
    open: &mut Nesting<Open<'a>>,
    next: Open<'a>,
) -> Result<(), Fault<'a>> {
    if open.len() >= JSON_NESTING_MAX {
        return Err(context.raise(
            Class::RecursionError,
            "maximum recursion depth exceeded while decoding a JSON array from a unicode string",
        ));
    }
    open.push(next);
    Ok(())
}

fn scalar<'a>(
    context: &mut Context<'a>,
    jiter: &mut Jiter<'_>,
    peek: Peek,
    text: &str,
) -> Result<Value<'a>, Fault<'a>> {
    Ok(match peek {
        Peek::Null => {
            jiter
                .known_null()
                .map_err(|error| failure(context, text, &error))?;
            Value::None
        }
        Peek::True | Peek::False => Value::Bool(
            jiter
                .known_bool(peek)
                .map_err(|error| failure(context, text, &error))?,
        ),
        Peek::String => match jiter.known_str() {
            Ok(found) => context.text(found)?,
            Err(error) => {
                let error = failure_of(&error);
                return Err(error.raise(context, text));
            }
        },
        Peek::Infinity | Peek::NaN => float(context, jiter, peek, text)?,
        _ => {
            let start = jiter.current_index();
            if let Err(error) = jiter.known_number_bytes(peek) {
                let error = failure_of(&error);
                return Err(error.raise(context, text));
            }
            let digits = text.get(start..jiter.current_index()).unwrap_or_default();
            number(context, digits, start, text)?
        }
    })
}

fn float<'a>(
    context: &mut Context<'a>,
    jiter: &mut Jiter<'_>,
    peek: Peek,
    text: &str,
) -> Result<Value<'a>, Fault<'a>> {
    Ok(Value::Float(
        jiter
            .known_float(peek)
            .map_err(|error| failure(context, text, &error))?,
    ))
}

fn number<'a>(
    context: &mut Context<'a>,
    digits: &str,
    start: usize,
    text: &str,
) -> Result<Value<'a>, Fault<'a>> {
    if digits == "-Infinity" {
        return Ok(Value::Float(f64::NEG_INFINITY));
    }
    if let Ok(small) = digits.parse::<i64>() {
        return Ok(Value::Int(small));
    }
    if digits.contains(['.', 'e', 'E']) {
        return match digits.parse() {
            Ok(number) => Ok(Value::Float(number)),
            Err(_) => Err(Failure {
                index: start,
                kind: Kind::Value,
            }
            .raise(context, text)),
        };
    }
    let count = digits.trim_start_matches('-').len();
    if count > INT_DIGITS_MAX {
        return Err(context.raise(
            Class::ValueError,
            format_args!(
                "Exceeds the limit ({INT_DIGITS_MAX} digits) for integer string conversion: value has {count} digits; \
                 use sys.set_int_max_str_digits() to increase the limit"
            ),
        ));
    }
    context.charge(count * count / 2_000)?;
    match digits.parse::<BigInt>() {
        Ok(number) => context.big(&number),
        Err(_) => Err(Failure {
            index: start,
            kind: Kind::Value,
        }
        .raise(context, text)),
    }
}

/// A text without half surrogate pairs: `jiter` refuses them, CPython takes them, and no text here can hold them.
fn repair(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    if !bytes.contains(&b'\\') {
        return None;
    }
    let surrogate = |at: usize| -> Option<u16> {
        if bytes.get(at) != Some(&b'\\') || bytes.get(at + 1) != Some(&b'u') {
            return None;
        }
        let digits = text.get(at + 2..at + 6)?;
        u16::from_str_radix(digits, 16)
            .ok()
            .filter(|unit| (0xD800..0xE000).contains(unit))
    };
    let mut lone = Vec::new();
    let mut at = 0;
    while let Some(found) = text[at..].find('\\') {
        at += found;
        match (surrogate(at), surrogate(at + 6)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => at += 12,
            (Some(_), _) => {
                lone.push(at);
                at += 6;
            }
            (None, _) => {
                at += 1;
                at += text[at..].chars().next().map_or(0, char::len_utf8);
            }
        }
    }
    if lone.is_empty() {
        return None;
    }
    let mut repaired = String::with_capacity(text.len());
    let mut last = 0;
    for at in lone {
        repaired.push_str(&text[last..at]);
        repaired.push_str("\\ufffd");
        last = at + 6;
    }
    repaired.push_str(&text[last..]);
    Some(repaired)
}

/// What CPython's decoder would say.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Value,
    Colon,
    Comma,
    Key,
    Escape,
    Control,
    Unterminated,
    Extra,
}

#[derive(Clone, Copy, Debug)]
struct Failure {
    index: usize,
    kind: Kind,
}

fn failure_of(error: &JiterError) -> Failure {
    let JiterErrorType::JsonError(kind) = &error.error_type else {
        return Failure {
            index: error.index,
            kind: Kind::Value,
        };
    };
    let kind = match kind {
        JsonErrorType::ExpectedColon => Kind::Colon,
        JsonErrorType::ExpectedListCommaOrEnd | JsonErrorType::ExpectedObjectCommaOrEnd => {
            Kind::Comma
        }
        JsonErrorType::KeyMustBeAString
        | JsonErrorType::TrailingComma
        | JsonErrorType::EofWhileParsingObject => Kind::Key,
        JsonErrorType::InvalidEscape | JsonErrorType::EofWhileParsingList => Kind::Escape,
        JsonErrorType::ControlCharacterWhileParsingString => Kind::Control,
        JsonErrorType::EofWhileParsingString => Kind::Unterminated,
        JsonErrorType::TrailingCharacters => Kind::Extra,
        _ => Kind::Value,
    };
    Failure {
        index: error.index,
        kind,
    }
}

fn failure<'a>(context: &mut Context<'a>, text: &str, error: &JiterError) -> Fault<'a> {
    failure_of(error).raise(context, text)
}

impl Failure {
    #[cold]
    fn raise<'a>(self, context: &mut Context<'a>, text: &str) -> Fault<'a> {
        let mut at = self.index.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let before = &text[..at];
        let position = before.chars().count();
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .chars()
            .count()
            + 1;
        let message = match self.kind {
            Kind::Value => "Expecting value",
            Kind::Colon => "Expecting ':' delimiter",
            Kind::Comma => "Expecting ',' delimiter",
            Kind::Key => "Expecting property name enclosed in double quotes",
            Kind::Escape => "Invalid \\escape",
            Kind::Control => "Invalid control character at",
            Kind::Unterminated => "Unterminated string starting at",
            Kind::Extra => "Extra data",
        };
        context.raise(
            Class::JsonDecodeError,
            format_args!("{message}: line {line} column {column} (char {position})"),
        )
    }
}

fn dumps<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    if args.or_none(5).is_none() && args.or_none(8).is_none() {
        let mut out = context.builder();
        let layout = Layout::of(context, &args)?;
        write(context, &mut out, args.or_none(0), &layout)?;
        return context.finish(out);
    }
    Err(context.raise(
        Class::TypeError,
        "json.dumps() here takes neither cls nor default",
    ))
}
