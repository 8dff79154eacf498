//! What definitions cannot hold: each is a compile error that says what and where, and nothing else of Python is.

use vm::program::Definition;

fn error_of(code: &str) -> String {
    let definition = Definition::new("probe", code, "[]");
    match definition.code {
        Ok(_) => "compiles".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// A text, the place of what is wrong, and what is said of it.
const UNSUPPORTED: &[(&str, &str, &str)] = &[
    ("x = 1\nclass A:\n    pass\n", "line 2, column 1", "class"),
    ("with x as y:\n    pass\n", "line 1, column 1", "with"),
    (
        "match x:\n    case 1:\n        pass\n",
        "line 1, column 1",
        "match",
    ),
    ("def f():\n    yield 1\n", "line 2, column 5", "yield"),
    (
        "def f():\n    x = yield from y\n",
        "line 2, column 9",
        "yield",
    ),
    (
        "@g\ndef f():\n    pass\n",
        "line 1, column 1",
        "a decorator",
    ),
    (
        "async def f():\n    pass\n",
        "line 1, column 1",
        "async def",
    ),
    (
        "x = [y async for y in z]\n",
        "line 1, column 8",
        "async for",
    ),
    ("from . import x\n", "line 1, column 1", "a relative import"),
    (
        "from .a import x\n",
        "line 1, column 1",
        "a relative import",
    ),
    ("from re import *\n", "line 1, column 16", "import *"),
    (
        "try:\n    pass\nexcept* ValueError:\n    pass\n",
        "line 1, column 1",
        "except*",
    ),
    ("x = 1 + 2j\n", "line 1, column 9", "a complex number"),
    (
        "x = __import__('os')\n",
        "line 1, column 5",
        "the name __import__",
    ),
    (
        "x = ().__class__.__bases__\n",
        "line 1, column 18",
        "the name __bases__",
    ),
    (
        "if 0:\n    x = bytearray(b'x')\n",
        "line 2, column 9",
        "bytearray (write bytes, or a list of numbers, instead)",
    ),
];

#[test]
fn what_is_not_supported_is_a_compile_error_with_its_place() {
    for (code, place, what) in UNSUPPORTED {
        assert_eq!(
            error_of(code),
            format!("{place}: {what} is not supported in definitions"),
            "{code}"
        );
    }
}

#[test]
fn what_is_like_it_compiles() {
    for code in [
        "x = isinstance(y, bytearray)\n",
        "x = (y for y in z)\n",
        "x = y.bytearray(1)\n",
        "match = 1\ncase = match\ntype = case\n",
        "try:\n    pass\nexcept (ValueError, KeyError):\n    pass\n",
        "x = __name__\n",
    ] {
        assert_eq!(error_of(code), "compiles", "{code}");
    }
}
