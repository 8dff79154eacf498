//! What CPython 3.11 says about characters: the tables of its Unicode, and its letter cases.

use super::unicode_tables as tables;

fn within(ranges: &[(u32, u32)], character: char) -> bool {
    let code = u32::from(character);
    let before = ranges.partition_point(|(first, _)| *first <= code);
    before > 0 && code <= ranges[before - 1].1
}

fn mapped(mapping: &[(u32, &'static str)], character: char) -> Option<&'static str> {
    let place = mapping
        .binary_search_by_key(&u32::from(character), |(code, _)| *code)
        .ok()?;
    Some(mapping[place].1)
}

/// `str.isalpha` of one character.
#[must_use]
pub fn is_alpha(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphabetic();
    }
    within(&tables::ALPHA, character)
}

/// `str.isdecimal` of one character.
#[must_use]
pub fn is_decimal(character: char) -> bool {
    crate::script::number::decimal(character).is_some()
}

/// `str.isdigit` of one character.
#[must_use]
pub fn is_digit(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_digit();
    }
    within(&tables::DIGIT, character)
}

/// `str.isnumeric` of one character.
#[must_use]
pub fn is_numeric(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_digit();
    }
    within(&tables::NUMERIC, character)
}

/// `str.isalnum` of one character.
#[must_use]
pub fn is_alphanumeric(character: char) -> bool {
    is_alpha(character) || is_numeric(character)
}

/// `str.islower` of one character.
#[must_use]
pub fn is_lower(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_lowercase();
    }
    within(&tables::LOWER, character)
}

/// `str.isupper` of one character.
#[must_use]
pub fn is_upper(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_uppercase();
    }
    within(&tables::UPPER, character)
}

/// A letter such as `ǅ`: capital at its beginning only.
#[must_use]
pub fn is_title(character: char) -> bool {
    within(&tables::TITLE, character)
}

/// `str.isspace` of one character, which is also what `split` and `strip` take for white space.
#[must_use]
pub fn is_space(character: char) -> bool {
    within(&tables::SPACE, character)
}

/// `str.isprintable` of one character.
#[must_use]
pub fn is_printable(character: char) -> bool {
    if character.is_ascii() {
        return (' '..='~').contains(&character);
    }
    within(&tables::PRINTABLE, character)
}

/// `str.isidentifier`.
#[must_use]
pub fn is_identifier(text: &str) -> bool {
    let mut characters = text.chars();
    characters
        .next()
        .is_some_and(|first| first == '_' || unicode_ident::is_xid_start(first))
        && characters.all(unicode_ident::is_xid_continue)
}

/// Characters that end a line for `str.splitlines`.
#[must_use]
pub const fn ends_line(character: char) -> bool {
    matches!(
        character,
        '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

/// Add a character in title case.
pub fn push_title(out: &mut String, character: char) {
    match mapped(&tables::TO_TITLE, character) {
        Some(text) => out.push_str(text),
        None => out.extend(character.to_uppercase()),
    }
}

/// Add a character as `str.casefold` has it.
pub fn push_folded(out: &mut String, character: char) {
    match mapped(&tables::TO_FOLDED, character) {
        Some(text) => out.push_str(text),
        None => out.extend(character.to_lowercase()),
    }
}

/// The character of a name or an alias of the Unicode Character Database, in any case, as `\N{…}` takes it.
///
/// `unicode_names2` compares loosely (UAX #44, LM2) where CPython does not: `LATINSMALLLETTERA` is no name. It also reads
/// what stands before a hyphen, which must not be the first.
#[must_use]
pub fn named(name: &str) -> Option<char> {
    if name.starts_with('-') {
        return None;
    }
    let character = unicode_names2::character(name)?;
    let Some(known) = unicode_names2::name(character).map(|known| known.to_string()) else {
        return Some(character); // an alias: this one has no name
    };
    let is_meant = |byte: &u8| !matches!(byte, b' ' | b'-' | b'_');
    let alike = known.bytes().filter(is_meant).eq(name
        .bytes()
        .map(|byte| byte.to_ascii_uppercase())
        .filter(is_meant));
    (!alike || known.eq_ignore_ascii_case(name)).then_some(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_have_exact_names_in_any_case() {
        for (name, character) in [
            ("LATIN SMALL LETTER A", Some('a')),
            ("latin small letter a", Some('a')),
            ("NULL", Some('\0')),
            ("HANGUL JUNGSEONG O-E", Some('\u{1180}')),
            ("HANGUL JUNGSEONG OE", Some('\u{116C}')),
            ("LATINSMALLLETTERA", None),
            ("LATIN_SMALL_LETTER_A", None),
            ("LATIN SMALL LETTER-A", None),
            ("-", None),
            ("-LATIN SMALL LETTER A", None),
            ("", None),
        ] {
            assert_eq!(named(name), character, "{name}");
        }
    }
}
