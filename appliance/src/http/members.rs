//! The members of a JSON object, read as Python's `json.loads` would (`NaN` and the like are numbers, the last of equal
//! keys counts) but without making values of them: those that matter are few, and the VM reads `variables` into its own
//! memory under its own quota.

use std::borrow::Cow;
use std::ops::Range;

use super::limits::JSON_DEPTH_MAX;

/// What a member's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Number,
    Bool,
    Null,
    List,
    Object,
}

/// Why a text is no JSON object: in Python's words, with the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It is no JSON.
    Json(String),
    /// It is deeper than `JSON_DEPTH_MAX`.
    TooDeep,
    /// It is another JSON value.
    NotAnObject,
}

/// Calls `visit` with key, kind and place of each member, in order.
///
/// # Errors
/// See [`Unreadable`]. Members before the mistake have been visited.
pub fn visit(
    text: &str,
    mut visit: impl FnMut(&str, Kind, Range<usize>),
) -> Result<(), Unreadable> {
    let mut reader = Reader { text, place: 0 };
    if text.starts_with('\u{feff}') {
        return Err(reader.error("Unexpected UTF-8 BOM (decode using utf-8-sig)", 0));
    }
    reader.skip_white();
    if reader.byte() != Some(b'{') {
        reader.value()?;
        reader.end()?;
        return Err(Unreadable::NotAnObject);
    }
    reader.place += 1;
    reader.skip_white();
    if reader.byte() == Some(b'}') {
        reader.place += 1;
        return reader.end();
    }
    loop {
        let key = reader.key()?;
        let key = unescaped(&text[key]);
        let start = reader.place;
        let kind = reader.value()?;
        visit(&key, kind, start..reader.place);
        reader.skip_white();
        match reader.byte() {
            Some(b',') => {
                reader.place += 1;
                reader.skip_white();
            }
            Some(b'}') => {
                reader.place += 1;
                return reader.end();
            }
            _ => return Err(reader.error("Expecting ',' delimiter", reader.place)),
        }
    }
}

/// The characters of a JSON text, from what stands in the document, quotes included. Half a surrogate pair becomes
/// U+FFFD.
pub fn text_of(quoted: &str) -> Cow<'_, str> {
    let inner = quoted
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    unescaped(inner.unwrap_or(quoted))
}

/// A `Reader` lets only whole escapes pass; of any other text what is no escape stays as it is.
fn unescaped(inner: &str) -> Cow<'_, str> {
    let Some(first) = inner.find('\\') else {
        return Cow::Borrowed(inner);
    };
    let mut out = String::with_capacity(inner.len());
    out.push_str(&inner[..first]);
    let mut rest = &inner[first..];
    while let Some(escape) = rest.strip_prefix('\\') {
        let (character, bytes) = escaped(escape);
        out.push(character);
        rest = &escape[bytes..];
        let plain = rest.find('\\').unwrap_or(rest.len());
        out.push_str(&rest[..plain]);
        rest = &rest[plain..];
    }
    Cow::Owned(out)
}

/// The character of an escape, and the bytes that it takes behind its backslash.
fn escaped(escape: &str) -> (char, usize) {
    let plain = match escape.as_bytes().first() {
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unicode(escape),
        Some(b'/') => '/',
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        _ => return ('\\', 0),
    };
    (plain, 1)
}

fn unicode(escape: &str) -> (char, usize) {
    let hex = |at: usize| {
        let digits = escape.get(at..at + 4)?;
        u32::from_str_radix(digits, 16).ok()
    };
    let Some(first) = hex(1) else {
        return ('\\', 0);
    };
    if (0xd800..0xdc00).contains(&first)
        && escape.get(5..7) == Some("\\u")
        && let Some(second) = hex(7).filter(|second| (0xdc00..0xe000).contains(second))
    {
        let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        return (char::from_u32(code).unwrap_or('\u{fffd}'), 11);
    }
    (char::from_u32(first).unwrap_or('\u{fffd}'), 5)
}

struct Reader<'t> {
    text: &'t str,
    place: usize,
}

