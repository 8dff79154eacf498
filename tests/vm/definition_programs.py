# ruff: noqa: E501 (an expression stands on one line)
"""Definitions made from a source of random numbers, in the Python that the VM offers.

A program is a list of statements. Each runs inside a `try` of its own and notes what it found out, so that a wrong type,
an unbound name or a missing key is one more thing to compare and ends nothing.

Left out is what differs for a reason (vm/limitations.md): the order of sets, addresses, and what no limit bounds on
CPython (powers of powers, texts times large numbers).
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

PRELUDE = """
import json, re, datetime, hashlib, ast
out = []
def show(v, depth=0):
    if depth > 5:
        return "deep"
    if isinstance(v, (set, frozenset)):
        return [type(v).__name__, sorted([repr(x) for x in v])]
    if isinstance(v, dict):
        return ["dict", [[show(k, depth + 1), show(x, depth + 1)] for k, x in v.items()]]
    if isinstance(v, (list, tuple)):
        return [type(v).__name__, [show(x, depth + 1) for x in v]]
    if v is None or isinstance(v, (bool, int, float, str, bytes)):
        return type(v).__name__ + " " + repr(v)
    if type(v).__name__ in ("datetime", "timedelta", "date"):
        return repr(v)
    return type(v).__name__
def one(v):
    return v if len(v) < 2 else {min(v, key=repr)}
def twice(p, q=2, *rest, k=1, **more):
    return [p, q, rest, k, sorted(more)]
def add(p, q):
    return p + q
def counter(start=0):
    count = start
    def step(by=1):
        nonlocal count
        count += by
        return count
    return step
