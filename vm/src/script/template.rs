//! Templates: text in backticks with `${name}` in it.
//!
//! The language never expands one; some commands do. This finds the placeholders, for those who warn about them.

use super::span::Span;

/// Where the names of the `${name}` placeholders of a text lie: up to the first `}`, as `\${([^}]*)}` finds them.
pub fn placeholders(text: &str, within: Span) -> impl Iterator<Item = Span> + '_ {
    let mut from = within.start as usize;
    std::iter::from_fn(move || {
        let rest = &text[from..within.end as usize];
        let open = rest.find("${")? + 2;
        let close = open + rest[open..].find('}')?;
        let name = Span::new(from + open, from + close);
        from += close + 1;
        Some(name)
    })
}

/// Is it a text in backticks?
#[must_use]
pub fn is_template(text: &str) -> bool {
    text.len() >= 2 && text.starts_with('`') && text.ends_with('`')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_found_up_to_the_first_brace() {
        for (text, expected) in [
            ("`a ${b} c ${d e}`", vec!["b", "d e"]),
            ("${}", vec![""]),
            ("${a", vec![]),
            ("$a {b} ${c{d}}", vec!["c{d"]),
            ("$${a}", vec!["a"]),
        ] {
            let found: Vec<_> = placeholders(text, Span::new(0, text.len()))
                .map(|name| name.of(text))
                .collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn a_lone_backtick_is_no_template() {
        assert!(is_template("``"));
        assert!(!is_template("`"));
        assert!(!is_template("a`"));
    }
}