impl Reader<'_> {
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.place).copied()
    }

    fn skip_white(&mut self) {
        while matches!(self.byte(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.place += 1;
        }
    }

    fn end(&mut self) -> Result<(), Unreadable> {
        self.skip_white();
        if self.place < self.text.len() {
            return Err(self.error("Extra data", self.place));
        }
        Ok(())
    }

    /// A key and its colon; gives the place of the key without its quotes.
    fn key(&mut self) -> Result<Range<usize>, Unreadable> {
        if self.byte() != Some(b'"') {
            let message = "Expecting property name enclosed in double quotes";
            return Err(self.error(message, self.place));
        }
        let start = self.place + 1;
        self.string()?;
        let key = start..self.place - 1;
        self.skip_white();
        if self.byte() != Some(b':') {
            return Err(self.error("Expecting ':' delimiter", self.place));
        }
        self.place += 1;
        self.skip_white();
        Ok(key)
    }

    /// Any value. Containers that are open are one bit each: objects are set.
    fn value(&mut self) -> Result<Kind, Unreadable> {
        let mut objects: Vec<bool> = Vec::new();
        let mut outermost = None;
        loop {
            let kind = match self.byte() {
                Some(b'[') => {
                    self.place += 1;
                    self.skip_white();
                    if self.byte() != Some(b']') {
                        open(&mut objects, false)?;
                        outermost.get_or_insert(Kind::List);
                        continue;
                    }
                    self.place += 1;
                    Kind::List
                }
                Some(b'{') => {
                    self.place += 1;
                    self.skip_white();
                    if self.byte() != Some(b'}') {
                        open(&mut objects, true)?;
                        outermost.get_or_insert(Kind::Object);
                        self.key()?;
                        continue;
                    }
                    self.place += 1;
                    Kind::Object
                }
                _ => self.scalar()?,
            };
            outermost.get_or_insert(kind);
            // The value is complete; so may be containers around it.
            loop {
                let Some(is_object) = objects.last().copied() else {
                    return Ok(outermost.unwrap_or(kind));
                };
                self.skip_white();
                match (self.byte(), is_object) {
                    (Some(b','), _) => {
                        self.place += 1;
                        self.skip_white();
                        if is_object {
                            self.key()?;
                        }
                        break;
                    }
                    (Some(b'}'), true) | (Some(b']'), false) => {
                        self.place += 1;
                        objects.pop();
                    }
                    _ => return Err(self.error("Expecting ',' delimiter", self.place)),
                }
            }
        }
    }

    fn scalar(&mut self) -> Result<Kind, Unreadable> {
        match self.byte() {
            Some(b'"') => self.string().map(|()| Kind::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => {
                for (word, kind) in [
                    ("true", Kind::Bool),
                    ("false", Kind::Bool),
                    ("null", Kind::Null),
                    ("NaN", Kind::Number),
                    ("Infinity", Kind::Number),
                ] {
                    if self.text[self.place..].starts_with(word) {
                        self.place += word.len();
                        return Ok(kind);
                    }
                }
                Err(self.error("Expecting value", self.place))
            }
        }
    }

    fn number(&mut self) -> Result<Kind, Unreadable> {
        let start = self.place;
        if self.byte() == Some(b'-') {
            self.place += 1;
            if self.text[self.place..].starts_with("Infinity") {
                self.place += "Infinity".len();
                return Ok(Kind::Number);
            }
        }
        match self.byte() {
            Some(b'0') => self.place += 1,
            Some(b'1'..=b'9') => self.skip_digits(),
            _ => return Err(self.error("Expecting value", start)),
        }
        let digit_at = |at: usize| self.text.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
        if self.byte() == Some(b'.') && digit_at(self.place + 1) {
            self.place += 1;
            self.skip_digits();
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            let sign = matches!(self.text.as_bytes().get(self.place + 1), Some(b'+' | b'-'));
            let digits = self.place + 1 + usize::from(sign);
            if self
                .text
                .as_bytes()
                .get(digits)
                .is_some_and(u8::is_ascii_digit)
            {
                self.place = digits;
                self.skip_digits();
            }
        }
        Ok(Kind::Number)
    }

    fn skip_digits(&mut self) {
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.place += 1;
        }
    }

    fn string(&mut self) -> Result<(), Unreadable> {
        let begin = self.place;
        self.place += 1;
        loop {
            match self.byte() {
                None => return Err(self.error("Unterminated string starting at", begin)),
                Some(b'"') => {
                    self.place += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape(begin)?,
                Some(0..=0x1f) => {
                    return Err(self.error("Invalid control character at", self.place));
                }
                Some(_) => self.place += 1,
            }
        }
    }

    fn escape(&mut self, begin: usize) -> Result<(), Unreadable> {
        let letter = self.text.as_bytes().get(self.place + 1);
        match letter {
            None => Err(self.error("Unterminated string starting at", begin)),
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.place += 2;
                Ok(())
            }
            Some(b'u') => {
                let digits = self.text.as_bytes().get(self.place + 2..self.place + 6);
                if digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
                    self.place += 6;
                    return Ok(());
                }
                Err(self.error("Invalid \\uXXXX escape", self.place + 1))
            }
            Some(_) => Err(self.error("Invalid \\escape", self.place)),
        }
    }

    fn error(&self, message: &str, place: usize) -> Unreadable {
        let before = &self.text[..self.text.floor_char_boundary(place)];
        let line = before.matches('\n').count() + 1;
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        let column = before[line_start..].chars().count() + 1;
        let character = before.chars().count();
        Unreadable::Json(format!(
            "{message}: line {line} column {column} (char {character})"
        ))
    }
}

