//! JSON in and out: request bodies, interfaces, `json.loads`, answers.
//!
//! Reading is Python's `json.loads`: ints of any size, `NaN` and `Infinity`, the last of equal keys wins, errors in its
//! words. Writing is Tornado's: ASCII only, `</` as `<\/`, `", "` and `": "` between parts. Neither recurses.

use std::fmt::Write;

use crate::limits::VALUE_NESTING_MAX;
use crate::run::context::{Context, TextBuilder};
use crate::run::dict::Dict;
use crate::run::fault::{Class, Fault};
use crate::run::list::List;
use crate::run::ops::print;
use crate::run::text::Text;
use crate::run::value::Value;
use crate::script::number::{Integer, parse_integer};

/// A container that is being read.
enum Open<'a> {
    List(&'a List<'a>),
    Dict(&'a Dict<'a>, Option<&'a Text<'a>>),
}

/// `json.loads(text)`
pub fn read<'a>(context: &mut Context<'a>, text: &str) -> Result<Value<'a>, Fault<'a>> {
    context.charge_bytes(text.len() * 2)?;
    Reader {
        context,
        text,
        place: 0,
    }
    .document()
}

/// A member of the outermost object: its key, its value, and where the value stands in the text.
pub type Member<'a> = (&'a str, Value<'a>, std::ops::Range<usize>);

/// The members of a document that is an object, in order; nothing if it is another value.
pub fn members<'a>(
    context: &mut Context<'a>,
    text: &str,
) -> Result<Option<Vec<Member<'a>>>, Fault<'a>> {
    context.charge_bytes(text.len() * 2)?;
    let mut reader = Reader {
        context,
        text,
        place: 0,
    };
    reader.skip_white();
    if reader.byte() != Some(b'{') {
        reader.document()?;
        return Ok(None);
    }
    reader.place += 1;
    reader.skip_white();
    let mut members = Vec::new();
    if reader.byte() == Some(b'}') {
        reader.place += 1;
    } else {
        loop {
            let key = reader.key()?.as_str();
            let start = reader.place;
            let value = reader.value()?;
            members.push((key, value, start..reader.place));
            reader.skip_white();
            match reader.byte() {
                Some(b',') => {
                    reader.place += 1;
                    reader.skip_white();
                }
                Some(b'}') => {
                    reader.place += 1;
                    break;
                }
                _ => return Err(reader.error("Expecting ',' delimiter", reader.place)),
            }
        }
    }
    reader.skip_white();
    if reader.place < text.len() {
        return Err(reader.error("Extra data", reader.place));
    }
    Ok(Some(members))
}

struct Reader<'t, 'a, 'c> {
    context: &'c mut Context<'a>,
    text: &'t str,
    place: usize,
}

