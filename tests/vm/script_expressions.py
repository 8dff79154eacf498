# ruff: noqa: E501 (an expression stands on one line)
"""Scripts that ask the language of expressions and arguments, made from a source of random numbers.

Each statement stands between `try()` and `exception(m<number>)`, so what went wrong is one more variable to compare.

Left out is what differs for a reason (vm/limitations.md): sets of more than one item where their order shows, functions
where their addresses show, complex numbers; and what no limit bounds on CPython (powers of powers).
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

VARIABLES: dict[str, Any] = {
    "a": 3, "b": -2, "z": 0, "big": 12345678901234567890, "f": 2.5, "s": "text", "u": "Añ'b 😀", "e": "", "w": " pad ",
    "xs": [1, 2, "x"], "l": [3, 1, 2], "d": {"k": 1, "a": {"b": [2]}}, "t": True, "n": None, "no": 5, "op": 2,
    "long name": 7, "xs[0]": 8, "a + b": "sum", "12": "digits", "text": "other", "way": "s", "x-y": 9, "num": "42",
    "row": [{"id": 1, "v": "p"}, {"id": 2, "v": "q"}],
}  # fmt: skip
NUMBERS = ("0", "1", "2", "-1", "3.5", "7", "1e3", "0x1f", "1_0", ".5", "a", "b", "z", "f", "t", "no", "op", "big")
TEXTS = (
    '"s"', "'q'", '""', '"a" "b"', 's', 'u', 'e', 'w', '"%s"', '"%d-%s"', '"%5.2f"', 'r"\\n"', '"\\x41\\u00e9"', "f'{a}'",
    "f'{f:>8.2f}|{s!r}'", "f'{xs[2]}{d[\"k\"]}'", '"{}"', '"a,b"', "num", '"7"', '"3.9"', '"""t"""', "f'{a=}'",
)  # fmt: skip
LISTS = (
    "xs", "l", "[]", "[1, 2]", "[a, s]", "(1, 2)", "()", "row", "s.split()", "[p * 2 for p in l]", "[p for p in l if p]",
    "[p * a for p in l]", "[len(p) + 0 for p in (s, u)]", "[(p, q) for p in l for q in l]", "[str(p) for p in xs]",
)  # fmt: skip
OTHERS = (
    "d", "{}", '{"k": a}', "{1: 2, 1.5: 3}", "n", "None", "True", "false", "null", "unknown", "Unknown name", "$a", "`a`",
    "{a}", "d['k']", "d['a']['b'][0]", "d.get('k')", "d.get('none', a)", "row[0]['v']", "xs[0]", "xs[-1]", "xs[5]", "s[0]",
    "s[::-1]", "l[1:]", "d['none']", "s.none", "len", "str", "__import__", "a.__class__", "...", "lambda: 1",
    "(lambda p: p + 1)(2)", "(lambda p: p + a)(2)", "{p: 1 for p in l}", "{1}", "b'by'", "max", "(q := 5)", "long name",
    "x-y", "12", "007", "1if a else 2", "a b", "(a", "a)", "a +", '"open', "don't", "2023-11-05", "2023-01-05", "a // b",
    "any([p > 2 for p in l])", "sum(l) + 0", "1 and 'x' in s", "# a", "a # b", "a; b", "*xs", "a, b", "**d", "not", "s s",
)  # fmt: skip
BINARY = (
    "+", "+", "-", "*", "/", "//", "%", "|", "^", "&", "<", "<=", ">", ">=", "==", "!=", "in", "not in", "is", "is not",
    "and", "or", "@",
)  # fmt: skip
METHODS = (
    "upper()", "strip()", "split()", "split('t')", "replace('t', 'T')", "title()", "startswith('t')", "isdigit()",
    "find('x')", "count(1)", "index(2)", "get('k')", "get('x', 0)", "keys()", "join(['a', 'b'])", "encode()", "copy()",
    "format(a, b)", "zfill(5)", "none()", "append(1)", "real", "bit_length()", "center(8, '*')", "pop()", "isalpha()",
)  # fmt: skip
FOUR = ("str", "int", "float", "len")
PURE = (
    "max",
    "min",
    "sum",
    "abs",
    "round",
    "sorted",
    "list",
    "dict",
    "tuple",
    "bool",
    "any",
    "all",
    "open",
    "eval",
    "type",
)
ARGUMENTS = (
    '"quoted"', "'quoted'", '""', '"two words"', '"a, b"', "'a'", '"a"', "a", "s", "way", "unknown", "n", "12", "007", "-5",
    "+15", "1_0", "1.5", ".5", "2.", "1e3", "1.5e3", "1_0.5", "٣", "true", "None", "[1", "`${a} and ${none}`", '"${s}"',
    "$a", "a + b", "a+b", "a * 2", '"2023-11-05"', '"2023-01-05"', '"7/2"', '"+15"', '"no-op"', '"in-out"', '"50%"',
    '"http://h/p"', '"done (ok)"', "done(1)", "twice(4)", "twice(a)", '"twice(a)"', "twice(twice(2))", "getListLen(xs, y)",
    '"A " + s + "!"', '"A " + s', 's + "!"', "xs[0]", "xs[0] + 0", 'row[0]["id"]', 'row[0]["id"] + 0', "d['k'] * 2",
    "[p * 2 for p in l]", "len(xs)", "len(xs) + 0", "(a)", "(a + 1)", "((a) * (b))", "x-y", "long name", '"long name"',
    "don't", "a,,b", "", "a % 2", '"%s" % (s)', "str(a) + str(b)", "5 / 0", "unknown + 1", "-a", "--a", "- 5", "'s'", "num",
    "big + 1", "true + 1", "not a + 1", "f'{a}' + s", '"don\'t"', "a)", "(a", "\u00a0a\u2003", "text", '"text"', "*", "+",
)  # fmt: skip
# None of the names that bounds and exponents are made of.
TARGETS = (
    "s",
    '"u"',
    "way",
    "unknown",
    "12",
    "1.5",
    's + "!"',
    '"two words"',
    "5 / 0",
    "None",
    "twice(4)",
    "xs",
    "f'{s}'",
    "-z",
    "",
)
BOUNDS = (
    "0",
    "1",
    "3",
    "a",
    "f",
    "num - 40",
    "3.9",
    '"4"',
    '"4.0"',
    "unknown",
    "a + 1",
    "len(l) + 0",
    "len(l)",
    "twice(2)",
    "b",
    "xs",
)
CONDITIONS = ("=", "==", "!=", "<", ">", "<=", ">=", '"<"', "in", "is")
PRELUDE = """\
function twice(p) {
    doubled = p * 2
    return doubled
}
function pair(p, q) {
    return [p, q]
}
function none() {
    inside = 1
}"""


class Writer:
    """Writes statements; what is drawn decides all of them."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def one(self, *words: str) -> str:
        return self.random.choice(words)

    def atom(self) -> str:
        return self.one(*self.one_of(NUMBERS, NUMBERS, TEXTS, LISTS, OTHERS))

    def one_of(self, *groups: tuple[str, ...]) -> tuple[str, ...]:
        return self.random.choice(groups)

    def expression(self, depth: int = 3, functions: tuple[str, ...] = FOUR) -> str:
        """Mostly an expression."""
        if depth <= 0 or self.random.random() < 0.2:
            return self.atom()

        def part() -> str:
            return self.expression(depth - 1, functions)

        shapes: tuple[Callable[[], str], ...] = (
            lambda: f"{part()} {self.one(*BINARY)} {part()}",
            lambda: f"{part()} {self.one(*BINARY)} {part()}",
            lambda: f"{self.one(*NUMBERS)} {self.one(*BINARY)} {self.one(*NUMBERS)}",
            lambda: f"{self.one(*TEXTS)} {self.one('+', '*', '%', 'in', '<', '==')} {self.atom()}",
            lambda: f"{self.one(*LISTS)} {self.one('+', '*', '<', '==')} {self.one(*LISTS, *NUMBERS[:3])}",
            lambda: (
                f"{self.one('1', '2', '-3', '2.5', 'a', 'b', 'f', 's')} ** {self.one('0', '2', '3', '-1', 'a', 's')}"
            ),
            lambda: (
                f"{self.one('1', '5', 'a', 'b', 'big', 's')} {self.one('<<', '>>')} {self.one('0', '3', 'a', 'b', '70')}"
            ),
            lambda: f"{self.one('-', '+', '~', 'not ')}{part()}",
            lambda: f"({part()})",
            lambda: f"{part()} if {part()} else {part()}",
            lambda: f"{part()} < {part()} {self.one('<', '==', '>=')} {part()}",
            lambda: f"{self.one(*functions)}({part()})",
            lambda: f"{self.one(*functions)}({part()}) + 0",
            lambda: f"{self.one(*functions)}({part()}, {part()})",
            lambda: f"{self.one(*TEXTS, *LISTS, 'd', 'a', 'f')}.{self.one(*METHODS)}",
            lambda: f"{self.one('xs', 'l', 's', 'u', 'd', 'row')}[{part()}]",
            lambda: (
                f"{self.one('xs', 's', 'l')}[{self.one('', '1', 'b', '-2')}:{self.one('', 'a', '-1', 's')}:{self.one('', '2', '-1', 'z')}]"
            ),
            lambda: f"[{part()}, {part()}]",
            lambda: f"{{{part()}: {part()}}}",
            lambda: f"[{self.one('p', 'p + 1', 'p * a', 'str(p)', 'q', part())} for p in {part()}]",
            lambda: f"[p for p in {part()} if {self.one('p', 'p > 1', 'p != a', part())}]",
            lambda: (
                f"f'{{{self.one('a', 'f', 's', 'xs', 'd', 'unknown', 'a + b')}{self.one('', '!r', '!s', ':>6', ':.2f', ':05', ':x')}}}'"
            ),
        )
        return self.random.choice(shapes)()

    def argument(self) -> str:
        return self.expression(2) if self.random.random() < 0.25 else self.one(*ARGUMENTS)

    def arguments(self, *counts: int) -> str:
        return self.one(", ", ", ", ",").join(self.argument() for _ in range(self.random.choice(counts)))

    def call(self) -> str:
        """A call of a function of the script, or of what is none."""
        return f"{self.one('twice', 'twice', 'pair', 'pair', 'none', 'nobody', 'len', 'str')}({self.arguments(0, 1, 1, 2, 2, 3)})"

    def statement(self, number: int) -> str:
        """One or more lines. What it finds out stands in `r<number>`, where it comes to that."""
        name = f"r{number}"
        shapes: tuple[Callable[[], str], ...] = (
            lambda: f"{name} = {self.expression()}",
            lambda: f"{name} = {self.expression()}",
            lambda: f"{name} = {self.expression()}",
            lambda: f"{name} = {self.one(*ARGUMENTS)}",
            lambda: f"addVar({name}, {self.argument()})",
            lambda: f"addVar({name}, {self.argument()})",
            lambda: f"addVar({self.one(*TARGETS)}, {self.argument()})",
            lambda: f"addResult({self.argument()})",
            lambda: f"{name} = {self.call()}",
            lambda: f"{name} = {self.call()}{self.one(' + 1', ' * 2', ' + twice(a)', '[0] + 0', ' % 3')}",
            lambda: f"{name} = {self.one('1 + ', '-', 'not ')}{self.call()}",
            lambda: f"{name} = twice({self.expression(2)})",
            lambda: f"addVar({name}, {self.call()})",
            lambda: self.call(),
            lambda: f"function g{number}(p, q) {{\n{self.body(number)}\n}}\n{name} = g{number}({self.arguments(1, 2)})",
            lambda: f"startLoop(i, {self.one(*BOUNDS)}, {self.one(*BOUNDS)})\n{name} = {self.expression(1)}\nendLoop()",
            lambda: self.choice(f"None, None, `{self.expression(2)}`", name),
            lambda: self.choice(f"{self.argument()}, {self.argument()}, {self.one(*CONDITIONS)}", name),
            lambda: f"getListLen({self.argument()}, {name})",
            lambda: f"itemFromList({self.argument()}, {self.argument()}, {name})",
            lambda: f"AddvariableToJSON({self.argument()}, {self.argument()}, {name})",
            lambda: f"replace({self.argument()}, {self.argument()}, {self.argument()}, {name})",
            lambda: f"encodeMD5({self.argument()}, {name})",
            lambda: (
                f"v{self.random.randrange(3)} = {self.expression(2)}\naddVar(v0, {self.argument()})\n{name} = v0 + v1"
            ),
        )
        return self.random.choice(shapes)()

    def body(self, number: int) -> str:
        """What a function does with its parameters `p` and `q`."""
        lines = (
            f"o{number} = {self.expression(2)}",
            f"o{number} = {self.one('p + q', 'p', 'q + 0', 'twice(p) + 0', 'pair(p, q)', '[p, q, a]')}",
            f"addVar(o{number}, {self.one('p', 'q + 0', 'a + 0')})",
        )
        functions = FOUR + PURE
        return f"{self.one(*lines)}\nreturn {self.one('p', 'q + 0', f'o{number}', self.expression(2, functions))}"

    def choice(self, arguments: str, name: str) -> str:
        # The `eval` of the definition of `if` shows such names on CPython; no expression of a script does on the VM.
        shown = arguments.replace("__class__", "none").replace("__import__", "none")
        return f"if({shown})\n{name} = 1\nelse()\n{name} = 2\nend()"


