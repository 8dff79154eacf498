//! Text to bytes and back: `str.encode`, `bytes.decode`, `str(bytes, encoding)`.

use super::Args;
use crate::run::context::Context;
use crate::run::fault::{Class, Fault};
use crate::run::value::Value;

/// The encodings there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Ascii,
    Latin1,
}

impl Encoding {
    const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Ascii => "ascii",
            Self::Latin1 => "latin-1",
        }
    }

    /// The first code point that it cannot encode.
    const fn end(self) -> u32 {
        match self {
            Self::Utf8 => 0x11_0000,
            Self::Ascii => 0x80,
            Self::Latin1 => 0x100,
        }
    }
}

fn encoding<'a>(context: &mut Context<'a>, name: &str) -> Result<Encoding, Fault<'a>> {
    let plain: String = name
        .chars()
        .map(|character| match character {
            '_' | ' ' => '-',
            other => other.to_ascii_lowercase(),
        })
        .collect();
    match plain.as_str() {
        "utf-8" | "utf8" | "u8" | "utf" | "cp65001" => Ok(Encoding::Utf8),
        "ascii" | "us-ascii" | "646" => Ok(Encoding::Ascii),
        "latin-1" | "latin1" | "iso-8859-1" | "iso8859-1" | "8859" | "cp819" | "l1" | "latin" => {
            Ok(Encoding::Latin1)
        }
        _ => Err(context.raise(Class::LookupError, format_args!("unknown encoding: {name}"))),
    }
}

/// Names of the encoding and of the error handler: arguments at `first` and behind it. Whether there is such an encoding
/// is asked where it is used: CPython complains about the object first, and does not ask at all for no bytes.
fn choice<'a>(
    context: &mut Context<'a>,
    args: &Args<'a, '_>,
    first: usize,
    name: &str,
) -> Result<[&'a str; 2], Fault<'a>> {
    let mut texts = ["utf-8", "strict"];
    for (at, (text, what)) in texts.iter_mut().zip(["encoding", "errors"]).enumerate() {
        match args.get(first + at) {
            None => {}
            Some(Value::Str(given)) => *text = given.as_str(),
            Some(other) => {
                let kind = other.type_of().name();
                return Err(context.raise(
                    Class::TypeError,
                    format_args!("{name}() argument '{what}' must be str, not {kind}"),
                ));
            }
        }
    }
    Ok(texts)
}

#[cold]
fn unknown_handler<'a>(context: &mut Context<'a>, name: &str) -> Fault<'a> {
    context.raise(
        Class::LookupError,
        format_args!("unknown error handler name '{name}'"),
    )
}

pub fn encode<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let text = args.receiver_text(context)?.as_str();
    let [name, errors] = choice(context, &args, 0, "encode")?;
    let encoding = encoding(context, name)?;
    encoded(context, text, encoding, errors)
}

/// `bytes(text, encoding, errors)`.
pub fn bytes_of<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let Some(text) = args.or_none(0).as_str() else {
        return Err(context.raise(Class::TypeError, "encoding without a string argument"));
    };
    let [name, errors] = choice(context, &args, 1, "bytes")?;
    let encoding = encoding(context, name)?;
    encoded(context, text, encoding, errors)
}

fn encoded<'a>(
    context: &mut Context<'a>,
    text: &str,
    encoding: Encoding,
    errors: &str,
) -> Result<Value<'a>, Fault<'a>> {
    context.charge_bytes(text.len() * 2)?;
    if encoding == Encoding::Utf8 || text.is_ascii() {
        return context.bytes(text.as_bytes());
    }
    let fits = |character: char| u32::from(character) < encoding.end();
    let mut out = Vec::with_capacity(text.len());
    for (place, character) in text.chars().enumerate() {
        let code = u32::from(character);
        if fits(character) {
            out.push(code as u8);
            continue;
        }
        match errors {
            "ignore" => {}
            "replace" => out.push(b'?'),
            "xmlcharrefreplace" => out.extend_from_slice(format!("&#{code};").as_bytes()),
            "backslashreplace" => out.extend_from_slice(escaped(character).as_bytes()),
            "strict" => {
                let run = text
                    .chars()
                    .skip(place)
                    .take_while(|character| !fits(*character))
                    .count();
                let (name, range) = (encoding.name(), encoding.end());
                let message = if run == 1 {
                    format!(
                        "'{name}' codec can't encode character '{}' in position {place}: \
                         ordinal not in range({range})",
                        escaped(character)
                    )
                } else {
                    format!(
                        "'{name}' codec can't encode characters in position {place}-{}: \
                         ordinal not in range({range})",
                        place + run - 1
                    )
                };
                return Err(context.raise(Class::UnicodeEncodeError, message));
            }
            other => return Err(unknown_handler(context, other)),
        }
    }
    if out.len() > context.arena().remaining_bytes() {
        return Err(Fault::Limit(crate::limits::Limit::Memory));
    }
    context.bytes(&out)
}