impl<'a> Reader<'_, 'a, '_> {
    fn error(&mut self, message: &str, place: usize) -> Fault<'a> {
        let before = &self.text[..self.text.floor_char_boundary(place)];
        let line = before.matches('\n').count() + 1;
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        let column = before[line_start..].chars().count() + 1;
        let character = before.chars().count();
        let text = format_args!("{message}: line {line} column {column} (char {character})");
        self.context.raise(Class::JsonDecodeError, text)
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.place).copied()
    }

    fn skip_white(&mut self) {
        while matches!(self.byte(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.place += 1;
        }
    }

    fn document(&mut self) -> Result<Value<'a>, Fault<'a>> {
        if self.text.starts_with('\u{feff}') {
            return Err(self.error("Unexpected UTF-8 BOM (decode using utf-8-sig)", 0));
        }
        self.skip_white();
        let value = self.value()?;
        self.skip_white();
        if self.place < self.text.len() {
            return Err(self.error("Extra data", self.place));
        }
        Ok(value)
    }

    fn value(&mut self) -> Result<Value<'a>, Fault<'a>> {
        let mut open: Vec<Open<'a>> = Vec::new();
        loop {
            // A value is expected here.
            let mut value = match self.byte() {
                Some(b'[') => {
                    self.place += 1;
                    self.skip_white();
                    let list = self.context.empty_list()?;
                    if self.byte() == Some(b']') {
                        self.place += 1;
                        Value::List(list)
                    } else {
                        open.push(Open::List(list));
                        self.check_depth(open.len())?;
                        continue;
                    }
                }
                Some(b'{') => {
                    self.place += 1;
                    self.skip_white();
                    let dict = self.context.dict()?;
                    if self.byte() == Some(b'}') {
                        self.place += 1;
                        Value::Dict(dict)
                    } else {
                        let key = self.key()?;
                        open.push(Open::Dict(dict, Some(key)));
                        self.check_depth(open.len())?;
                        continue;
                    }
                }
                _ => self.scalar()?,
            };
            // The value is complete; so may be containers around it.
            loop {
                match open.last_mut() {
                    None => return Ok(value),
                    Some(Open::List(list)) => {
                        let list = *list;
                        self.context.push(list, value)?;
                        self.skip_white();
                        match self.byte() {
                            Some(b',') => {
                                self.place += 1;
                                self.skip_white();
                                break;
                            }
                            Some(b']') => {
                                self.place += 1;
                                value = Value::List(list);
                                open.pop();
                            }
                            _ => return Err(self.error("Expecting ',' delimiter", self.place)),
                        }
                    }
                    Some(Open::Dict(dict, key)) => {
                        let dict = *dict;
                        if let Some(key) = key.take() {
                            dict.set_text(self.context.arena(), key, value)?;
                        }
                        self.skip_white();
                        match self.byte() {
                            Some(b',') => {
                                self.place += 1;
                                self.skip_white();
                                let next = self.key()?;
                                if let Some(Open::Dict(_, key)) = open.last_mut() {
                                    *key = Some(next);
                                }
                                break;
                            }
                            Some(b'}') => {
                                self.place += 1;
                                value = Value::Dict(dict);
                                open.pop();
                            }
                            _ => return Err(self.error("Expecting ',' delimiter", self.place)),
                        }
                    }
                }
            }
        }
    }

    fn check_depth(&mut self, depth: usize) -> Result<(), Fault<'a>> {
        if depth > VALUE_NESTING_MAX {
            let text = "maximum recursion depth exceeded while decoding a JSON document";
            return Err(self.context.raise(Class::RecursionError, text));
        }
        Ok(())
    }

    /// A key and its colon.
    fn key(&mut self) -> Result<&'a Text<'a>, Fault<'a>> {
        if self.byte() != Some(b'"') {
            return Err(self.error(
                "Expecting property name enclosed in double quotes",
                self.place,
            ));
        }
        let Value::Str(key) = self.string()? else {
            return Err(Fault::Internal("a key that is no text"));
        };
        self.skip_white();
        if self.byte() != Some(b':') {
            return Err(self.error("Expecting ':' delimiter", self.place));
        }
        self.place += 1;
        self.skip_white();
        Ok(key)
    }

    fn scalar(&mut self) -> Result<Value<'a>, Fault<'a>> {
        let rest = &self.text[self.place..];
        for (word, value) in [
            ("null", Value::None),
            ("true", Value::Bool(true)),
            ("false", Value::Bool(false)),
            ("NaN", Value::Float(f64::NAN)),
            ("Infinity", Value::Float(f64::INFINITY)),
            ("-Infinity", Value::Float(f64::NEG_INFINITY)),
        ] {
            if rest.starts_with(word) {
                self.place += word.len();
                return Ok(value);
            }
        }
        match self.byte() {
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.error("Expecting value", self.place)),
        }
    }

    fn digits(&self, from: usize) -> usize {
        self.text.as_bytes()[from..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    }

    fn number(&mut self) -> Result<Value<'a>, Fault<'a>> {
        let bytes = self.text.as_bytes();
        let start = self.place;
        let mut end = start + usize::from(bytes[start] == b'-');
        match bytes.get(end) {
            Some(b'0') => end += 1,
            Some(b'1'..=b'9') => end += self.digits(end),
            _ => return Err(self.error("Expecting value", start)),
        }
        let mut is_float = false;
        if bytes.get(end) == Some(&b'.') && self.digits(end + 1) > 0 {
            end += 1 + self.digits(end + 1);
            is_float = true;
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            if end + 1 + sign < bytes.len() && self.digits(end + 1 + sign) > 0 {
                end += 1 + sign + self.digits(end + 1 + sign);
                is_float = true;
            }
        }
        self.place = end;
        let literal = &self.text[start..end];
        if is_float {
            return Ok(Value::Float(literal.parse().unwrap_or(f64::NAN)));
        }
        match parse_integer(literal) {
            Some(Integer::Small(number)) => Ok(Value::Int(number)),
            Some(Integer::Big(number)) => self.context.big(&number),
            None => {
                let count = literal.len();
                let text = format_args!(
                    "Exceeds the limit (4300 digits) for integer string conversion: value has {count} digits; \
                     use sys.set_int_max_str_digits() to increase the limit"
                );
                Err(self.context.raise(Class::ValueError, text))
            }
        }
    }

    fn string(&mut self) -> Result<Value<'a>, Fault<'a>> {
        let begin = self.place;
        self.place += 1;
        let start = self.place;
        let bytes = self.text.as_bytes();
        let plain = bytes[start..]
            .iter()
            .take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1f))
            .count();
        if bytes.get(start + plain) == Some(&b'"') {
            self.place = start + plain + 1;
            return self.context.text(&self.text[start..start + plain]);
        }
        let mut out = self.context.builder();
        out.push_str(&self.text[start..start + plain])?;
        self.place = start + plain;
        loop {
            let rest = &self.text[self.place..];
            let Some(character) = rest.chars().next() else {
                return Err(self.error("Unterminated string starting at", begin));
            };
            match character {
                '"' => {
                    self.place += 1;
                    return self.context.finish(out);
                }
                '\\' => self.escape(&mut out, begin)?,
                '\u{0}'..='\u{1f}' => {
                    return Err(self.error("Invalid control character at", self.place));
                }
                other => {
                    out.push(other)?;
                    self.place += other.len_utf8();
                }
            }
        }
    }

    fn escape(&mut self, out: &mut TextBuilder, begin: usize) -> Result<(), Fault<'a>> {
        let Some(letter) = self.text[self.place + 1..].chars().next() else {
            return Err(self.error("Unterminated string starting at", begin));
        };
        let plain = match letter {
            '"' | '\\' | '/' => letter,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let first = self.hex(self.place + 2)?;
                self.place += 6;
                let code = if (0xd800..0xdc00).contains(&first)
                    && self.text[self.place..].starts_with("\\u")
                {
                    let second = self.hex(self.place + 2)?;
                    if (0xdc00..0xe000).contains(&second) {
                        self.place += 6;
                        0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
                    } else {
                        first
                    }
                } else {
                    first
                };
                // Half a surrogate pair has no place in a text here.
                return Ok(out.push(char::from_u32(code).unwrap_or('\u{fffd}'))?);
            }
            _ => return Err(self.error("Invalid \\escape", self.place)),
        };
        self.place += 2;
        Ok(out.push(plain)?)
    }

    fn hex(&mut self, from: usize) -> Result<u32, Fault<'a>> {
        let digits = self
            .text
            .get(from..from + 4)
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
        match digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) {
            Some(code) => Ok(code),
            None => Err(self.error("Invalid \\uXXXX escape", from - 1)),
        }
    }
}

