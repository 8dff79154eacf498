//! Parameters of a URL, as WHATWG's `application/x-www-form-urlencoded` has them.

use std::borrow::Cow;

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
}
