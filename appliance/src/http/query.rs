//! Parameters of a URL, as WHATWG's `application/x-www-form-urlencoded` has them.

use std::borrow::Cow;
use std::collections::HashMap;

use percent_encoding::percent_decode;

/// Name and value of each parameter, in order; blank values are kept, bytes that are no UTF-8 become U+FFFD.
pub fn pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    query
        .split('&')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (decode(name), decode(value))
        })
}

/// The same by name, in the order of the first of each, with values as bytes.
pub fn grouped(query: &str) -> Vec<(String, Vec<Vec<u8>>)> {
    let mut places: HashMap<Cow<'_, str>, usize> = HashMap::new();
    let mut found: Vec<(String, Vec<Vec<u8>>)> = Vec::new();
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let name = decode(name);
        let value = percent_decode(value.replace('+', " ").as_bytes()).collect();
        let place = *places.entry(name).or_insert_with_key(|name| {
            found.push((name.clone().into_owned(), Vec::new()));
            found.len() - 1
        });
        found[place].1.push(value);
    }
    found
}

fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let spaced = text.replace('+', " ");
    let decoded = percent_decode(spaced.as_bytes()).decode_utf8_lossy();
    Cow::Owned(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_in_order() {
        let found: Vec<_> = pairs("a=1&b=&c&&a=x+y%26%C3%B1&=v&d=%ff").collect();
        let expected = [
            ("a", "1"),
            ("b", ""),
            ("c", ""),
            ("a", "x y&ñ"),
            ("", "v"),
            ("d", "\u{fffd}"),
        ];
        assert_eq!(
            found
                .iter()
                .map(|(name, value)| (&**name, &**value))
                .collect::<Vec<_>>(),
            expected
        );
        assert_eq!(pairs("").count(), 0);
    }

    #[test]
    fn values_of_a_name_stay_together_as_bytes() {
        let found = grouped("b=1&a=%ff+x&b=2&c");
        let expected = [
            ("b".to_owned(), vec![b"1".to_vec(), b"2".to_vec()]),
            ("a".to_owned(), vec![b"\xff x".to_vec()]),
            ("c".to_owned(), vec![b"".to_vec()]),
        ];
        assert_eq!(found, expected);
    }
}