def enclosed(statements: list[str]) -> str:
    """The script whose statements end nothing when they fail."""
    parts = [f"try()\n{statement}\nexception(m{number})" for number, statement in enumerate(statements)]
    return "\n".join([PRELUDE, *parts])


def statements(seed: int, count: int) -> list[str]:
    """`count` statements."""
    writer = Writer(Random(seed))
    return [writer.statement(number) for number in range(count)]


def fixed(batch: int) -> list[list[str]]:
    """Every argument in every place, and every word of an expression alone, `batch` statements at a time."""
    found: list[str] = []
    for argument in ARGUMENTS:
        # A `range` of the VM holds numbers of 64 bits.
        bound = "9" if argument == "big + 1" else argument
        for shape in ("addVar(r{0}, {1})", "r{0} = {1}", "r{0} = pair({1})", "r{0} = 0 + pair({1})", "addResult({1})",
                      "if({1}, 3, =)\nr{0} = 1\nend()", "if(None, None, `{1}`)\nr{0} = 1\nend()", "pair({1}, 1)",
                      "startLoop(i, 1, {2})\nr{0} = i\nbroken(1)\nendLoop()"):  # fmt: skip
            found.append(shape.format(len(found) % batch, argument, bound))
    for word in (*NUMBERS, *TEXTS, *LISTS, *OTHERS):
        for shape in ("r{0} = {1}", "r{0} = twice({1})", "addVar(r{0}, {1})"):
            found.append(shape.format(len(found) % batch, word))
    return [found[at : at + batch] for at in range(0, len(found), batch)]