i0, i1, i2 = 3, -7, 10 ** 20
f0, f1 = 2.5, -0.125
s0, s1, s2 = "hello", "", "Añ'b😀"
l0, l1 = [3, 1, 2], ["b", "", "a"]
d0, d1 = {"a": 1, "b": 2}, {1: "x", "k": [1]}
t0 = (1, "t", None)
b0, b1 = True, False
y0 = b"by"
e0 = {1}
n0 = None
"""

INTS = (
    "(0)",
    "(1)",
    "(-1)",
    "(2)",
    "(3)",
    "(5)",
    "(7)",
    "(-13)",
    "(255)",
    "(1000)",
    "(2 ** 31)",
    "(10 ** 18)",
    "(2 ** 63 - 1)",
    "(-(2 ** 63))",
    "(2 ** 64)",
    "True",
)
FLOATS = (
    "0.0",
    "1.0",
    "-1.5",
    "0.1",
    "2.5",
    "3.14159",
    "1e16",
    "1e-7",
    "123456.789",
    "-0.0",
    "1e300",
    "float('inf')",
    "float('nan')",
)
TEXTS = (
    '""', '"a"', '"abc"', '"Hello, World"', '" x y "', '"a,b,,c"', '"12"', '"-7"', '"3.5"', '"ñÑ😀"', '"it\'s"', "'say \"q\"'",
    '"tab\\tnl\\n"', '"\\x00\\x7f\\u200b"', '"AbC dEf"', '"ﬀß"', '"%d %s"', '"{}"', '"0x1F"', '"true"', "'[1, 2]'", "'{\"k\": 1}'", '"aXbXc"', '"000"',
)  # fmt: skip
SPECS = (
    "",
    ">8",
    "<6",
    "^7",
    "*^9",
    "05",
    "+",
    ",",
    "x",
    "#x",
    "b",
    "o",
    "e",
    ".2f",
    "10.3f",
    "g",
    ".3g",
    "%",
    "s",
    ".2",
    "08.2f",
    "_",
    "n",
    "c",
    "=+6",
    "?>3",
    " d",
    "#o",
    ".0f",
    "X",
    "E",
)
PRINTF = (
    "%s",
    "%r",
    "%d",
    "%5d",
    "%-5s|",
    "%05d",
    "%x",
    "%#o",
    "%.2f",
    "%e",
    "%g",
    "%c",
    "%+d",
    "%%",
    "%5.1f",
    "%(a)s",
    "%a",
    "%i",
    "%s %s",
    "%d%%",
    "%.3s",
    "% d",
    "%X",
)
PATTERNS = (
    '"[a-z]+"',
    '"(\\\\d)(\\\\w)?"',
    '"l"',
    '"^h|o$"',
    '"\\\\s*"',
    '"(?i)B"',
    '"(?P<n>[ab])"',
    '"("',
    '"[^a-z]"',
    '"x*"',
    '"(a)|b"',
    '"."',
)
REPLACEMENTS = ('"a"', '""', '"-"', "r'<\\g<0>>'", "r'\\1'", "lambda m: m.group(0).upper()")
DATE_FORMATS = ("'%Y-%m-%d %H:%M'", "'%j %U %a %b %p %I'", "'%%x'", '"Hello, World"')
JSON = ("'[1, 2.5, null, true, \"x\"]'", "'{}'", '"[1, 1e5, -0.0]"')
LITERALS = ("'[1, (2, None)]'", "'{1: -2.5}'", "\"(1, b'x')\"")
DECODINGS = ("", "'utf-8'", "'ascii', 'ignore'", "'latin-1'", "'utf-8', 'replace'")
ENCODINGS = ("", "'utf-8'", "'ascii'", "'ascii', 'replace'", "'latin-1', 'ignore'")
KEPT = ("[1]", '"x"', "2", "1", "b0", '{"q": 1}', "{5}")
PLACES = ("[0]", '["a"]', "[-1]", "[1:2]", "[::2]", "[i0]", '["n"]')
DELETED = ("l0[0]", 'd0["a"]', "l1[:1]", "d1[1]", "l0[::2]")
ERRORS = (
    "ValueError",
    "KeyError",
    "TypeError",
    "IndexError",
    "ZeroDivisionError",
    "Exception",
    "ArithmeticError",
    "LookupError",
    "RuntimeError",
    "AttributeError",
)
NAMES = {
    "int": ("i0", "i1", "i2"), "float": ("f0", "f1"), "str": ("s0", "s1", "s2"), "list": ("l0", "l1"), "dict": ("d0", "d1"),
    "tuple": ("t0",), "bool": ("b0", "b1"), "set": ("e0",), "bytes": ("y0",), "none": ("n0",),
}  # fmt: skip
KINDS = ("int", "int", "float", "str", "str", "list", "list", "dict", "tuple", "bool", "set", "bytes", "none")


class Program:
    """One program in the making."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.inner: list[str] = []

    def pick(self, *choices: str | Callable[[], str]) -> str:
        """One of some texts or makers of texts."""
        chosen = self.random.choice(choices)
        return chosen if isinstance(chosen, str) else chosen()

    # --- Expressions -----------------------------------------------------------------------------------------------

    def value(self, depth: int, kind: str = "") -> str:
        """An expression, mostly of a kind."""
        kind = kind if kind and self.random.random() > 0.05 else self.random.choice(KINDS)
        if depth <= 0 or self.random.random() < 0.25:
            return self.atom(kind)
        if self.random.random() < 0.12:
            return self.anything(depth, kind)
        made: str = getattr(self, f"{kind}_value")(depth - 1)
        return made

    def atom(self, kind: str) -> str:
        """A literal or name."""
        if self.inner and self.random.random() < 0.2:
            return self.random.choice(self.inner)
        literals = {
            "int": INTS, "float": FLOATS, "str": TEXTS, "bool": ("True", "False"), "none": ("None",),
            "list": ("[]", "[1, 2, 3]", '["x", "y"]', "[[1], [2, 3]]", "[0.5, 2]", "list(range(4))", "[None, True]"),
            "dict": ("{}", '{"a": 1}', '{"x": [1], "y": {"z": 2}}', "{1: 2, 3: 4}", "dict(a=1, b='c')"),
            "tuple": ("()", "(1,)", '(1, "a")', "(3, 2, 1)"), "set": ("set()", "{1}", '{"a"}', "frozenset([1])"),
            "bytes": ('b""', 'b"abc"', 'b"\\x00\\xff"', "bytes(3)"),
        }[kind]  # fmt: skip
        return self.pick(*literals, *NAMES[kind], *NAMES[kind])

    def anything(self, depth: int, kind: str) -> str:
        """What any kind can come from."""
        v = self.value
        d = depth - 1
        return self.pick(
            lambda: f"({v(d, kind)} if {v(d, 'bool')} else {v(d, kind)})",
            lambda: f"({v(d, kind)} or {v(d, kind)})",
            lambda: f"({v(d, kind)} and {v(d, kind)})",
            lambda: self.bound(lambda name: f"(lambda {name}: {v(d, kind)})({v(d)})"),
            lambda: self.bound(lambda name: f"(lambda {name}={v(0)}: {v(d, kind)})()"),
            lambda: f"[{v(d, kind)}, {v(d, kind)}][{self.pick('0', '-1', '1', '2')}]",
            lambda: f"{{'a': {v(d, kind)}}}['{self.pick('a', 'a', 'b')}']",
            lambda: f"next(iter([{v(d, kind)}]))",
            lambda: self.bound(lambda name: f"next(({name} for {name} in [{v(d, kind)}, {v(0)}]), {v(0)})"),
            lambda: f"max({v(d, kind)}, {v(d, kind)})",
            lambda: f"min([{v(d, kind)}, {v(d, kind)}], default={v(0)})",
            lambda: f"(w := {v(d, kind)})",
            lambda: f"getattr({v(d)}, '{self.pick('real', 'imag', 'nope')}', {v(d, kind)})",
        )

    def sure(self, kind: str, d: int) -> str:
        """An expression that is of a kind or raises: the VM looks a method up when it has the arguments."""
        v = self.value
        literal = {
            "str": lambda: self.pick(*TEXTS),
            "list": lambda: self.pick("[1, 2, 3]", "['x', 'y']", "[None, 1.5]", "[]"),
            "dict": lambda: self.pick("{'a': 1}", "{'x': [1], 2: 3}", "{}"),
            "set": lambda: self.pick("{1}", "set()", "{'a'}"),
            "bytes": lambda: self.pick("b''", "b'aXb'", "bytes(3)"),
            "int": lambda: self.pick(*INTS),
        }[kind]
        made = {
            "str": lambda: self.pick(
                lambda: f"str({v(d, self.printable())})", lambda: f"({self.pick(*TEXTS)} + {v(d, 'str')})"
            ),
            "list": lambda: f"[{v(d)}, {v(d)}]",
            "dict": lambda: f"{{{v(d, 'str')}: {v(d)}}}",
            "set": lambda: f"one(set({v(d, 'list')}))",
            "bytes": lambda: f"str({v(d, 'int')}).encode()",
            "int": lambda: f"int({v(d, 'int')})",
        }[kind]
        return self.pick(literal) if d <= 0 or self.random.random() < 0.5 else self.pick(made)

    def bound(self, make: Callable[[str], str]) -> str:
        """A part in which one more name is bound. No name hides another: a comprehension is no function in the VM."""
        name = self.random.choice([letter for letter in "pqruvwxyz" if letter not in self.inner] or ["last"])
        self.inner.append(name)
        made = make(name)
        self.inner.pop()
        return made

    def int_value(self, d: int) -> str:
        v = self.value
        return self.pick(
            lambda: f"({v(d, 'int')} {self.pick('+', '-', '*', '//', '&', '|', '^')} {v(d, 'int')})",
            lambda: f"({v(d, 'int')} {self.pick('+', '-', '*')} {v(d, 'bool')})",
            lambda: f"({v(d, 'int')} {self.pick('<<', '>>', '**')} {self.pick('0', '1', '3', '-1')})",
            lambda: f"({self.pick('-', '~', '+')}{v(d, 'int')})",
            lambda: f"len({v(d, self.pick('str', 'list', 'dict', 'tuple', 'set', 'bytes'))})",
            lambda: f"int({v(d, self.pick('str', 'float', 'int', 'bool'))})",
            lambda: f"int({v(d, 'str')}, {self.pick('10', '16', '2', '0', '37')})",
            lambda: f"sum({v(d, self.pick('list', 'tuple', 'dict'))})",
            lambda: f"abs({v(d, 'int')})",
            lambda: f"({self.sure('int', d)} % {v(d, self.pick('int', 'float'))})",
            lambda: f"round({v(d, 'float')})",
            lambda: f"{self.sure('str', d)}.{self.pick('count', 'find', 'rfind', 'index')}({v(d, 'str')})",
            lambda: f"{self.sure('list', d)}.{self.pick('count', 'index')}({v(d)})",
            lambda: f"{v(d, 'list')}[{v(d, 'int')}]",
            lambda: f"{self.sure('dict', d)}.get({v(d, 'str')}, {v(d, 'int')})",
            lambda: f"divmod({v(d, 'int')}, {v(d, 'int')})[{self.pick('0', '1')}]",
            lambda: f"pow({v(d, 'int')}, {self.pick('2', '3')}, {v(d, 'int')})",
            lambda: f"ord({v(d, 'str')}[0])",
            lambda: f"{self.sure('int', d)}.bit_length()",
            lambda: f"add({v(d, 'int')}, {v(d, 'int')})",
            lambda: self.bound(lambda name: f"sum([{name} * 2 for {name} in {v(d, 'list')} if {v(d, 'bool')}])"),
            lambda: f"{v(d, 'bytes')}[{v(0, 'int')}]",
        )

    def float_value(self, d: int) -> str:
        v = self.value
        return self.pick(
            lambda: f"({v(d, 'int')} / {v(d, 'int')})",
            lambda: f"({v(d, 'float')} {self.pick('+', '-', '*', '/', '//')} {v(d, self.pick('float', 'int'))})",
            lambda: f"float({v(d, self.pick('str', 'int', 'bool'))})",
            lambda: f"round({v(d, 'float')}, {self.pick('0', '1', '2', '-1')})",
            lambda: f"(-{v(d, 'float')})",
            lambda: f"abs({v(d, 'float')})",
            lambda: f"sum([{v(d, 'float')}, {v(d, 'int')}])",
            lambda: f"datetime.timedelta(seconds=int({v(d, 'int')}) % 100000).total_seconds()",
        )

    def bool_value(self, d: int) -> str:
        v = self.value
        kind = self.random.choice(KINDS)
        return self.pick(
            lambda: f"({v(d, kind)} {self.pick('<', '<=', '>', '>=', '==', '!=')} {v(d, kind)})",
            lambda: f"({v(d, 'int')} < {v(d, 'int')} {self.pick('<=', '==', '!=')} {v(d, 'float')})",
            lambda: f"({v(d)} {self.pick('==', '!=')} {v(d)})",
            lambda: f"({v(d)} {self.pick('in', 'not in')} {v(d, self.pick('list', 'tuple', 'dict', 'str', 'set'))})",
            lambda: f"({v(d)} {self.pick('is', 'is not')} None)",
            lambda: f"(not {v(d)})",
            lambda: (
                f"isinstance({v(d)}, {self.pick('int', 'str', '(list, tuple)', 'dict', 'float', 'bool', '(bytes, set)', '3')})"
            ),
            lambda: f"bool({v(d)})",
            lambda: (
                f"{self.sure('str', d)}.{self.pick('isdigit', 'isalpha', 'isalnum', 'isspace', 'isupper', 'islower', 'istitle', 'isnumeric', 'isidentifier', 'isdecimal', 'isascii', 'isprintable')}()"
            ),
            lambda: f"{self.sure('str', d)}.{self.pick('startswith', 'endswith')}({v(d, self.pick('str', 'tuple'))})",
            lambda: self.bound(lambda name: f"{self.pick('any', 'all')}({v(d, 'bool')} for {name} in {v(d, 'list')})"),
            lambda: (
                f"{self.sure('set', d)}.{self.pick('issubset', 'issuperset', 'isdisjoint')}({v(d, self.pick('list', 'set'))})"
            ),
            lambda: f"hasattr({v(d)}, '{self.pick('upper', 'append', 'keys', 'nope')}')",
        )

    def str_value(self, d: int) -> str:
        v = self.value
        few = self.pick("0", "1", "2", "3", "-1")
        return self.pick(
            lambda: f"({v(d, 'str')} + {v(d, 'str')})",
            lambda: f"({v(d, 'str')} * {few})",
            lambda: f"{v(d, 'str')}{self.subscript(d)}",
            lambda: f"{self.sure('str', d)}.{self.pick('upper', 'lower', 'strip', 'lstrip', 'rstrip', 'title', 'capitalize', 'swapcase', 'casefold')}()",
            lambda: f"{self.sure('str', d)}.{self.pick('strip', 'lstrip', 'rstrip', 'removeprefix', 'removesuffix')}({v(d, 'str')})",
            lambda: f"{self.sure('str', d)}.replace({v(d, 'str')}, {v(d, 'str')})",
            lambda: f"{self.sure('str', d)}.replace({v(d, 'str')}, {v(d, 'str')}, {few})",
            lambda: f"{self.sure('str', d)}.{self.pick('center', 'ljust', 'rjust', 'zfill')}({self.pick('0', '5', '9')})",
            lambda: f"{self.sure('str', d)}.{self.pick('center', 'ljust', 'rjust')}(8, {v(d, 'str')})",
            lambda: f"{self.sure('str', d)}.join({v(d, self.pick('list', 'tuple', 'str'))})",
            lambda: f"{self.pick('str', 'repr', 'ascii')}({v(d, self.printable())})",
            lambda: self.formatted(d),
            lambda: self.formatted(d),
            lambda: f'("{self.pick(*PRINTF)}" % {self.pick(lambda: v(d, self.printable()), lambda: f"({v(d, self.printable())},)", lambda: f"({v(d, self.printable())}, {v(d, self.printable())})", lambda: v(d, "dict"))})',
            lambda: f'"{{}}-{{{self.pick("", "0", "1", "k", "0[1]", "0.real")}}}".format({v(d, self.printable())}, {v(d, self.printable())}, k={v(d, self.printable())})',
            lambda: f"format({v(d, self.pick('int', 'float', 'str'))}, '{self.pick(*SPECS)}')",
            lambda: f"json.dumps({v(d, self.pick('list', 'dict', 'str', 'int', 'float', 'none'))})",
            lambda: f"re.sub({self.pick(*PATTERNS)}, {self.pick(*REPLACEMENTS)}, {self.sure('str', d)})",
            lambda: f"hashlib.{self.pick('md5', 'sha256')}({self.sure('str', d)}.encode('utf-8')).hexdigest()[:8]",
            lambda: f"chr({v(d, 'int')})",
            lambda: f"{self.sure('bytes', d)}.decode({self.pick(*DECODINGS)})",
            lambda: f"type({v(d)}).__name__",
            lambda: f"{self.pick('hex', 'oct', 'bin')}({v(d, 'int')})",
            lambda: f"str(datetime.datetime(2024, {self.pick('1', '2', '12', '13')}, {self.pick('1', '29', '31')}) + datetime.timedelta(days=int({v(0, 'int')}) % 500))",
            lambda: f"datetime.datetime(2024, 2, 29, 13, 5).strftime({self.pick(*DATE_FORMATS)})",
            lambda: f"{self.sure('str', d)}.expandtabs({few})",
            lambda: f"{self.sure('str', d)}.translate(str.maketrans('abc', 'xyz'))",
        )  # fmt: skip

    def printable(self) -> str:
        """A kind whose text is the same everywhere: not sets."""
        return self.random.choice(("int", "float", "str", "list", "dict", "tuple", "bool", "none", "bytes"))

    def formatted(self, d: int) -> str:
        # No quotes and no backslashes inside: Python 3.11 takes neither.
        names = [name for kind, names in NAMES.items() for name in names if kind != "set"]
        part = self.pick(
            *names, *INTS[:10], "i0 + 1", "len(l0)", "f0 * 2", "s0[1:3]", "(1, 2)", "not b0", "[i for i in l0]"
        )
        spec = self.pick(
            "", "", *(f":{spec}" for spec in SPECS), ":{i0}", ":>{i0}", "!r", "!s", "!a", "!r:>9", "=", "=!r", "=:>5"
        )
        return f"f'{self.pick('', 'x', '{{', 'ñ ')}{{{part}{spec}}}{self.pick('', '|', '}}')}'"

    def subscript(self, d: int) -> str:
        v = self.value

        def bound() -> str:
            return self.pick("", "", "0", "1", "-1", "2", "-3", "9", lambda: v(d, "int"))

        return self.pick(
            lambda: f"[{v(d, 'int')}]",
            lambda: f"[{self.pick('0', '1', '-1', '-2')}]",
            lambda: f"[{bound()}:{bound()}]",
            lambda: f"[{bound()}:{bound()}:{self.pick('', '1', '2', '-1', '0', '-2')}]",
        )

    def list_value(self, d: int) -> str:
        v = self.value
        return self.pick(
            lambda: f"[{', '.join(v(d) for _ in range(self.random.randrange(4)))}]",
            lambda: f"[*{v(d, self.pick('list', 'tuple', 'str'))}, {v(d)}]",
            lambda: f"({v(d, 'list')} + {v(d, 'list')})",
            lambda: f"({v(d, 'list')} * {self.pick('0', '1', '2', '-1')})",
            lambda: f"{v(d, 'list')}{self.subscript(d)}",
            lambda: f"sorted({v(d, self.pick('list', 'tuple', 'str', 'set', 'dict'))})",
            lambda: self.bound(
                lambda name: (
                    f"sorted({v(d, 'list')}, key=lambda {name}: {v(d, 'int')}, reverse={self.pick('True', 'False')})"
                )
            ),
            lambda: f"sorted({v(d, 'list')}, key={self.pick('str', 'len', 'repr', 'type', 'None', 'lambda p: -p')})",
            lambda: f"list({v(d, self.pick('str', 'tuple', 'dict', 'list', 'bytes', 'int'))})",
            lambda: f"list({self.pick('enumerate', 'reversed', 'iter')}({v(d, self.pick('list', 'str', 'tuple'))}))",
            lambda: f"list(zip({v(d, 'list')}, {v(d, self.pick('str', 'list', 'tuple'))}))",
            lambda: (
                f"list(range({self.pick('0', '3', '-2')}, {self.pick('5', '0', '-5')}, {self.pick('1', '2', '-1', '-3', '0')}))"
            ),
            lambda: f"list(map({self.pick('str', 'int', 'len', 'repr', 'lambda p: [p]')}, {v(d, 'list')}))",
            lambda: f"list(filter({self.pick('None', 'bool', 'lambda p: p', 'lambda p: p > 1')}, {v(d, 'list')}))",
            lambda: self.comprehension(d, "[", "]"),
            lambda: self.comprehension(d, "list(", ")"),
            lambda: f"{self.sure('str', d)}.{self.pick('split', 'rsplit', 'splitlines')}()",
            lambda: (
                f"{self.sure('str', d)}.{self.pick('split', 'rsplit')}({v(d, 'str')}{self.pick('', ', 1', ', maxsplit=2')})"
            ),
            lambda: f"re.findall({self.pick(*PATTERNS)}, {self.sure('str', d)})",
            lambda: f"list({self.sure('dict', d)}.{self.pick('keys', 'values', 'items')}())",
            lambda: f"json.loads({self.pick(lambda: v(d, 'str'), *JSON)})",
            lambda: f"ast.literal_eval({self.pick(*LITERALS)})",
            lambda: f"twice({v(d)}, *{v(d, self.pick('list', 'tuple'))}, **{v(d, 'dict')})",
            lambda: f"twice({v(d)}, {self.pick('k=5', 'q=3', 'z=1, a=2', 'p=1', '1, 2, 3', 'k=1, q=2')})",
        )

    def comprehension(self, d: int, left: str, right: str) -> str:
        """A comprehension over one or two iterables."""
        v = self.value
        first = v(d, self.pick("list", "str", "tuple", "dict"))

        def item() -> str:
            return v(d) if left != "{" else f"{v(d, 'str')}: {v(d)}"

        def test() -> str:
            return f" if {v(d, 'bool')}" if self.random.random() < 0.4 else ""

        def made(name: str) -> str:
            if self.random.random() < 0.7:
                return f"{left}{item()} for {name} in {first}{test()}{right}"
            second = v(d, "list")
            return self.bound(
                lambda other: f"{left}{item()} for {name} in {first} for {other} in {second}{test()}{right}"
            )

        return self.bound(made)

    def dict_value(self, d: int) -> str:
        v = self.value
        return self.pick(
            lambda: f"{{{v(d, 'str')}: {v(d)}, {v(d, self.pick('int', 'str', 'tuple'))}: {v(d)}}}",
            lambda: f"{{**{v(d, 'dict')}, {v(d, 'str')}: {v(d)}}}",
            lambda: f"({v(d, 'dict')} | {v(d, 'dict')})",
            lambda: f"dict({v(d, self.pick('dict', 'list'))})",
            lambda: f"dict({v(d, 'dict')}, k={v(d)})",
            lambda: f"dict(zip({v(d, 'list')}, {v(d, 'list')}))",
            lambda: f"dict.fromkeys({v(d, self.pick('list', 'str'))}, {v(d)})",
            lambda: f"{self.sure('dict', d)}.copy()",
            lambda: self.comprehension(d, "{", "}"),
            lambda: f"json.loads(json.dumps({v(d, 'dict')}))",
        )

    def tuple_value(self, d: int) -> str:
        v = self.value
        return self.pick(
            lambda: f"({v(d)}, {v(d)})",
            lambda: f"tuple({v(d, self.pick('list', 'str', 'dict'))})",
            lambda: f"({v(d, 'tuple')} + {v(d, 'tuple')})",
            lambda: f"{v(d, 'tuple')}{self.subscript(d)}",
            lambda: f"{self.sure('str', d)}.{self.pick('partition', 'rpartition')}({v(d, 'str')})",
            lambda: f"divmod({v(d, self.pick('int', 'float'))}, {v(d, self.pick('int', 'float'))})",
            lambda: f"({v(d, 'tuple')} * {self.pick('0', '1', '2')})",
        )

    def set_value(self, d: int) -> str:
        # The order of sets differs: none that is made has two items.
        v = self.value
        made = self.pick(
            lambda: f"set({v(d, self.pick('list', 'str', 'tuple'))})",
            lambda: f"({v(d, 'set')} {self.pick('|', '&', '-', '^')} {v(d, 'set')})",
            lambda: (
                f"{self.sure('set', d)}.{self.pick('union', 'intersection', 'difference', 'symmetric_difference')}({v(d, self.pick('list', 'set'))})"
            ),
            lambda: self.bound(lambda name: f"{{{v(d, 'int')} for {name} in {v(d, 'list')}}}"),
        )
        return f"one({made})"

    def bytes_value(self, d: int) -> str:
        v = self.value
        return self.pick(
            lambda: f"{self.sure('str', d)}.encode({self.pick(*ENCODINGS)})",
            lambda: f"({v(d, 'bytes')} + {v(d, 'bytes')})",
            lambda: f"{v(d, 'bytes')}{self.subscript(d)}",
            lambda: f"bytes({v(d, self.pick('list', 'bytes'))})",
            lambda: f"{self.sure('bytes', d)}.{self.pick('upper', 'strip', 'hex', 'lower', 'split')}()",
        )

    def none_value(self, d: int) -> str:
        return self.pick("None", "n0", lambda: f"{self.sure('dict', d)}.get({self.value(d, 'str')})", lambda: "print()")

    # --- Statements ------------------------------------------------------------------------------------------------

    def list_change(self) -> str:
        """A method that changes a list. Its argument stands alone: see `sure`."""
        calls = ("append(w)", "extend(w)", "insert(1, w)", "pop()", "pop(0)", "remove(w)", "sort(key=str)")
        call = self.random.choice((*calls, "reverse()", "clear()"))
        argument = self.value(2, "list" if call == "extend(w)" else "")
        return f"w = {argument}; {self.random.choice(NAMES['list'])}.{call}"

    def dict_change(self) -> str:
        """A method that changes a dict."""
        calls = ("update(w)", "setdefault(w, []).append(1)", "pop(w, None)", "pop(w)", "popitem()", "update(k=1)")
        call = self.random.choice(calls)
        argument = self.value(2, "dict" if call == "update(w)" else "str")
        return f"w = {argument}; {self.random.choice(NAMES['dict'])}.{call}"

    def set_change(self) -> str:
        """A method that changes a set, which keeps one item at most."""
        call = self.random.choice(("add(w)", "discard(w)", "remove(w)", "update(w)"))
        argument = self.value(2, "list" if call == "update(w)" else "int")
        return f"w = {argument}; e0.{call}; e0 = one(e0)"

    def statement(self, depth: int, *, loop: bool = False, function: bool = False) -> list[str]:
        """One statement as lines."""
        v = self.value
        kind = self.random.choice(KINDS)
        name = self.random.choice(NAMES[kind])
        simple: tuple[Callable[[], str], ...] = (
            lambda: f"out.append(show({v(3)}))",
            lambda: f"out.append(show({v(3)}))",
            lambda: f"{name} = {v(3, kind)}",
            lambda: f"{name} = {v(2, kind)}",
            lambda: (
                f"{self.pick('i0', 'i1', 'f0', 's0', 'l0', 'd0', 'e0')} {self.pick('+=', '-=', '*=', '|=')} {self.pick(*KEPT)}; e0 = one(e0)"
            ),
            lambda: (
                f"{self.pick('i0, i1', 's0, *l0', '*l0, i0', '(i0, s0), f0', 'i0, (s0, *l1)', '[i0, i1]')} = {v(2, self.pick('tuple', 'list', 'str'))}"
            ),
            lambda: f"{self.pick('l0', 'd0', 'd1', 't0')}{self.pick(*PLACES)} = {v(2)}",
            self.list_change,
            self.dict_change,
            self.set_change,
            lambda: f"del {self.pick(*DELETED)}",
            lambda: f"assert {v(2, 'bool')}, {v(1, 'str')}",
            lambda: f"raise {self.pick(*ERRORS)}({self.pick('', lambda: v(1, 'str'), lambda: v(1), '1, 2')})",
            lambda: "pass",
        )
        if loop:
            simple = (*simple, lambda: self.pick("break", "continue"))
        if function:
            simple = (*simple, lambda: f"return {v(2)}", lambda: "return")
        if depth <= 0 or self.random.random() < 0.5:
            return [self.random.choice(simple)()]

        def block(*, loop: bool = loop, function: bool = function) -> list[str]:
            return self.block(depth - 1, loop=loop, function=function)

        match self.random.randrange(8):
            case 0 | 1:
                lines = [f"if {v(2, 'bool')}:", *block()]
                if self.random.random() < 0.5:
                    lines += [f"elif {v(2, 'bool')}:", *block()]
                return lines + (["else:", *block()] if self.random.random() < 0.6 else [])
            case 2 | 3:
                target = self.pick("i0", "s0", "n0", "i0, s0", "k", "(i1, *l1)")
                lines = [f"for {target} in {v(2, self.pick('list', 'str', 'tuple', 'dict'))}[:4]:" if self.random.random() < 0.5
                         else f"for {target} in {self.pick('range(3)', 'enumerate(s0[:3])', 'list(d0.items())[:3]', 'zip(l0[:2], s0[:3])', 'sorted(e0)[:3]', '[]')}:"]  # fmt: skip
                return [*lines, *block(loop=True)] + (["else:", *block()] if self.random.random() < 0.4 else [])
            case 4:
                head = [
                    f"turns{depth} = 0",
                    f"while turns{depth} < {self.pick('3', '2')} and {v(1, 'bool')}:",
                    f"    turns{depth} += 1",
                ]
                return [*head, *block(loop=True)] + (["else:", *block()] if self.random.random() < 0.4 else [])
            case 5 | 6:
                caught = self.pick(
                    "Exception as error", *ERRORS, "(KeyError, TypeError) as error", "ValueError as error"
                )
                noted = "    out.append(show(str(error)))" if "error" in caught else "    out.append('caught')"
                lines = ["try:", *block(), f"except {caught}:", noted, *block()]
                lines += ["except:", "    out.append('other')"] if self.random.random() < 0.2 else []
                lines += ["else:", *block()] if self.random.random() < 0.3 else []
                return lines + (["finally:", *block(loop=False, function=False)] if self.random.random() < 0.4 else [])
            case _:
                return self.function(depth - 1)

    def block(self, depth: int, *, loop: bool, function: bool) -> list[str]:
        """Statements of a block, indented."""
        lines: list[str] = []
        for _ in range(1 + self.random.randrange(2)):
            lines += self.statement(depth, loop=loop, function=function)
        return ["    " + line for line in lines]

    def function(self, depth: int) -> list[str]:
        """A function and calls of it."""
        name = self.random.choice(("g", "h"))
        head = self.pick("p", "p, q=5", "p=1, *r", "*, q", "p, /, q, **r", "p, q")
        self.inner += [letter for letter in "pqr" if letter in head]
        lines = [f"def {name}({head}):"]
        shared = self.random.choice(("", "", "    global i0, s0", "    global l0"))
        body = self.block(depth, loop=False, function=True)
        lines += ([shared] if shared else []) + body
        lines += [f"    return {self.value(2)}"]
        del self.inner[len(self.inner) - sum(letter in head for letter in "pqr") :]
        call = self.pick("1", "1, 2", "q=3", "1, q=2", "", "1, 2, 3", "1, 2, z=4", "1, *l0", "**d0")
        return [*lines, f"out.append(show({name}({call})))"]

    def definition(self, statements: int) -> str:
        """A whole definition: `out` goes to a shared variable."""
        lines = [PRELUDE]
        for number in range(statements):
            body = self.statement(2)
            lines.append(f"out.append({number})")
            lines.append("try:")
            lines += ["    " + line for line in body]
            lines.append("except Exception as error:")
            lines.append("    out.append(type(error).__name__ + ': ' + str(error))")
            lines.append("out.append(show([i0, i1, i2, f0, f1, s0, s1, s2, l0, l1, d0, d1, t0, b0, b1, y0, e0, n0]))")
        lines.append(f"self.conector.variables['out'] = out[:{statements * 40}]")
        return "\n".join(lines) + "\n"


def definition(seed: int, statements: int = 12) -> str:
    """The definition of a seed. A few that CPython does not compile (`:=` where it may not stand) are passed over."""
    random = Random(seed)
    while True:
        text = Program(random).definition(statements)
        try:
            compile(text, "<definition>", "exec", dont_inherit=True)
        except SyntaxError:
            continue
        return text