/// What is still to be written.
enum Todo<'a> {
    Value(Value<'a>),
    List(&'a List<'a>, usize),
    Tuple(&'a [Value<'a>], usize),
    Dict(&'a Dict<'a>, usize),
}

/// Write a value as JSON. What JSON cannot hold raises `TypeError`, a container in itself `ValueError`.
pub fn write<'a>(
    context: &mut Context<'a>,
    out: &mut TextBuilder,
    value: Value<'a>,
) -> Result<(), Fault<'a>> {
    let mut todo = vec![Todo::Value(value)];
    // Identities of the containers that are open.
    let mut open: Vec<u64> = Vec::new();
    while let Some(next) = todo.pop() {
        context.charge(1)?;
        match next {
            Todo::Value(value) => match value {
                Value::List(_) | Value::Tuple(_) | Value::Dict(_) => {
                    let identity = value.identity();
                    if open.contains(&identity) && !matches!(value, Value::Tuple(_)) {
                        return Err(context.raise(Class::ValueError, "Circular reference detected"));
                    }
                    if open.len() >= VALUE_NESTING_MAX * 4 {
                        let text = "maximum recursion depth exceeded while encoding a JSON object";
                        return Err(context.raise(Class::RecursionError, text));
                    }
                    open.push(identity);
                    match value {
                        Value::List(list) => {
                            out.push('[')?;
                            todo.push(Todo::List(list, 0));
                        }
                        Value::Tuple(tuple) => {
                            out.push('[')?;
                            todo.push(Todo::Tuple(tuple.items(), 0));
                        }
                        Value::Dict(dict) => {
                            out.push('{')?;
                            todo.push(Todo::Dict(dict, 0));
                        }
                        _ => {}
                    }
                }
                leaf => write_leaf(context, out, leaf)?,
            },
            Todo::List(list, index) => match list.get(index) {
                Some(item) => {
                    if index > 0 {
                        out.push_str(", ")?;
                    }
                    todo.push(Todo::List(list, index + 1));
                    todo.push(Todo::Value(item));
                }
                None => {
                    open.pop();
                    out.push(']')?;
                }
            },
            Todo::Tuple(items, index) => match items.get(index) {
                Some(item) => {
                    if index > 0 {
                        out.push_str(", ")?;
                    }
                    todo.push(Todo::Tuple(items, index + 1));
                    todo.push(Todo::Value(*item));
                }
                None => {
                    open.pop();
                    out.push(']')?;
                }
            },
            Todo::Dict(dict, place) => match dict.next_entry(place) {
                Some((next, key, value)) => {
                    if place > 0 {
                        out.push_str(", ")?;
                    }
                    write_key(context, out, key)?;
                    out.push_str(": ")?;
                    todo.push(Todo::Dict(dict, next));
                    todo.push(Todo::Value(value));
                }
                None => {
                    open.pop();
                    out.push('}')?;
                }
            },
        }
    }
    Ok(())
}

