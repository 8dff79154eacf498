//! `bytes`: finding, splitting, replacing and filling up. These are the methods of `str` over the text that stands for
//! the bytes; where the two differ (white space, ends of lines, messages) they are written out here.

use super::bytes::{is_space, receiver};
use super::{Args, text_layout, text_search, text_split};
use crate::run::context::Context;
use crate::run::fault::{Class, Fault};
use crate::run::latin1::{self, Alphabet};
use crate::run::list::List;
use crate::run::value::{Bytes, Value};

type Called<'a> = Result<Value<'a>, Fault<'a>>;
type Method = for<'a, 'r> fn(&mut Context<'a>, Args<'a, 'r>) -> Called<'a>;

const WHITE_SPACE: &[u8] = b" \t\n\r\x0b\x0c";

/// Call a method of texts with what stands for the bytes, and give bytes for the texts of its result.
fn through<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
    given: &[Value<'a>],
    method: Method,
) -> Called<'a> {
    let text = latin1::text(context, receiver(args)?)?;
    let mut texts = Vec::with_capacity(given.len());
    for value in given {
        texts.push(match value {
            Value::Bytes(bytes) => Value::Str(latin1::text(context, bytes.as_slice())?),
            other => *other,
        });
    }
    let args = Args {
        receiver: Value::Str(text),
        given: &texts,
        named: args.named,
    };
    let found = method(context, args)?;
    match found {
        Value::List(list) => {
            let made = context.empty_list()?;
            for item in list.items() {
                let item = bytes_of(context, item.get())?;
                context.push(made, item)?;
            }
            Ok(Value::List(made))
        }
        Value::Tuple(tuple) => {
            let mut items = Vec::with_capacity(tuple.len());
            for item in tuple.items() {
                items.push(bytes_of(context, *item)?);
            }
            context.tuple(&items)
        }
        other => bytes_of(context, other),
    }
}

fn bytes_of<'a>(context: &mut Context<'a>, value: Value<'a>) -> Called<'a> {
    match value {
        Value::Str(text) => {
            context.charge_bytes(text.as_str().len())?;
            Alphabet::Bytes.over(context, text.as_str())
        }
        other => Ok(other),
    }
}

/// The same, after the first `count` arguments were seen to be bytes.
fn with_bytes<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
    count: usize,
    method: Method,
) -> Called<'a> {
    for value in args.given.iter().take(count) {
        wanted(context, *value)?;
    }
    through(context, args, args.given, method)
}

fn wanted<'a>(context: &mut Context<'a>, value: Value<'a>) -> Result<&'a [u8], Fault<'a>> {
    match value {
        Value::Bytes(bytes) => Ok(bytes.as_slice()),
        other => {
            let kind = other.type_of().name();
            let text = format_args!("a bytes-like object is required, not '{kind}'");
            Err(context.raise(Class::TypeError, text))
        }
    }
}

pub fn partition<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Called<'a> {
    with_bytes(context, args, 1, text_split::partition)
}

pub fn rpartition<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Called<'a> {
    with_bytes(context, args, 1, text_split::rpartition)
}

pub fn removeprefix<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Called<'a> {
    with_bytes(context, args, 1, text_search::removeprefix)
}

pub fn removesuffix<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Called<'a> {
    with_bytes(context, args, 1, text_search::removesuffix)
}

pub fn replace<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Called<'a> {
    with_bytes(context, args, 2, text_search::replace)
}

pub fn zfill<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Called<'a> {
    through(context, args, args.given, text_layout::zfill)
}

pub fn expandtabs<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Called<'a> {
    through(context, args, args.given, text_layout::expandtabs)
}

/// `center` and its like: the filling is one byte.
fn filled<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
    name: &str,
    method: Method,
) -> Called<'a> {
    args.index(context, 0)?;
    match args.get(1) {
        None => {}
        Some(Value::Bytes(fill)) if fill.as_slice().len() == 1 => {}
        Some(other) => {
            let kind = match other {
                Value::None => "None",
                other => other.type_of().name(),
            };
            let text =
                format_args!("{name}() argument 2 must be a byte string of length 1, not {kind}");
            return Err(context.raise(Class::TypeError, text));
        }
    }
    through(context, args, args.given, method)
}

pub fn center<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Called<'a> {
    filled(context, args, "center", text_layout::center)
}

pub fn ljust<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Called<'a> {
    filled(context, args, "ljust", text_layout::ljust)
}

pub fn rjust<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Called<'a> {
    filled(context, args, "rjust", text_layout::rjust)
}

/// `strip` and its like, which take ASCII's white space off where nothing is said.
fn stripped<'a>(context: &mut Context<'a>, args: Args<'a, '_>, method: Method) -> Called<'a> {
    let set = match args.or_none(0) {
        Value::None => Value::Bytes(context.arena().alloc(Bytes(WHITE_SPACE))?),
        value => {
            wanted(context, value)?;
            value
        }
    };
    through(context, args, &[set], method)
}

pub fn strip<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Called<'a> {
    stripped(context, args, text_search::strip)
}

pub fn lstrip<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Called<'a> {
    stripped(context, args, text_search::lstrip)
}

pub fn rstrip<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Called<'a> {
    stripped(context, args, text_search::rstrip)
}

