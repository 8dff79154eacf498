"""Record what CPython 3.11 gives for thousands of expressions over built-ins (`pip install pytz` for its zones).

    python3.11 tests/vm/record_builtins.py > vm/tests/recorded_builtins.json

Each case is ``[expression, result]``, where the result is the ``repr`` of the value, or ``!Class: message``. The
expression may use ``x``, which ``x = …;`` in front of it sets. The cases of `builtins_cases.txt` come with combinations
of operators, subscripts and formats. ``vm/tests/recorded_builtins.rs`` runs the same expressions in definitions. Sets
are sorted before they are shown, because their order is another one here; addresses are avoided.
"""

from __future__ import annotations

import ast
import contextlib
import datetime
import hashlib
import io
import json
import math
import os
import pathlib
import re
import sys
import warnings
from collections.abc import Iterator

NAMES = {
    "ast": ast,
    "datetime": datetime,
    "hashlib": hashlib,
    "json": json,
    "math": math,
    "os": os,
    "re": re,
}

try:
    import pytz

    NAMES["pytz"] = pytz
except ImportError:
    pytz = None  # type: ignore[assignment]

CASES = pathlib.Path(__file__).with_name("builtins_cases.txt")

OPERANDS = [
    "None",
    "True",
    "0",
    "-7",
    "3",
    "2**70",
    "-(2**65)",
    "2.5",
    "-0.0",
    "1e300",
    "'ab'",
    "b'ab'",
    "[1, 2]",
    "(1, 2)",
    "{'a': 1}",
    "{1}",
]

OPERATORS = ["+", "-", "*", "/", "//", "%", "&", "|", "^", "@", "<", "<=", "==", "!=", "in", "is not"]


def operators() -> Iterator[str]:
    for left in OPERANDS:
        for operator in OPERATORS:
            for right in OPERANDS:
                if operator == "is not" and left == right:
                    continue
                yield f"{left} {operator} {right}"
    for left in ["0", "1", "-1", "2", "-3", "7", "2**70", "True", "0.0", "2.5", "1e10", "'a'"]:
        for right in ["0", "1", "2", "3", "10", "63", "64", "100", "-1", "-2", "0.5", "-0.5", "True", "'a'"]:
            if left == "2**70" and right == "100":
                continue
            if left.startswith("-") and right in ("0.5", "-0.5"):
                continue
            yield f"({left}) ** ({right})"
            yield f"({left}) << ({right})"
            yield f"({left}) >> ({right})"
    for value in OPERANDS:
        for operator in ["-", "+", "~", "not "]:
            yield f"{operator}{value}"
    for left in ["7", "-7", "7.5", "-7.5", "2**70", "-(2**70)", "True"]:
        for right in ["2", "-2", "2.5", "-2.5", "2**66", "0", "0.0", "True"]:
            yield f"divmod({left}, {right})"
            yield f"({left}) // ({right}), ({left}) % ({right})"
    for left in ["2**70", "3**50", "10**30", "2**1000", "7", "-(10**25)"]:
        for right in ["3", "7", "10**22", "2**65 + 1", "-3", "2**900"]:
            yield f"({left}) / ({right})"
            yield f"({left}) // ({right}), ({left}) % ({right})"


def subscripts() -> Iterator[str]:
    for value in ["'héllo'", "'hello'", "[1, 2, 3, 4, 5]", "(1, 2, 3, 4, 5)", "b'hello'", "range(5)", "''", "[]"]:
        for index in [
            "0",
            "-1",
            "4",
            "5",
            "-6",
            "True",
            "None",
            "'a'",
            "1.0",
            "2**70",
            "1:3",
            ":",
            "::-1",
            "::2",
            "-3:-1",
            "3:1",
            "4:0:-2",
            "10:",
            ":-10",
            "-10:10",
            "::0",
            "'a':",
            "None:None:None",
            "2**70:",
            ":-(2**70)",
            "1:4:2**70",
        ]:
            yield f"{value}[{index}]"


