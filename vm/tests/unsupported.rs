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

/// A text, and the place and name of a built-in that definitions do not have.
const UNAVAILABLE: &[(&str, &str, &str)] = &[
    ("x = open('f')\n", "line 1, column 5", "open"),
    ("exec('x = 1')\n", "line 1, column 1", "exec"),
    ("x = __name__\n", "line 1, column 5", "__name__"),
    ("x = super().y[0] + 1\n", "line 1, column 5", "super"),
    ("x = y.open(open)\n", "line 1, column 12", "open"),
    ("é = 1; x = f'{input()}'\n", "line 1, column 15", "input"),
    ("def f(a=vars):\n    pass\n", "line 1, column 9", "vars"),
    (
        "def f():\n    def g():\n        return dir\n",
        "line 3, column 16",
        "dir",
    ),
    (
        "x = [memoryview(y) for y in z]\n",
        "line 1, column 6",
        "memoryview",
    ),
    (
        "x = lambda: (y for y in z if setattr)\n",
        "line 1, column 30",
        "setattr",
    ),
    (
        "try:\n    pass\nexcept (KeyError, ExceptionGroup):\n    pass\n",
        "line 3, column 19",
        "ExceptionGroup",
    ),
    (
        "if 0:\n    raise UnicodeTranslateError\n",
        "line 2, column 11",
        "UnicodeTranslateError",
    ),
    // Nothing says that the dict is the names'.
    ("globals()['open'] = 1\nopen\n", "line 2, column 1", "open"),
    // What one function calls so, another does not see.
    (
        "def f(open):\n    compile = open\nopen('f')\n",
        "line 3, column 1",
        "open",
    ),
    // Of several the first.
    (
        "def f():\n    return vars\nx = exec\ny = dir\n",
        "line 2, column 12",
        "vars",
    ),
];

#[test]
fn a_built_in_that_is_not_there_is_a_compile_error_with_its_place() {
    for (code, place, name) in UNAVAILABLE {
        assert_eq!(
            error_of(code),
            format!("{place}: the built-in {name} is not available in definitions"),
            "{code}"
        );
    }
}

#[test]
fn a_definition_may_call_its_own_what_python_has_built_in() {
    for code in [
        "open = 1\nx = open\n",
        "x = open\nopen = 1\n",
        "def open():\n    return open\nopen()\n",
        "def f():\n    return open\nimport json as open\n",
        "from json import loads as open\nx = lambda: open('1')\n",
        "for open in x:\n    def f():\n        return open\n",
        "try:\n    pass\nexcept KeyError as open:\n    x = open\n",
        "def f(open):\n    return lambda: open\n",
        "def f():\n    open = 1\n    return (open for x in y)\n",
        "x = [open for open in y] + list(open for open in y)\n",
        "x = (open := 1)\ndef f():\n    return open\n",
        "x = any((open := y) for y in z)\nx = open\n",
        "def f():\n    return open\ndef g():\n    def h():\n        global open\n        open = 1\n",
        "global open\nx = open\n",
        "x = y.open(open=1).vars\n",
        "x = nobody\n",
    ] {
        assert_eq!(error_of(code), "compiles", "{code}");
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
        "x = y.__name__\n",
    ] {
        assert_eq!(error_of(code), "compiles", "{code}");
    }
}
