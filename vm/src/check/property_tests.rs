//! Whatever the text: a check ends without a panic, its places lie in the text, and it can be shown.

use super::{Catalog, check, render};
use crate::script::property_tests::{check_inside, script};
use proptest::prelude::*;

/// A catalogue with commands of all the names that mean something to the check.
struct Few;

impl Catalog for Few {
    fn interface(&self, name: &str) -> Option<Vec<String>> {
        let items: &[&str] = match name {
            "if" => &["variable", "variableValue", "comparator"],
            "a" | "x" | "ax" => &["source", "TargetVariable"],
            _ => return None,
        };
        Some(items.iter().map(ToString::to_string).collect())
    }

    fn similar(&self, name: &str) -> Option<String> {
        super::most_similar(name, ["if", "ax"].into_iter()).map(Into::into)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_checked_and_shown(text in script()) {
        let report = check(&text, &Few);
        for one in &report.diagnostics {
            check_inside(&text, one.span);
            prop_assert!(!one.happens.is_empty() && !one.meant.is_empty());
        }
        let shown = render(&report, &text, "script");
        prop_assert_eq!(shown.is_empty(), report.diagnostics.is_empty());
    }
}
