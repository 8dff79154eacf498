//! Bytes as texts of the characters up to U+00FF, one a byte: what works on texts then works on bytes too.
//!
//! CPython reads patterns and replacements of bytes in this way (`Lib/re/_parser.py`, `Tokenizer`).

use super::context::Context;
use super::fault::Fault;
use super::text::Text;
use super::value::{Bytes, Value};

/// What the characters of a text stand for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Alphabet {
    /// Themselves.
    #[default]
    Characters,
    /// Bytes: there are none above U+00FF.
    Bytes,
}

impl Alphabet {
    /// The value of a part of a text that is in the arena.
    pub fn over<'a>(
        self,
        context: &mut Context<'a>,
        part: &'a str,
    ) -> Result<Value<'a>, Fault<'a>> {
        match self {
            Self::Characters => context.text_over(part),
            Self::Bytes if part.is_ascii() => {
                Ok(Value::Bytes(context.arena().alloc(Bytes(part.as_bytes()))?))
            }
            Self::Bytes => bytes(context, part),
        }
    }

    /// The value of a text that is copied in.
    pub fn copied<'a>(self, context: &mut Context<'a>, text: &str) -> Result<Value<'a>, Fault<'a>> {
        match self {
            Self::Characters => context.text(text),
            Self::Bytes => bytes(context, text),
        }
    }
}

/// The text that stands for bytes; not copied where they are ASCII.
pub fn text<'a>(context: &mut Context<'a>, bytes: &'a [u8]) -> Result<&'a Text<'a>, Fault<'a>> {
    context.charge_bytes(bytes.len())?;
    let content = match std::str::from_utf8(bytes) {
        Ok(ascii) if ascii.is_ascii() => ascii,
        _ => {
            let mut out = context.builder();
            for byte in bytes {
                out.push(char::from(*byte))?;
            }
            context.charge_bytes(out.as_str().len())?;
            context.arena().alloc_str(out.as_str())?
        }
    };
    Ok(context.arena().alloc(Text::new(content))?)
}

/// The bytes that a text stands for.
fn bytes<'a>(context: &mut Context<'a>, text: &str) -> Result<Value<'a>, Fault<'a>> {
    if text.is_ascii() {
        return context.bytes(text.as_bytes());
    }
    let mut out = Vec::with_capacity(text.len());
    for character in text.chars() {
        let Ok(byte) = u8::try_from(character) else {
            return Err(Fault::Internal("a character that stands for no byte"));
        };
        out.push(byte);
    }
    context.bytes(&out)
}
