# ruff: noqa: E501 (a case stands on one line)
"""Record what CPython 3.11 gives for thousands of expressions over built-ins.

    python3.11 tests/vm/record_builtins.py > vm/tests/recorded_builtins.json

Each case is ``[expression, result]``, where the result is the ``repr`` of the value, or ``!Class: message``. The expression may use
``x``, which ``x = …;`` in front of it sets. ``vm/tests/recorded_builtins.rs`` runs the same expressions in definitions. Sets are sorted
before they are shown, because their order is another one here; addresses are avoided.
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

OPERANDS = [
    "None", "True", "0", "-7", "3", "2**70", "-(2**65)", "2.5", "-0.0", "1e300", "'ab'", "b'ab'", "[1, 2]", "(1, 2)", "{'a': 1}", "{1}",
]  # fmt: skip

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
    yield from [
        "10**400 / 3", "10**400 / 10**399", "3 / 10**400", "10**400 * 1.0", "2.0**5000", "1e308 * 10", "-1e308 * 10", "1 << 100", "-1 >> 200",
        "1 << -1", "(2**64 - 1) & 2**63", "~(2**70)", "2**64 ^ -1", "-(2**63)", "-(-(2**63))", "2**63 - 1 + 1", "-(2**63) - 1",
        "9223372036854775807 * 9223372036854775807", "-9223372036854775808 // -1", "-9223372036854775808 * -1", "x = [1]; x + 1",
        "1 < 2 < 3", "1 < 3 < 2", "[1, 'a'] < [1, 2]", "[1, 2] < [1, 2, 3]", "(1, (2, 3)) < (1, (2, 4))", "2**70 == 2.0**70", "2**53 + 1 == 2.0**53",
        "float('nan') == float('nan')", "x = float('nan'); [x] == [x]", "{1: [2]} == {1.0: (2,)}", "{1: [2]} == {1.0: [2]}", "{'a': 1} | {'b': 2}",
        "1 == True", "1.0 is 1", "'a' < 'b' < 'B'", "b'a' < b'b'", "[] < 1", "None < None", "{} < {}", "{1} < {1, 2}", "{1} <= {1}", "len < len",
        "1 in [1.0]", "'' in 'abc'", "'bc' in 'abcd'", "1 in 'a'", "1 in 1", "97 in b'a'", "300 in b'a'", "b'b' in b'abc'", "3 in range(0, 10, 2)",
        "4 in range(0, 10, 2)", "4.0 in range(0, 10, 2)", "'a' in {'a': 1}", "[] in {}", "1 in {1: 2}.values()", "2 in {1: 2}.values()",
        "(1, 2) in {1: 2}.items()", "1 not in (2, 3)",
    ]  # fmt: skip


def subscripts() -> Iterator[str]:
    for value in ["'héllo'", "'hello'", "[1, 2, 3, 4, 5]", "(1, 2, 3, 4, 5)", "b'hello'", "range(5)", "''", "[]"]:
        for index in ["0", "-1", "4", "5", "-6", "True", "None", "'a'", "1.0", "2**70", "1:3", ":", "::-1", "::2", "-3:-1", "3:1", "4:0:-2", "10:", ":-10", "-10:10", "::0", "'a':", "None:None:None", "2**70:", ":-(2**70)", "1:4:2**70"]:  # fmt: skip
            yield f"{value}[{index}]"
    yield from [
        "{1: 2}[1]", "{1: 2}[2]", "{}['a']", "{}[[]]", "1[0]", "None['a']", "len[0]", "int[0]", "{1}[0]", "1.5[0]", "x = [1, 2, 3]; x[1:2]",
        "'añb'[1]", "'😀ab'[1:]", "'😀ab'[-3]", "(1).a", "'a'.b", "None.x", "int.foo", "[].append.foo", "json.foo", "[1, 2][True]",
    ]  # fmt: skip


def numbers() -> Iterator[str]:
    texts = [
        "''", "' '", "'1'", "' 12 '", "'-5'", "'+5'", "'- 5'", "'1_000'", "'_1'", "'1_'", "'1__0'", "'0x1f'", "'1.5'", "'1e3'", "'.5'", "'5.'",
        "'1_0.5_0'", "'inf'", "'-Infinity'", "'nan'", "'infinit'", "'١٢'", "'٣.٥'", "'１２'", "'abc'", "'\\n7\\t'", "'1 2'", "'٣_٤'", "'1e400'",
        "'-1e-400'", "'0b1'", "'007'", "'1e'", "'e5'", "'.'", "'+.5e-3'", "'1_e5'", "'1e1_0'", "'--1'", "'1\\x00'", "'½'", "'²'", "'é'", "'\\u2003 9'",
        "'True'", "'123456789012345678901234567890'", "'-9223372036854775809'", "'9223372036854775808'", "'0'*5000", "'1'*4300", "'1'*4301", "'x'*300",
    ]  # fmt: skip
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
        "0.1", "1e16", "1e15", "123456789012345680.0", "1e-4", "1e-5", "0.00012345", "1.0", "-0.0", "1e22", "1e21", "5e-324", "1.7976931348623157e308",
        "2.5", "3.5", "-2.5", "0.5", "1.5", "1e300", "100.0", "12345.678", "0.30000000000000004", "2.675", "1.005", "1234.5", "1e-7",
    ]  # fmt: skip
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
    yield from [
        "'%s %s' % ('a', 1)", "'%(a)s-%(b)d' % {'a': 1, 'b': 2.9}", "'%(a)s' % {'b': 1}", "'%(a)s' % 1", "'%(a' % {'a': 1}", "'%((a))s' % {'(a)': 1}", "'%*d' % (5, 3)",
        "'%-*d|' % (5, 3)", "'%*d' % (-5, 3)", "'%.*f' % (2, 3.14159)", "'%*d' % ('a', 3)", "'%s' % [1, 2]", "'abc' % [1]", "'abc' % 1", "'abc' % ()", "'%s %%' % 5", "'%5%' % ()",
        "'%c%c' % ('x', 0x1F600)", "'%c' % 'ab'", "'%c' % -1", "'%c' % 1.5", "'%(a)s %s' % {'a': 1}", "'%d%%' % 50", "'${%s}' % 'name'", "'%s' % ((1, 2),)",
        "f'{5:>{4}}'", "f'{3.14159:.{2}f}'", "f'{1!r:>5}'", "f'{\"é\"!a}'", "f'{[1]}'", "f'{1:{\"\"}}'", "f'{{}}'", "f'{None}'",
        "hex(255)", "hex(-255)", "hex(2**70)", "oct(8)", "bin(-5)", "hex(1.5)", "chr(97)", "chr(0x1F600)", "chr(-1)", "chr(0x110000)", "chr('a')", "chr(2**70)", "ord('a')", "ord('😀')",
        "ord('ab')", "ord('')", "ord(1)", "ord(b'a')", "ord(b'ab')", "ascii('é😀\\n')", "pow(2, 10)", "pow(2, -1)", "pow(2, 3, 5)", "pow(2, -1, 5)", "pow(2, -1, 4)", "pow(2, 3, 0)", "pow(2.0, 3, 5)",
        "pow(3, 200, 1000007)", "pow(-3, 3, 7)", "pow(3, 3, -7)", "pow('a', 2)", "pow(2, 'a', 3)", "pow(base=2, exp=3)", "(5).bit_length(), (-5).bit_length(), (2**70).bit_length()", "(255).bit_count()",
        "(1).real, (1).imag, (1).numerator, (1).denominator, True.real", "(1000).to_bytes(2, 'big')", "(1000).to_bytes(4, 'little')", "(-1).to_bytes(2, 'big')", "(-1).to_bytes(2, 'big', signed=True)",
        "(1000).to_bytes(1, 'big')", "int.from_bytes(b'\\x03\\xe8', 'big')", "int.from_bytes(b'\\xff', 'big', signed=True)", "(1).to_bytes(1, 'x')", "(5).as_integer_ratio()", "(1.5).conjugate()",
        "sum([1, 2, 3])", "sum([0.1] * 10)", "sum([[1], [2]], [])", "sum(['a'])", "sum(['a'], '')", "sum([1], 2.5)", "sum(1)", "sum([1], start=5)", "min(3, 1, 2)", "max('abc')", "min([])", "max([], default=5)",
        "min(1)", "max(1, 2, default=3)", "max('a', 1)", "min('a', 1)", "max([1, 2], key=str)", "min(['bb', 'a'], key=len)", "max(['aa', 'b', 'cc'], key=len)", "min()", "max(1, 2, foo=3)", "sorted([3, 1, 2])",
        "sorted('hello')", "sorted([3, 1, 2], reverse=True)", "sorted(['b', 'A', 'c'], key=str.lower)", "sorted([1, 'a'])", "sorted([(1, 'b'), (1, 'a'), (0, 'z')])", "sorted(1)", "sorted()", "sorted([1], key=1)",
        "sorted([2, 1], reverse=1)", "sorted([2, 1], foo=1)", "sorted({'b': 1, 'a': 2})", "sorted([1.5, 1, 2**70, True])", "sorted([[2], [1, 5], [1]])", "sorted(['aa', 'b', 'c', 'dd'], key=len)",
        "sorted(['aa', 'b', 'c', 'dd'], key=len, reverse=True)", "sorted([None, 1])", "sorted(range(20), key=lambda v: v % 3)", "list(map(str, [1, 2]))", "list(map(lambda a, b: a + b, [1, 2], [3, 4, 5]))", "list(filter(None, [0, 1, '', 'a']))",
        "list(filter(lambda v: v > 1, [1, 2, 3]))", "map()", "map(str)", "list(map(1, [1]))", "list(enumerate('ab'))", "list(enumerate('ab', 5))", "list(enumerate('ab', start=2))", "enumerate()", "enumerate(1)", "enumerate([1], 'a')",
        "list(zip([1, 2], 'ab'))", "list(zip([1], [2, 3]))", "list(zip([1], [2, 3], strict=True))", "list(zip([1, 2], [2], strict=True))", "list(zip([1, 2], [1, 2], [2], strict=True))", "list(zip())", "zip(1)", "zip([1], foo=1)", "list(reversed([1, 2]))",
        "list(reversed('ab'))", "list(reversed(range(0, 10, 3)))", "list(reversed({'a': 1, 'b': 2}))", "reversed(1)", "reversed({1})", "list(reversed({1: 2}.items()))", "list(range(3))", "list(range(5, 0, -2))", "range(3)", "range(1, 5, 2)", "range(1.5)",
        "range()", "range(1, 2, 0)", "range(1, 2, 3, 4)", "range('a')", "len(range(10, 0, -3))", "range(3) == range(0, 3)", "range(5).index(3)", "range(5).index(9)", "range(5).count(3)", "range(1, 9, 2).start, range(1, 9, 2).stop, range(1, 9, 2).step",
        "any([0, 1])", "all([0, 1])", "any([])", "all([])", "any(1)", "len(1)", "len()", "len(1, 2)", "len('é😀')", "len(b'abc')", "len({1: 2})", "len(None)", "isinstance(1, int)", "isinstance(True, int)", "isinstance(1, (str, int))", "isinstance(1, 1)",
        "isinstance(1, (str, (float, int)))", "issubclass(bool, int)", "issubclass(1, int)", "issubclass(KeyError, LookupError)", "callable(len), callable(1)", "iter(1)", "next(iter([1]))", "next(iter([]))", "next(iter([]), 5)", "next([])", "next(iter({'a': 1}.values()), None)",
        "getattr(1, 'real')", "getattr(1, 'x')", "getattr(1, 'x', 5)", "getattr(1)", "getattr(1, 2)", "hasattr(1, 'real'), hasattr(1, 'x')", "hasattr(1, 2)", "type(1), type(None), type('a')", "type(1) is int", "str(type([]))", "type(1, 2)", "list()", "list('ab')", "list(1)", "list({'a': 1})", "tuple([1, 2])", "tuple(1)",
        "tuple('ab')", "dict()", "dict(a=1)", "dict([(1, 2)], a=3)", "dict({'a': 1}, b=2)", "dict(1)", "dict([1])", "dict([(1, 2, 3)])", "dict(['ab', 'cd'])", "dict([(1, 2)], [(3, 4)])", "dict(zip('ab', [1, 2]))", "dict([([], 1)])", "sorted(set('abca'))", "set(1)", "set([[]])", "set()", "frozenset([1])", "frozenset()", "set() == frozenset()", "bool()", "bool([])",
        "bool(1, 2)", "int()", "float()", "str()", "int(1, 2, 3)", "int(x=1)", "float(1, 2)", "str(1, 2)", "str(b'a', 'utf-8')", "str('a', 'utf-8')", "str(1, 'utf-8')", "str(b'\\xff', 'utf-8')", "bytes(3)", "bytes([1, 256])", "bytes('a')", "bytes('é', 'utf-8')", "bytes(-1)", "bytes([1, 'a'])", "bytes(1.5)", "bytes(b'x')", "bytes()", "object() is None",
        "repr()", "repr('it\\'s')", "repr('a\"b')", "repr('a\\'\"')", "repr('\\x00\\x7f\\x80\\xa0\\xad\\u0300\\u200b\\ue000\\U0001F600\\U000E0001')", "repr(b'a\\x00\\'\\xff')", "repr((1,))", "repr(())", "repr({})", "repr({'a': [1, (2,)]})", "x = []; x.append(x) or x", "x = {}; x.update(a=x) or x", "repr(None), repr(...), repr(NotImplemented)", "repr(Exception('a', 1)), repr(KeyError('k')), str(KeyError('k')), str(Exception('a', 1))",
        "repr(int), repr(KeyError)", "repr(slice(1, 2))", "print(1, sep=2)", "print('a', 'b', sep='', end='')", "print(1, foo=2)", "id(1) == id(1)", "hash('a') == hash('a')", "hash([])", "hash(({},))", "divmod(1, 0)", "divmod(1.0, 0)", "divmod('a', 1)", "str(10**4300)[:5]", "len(str(10**4299))", "format(10**4300, 'd')", "'%d' % 10**4300", "math.floor(2.5), math.ceil(2.5), math.trunc(-2.5), math.sqrt(16)", "math.sqrt(-1)",
    ]  # fmt: skip


def texts() -> Iterator[str]:
    samples = [
        "''", "'hello world'", "'  padded\\t'", "'Straße ÇIĞ'", "'ΑΣ ΑΣΑ'", "'a,b,,c'", "'ǆabc ﬁn'", "'123'", "'١٢'", "'½²'", "'A1_b'", "'line1\\nline2\\r\\nline3\\x0b\\u2028end'",
        "'x' * 5", "'MiXeD caSe-they\\'re'", "'😀 é ñ'", "'\\x00\\x1c\\x85\\u3000'",
    ]  # fmt: skip
    plain = [
        "capitalize", "casefold", "isalnum", "isalpha", "isascii", "isdecimal", "isdigit", "isidentifier", "islower", "isnumeric", "isprintable", "isspace", "istitle", "isupper", "lower", "lstrip", "rstrip", "split", "rsplit",
        "splitlines", "strip", "swapcase", "title", "upper", "encode", "expandtabs",
    ]  # fmt: skip
    for sample in samples:
        for method in plain:
            yield f"({sample}).{method}()"
        for call in [
            "center(12)", "center(13, '*')", "ljust(12, '-')", "rjust(12)", "zfill(8)", "count('l')", "count('')", "find('l')", "rfind('l')", "find('l', 4)", "find('l', -3, -1)", "index('zz')", "rindex('l')", "replace('l', 'LL')", "replace('', '-')", "replace('l', '', 1)",
            "replace('a', 'b', -1)", "split(',')", "split(' ', 1)", "split(None, 1)", "rsplit(',', 1)", "rsplit(None, 1)", "splitlines(True)", "partition(' ')", "rpartition(' ')", "strip('hxd ')", "lstrip('h')", "rstrip('d')", "startswith('h')", "startswith(('x', 'h'))", "startswith('e', 1)", "endswith('d')",
            "endswith(('ld', 'zz'))", "endswith('l', 0, -1)", "removeprefix('he')", "removesuffix('ld')", "join(['1', '2', '3'])", "translate({97: 'X', 108: None})", "expandtabs(4)", "encode('ascii', 'ignore')", "encode('ascii', 'replace')", "encode('latin-1', 'xmlcharrefreplace')", "encode('ascii', 'backslashreplace')",
        ]:  # fmt: skip
            yield f"({sample}).{call}"
    yield from [
        "'a'.split(1)", "'a'.split('')", "'a'.split(maxsplit=1)", "'a b c'.split(sep=' ', maxsplit=1)", "'a'.split(' ', 'x')", "'a'.split(foo=1)", "'a'.split(1, 2, 3)", "','.join(1)", "','.join([1])", "','.join(['a', None])", "','.join('abc')", "''.join([])", "'-'.join({'a': 1, 'b': 2})", "'a'.strip(1)", "'a'.replace('a')", "'a'.replace(1, 'b')",
        "'a'.replace('a', 1)", "'a'.replace('a', 'b', 'c')", "'a'.startswith(1)", "'a'.startswith((1,))", "'a'.endswith(['a'])", "'a'.startswith()", "'a'.find(1)", "'a'.find()", "'a'.count(1)", "'a'.index('b')", "'a'.find('a', 'x')", "'a'.center('x')", "'a'.center(5, 'ab')", "'a'.center(5, 1)", "'a'.center()", "'a'.zfill('x')", "'+5'.zfill(4)", "'-'.zfill(3)",
        "'a'.partition('')", "'a'.partition(1)", "'a'.removeprefix(1)", "'a'.upper(1)", "'a'.upper(x=1)", "'a'.encode('x')", "'é'.encode('ascii')", "'éñ'.encode('ascii')", "'aéñb'.encode('latin-1')", "'€'.encode('latin-1')", "'a'.encode(1)", "'é'.encode('ascii', 'foo')", "'a'.isdigit(1)", "'a'.foo()", "'a'.translate(1)", "'ab'.translate(str.maketrans('ab', 'xy'))",
        "'ab'.translate(str.maketrans({'a': 'xx', 'b': None}))", "'abc'.translate(str.maketrans('a', 'b', 'c'))", "str.maketrans('ab', 'x')", "str.maketrans(1)", "str.maketrans({'ab': 1})", "'ab'.translate({97: 2**30})", "'ab'.translate({97: 1.5})", "str.upper('a')", "str.lower(1)", "str.join('-', ['a', 'b'])", "'abc'.splitlines(keepends=True)",
        "'{} {}'.format(1, 2)", "'{0} {1} {0}'.format(1, 2)", "'{a} {b}'.format(a=1, b='x')", "'{} {}'.format(1)", "'{0} {}'.format(1)", "'{} {0}'.format(1)", "'{a}'.format()", "'{'.format()", "'}'.format()", "'{{}}'.format()", "'{0.real}'.format(1)", "'{0[a]}'.format({'a': 1})", "'{0[0]}'.format([5])", "'{0[0][b]}'.format([{'b': 7}])", "'{!r:>5}'.format('a')",
        "'{!s}'.format(1)", "'{!a}'.format('é')", "'{!x}'.format(1)", "'{:{}}'.format(1, 5)", "'{:{w}.{p}f}'.format(3.14159, w=8, p=2)", "'{:{:{}}}'.format(1, 2, 3)", "'{a!}'.format(a=1)", "'{0!rr}'.format(1)", "'{0.}'.format(1)", "'{0[}'.format(1)", "'{0[]}'.format(1)", "'{0[a]b}'.format({'a': 1})", "'{:}}'.format(1)", "'{a.b}'.format(a=1)", "'{-1}'.format(1)", "'{1_0}'.format(1)",
        "'{:d}'.format('a')", "'{0'.format(1)", "'{0!'.format(1)", "'{0!r'.format(1)", "'{0:'.format(1)", "'{:>10}|{:<10}|{:^10}'.format('a', 'b', 'c')", "'{:,}'.format(1234567)", "'{:.1%}'.format(0.256)", "'{:%Y-%m-%d}'.format(datetime.date(2024, 2, 9))", "'{0:x} {0:o} {0:b}'.format(255)", "'{a[0]}'.format(a='xyz')", "'{a[-1]}'.format(a=[1])", "'{[a]}'.format({'a': 3})", "'{.real}'.format(5)",
        "'{a}'.format_map({'a': 1})", "'{a}'.format_map({})", "'{}'.format_map({'a': 1})", "'{0}'.format_map([1])", "'{5}'.format(1)", "b'abc'.decode()", "b'\\xc3\\xa9'.decode('utf-8')", "b'\\xff'.decode()", "b'a\\xffb'.decode('utf-8', 'replace')", "b'a\\xffb'.decode('ascii', 'ignore')", "b'\\xe2\\x82'.decode()", "b'\\xe2\\x28\\xa1'.decode()", "b'\\xed\\xa0\\x80'.decode()", "b'\\xf0\\x9f\\x98'.decode('utf-8', 'replace')", "b'\\xff'.decode('latin-1')", "b'\\x80'.decode('ascii')",
        "b'a'.decode('foo')", "b'a'.decode(1)", "b'\\xff'.decode('utf-8', 'backslashreplace')", "b'abc'.hex()", "bytes.fromhex('61 62')", "bytes.fromhex('6')", "bytes.fromhex('zz')", "b' a '.strip()", "b'a,b'.split(b',')", "b'a b'.split()", "b','.join([b'a', b'b'])", "b','.join(['a'])", "b'aXb'.replace(b'X', b'--')", "b'abc'.startswith(b'ab')", "b'abc'.find(b'c')", "b'abc'.find('c')", "b'AbC'.lower(), b'AbC'.upper()", "b'abc'[0], b'abc'[1:]", "list(b'ab')",
        "b'a' + b'b', b'a' * 3", "b'a'.foo", "'abc'.isdigit() or 'x'", "'a' 'b'", "'%s' % 'a' + 'b'", "'abc'.__class__", "'ß'.upper(), 'ß'.casefold(), 'İ'.lower(), 'ŉ'.upper()", "'ΣΑΣ'.lower(), 'Σ'.lower(), 'ΑΣ.'.lower()", "'ǆ'.title(), 'ǆ'.upper(), 'ﬁ'.title(), 'ß'.title(), 'ß'.capitalize()",
    ]  # fmt: skip


def collections() -> Iterator[str]:
    yield from [
        f"x = [3, 1, 2]; (x.{call}, x)"
        for call in [
            "append(4)", "extend([4, 5])", "extend('ab')", "extend(1)", "insert(0, 9)", "insert(-1, 9)", "insert(99, 9)", "insert('a', 1)", "remove(1)", "remove(9)", "pop()", "pop(0)", "pop(-1)", "pop(5)", "pop('a')", "clear()", "index(2)", "index(9)", "index(3, 1)", "index(1, -2)", "index(3, 'a')", "count(1)", "sort()",
            "sort(reverse=True)", "sort(key=lambda v: -v)", "sort(1)", "sort(key=1)", "reverse()", "copy()", "append()", "append(1, 2)", "foo()", "append(x=1)", "index('zz')", "__len__", "pop(1, 2)",
        ]
        if call != "__len__"
    ]  # fmt: skip
    yield from [
        f"x = {{'a': 1, 'b': 2}}; (x.{call}, x)"
        for call in [
            "get('a')", "get('z')", "get('z', 5)", "get([])", "get()", "get(1, 2, 3)", "pop('a')", "pop('z')", "pop('z', 0)", "pop()", "popitem()", "setdefault('a', 9)", "setdefault('z', 9)", "setdefault('q')", "update({'a': 5})", "update(c=3)", "update([('d', 4)])", "update(1)", "update([1])", "update({'a': 1}, {'b': 2})",
            "keys()", "values()", "items()", "copy()", "clear()", "fromkeys('ab')", "fromkeys([1], 0)", "foo", "has_key('a')", "get(key='a')",
        ]
    ]  # fmt: skip
    yield from [
        f"x = {{1, 2, 3}}; ({call}, sorted(x))"
        for call in [
            "x.add(4)", "x.add([])", "x.remove(1)", "x.remove(9)", "x.discard(9)", "x.clear()", "sorted(x.copy())", "sorted(x.union([4], (5,)))", "sorted(x.intersection([2, 3]))", "sorted(x.difference([2]))", "sorted(x.symmetric_difference([3, 4]))", "x.update([7], {8})", "x.intersection_update([1])",
            "x.difference_update([1])", "x.symmetric_difference_update([1, 9])", "x.issubset([1, 2, 3, 4])", "x.issuperset([1])", "x.isdisjoint([9])", "x.union(1)", "sorted(x | {9})", "sorted(x & {1})", "sorted(x - {1})", "sorted(x ^ {1, 7})", "x | [1]", "x == {3, 2, 1}", "x.add()", "x.foo()",
        ]
    ]  # fmt: skip
    yield from [
        "{}.popitem()", "set().pop()", "[].pop()", "(1, 2, 1).count(1)", "(1, 2).index(2)", "(1, 2).index(9)", "(1,) + (2,)", "(1, 2) * 2", "[0] * 3", "[1] * -1", "[[]] * 2", "'ab' * 2**70", "x = [1]; x += [2]; x", "x = [1]; x += 'ab'; x", "x = [1]; x += 1; x", "x = [1]; x *= 3; x", "x = 'a'; x += 1; x", "x = 5; x -= 'a'; x", "x = {1}; x |= {2}; sorted(x)",
        "x = {'a': 1}; x |= {'b': 2}; x", "x = {'a': 1}; x |= [('c', 3)]; x", "x = (1,); x += (2,); x", "x = [1, 2, 3]; x[0] = 9; x", "x = [1, 2, 3]; x[5] = 9; x", "x = [1, 2, 3]; x[1:2] = [7, 8, 9]; x", "x = [1, 2, 3]; x[::2] = [7, 8]; x", "x = [1, 2, 3]; x[::2] = [7]; x", "x = [1, 2, 3]; x[1:1] = 'ab'; x", "x = [1, 2, 3]; x[:] = 5; x", "x = [1, 2, 3]; x['a'] = 5; x",
        "x = [1, 2, 3]; del x[0]; x", "x = [1, 2, 3]; del x[::2]; x", "x = [1, 2, 3]; del x[9]; x", "x = {'a': 1}; del x['a']; x", "x = {'a': 1}; del x['z']; x", "x = {}; x[[]] = 1; x", "x = 'abc'; x[0] = 'z'; x", "x = (1,); x[0] = 2; x", "x = 'abc'; del x[0]; x", "x = 5; x[0] = 1; x", "x = {1: 2}; list(x.keys() & {1, 3})", "x = {1: 2}; sorted(x.keys() | {3})", "x = {1: 2}; x.keys() == {1}",
        "{'a': 1}.keys(), {'a': 1}.values(), {'a': 1}.items()", "list({'a': 1}.items())", "{**{'a': 1}, 'b': 2}", "[*range(3), *'ab']", "(*[1], 2)", "sorted({*[1, 2]})", "x = {1: 'a', True: 'b', 1.0: 'c'}; x", "[i * 2 for i in range(4) if i % 2]", "{k: v for k, v in zip('ab', [1, 2])}", "sorted({c for c in 'hello'})", "sum(i for i in range(5))", "x = [1, 2]; [v for v in x]",
        "x, *y = [1, 2, 3]; (x, y)", "x, y = [1]; x", "x, y = [1, 2, 3]; x", "x, y = 5; x", "x, *y = []; x", "dict.fromkeys([1, 2], 'a')", "dict.fromkeys(1)", "x = {'a': 1}; [x.update(b=2) for k in x]", "x = {1: 1}; [x.pop(1) for k in x]", "len({i: i for i in range(100)})", "x = {i: i for i in range(20)}; [x.pop(i) for i in range(0, 20, 2)] and list(x)",
        "list({'a': 1, 'b': 2}.values())[-1]", "next(iter({'a': 1}.values()), None)", "[1, [2, [3]]] == [1, [2, [3]]]", "[1, 2] == (1, 2)", "() == []", "{'a': 1} == {'a': 1.0}", "[1] is [1]", "(1, 2) < (1, 3)", "frozenset([1]) == {1}", "{frozenset([1]): 2}[frozenset([1])]", "hash((1, 2)) == hash((1, 2))", "{(1, 2): 3}[(1.0, 2)]",
    ]  # fmt: skip


def modules() -> Iterator[str]:
    for text in [
        "1", "-1.5e3", "\"a\\u00e9\\n\"", "[1, 2, {\"a\": null}]", "{\"a\": 1, \"a\": 2}", "true", "false", "null", " [1] ", "NaN", "Infinity", "-Infinity", "", " ", "[1,]", "{\"a\"}", "{\"a\": }", "{a: 1}", "[1 2]", "\"abc", "\"\\x\"", "\"\t\"", "1 2", "nul", "01", "1.", ".5", "+1", "-", "[", "{", "[]x", "{\"a\": 1,}", "'a'", "\"\\ud83d\\ude00\"",
        "12345678901234567890123", "1e400", "1E5", "-0", "-0.0", "{}", "[]", "\"\\u12\"", "{\"a\": 1 \"b\": 2}", "\n\n [1,\n x]",
    ]:  # fmt: skip
        yield f"json.loads({text!r})"
    yield from [
        "json.loads(1)", "json.loads(None)", "json.loads(b'[1]')", "json.loads('[' * 100 + ']' * 100) != 1", "json.loads()", "json.dumps({'a': [1, 2.5, None, True, 'é</x>']})", "json.dumps({1: 2, None: 3, True: 4, 1.5: 5})", "json.dumps({(1, 2): 3})", "json.dumps({1})", "json.dumps(b'a')", "json.dumps(float('nan'))", "json.dumps([float('inf'), -float('inf')])", "json.dumps((1, 2))",
        "json.dumps('\\x00\\x7f\\u2028😀\"\\\\')", "json.dumps('é', ensure_ascii=False)", "json.dumps({'b': 1, 'a': 2}, sort_keys=True)", "json.dumps({'a': [1, 2], 'b': {}}, indent=2)", "json.dumps([1, [2]], indent='--')", "json.dumps({'a': 1}, separators=(',', ':'))", "json.dumps(2**70)", "json.dumps(1e21)", "json.dumps({(1,): 2}, skipkeys=True)", "json.dumps(float('nan'), allow_nan=False)", "json.dumps([], indent=2)",
        "x = []; x.append(x) or json.dumps(x)", "json.dumps(datetime.date(2020, 1, 1))", "json.dumps({'a': datetime.datetime(2020, 1, 1)})", "json.dumps({'b': 1, 2: 3}, sort_keys=True)", "json.dumps()", "json.dumps(len)", "json.dumps(range(3))",
        "hashlib.md5(b'abc').hexdigest()", "hashlib.sha256('é'.encode('utf-8')).hexdigest()", "x = hashlib.md5(); x.update(b'ab'); x.update(b'c'); x.hexdigest()", "hashlib.sha1(b'').hexdigest()", "hashlib.sha512(b'a').hexdigest()", "hashlib.sha256('a')", "hashlib.sha256(1)", "hashlib.md5(b'a').digest()", "hashlib.new('sha256', b'a').hexdigest()", "hashlib.md5().name, hashlib.md5().digest_size, hashlib.sha512().block_size", "hashlib.sha224(b'x').hexdigest()", "hashlib.sha384(b'x').hexdigest()",
        "os.getenv('NO_SUCH_NAME_HERE')", "os.getenv('NO_SUCH_NAME_HERE', 5)",
    ]  # fmt: skip
    for text in [
        "1", "-1", "+1.5", "'a'", "\"a\\n\"", "[1, 'a', (2,), {3: 4}]", "{'a': None, 'b': True}", "{1, 2} == 3", "(1)", "()", "[]", "{}", "None", "...", " 5", "b'x'", "'a' 'b'", "1_000", "0x1f", "set()", "--1", "[1,\n2]", "1e400", "-1e3", "'é'",
    ]:  # fmt: skip
        if "==" in text:
            continue
        yield f"ast.literal_eval({text!r})"
    yield from ["ast.literal_eval(5)", "ast.literal_eval([1])", "ast.literal_eval(None)"]


PATTERNS = [
    (r"a+", "baaac aa"), (r"(a)(b)?", "ab a"), (r"\d+", "a1b22c٣"), (r"[^a-zA-Z0-9]", "a-b c_é"), (r"\${([^}]*)}", "x ${a} y ${b c} ${}"), (r"(?P<k>\w+)=(?P<v>\w*)", "a=1 b= =c"), (r"x*", "axxb"), (r"", "abc"), (r"\b", "ab cd"),
    (r"\B", "ab cd"), (r"^a", "a\na"), (r"(?m)^a$", "a\na\n"), (r"a$", "a\na\n"), (r"a\Z", "a\na"), (r"\Aa", "aa"), (r"(?i)HeLLo", "hello HELLO"), (r"(?i)straße", "STRASSE straße STRAßE"), (r"(?i)[a-c]+", "aBCd"), (r"(?i)ſ", "S s ſ"), (r"(?i)k", "K k \u212a"), (r".", "a\nb"), (r"(?s).", "a\nb"), (r"a.c", "abc a\nc"), (r"a|b|cd", "xcdba"),
    (r"(a|ab)(c|bcd)(d*)", "abcd"), (r"(?:a|ab)c", "abc"), (r"a{2}", "aaaaa"), (r"a{2,3}", "aaaaaaa"), (r"a{,2}", "aaa"), (r"a{2,}?", "aaaa"), (r"a{", "a{"), (r"a{x}", "a{x}"), (r"(a+)+b", "aaab"), (r"a+?", "aaa"), (r"(.*?),", "a,b,c"), (r"(\w+) \1", "the the cat cat"), (r"(?P<w>\w+) (?P=w)", "a a b c"), (r"(?=a)\w", "ab"), (r"(?!a)\w", "ab"),
    (r"(?<=a)b", "ab cb"), (r"(?<!a)b", "ab cb"), (r"(?<=ab|cd)e", "abe cde"), (r"(?>a+)b", "aab"), (r"(?>a*)ab", "aaab"), (r"a++b", "aab"), (r"a*+a", "aaa"), (r"(a)?(?(1)b|c)", "ab c b"), (r"[]a]+", "a]b"), (r"[^]]+", "a]b"), (r"[a-]+", "a-b"), (r"[\w.-]+@[\w.-]+", "x a.b@c-d.e y"), (r"[\d\s]+", "1 2a"), (r"[\D]+", "1a2"), (r"\s+", " \t\n\x1c\u2003x"), (r"\S+", " ab "),
    (r"\W", "a_b é-"), (r"(?a)\w+", "aéb"), (r"(?a:\w)+é", "aé"), (r"\x41\u00e9\101", "AéA"), (r"\n\t", "\n\t"), (r"\.", "a.b"), (r"(?x) a b # c", "ab a b"), (r"(?x)a\ b", "a b"), (r"(?i:a)b", "Ab AB ab"), (r"(?-i:a)", "a"), (r"(?#comment)a", "a"), (r"((a)|(b))+", "abab"), (r"(a*)*", "aab"), (r"(a*)+", "aab"), (r"(?:a?)*?b", "aab"), (r"(a|b)*?c", "ababc"), (r"(|a)+", "aa"), (r"()", "a"),
    (r"^", "ab"), (r"$", "ab\n"), (r"(?:(a)|b)*", "ab"), (r"(a)|b", "ab"), (r"\d{4}-\d{2}-\d{2}", "on 2024-01-31."), (r"😀", "a😀b"), (r"[😀-😂]", "😁"), (r"é+", "éé e"), (r"(?:\d+,)*\d+", "1,22,333"), (r"\\", "a\\b"), (r"[\\\]]", "a\\]"), (r"(?s)a.*b", "a\n\nb"), (r"\bfoo\b", "foo foobar foo"), (r"0*(\d+)", "007 0"), (r"(\d+)(?!\d|\.)", "12.5 34"), (r"[^\W\d_]+", "aB1_é"), (r"(?<=\d)(?=(?:\d{3})+$)", "1234567"), (r"[\s\S]", "\n"), (r"a\b.", "a b"), (r"(x)?y\1?", "xyx y"),
    (r"(?:a{2}){2}", "aaaaa"), (r"(?:ab|a)(?:bc|c)?", "abc"), (r"(?i)\u0130", "i̇ İ i"), (r"\1(a)", "a"), (r"(a\1)", "aa"),
]  # fmt: skip

BAD_PATTERNS = [
    "(", ")", "[", "[a", "a**", "*a", "+", "?", "a{2}{3}", "(?P<1a>x)", "(?P<a>x)(?P<a>y)", "(?P<a", "(?P=b)", "(?Pa)", "(?", "(?z)", "(?<a)", "\\", "\\q", "\\1", "(a)\\2", "[b-a]", "[\\d-z]", "[a-\\d]", "\\x1", "\\u12", "(?<=a*)b", "(?<!a|bc)d", "a{3,2}", "(?(1)a|b|c)", "(?(0)a)", "(?(x)a)", "(?(9)a)", "(?#a", "(?i", "a(?i)b", "(?i-", "(?-i)", "(?i-i:a", "(?L)a", "\\8", "\\400", "[\\400]", "(?P<a>", "(?P<>a)", "(?P=", "x{99999999999}", "(?:", "(?=a", "(?i-a:b)", "(?:a", "a|*", "^*", "(?au)a", "\\N{foo}", "\\N", "[\\q]", "((a)", "(?P<a-b>x)", "a\n(",
]  # fmt: skip


def expressions() -> Iterator[str]:
    for pattern, text in PATTERNS:
        arguments = f"{pattern!r}, {text!r}"
        yield f"re.findall({arguments})"
        yield f"[(m.span(), m.groups(), m.groupdict()) for m in re.finditer({arguments})]"
        yield f"re.split({arguments})"
        yield f"re.split({arguments}, 1)"
        yield f"re.sub({pattern!r}, '<\\\\g<0>>', {text!r})"
        yield f"re.subn({pattern!r}, '-', {text!r}, 2)"
        yield f"x = re.match({arguments}); x and x.group()"
        yield f"x = re.fullmatch({arguments}); x and x.span()"
        yield f"x = re.search({arguments}, re.I | re.M); x and (x.start(), x.end(), x.group(0))"
    for pattern in BAD_PATTERNS:
        yield f"re.compile({pattern!r})"
    for template in [
        r"\1",
        r"\2",
        r"\g<1>",
        r"\g<k>",
        r"\g<z>",
        r"\g<",
        r"\g",
        r"\g<1a>",
        r"\n\t\\",
        r"\q",
        r"\0",
        r"\012",
        r"\400",
        "\\",
        r"a\1b\1",
        r"\g<0>",
        r"\.",
        r"\g<>",
        r"\99",
        "x\\1",
        r"\g<-1>",
        r"\a\b",
    ]:
        yield f"re.sub('(?P<k>a)', {template!r}, 'bab')"
    yield from [
        "re.sub('a', lambda m: m.group().upper(), 'banana')", "re.sub('a', 1, 'b')", "re.sub('a', str, 'bab')", "re.sub('b', len, 'bab')", "re.sub('a', 'x', 5)", "re.findall('a', None)", "re.findall(1, 'a')", "re.findall([], 'a')", "re.search('a', b'a')", "re.escape('a.b*c[d] é-_')", "re.escape(1)", "re.compile('a', re.I)", "re.compile('a\\'b').pattern", "re.compile('(a)(?P<n>b)').groups, re.compile('(a)(?P<n>b)').groupindex == {'n': 2}",
        "re.compile('a').flags, re.compile('(?i)a').flags, re.compile('a', re.A).flags", "re.match('a', 'abc')", "re.match('(a)(b)?', 'ac').groups()", "re.match('(a)(b)?', 'ac').groups('z')", "re.match('(?P<x>a)', 'a')['x'], re.match('(?P<x>a)', 'a')[0]", "re.match('a', 'a').group(1)", "re.match('a', 'a')['z']", "re.match('(a)(b)', 'ab').group(1, 2)", "re.match('(a)|b', 'b').span(1)", "re.match('(a)', 'a').expand(r'<\\1>')", "re.match('a', 'a').string, re.match('(a)', 'a').lastindex", "re.match('(?P<q>a)', 'a').lastgroup",
        "re.search('é', 'aéb').span()", "re.compile('b').search('abab', 2).span()", "re.compile('a').match('ba', 1) is not None", "re.compile('a').sub('x', 'aaa', count=2)", "re.compile('a').split('bab')", "re.compile('a').findall('aba')", "re.compile(re.compile('a')).pattern", "re.compile(re.compile('a'), re.I)", "re.split('(,)', 'a,b')", "re.split('x*', 'axbc')", "re.sub('x*', '-', 'abxd')", "re.sub('', '-', 'abc')", "re.sub(r'(?P<a>.)(?P<b>.)', r'\\g<b>\\g<a>', 'abcd')", "re.I, re.M | re.S" if False else "int(re.I), int(re.M | re.S)",
        "re.sub('(a)|(b)', r'[\\1\\2]', 'abc')", "re.findall('(a)|(b)', 'ab')", "re.match('a', 'b')", "bool(re.match('', ''))", "re.findall('a', 'A', re.IGNORECASE)", "re.findall('a', 'A', flags='x')", "re.sub('a', 'b', 'aaa', 2)", "re.sub(pattern='a', repl='b', string='a')", "re.sub('a')",
    ]  # fmt: skip


def dates() -> Iterator[str]:
    moments = [
        "datetime.datetime(2024, 2, 29, 13, 5, 9)", "datetime.datetime(1999, 12, 31, 23, 59, 59, 999999)", "datetime.datetime(2020, 1, 1)", "datetime.datetime(5, 3, 4, 5, 6, 7, 8)", "datetime.datetime(2024, 7, 1, 0, 0, tzinfo=datetime.timezone.utc)",
        "datetime.datetime(2023, 11, 5, 1, 30, tzinfo=datetime.timezone(datetime.timedelta(hours=-5, minutes=-30)))", "datetime.date(2024, 12, 30)", "datetime.date(1, 1, 1)", "datetime.time(9, 8, 7, 6)",
    ]  # fmt: skip
    letters = "aAbBcCdDeEfFgGhHIjkKlLmMnNoOpPqQrRstTuUvVwWxXyYzZ%"
    for moment in moments:
        yield f"str({moment}), repr({moment})"
        for letter in letters:
            if letter == "s":
                continue
            yield f"({moment}).strftime('%{letter}')"
        yield f"({moment}).strftime('%Y-%m-%d %H:%M:%S.%f %z|%Z|%')"
        yield f"({moment}).strftime('%-d %_d %05d %^a %#Z %-H:%-M %10Y %e|%k|%l|%P')"
        yield f"({moment}).isoformat()"
        yield f"({moment}).replace(), hash({moment}) == hash({moment})"
        yield f"format({moment}, '%d/%m')"
        yield f"f'{{{moment}}}'"
        yield f"({moment}).utcoffset() if hasattr({moment}, 'utcoffset') else None"
    for moment in moments[:6]:
        yield f"({moment}).timestamp()"
        yield f"({moment}).weekday(), ({moment}).isoweekday(), tuple(({moment}).isocalendar()), ({moment}).toordinal()"
        yield f"({moment}).date(), ({moment}).time(), ({moment}).timetz()"
        yield f"({moment}).isoformat(' ', 'milliseconds'), ({moment}).isoformat(timespec='hours')"
        yield f"({moment}) + datetime.timedelta(days=1, seconds=-1), ({moment}) - datetime.timedelta(hours=5)"
        yield f"({moment}) - ({moment})"
        yield f"({moment}).ctime(), ({moment}).tzname(), ({moment}).dst()"
        yield f"({moment}).astimezone(datetime.timezone(datetime.timedelta(hours=2)))"
        yield f"({moment}).year, ({moment}).month, ({moment}).day, ({moment}).hour, ({moment}).minute, ({moment}).second, ({moment}).microsecond, ({moment}).tzinfo, ({moment}).fold"
        for other in moments[:6]:
            yield f"({moment}) < ({other})"
            yield f"({moment}) == ({other})"
            yield f"({moment}) - ({other})"
    parses = [
        ("2024-01-31", "%Y-%m-%d"), ("31/01/2024 23:59", "%d/%m/%Y %H:%M"), ("2024-13-01", "%Y-%m-%d"), ("2024-02-30", "%Y-%m-%d"), ("x", "%Y"), ("2024-01-31 x", "%Y-%m-%d"), ("12:30 PM", "%I:%M %p"), ("12:30 am", "%I:%M %p"), ("1:05 pm", "%I:%M %p"), ("Mon Jan  5 10:11:12 2015", "%c"),
        ("01/02/03", "%x"), ("10:11:12", "%X"), ("Jan 5, 99", "%b %d, %y"), ("january 5 68", "%B %d %y"), ("5 69", "%m %y"), ("2015 060", "%Y %j"), ("2016 366", "%Y %j"), ("2015 366", "%Y %j"), ("2015-W10-3", "%G-W%V-%u"), ("2015 10 3", "%Y %W %w"), ("2015 0 Monday", "%Y %U %A"), ("+0530", "%z"), ("-05:30", "%z"), ("+05:30:15.123", "%z"), ("Z", "%z"), ("UTC", "%Z"), ("gmt +0000", "%Z %z"), ("EST", "%Z"), ("1.5", "%S.%f"), ("1.123456", "%S.%f"),
        ("1.1234567", "%S.%f"), ("60", "%S"), ("61", "%S"), ("62", "%S"), ("25", "%H"), ("%", "%%"), ("a b", "a  b"), ("a   b", "a b"), ("5", "%Q"), ("5", "%"), ("5 5", "%d %d"), ("2024", "%G"), ("2024 05 1", "%Y %V %u"), ("05 1", "%V %u"), ("29 2", "%d %m"), (" 5", "%d"), ("٥", "%d"), ("2024-01-31T10:00:00Z", "%Y-%m-%dT%H:%M:%S%z"), ("2024.01", "%Y.%m"), ("2024x01", "%Y.%m"), ("", ""), ("", "%Y"), ("TUESDAY", "%A"), ("tue", "%a"), ("1", "%w"), ("0000", "%Y"), ("1-1-1", "%d-%m-%Y"), ("00", "%m"), ("5", "%e"), ("2024-1-5", "%Y-%m-%d"), ("123", "%d%m"), ("+05:3015", "%z"),
    ]  # fmt: skip
    for text, pattern in parses:
        yield f"datetime.datetime.strptime({text!r}, {pattern!r})"
    yield from [
        "datetime.datetime.strptime(1, '%Y')", "datetime.datetime.strptime('1', 1)", "datetime.datetime(2024, 13, 1)", "datetime.datetime(2024, 2, 30)", "datetime.datetime(0, 1, 1)", "datetime.datetime(2024, 1, 1, 24)", "datetime.datetime(2024, 1, 1, 0, 60)", "datetime.datetime(2024, 1, 1, 0, 0, 60)", "datetime.datetime(2024, 1, 1, 0, 0, 0, 10**6)", "datetime.datetime(2024)", "datetime.datetime('a', 1, 1)",
        "datetime.datetime(2024, 1, 1.5)", "datetime.datetime(2024, 1, 1, tzinfo=5)", "datetime.datetime(2024, 1, 1, fold=2)", "datetime.datetime(2**40, 1, 1)", "datetime.datetime(2024, 1, 1, foo=1)", "datetime.datetime(9999, 12, 31) + datetime.timedelta(days=1)", "datetime.datetime(2024, 1, 1) + 1", "datetime.datetime(2024, 1, 1) - 1", "1 + datetime.datetime(2024, 1, 1)", "datetime.datetime(2024, 1, 1) < 1", "datetime.datetime(2024, 1, 1) == 1",
        "datetime.datetime(2024, 1, 1) < datetime.date(2024, 1, 1)", "datetime.date(2024, 1, 1) < datetime.date(2024, 1, 2)", "datetime.date(2024, 3, 1) - datetime.date(2024, 2, 1)", "datetime.date(2024, 3, 1) + datetime.timedelta(days=30, hours=30)", "datetime.date(2024, 3, 1) - datetime.timedelta(hours=1)", "datetime.datetime.fromtimestamp(0)", "datetime.datetime.fromtimestamp(1700000000.123456)", "datetime.datetime.fromtimestamp(-1.5)", "datetime.datetime.fromtimestamp(1e12)",
        "datetime.datetime.fromtimestamp(1e20)", "datetime.datetime.fromtimestamp(float('nan'))", "datetime.datetime.fromtimestamp('a')", "datetime.datetime.fromtimestamp(0, datetime.timezone.utc)", "datetime.datetime.fromtimestamp(1e11, tz=datetime.timezone.utc)", "datetime.datetime.fromtimestamp(0.0000005), datetime.datetime.fromtimestamp(0.0000015), datetime.datetime.fromtimestamp(1.9999999)", "datetime.datetime.utcfromtimestamp(86400)", "datetime.datetime.fromordinal(738000)", "datetime.datetime.fromordinal(0)",
        "datetime.date.fromordinal(1)", "datetime.date.fromtimestamp(1e9)", "datetime.date.fromisoformat('2024-02-29')", "datetime.date.fromisoformat('20240229')", "datetime.date.fromisoformat('2024-W09-4')", "datetime.date.fromisoformat('2024-2-9')", "datetime.date.fromisoformat('x')", "datetime.date.fromisoformat(1)", "datetime.datetime.fromisoformat('2024-02-29')", "datetime.datetime.fromisoformat('2024-02-29T10:11:12.123456+01:00')", "datetime.datetime.fromisoformat('2024-02-29 10:11')",
        "datetime.datetime.fromisoformat('20240229T101112Z')", "datetime.datetime.fromisoformat('2024-02-30')", "datetime.datetime.fromisoformat('2024-02-29T25')", "datetime.datetime.fromisoformat('')", "datetime.datetime.fromisoformat('2024-02-29T10:11:12,5')", "datetime.datetime.combine(datetime.date(2024, 1, 2), datetime.time(3, 4))", "datetime.datetime.min, datetime.datetime.max, datetime.datetime.resolution", "datetime.datetime(2024, 1, 31).replace(day=1, month=5, tzinfo=datetime.timezone.utc)", "datetime.datetime(2024, 1, 31).replace(month=2)",
        "datetime.timedelta()", "datetime.timedelta(1)", "datetime.timedelta(days=-1, seconds=5)", "datetime.timedelta(seconds=90061.5)", "datetime.timedelta(weeks=1, hours=1, minutes=1, milliseconds=1, microseconds=1)", "str(datetime.timedelta(days=-1)), str(datetime.timedelta(days=2, microseconds=5)), str(datetime.timedelta(seconds=5))", "datetime.timedelta(seconds='a')", "datetime.timedelta(days=10**10)", "datetime.timedelta(microseconds=0.5), datetime.timedelta(microseconds=1.5), datetime.timedelta(microseconds=2.5)",
        "datetime.timedelta(seconds=float('nan'))", "datetime.timedelta(seconds=float('inf'))", "datetime.timedelta(hours=1.1)", "datetime.timedelta(days=1).total_seconds(), datetime.timedelta(microseconds=1).total_seconds()", "datetime.timedelta(days=1).days, datetime.timedelta(seconds=-1).seconds, datetime.timedelta(microseconds=-1).microseconds", "datetime.timedelta(1) + datetime.timedelta(2), datetime.timedelta(1) - datetime.timedelta(2)", "datetime.timedelta(1) * 2, 2 * datetime.timedelta(1), datetime.timedelta(1) * 0.5",
        "datetime.timedelta(1) / 2, datetime.timedelta(1) / datetime.timedelta(2), datetime.timedelta(1) / 0.3", "datetime.timedelta(1) // 7, datetime.timedelta(5) // datetime.timedelta(2), datetime.timedelta(5) % datetime.timedelta(2)", "divmod(datetime.timedelta(5), datetime.timedelta(2))", "datetime.timedelta(1) / 0", "datetime.timedelta(1) // 0", "datetime.timedelta(1) / datetime.timedelta(0)", "-datetime.timedelta(1), +datetime.timedelta(1), abs(datetime.timedelta(-1))", "datetime.timedelta(1) < datetime.timedelta(2), datetime.timedelta(1) == datetime.timedelta(hours=24)",
        "datetime.timedelta(1) < 1", "datetime.timedelta(1) + 1", "bool(datetime.timedelta(0)), bool(datetime.timedelta(1))", "{datetime.timedelta(1): 2}[datetime.timedelta(hours=24)]", "datetime.timedelta(1, foo=2)", "datetime.time(25)", "datetime.time(1, 2) < datetime.time(1, 3)", "datetime.time(1, 2).isoformat(), str(datetime.time(1, 2, 3, 4))", "datetime.timezone.utc, str(datetime.timezone.utc)", "datetime.timezone(datetime.timedelta(hours=1)), str(datetime.timezone(datetime.timedelta(hours=-1)))", "datetime.timezone(datetime.timedelta(days=1))", "datetime.timezone(1)",
        "datetime.timezone(datetime.timedelta(hours=1), 'X').tzname(None)", "type(datetime.datetime(2020, 1, 1))", "isinstance(datetime.datetime(2020, 1, 1), datetime.date)", "isinstance(datetime.datetime(2020, 1, 1), datetime.datetime)", "datetime.datetime(2024, 1, 1).foo", "datetime.foo", "datetime.datetime(2024, 1, 1).strftime()", "datetime.datetime(2024, 1, 1).strftime(5)", "datetime.datetime(2024, 1, 1).isoformat(timespec='x')", "max(datetime.date(2024, 1, 1), datetime.date(2024, 1, 2))",
    ]  # fmt: skip
    if pytz is not None:
        for zone in ["Europe/Madrid", "America/New_York", "Asia/Kolkata", "UTC"]:
            yield f"repr(pytz.timezone({zone!r})), str(pytz.timezone({zone!r}))"
            for when in [
                "2024, 1, 15, 12",
                "2024, 7, 15, 12",
                "2024, 3, 31, 2, 30",
                "2024, 10, 27, 2, 30",
                "2024, 11, 3, 1, 30",
            ]:
                yield f"pytz.timezone({zone!r}).localize(datetime.datetime({when}))"
                yield f"str(pytz.timezone({zone!r}).localize(datetime.datetime({when}), is_dst=True))"
                yield f"datetime.datetime({when}, tzinfo=datetime.timezone.utc).astimezone(pytz.timezone({zone!r})).strftime('%Y-%m-%d %H:%M %Z %z')"
            yield f"datetime.datetime.fromtimestamp(1700000000, pytz.timezone({zone!r})).isoformat()"
            yield f"datetime.datetime(2024, 1, 1, tzinfo=pytz.timezone({zone!r})).isoformat()"
        yield from ["pytz.timezone('No/Where')", "pytz.timezone('europe/madrid').zone", "pytz.utc", "pytz.timezone(5)"]


def cases() -> Iterator[str]:
    for family in (operators, subscripts, numbers, texts, collections, modules, expressions, dates):
        yield from family()


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