fn escaped(character: char) -> String {
    let code = u32::from(character);
    match code {
        0..=0xFF => format!("\\x{code:02x}"),
        0x100..=0xFFFF => format!("\\u{code:04x}"),
        _ => format!("\\U{code:08x}"),
    }
}

pub fn decode<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let Value::Bytes(bytes) = args.receiver else {
        return Err(Fault::Internal("a bytes method without its receiver"));
    };
    let names = choice(context, &args, 0, "decode")?;
    decoded(context, bytes.as_slice(), names)
}

/// `str(bytes, encoding, errors)`.
pub fn text_of<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    let names = choice(context, &args, 1, "str")?;
    match args.or_none(0) {
        Value::Bytes(bytes) => decoded(context, bytes.as_slice(), names),
        Value::Str(_) => Err(context.raise(Class::TypeError, "decoding str is not supported")),
        other => {
            let kind = other.type_of().name();
            Err(context.raise(
                Class::TypeError,
                format_args!("decoding to str: need a bytes-like object, {kind} found"),
            ))
        }
    }
}

fn decoded<'a>(
    context: &mut Context<'a>,
    bytes: &[u8],
    [name, errors]: [&str; 2],
) -> Result<Value<'a>, Fault<'a>> {
    if bytes.is_empty() {
        return context.text("");
    }
    let encoding = encoding(context, name)?;
    context.charge_bytes(bytes.len() * 2)?;
    if encoding != Encoding::Latin1
        && let Ok(text) = std::str::from_utf8(bytes)
        && (encoding == Encoding::Utf8 || text.is_ascii())
    {
        return context.text(text);
    }
    let mut out = context.builder();
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        let (valid, bad, reason) = match encoding {
            Encoding::Latin1 => {
                out.push(char::from(byte))?;
                at += 1;
                continue;
            }
            Encoding::Ascii if byte < 0x80 => {
                out.push(char::from(byte))?;
                at += 1;
                continue;
            }
            Encoding::Ascii => (0, 1, "ordinal not in range(128)"),
            Encoding::Utf8 => match std::str::from_utf8(&bytes[at..]) {
                Ok(text) => (text.len(), 0, ""),
                Err(error) => {
                    let valid = error.valid_up_to();
                    let reason = match error.error_len() {
                        None => "unexpected end of data",
                        Some(1) if starts_nothing(&bytes[at + valid..]) => "invalid start byte",
                        Some(_) => "invalid continuation byte",
                    };
                    let bad = error.error_len().unwrap_or(bytes.len() - at - valid);
                    (valid, bad, reason)
                }
            },
        };
        let text = std::str::from_utf8(&bytes[at..at + valid]).unwrap_or_default();
        out.push_str(text)?;
        at += valid;
        if bad == 0 {
            continue;
        }
        match errors {
            "ignore" => {}
            "replace" => out.push(char::REPLACEMENT_CHARACTER)?,
            "backslashreplace" => {
                for byte in &bytes[at..at + bad] {
                    out.push_str(&format!("\\x{byte:02x}"))?;
                }
            }
            "strict" => {
                let name = encoding.name();
                let message = if bad == 1 {
                    format!(
                        "'{name}' codec can't decode byte 0x{:02x} in position {at}: {reason}",
                        bytes[at]
                    )
                } else {
                    format!(
                        "'{name}' codec can't decode bytes in position {at}-{}: {reason}",
                        at + bad - 1
                    )
                };
                return Err(context.raise(Class::UnicodeDecodeError, message));
            }
            other => return Err(unknown_handler(context, other)),
        }
        at += bad;
    }
    context.finish(out)
}

/// A byte that no character begins with.
fn starts_nothing(bytes: &[u8]) -> bool {
    !matches!(bytes.first(), Some(0xC2..=0xF4))
}