/// A search, whose part may be the number of a byte.
fn searched<'a>(context: &mut Context<'a>, args: Args<'a, '_>, method: Method) -> Called<'a> {
    let part = match args.or_none(0) {
        value @ Value::Bytes(_) => value,
        value @ (Value::Int(_) | Value::Bool(_) | Value::Big(_)) => {
            let Some(byte) = value.as_int().and_then(|byte| u8::try_from(byte).ok()) else {
                return Err(context.raise(Class::ValueError, "byte must be in range(0, 256)"));
            };
            context.bytes(&[byte])?
        }
        other => {
            let kind = other.type_of().name();
            let text =
                format_args!("argument should be integer or bytes-like object, not '{kind}'");
            return Err(context.raise(Class::TypeError, text));
        }
    };
    let mut given = args.given.to_vec();
    given[0] = part;
    through(context, args, &given, method)
}

pub fn find<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Called<'a> {
    searched(context, args, text_search::find)
}

pub fn rfind<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Called<'a> {
    searched(context, args, text_search::rfind)
}

pub fn count<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Called<'a> {
    searched(context, args, text_search::count)
}

fn found<'a>(context: &mut Context<'a>, position: Value<'a>) -> Called<'a> {
    match position {
        Value::Int(-1) => Err(context.raise(Class::ValueError, "subsection not found")),
        position => Ok(position),
    }
}

pub fn index<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Called<'a> {
    let position = find(context, args)?;
    found(context, position)
}

pub fn rindex<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Called<'a> {
    let position = rfind(context, args)?;
    found(context, position)
}

/// `startswith` and `endswith`: bytes or a tuple of bytes.
fn has_end<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
    name: &str,
    method: Method,
) -> Called<'a> {
    let first = match args.or_none(0) {
        value @ Value::Bytes(_) => value,
        Value::Tuple(parts) => {
            let mut texts = Vec::with_capacity(parts.len());
            for part in parts.items() {
                context.charge(1)?;
                let part = wanted(context, *part)?;
                texts.push(Value::Str(latin1::text(context, part)?));
            }
            context.tuple(&texts)?
        }
        other => {
            let kind = other.type_of().name();
            let text =
                format_args!("{name} first arg must be bytes or a tuple of bytes, not {kind}");
            return Err(context.raise(Class::TypeError, text));
        }
    };
    let mut given = args.given.to_vec();
    given[0] = first;
    through(context, args, &given, method)
}

pub fn startswith<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Called<'a> {
    has_end(context, args, "startswith", text_search::startswith)
}

pub fn endswith<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Called<'a> {
    has_end(context, args, "endswith", text_search::endswith)
}

fn push_piece<'a>(
    context: &mut Context<'a>,
    list: &'a List<'a>,
    piece: &'a [u8],
) -> Result<(), Fault<'a>> {
    context.charge(1)?;
    let piece = Value::Bytes(context.arena().alloc(Bytes(piece))?);
    context.push(list, piece)
}

/// How many splits at most, where white space separates.
fn splits<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<usize, Fault<'a>> {
    let most = match args.get(1) {
        Some(_) => args.index(context, 1)?,
        None => -1,
    };
    context.charge_bytes(receiver(args)?.len())?;
    Ok(usize::try_from(most).unwrap_or(usize::MAX))
}

pub fn split<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Called<'a> {
    if !args.or_none(0).is_none() {
        return with_bytes(context, args, 1, text_split::split);
    }
    let mut left = splits(context, args)?;
    let list = context.empty_list()?;
    let mut rest = receiver(args)?.trim_ascii_start_of();
    while !rest.is_empty() {
        if left == 0 {
            push_piece(context, list, rest.trim_ascii_end_of())?;
            break;
        }
        let end = rest.iter().position(is_space).unwrap_or(rest.len());
        push_piece(context, list, &rest[..end])?;
        rest = rest[end..].trim_ascii_start_of();
        left -= 1;
    }
    Ok(Value::List(list))
}

pub fn rsplit<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Called<'a> {
    if !args.or_none(0).is_none() {
        return with_bytes(context, args, 1, text_split::rsplit);
    }
    let mut left = splits(context, args)?;
    let mut pieces = Vec::new();
    let mut rest = receiver(args)?.trim_ascii_end_of();
    while !rest.is_empty() {
        context.charge(1)?;
        if left == 0 {
            pieces.push(rest.trim_ascii_start_of());
            break;
        }
        let start = rest.iter().rposition(is_space).map_or(0, |at| at + 1);
        pieces.push(&rest[start..]);
        rest = rest[..start].trim_ascii_end_of();
        left -= 1;
    }
    let list = context.empty_list()?;
    for piece in pieces.into_iter().rev() {
        push_piece(context, list, piece)?;
    }
    Ok(Value::List(list))
}

/// Taking white space off as Python understands it, which is not Rust's `trim_ascii`: a vertical tab is white space.
trait Trim {
    fn trim_ascii_start_of(&self) -> &Self;
    fn trim_ascii_end_of(&self) -> &Self;
}

impl Trim for [u8] {
    fn trim_ascii_start_of(&self) -> &Self {
        let start = self.iter().position(|byte| !is_space(byte));
        &self[start.unwrap_or(self.len())..]
    }

    fn trim_ascii_end_of(&self) -> &Self {
        let end = self.iter().rposition(|byte| !is_space(byte));
        &self[..end.map_or(0, |at| at + 1)]
    }
}

/// `splitlines`: at `\n`, `\r` and `\r\n` only.
pub fn splitlines<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Called<'a> {
    let keeps = args.or_none(0).is_true();
    let mut rest = receiver(args)?;
    context.charge_bytes(rest.len())?;
    let list = context.empty_list()?;
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let (line, next) = match end {
            None => (rest.len(), rest.len()),
            Some(at) if rest[at..].starts_with(b"\r\n") => (at, at + 2),
            Some(at) => (at, at + 1),
        };
        push_piece(context, list, &rest[..if keeps { next } else { line }])?;
        rest = &rest[next..];
    }
    Ok(Value::List(list))
}