def numbers() -> Iterator[str]:
    texts = [
        "''",
        "' '",
        "'1'",
        "' 12 '",
        "'-5'",
        "'+5'",
        "'- 5'",
        "'1_000'",
        "'_1'",
        "'1_'",
        "'1__0'",
        "'0x1f'",
        "'1.5'",
        "'1e3'",
        "'.5'",
        "'5.'",
        "'1_0.5_0'",
        "'inf'",
        "'-Infinity'",
        "'nan'",
        "'infinit'",
        "'١٢'",
        "'٣.٥'",
        "'１２'",
        "'abc'",
        "'\\n7\\t'",
        "'1 2'",
        "'٣_٤'",
        "'1e400'",
        "'-1e-400'",
        "'0b1'",
        "'007'",
        "'1e'",
        "'e5'",
        "'.'",
        "'+.5e-3'",
        "'1_e5'",
        "'1e1_0'",
        "'--1'",
        "'1\\x00'",
        "'½'",
        "'²'",
        "'é'",
        "'\\u2003 9'",
        "'True'",
        "'123456789012345678901234567890'",
        "'-9223372036854775809'",
        "'9223372036854775808'",
        "'0'*5000",
        "'1'*4300",
        "'1'*4301",
        "'x'*300",
    ]
    for text in texts:
        yield f"int({text})" if "4300" not in text else f"int({text}) % 1000007"
        yield f"float({text})"
    for text in [
        "'ff'",
        "'0xff'",
        "'0XFF'",
        "'0x_f'",
        "'-0b101'",
        "'0o17'",
        "'zz'",
        "'9'",
        "'10'",
        "'010'",
        "'00'",
        "'_'",
        "'0x'",
        "'1_1'",
        "5",
        "b'11'",
        "None",
    ]:
        for base in ["0", "2", "8", "10", "16", "36", "1", "37", "-1", "'a'", "2.0"]:
            yield f"int({text}, {base})"
    for value in [
        "None",
        "[]",
        "1.9",
        "-1.9",
        "1e30",
        "float('nan')",
        "float('inf')",
        "True",
        "b'12'",
        "b'x'",
        "2**70",
        "()",
        "{}",
    ]:
        yield f"int({value})"
        yield f"float({value})"
        yield f"bool({value})"
        yield f"abs({value})"
        yield f"str({value})"
        yield f"repr({value})"
        yield f"hash({value}) == hash({value})"
    floats = [
        "0.1",
        "1e16",
        "1e15",
        "123456789012345680.0",
        "1e-4",
        "1e-5",
        "0.00012345",
        "1.0",
        "-0.0",
        "1e22",
        "1e21",
        "5e-324",
        "1.7976931348623157e308",
        "2.5",
        "3.5",
        "-2.5",
        "0.5",
        "1.5",
        "1e300",
        "100.0",
        "12345.678",
        "0.30000000000000004",
        "2.675",
        "1.005",
        "1234.5",
        "1e-7",
    ]
    for number in floats:
        yield f"repr({number})"
        yield f"round({number})"
        for digits in ["0", "1", "2", "-1", "-2", "5", "400", "-400", "None"]:
            yield f"round({number}, {digits})"
        yield f"({number}).is_integer(), ({number}).as_integer_ratio()"
        yield f"({number}).hex()"
    for number in ["0", "5", "15", "25", "-15", "-25", "1250", "1350", "2**70", "True"]:
        for digits in ["0", "-1", "-2", "3", "-30"]:
            yield f"round({number}, {digits})"
    for code in [
        "d",
        "x",
        "X",
        "o",
        "b",
        "c",
        "e",
        "f",
        "g",
        "%",
        "n",
        "s",
        "",
        ",",
        "_",
        "_x",
        ",d",
        ",.2f",
        "05",
        "+",
        " ",
        "-",
        "#x",
        "#o",
        "#b",
        "<8",
        ">8",
        "^8",
        "=8",
        "*^9",
        "0=8",
        "08,",
        "010,",
        "012_x",
        ".2",
        ".0f",
        ".1e",
        ".3g",
        "#.3g",
        "#g",
        "z.1f",
        "+.2%",
        "8.3f",
        "<8.3f",
        "é>6",
        "5x5",
        "!",
        ",,",
        "_,",
        ",_",
        ".",
        "99999999999999999999",
        "1.5.5",
        "+c",
        "G",
        "E",
        "F",
        "#.0f",
        "#e",
        "020.3f",
        "+020,.3f",
        "^+10",
        "010",
        "=+10",
        "<<5",
        ".10",
        "e5",
    ]:
        for value in [
            "0",
            "65",
            "-1234567",
            "1234.5678",
            "-0.0001",
            "1e20",
            "float('inf')",
            "float('nan')",
            "'abc'",
            "True",
            "2**70",
            "None",
            "[]",
        ]:
            yield f"format({value}, {code!r})"
    for directive in [
        "%d",
        "%i",
        "%5d",
        "%-5d|",
        "%05d",
        "%+d",
        "% d",
        "%x",
        "%#x",
        "%X",
        "%o",
        "%#o",
        "%e",
        "%.2e",
        "%f",
        "%.0f",
        "%.3f",
        "%g",
        "%G",
        "%s",
        "%r",
        "%a",
        "%c",
        "%5s|",
        "%-5s|",
        "%.2s",
        "%%",
        "%5.1f",
        "%05.1f",
        "%+.1f",
        "%-8.2f|",
        "%z",
        "%",
        "%5",
        "%ld",
        "%F",
        "%E",
        "%.5d",
        "%8.3d",
        "%#.3g",
        "%08x",
        "%+x",
        "%.0e",
        "%#.0f",
    ]:
        for value in [
            "5",
            "-5",
            "3.75",
            "-0.5",
            "'ab'",
            "'é'",
            "None",
            "True",
            "2**70",
            "[1]",
            "(1,)",
            "()",
            "(1, 2)",
            "{'a': 1}",
            "float('nan')",
            "float('-inf')",
            "65",
        ]:
            yield f"{directive!r} % {value}"