fn write_key<'a>(
    context: &mut Context<'a>,
    out: &mut TextBuilder,
    key: Value<'a>,
) -> Result<(), Fault<'a>> {
    match key {
        Value::Str(text) => write_string(out, text.as_str()),
        Value::Int(_) | Value::Big(_) | Value::Float(_) | Value::Bool(_) | Value::None => {
            out.push('"')?;
            write_leaf(context, out, key)?;
            Ok(out.push('"')?)
        }
        other => {
            let kind = other.type_of().name();
            let text = format_args!("keys must be str, int, float, bool or None, not {kind}");
            Err(context.raise(Class::TypeError, text))
        }
    }
}

fn write_leaf<'a>(
    context: &mut Context<'a>,
    out: &mut TextBuilder,
    value: Value<'a>,
) -> Result<(), Fault<'a>> {
    match value {
        Value::None => Ok(out.push_str("null")?),
        Value::Bool(true) => Ok(out.push_str("true")?),
        Value::Bool(false) => Ok(out.push_str("false")?),
        Value::Float(number) if number.is_nan() => Ok(out.push_str("NaN")?),
        Value::Float(number) if number.is_infinite() => Ok(out.push_str(if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        })?),
        Value::Int(_) | Value::Big(_) | Value::Float(_) => print::write_repr(context, out, value),
        Value::Str(text) => {
            context.charge_bytes(text.as_str().len())?;
            write_string(out, text.as_str())
        }
        other => {
            let kind = other.type_of().name();
            let kind = kind.rsplit('.').next().unwrap_or(kind);
            Err(context.raise(
                Class::TypeError,
                format_args!("Object of type {kind} is not JSON serializable"),
            ))
        }
    }
}

/// Write a text as a JSON string.
pub fn write_string<'a>(out: &mut TextBuilder, text: &str) -> Result<(), Fault<'a>> {
    out.push('"')?;
    let mut rest = text;
    while !rest.is_empty() {
        let plain = rest.bytes().take_while(
            |byte| matches!(byte, b' ' | b'!' | b'#'..=b'.' | b'0'..=b'[' | b']'..=b'~'),
        );
        let plain = plain.count();
        out.push_str(&rest[..plain])?;
        rest = &rest[plain..];
        let Some(character) = rest.chars().next() else {
            break;
        };
        rest = &rest[character.len_utf8()..];
        match character {
            '"' => out.push_str("\\\"")?,
            '\\' => out.push_str("\\\\")?,
            '\n' => out.push_str("\\n")?,
            '\r' => out.push_str("\\r")?,
            '\t' => out.push_str("\\t")?,
            '\u{8}' => out.push_str("\\b")?,
            '\u{c}' => out.push_str("\\f")?,
            '/' if out.as_str().ends_with('<') => out.push_str("\\/")?,
            '\u{20}'..='\u{7e}' => out.push(character)?,
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}")
                        .map_err(|_| Fault::Limit(crate::limits::Limit::Memory))?;
                }
            }
        }
    }
    Ok(out.push('"')?)
}
