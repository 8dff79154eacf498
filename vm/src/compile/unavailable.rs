//! Names that CPython 3.11 has built in and definitions do not have.
//!
//! A definition that loads one without giving it a meaning of its own does not compile: a `NameError` when it is reached
//! would come too late. Names that Python does not know either are the definition's affair and stay run-time errors.

/// In the order of their bytes. From the Library Reference of Python 3.11: "Built-in Functions", "Built-in Constants" with
/// those that `site` adds, "Built-in Exceptions"; and `__builtins__` and `__name__`, which a module's text sees too.
///
/// Other names with two underscores at both ends are refused wherever they stand (`crate::definition`).
const UNAVAILABLE: &[&str] = &[
    "BaseExceptionGroup",
    "ExceptionGroup",
    "UnicodeTranslateError",
    "__builtins__",
    "__name__",
    "aiter",
    "anext",
    "breakpoint",
    "classmethod",
    "compile",
    "complex",
    "copyright",
    "credits",
    "delattr",
    "dir",
    "exec",
    "exit",
    "help",
    "input",
    "license",
    "memoryview",
    "open",
    "property",
    "quit",
    "setattr",
    "staticmethod",
    "super",
    "vars",
];

/// The name, if it is one of those.
pub(super) fn unavailable(name: &str) -> Option<&'static str> {
    let place = UNAVAILABLE.binary_search(&name).ok()?;
    Some(UNAVAILABLE[place])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_order_and_not_there() {
        assert!(UNAVAILABLE.is_sorted());
        for name in UNAVAILABLE {
            assert!(crate::run::builtins::global(name).is_none(), "{name}");
            assert_eq!(unavailable(name), Some(*name));
        }
        assert_eq!(unavailable("exrex"), None);
    }
}