def formats_of_bytes() -> Iterator[str]:
    directives = [
        "%s",
        "%b",
        "%r",
        "%a",
        "%c",
        "%d",
        "%i",
        "%u",
        "%o",
        "%x",
        "%#X",
        "%f",
        "%.2e",
        "%G",
        "%5%",
        "%z",
        "%",
    ]
    directives += [
        "%-8sx",
        "%08d",
        "%+.3d",
        "% 8x",
        "%.2s",
        "%8.1b",
        "%-5c",
        "%010.2f",
        "%ld",
        "%%",
        "%%%d",
        "x",
        "\xff%s",
    ]
    values = [
        "None",
        "True",
        "-7",
        "65",
        "256",
        "2**70",
        "2.5",
        "float('nan')",
        "'ab'",
        "'é'",
        "b'ab'",
        "b'\\xff'",
        "b''",
    ]
    values += ["[1]", "()", "(1,)", "(b'a', 2)", "{b'a': 1}", "{}", "range(3)"]
    for directive in directives:
        shown = repr(directive.encode("latin-1"))
        for value in values:
            yield f"{shown} % {value}"
    yield from [
        "b'%(a)s|%(b)5d' % {b'a': b'x', b'b': 7}",
        "b'%(a)s' % {'a': b'x'}",
        "b'%(a)s' % [b'x']",
        "b'%(a' % {}",
        "b'%(a)d %(a)d' % {b'a': 1}",
        "b'%*d|%-*d|' % (5, 1, 4, 2)",
        "b'%.*f' % (2, 3.14159)",
        "b'%*d' % ('a', 1)",
        "b'%s %s' % (b'a',)",
        "b'%s' % (b'a', b'b')",
        "b'%99999999999999999999d' % 1",
        "b'%.99999999999d' % 1",
        "b'a%yb' % 1",
        "x = b'%d'; x %= 3; x",
    ]