fn open(objects: &mut Vec<bool>, is_object: bool) -> Result<(), Unreadable> {
    // The document's own object is open too.
    if objects.len() + 2 > JSON_DEPTH_MAX {
        return Err(Unreadable::TooDeep);
    }
    objects.push(is_object);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn members(text: &str) -> Result<Vec<(String, Kind, String)>, Unreadable> {
        let mut found = Vec::new();
        visit(text, |key, kind, place| {
            found.push((key.to_owned(), kind, text[place].to_owned()));
        })?;
        Ok(found)
    }

    #[test]
    fn members_are_found_with_their_kinds_and_places() {
        let text = r#" { "a" : "x\"y" , "\u0062":[1,{"c":[]}], "d":{}, "e":-1.5e-3,"f":NaN,"g":true,"h":null,"i":-Infinity } "#;
        let expected = [
            ("a", Kind::Text, r#""x\"y""#),
            ("b", Kind::List, r#"[1,{"c":[]}]"#),
            ("d", Kind::Object, "{}"),
            ("e", Kind::Number, "-1.5e-3"),
            ("f", Kind::Number, "NaN"),
            ("g", Kind::Bool, "true"),
            ("h", Kind::Null, "null"),
            ("i", Kind::Number, "-Infinity"),
        ];
        let found = members(text).unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|(key, kind, text)| (&**key, *kind, &**text))
            .collect();
        assert_eq!(found, expected);
        assert_eq!(members("{}"), Ok(vec![]));
    }

    #[test]
    fn mistakes_are_told_in_pythons_words() {
        let check = |text: &str, message: &str| {
            assert_eq!(
                members(text),
                Err(Unreadable::Json(message.to_owned())),
                "{text}"
            );
        };
        check(
            "{\"script\": ",
            "Expecting value: line 1 column 12 (char 11)",
        );
        check("", "Expecting value: line 1 column 1 (char 0)");
        check(
            "{\"a\":1,}",
            "Expecting property name enclosed in double quotes: line 1 column 8 (char 7)",
        );
        check(
            "{\"a\" 1}",
            "Expecting ':' delimiter: line 1 column 6 (char 5)",
        );
        check(
            "{\"a\":1\n \"b\"}",
            "Expecting ',' delimiter: line 2 column 2 (char 8)",
        );
        check(
            "{\"a\":\"x",
            "Unterminated string starting at: line 1 column 6 (char 5)",
        );
        check(
            "{\"a\":\"\n\"}",
            "Invalid control character at: line 1 column 7 (char 6)",
        );
        check(
            "{\"a\":\"\\x\"}",
            "Invalid \\escape: line 1 column 7 (char 6)",
        );
        check("{} x", "Extra data: line 1 column 4 (char 3)");
        check(
            "{\"a\":01}",
            "Expecting ',' delimiter: line 1 column 7 (char 6)",
        );
        assert_eq!(members("[1]"), Err(Unreadable::NotAnObject));
        assert_eq!(members("\"x\""), Err(Unreadable::NotAnObject));
    }

    #[test]
    fn depth_is_bounded_and_nothing_recurses() {
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(members(&nested(JSON_DEPTH_MAX)).is_ok()); // the innermost is empty
        assert_eq!(
            members(&nested(JSON_DEPTH_MAX + 1)),
            Err(Unreadable::TooDeep)
        );
        assert_eq!(members(&nested(1_000_000)), Err(Unreadable::TooDeep));
        assert_eq!(
            members(&"{\"a\":".repeat(100_000)),
            Err(Unreadable::TooDeep)
        );
    }

    #[test]
    fn texts_are_unescaped() {
        assert_eq!(text_of(r#""plain""#), "plain");
        assert_eq!(
            text_of(r#""a\n\t\"\\\/\b\f\r\u00f1\ud83d\ude00\ud800x\udc00""#),
            "a\n\t\"\\/\u{8}\u{c}\rñ😀\u{fffd}x\u{fffd}"
        );
        for no_escape in [r"\¡", r"\u12", r"\u123¡", "a\\"] {
            assert_eq!(text_of(no_escape), no_escape);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in ".{0,60}") {
            let _ = members(&text);
            let _ = members(&format!("{{\"a\":{text}}}"));
            let _ = text_of(&text);
        }

        #[test]
        fn every_text_comes_back(text in "\\PC{0,40}") {
            let document = serde_json::json!({ "k": text }).to_string();
            let found = members(&document).unwrap();
            prop_assert_eq!(text_of(&found[0].2), text);
        }
    }
}