def methods_of_bytes() -> Iterator[str]:
    calls = ["capitalize()", "title()", "swapcase()", "lower()", "upper()", "isalnum()", "isalpha()", "isascii()"]
    calls += [
        "isdigit()",
        "isspace()",
        "islower()",
        "isupper()",
        "strip()",
        "lstrip()",
        "rstrip()",
        "split()",
        "rsplit()",
    ]
    calls += ["splitlines()", "splitlines(True)", "splitlines(keepends=True)", "split(None, 1)", "rsplit(None, 1)"]
    calls += [
        "split(b',')",
        "split(b',', 1)",
        "rsplit(b',', 1)",
        "split(sep=b'l', maxsplit=1)",
        "split(b'')",
        "split(',')",
    ]
    calls += ["partition(b',')", "rpartition(b',')", "partition(b'')", "partition(',')", "strip(b'a ')", "lstrip(b'a')"]
    calls += [
        "rstrip(b'c\\n')",
        "strip('a')",
        "strip(None)",
        "find(b'b')",
        "find(b'')",
        "find(98)",
        "find(300)",
        "find('b')",
    ]
    calls += [
        "rfind(b'l')",
        "rfind(b'', 2)",
        "index(b'z')",
        "rindex(b'z')",
        "find(b'l', -4)",
        "find(b'l', 1, 3)",
        "find(1.5)",
    ]
    calls += [
        "count(b'l')",
        "count(b'')",
        "count(108)",
        "count(b'l', 3)",
        "count()",
        "index(None)",
        "replace(b'l', b'LL')",
    ]
    calls += ["replace(b'l', b'', 1)", "replace(b'', b'-')", "replace('l', b'')", "replace(b'l', 'x')", "replace(b'l')"]
    calls += [
        "startswith(b'a')",
        "startswith((b'z', b'a'))",
        "startswith('a')",
        "startswith(('a',))",
        "endswith(b'c', 0, 3)",
    ]
    calls += ["endswith([b'a'])", "startswith()", "startswith(b'', 100)", "removeprefix(b'a')", "removesuffix(b'c')"]
    calls += [
        "removeprefix('a')",
        "center(12)",
        "center(13, b'*')",
        "center(13, '*')",
        "ljust(12, b'ab')",
        "rjust(12, b'.')",
    ]
    calls += [
        "ljust('a')",
        "zfill(12)",
        "zfill('a')",
        "expandtabs(4)",
        "hex()",
        "join([b'a', b'b'])",
        "join(['a'])",
        "decode()",
    ]
    for value in [
        "b''",
        "b'hello world'",
        "b' \\t a,b,,c \\x0b\\n'",
        "b'\\xff\\x1c\\x85 \\xe9A'",
        "b'a\\r\\nb\\rc\\n\\nd'",
        "b'-12'",
    ]:
        for call in calls:
            yield f"({value}).{call}"


def cases() -> Iterator[str]:
    for family in (operators, subscripts, numbers, formats_of_bytes, methods_of_bytes):
        yield from family()
    for line in CASES.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("# "):
            yield line


def result(case: str) -> str:
    """The ``repr`` of a case's value, or its error."""
    *statements, expression = [part.strip() for part in _split(case)]
    names = dict(NAMES)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            for statement in statements:
                exec(statement, names)
            return repr(eval(expression, names))
    except Exception as error:
        name = type(error).__name__
        return f"!{name}: {error}"


def _split(case: str) -> list[str]:
    """Statements in front of the expression; a semicolon inside of a text is none of ours."""
    if not re.match(r"x(, [*]?y)? = ", case):
        return [case]
    return case.split("; ")


def main() -> None:
    assert sys.version_info[:2] == (3, 11), "the cases are those of Python 3.11"
    warnings.simplefilter("ignore")
    os.environ["TZ"] = "UTC"
    seen: dict[str, str] = {}
    for case in cases():
        if case not in seen:
            seen[case] = result(case)
    rows = [f"{json.dumps([case, value])}" for case, value in seen.items()]
    print("[\n" + ",\n".join(rows) + "\n]")


if __name__ == "__main__":
    main()
