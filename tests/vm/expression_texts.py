"""Texts that are expressions, and texts that nearly are, made from a source of random numbers."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

ATOMS = (
    "a", "b", "x", "1", "0", "12", "0x1f", "0b1", "1_0", "1.5", ".5", "2.", "1e3", "1e-9", '"s"', "'q'", 'f"{a}"',
    'b"z"', "f'{a!r:>{b}}'", "None", "True", "False", "...", "[]", "()", "{}", '"a" "b"', 'r"\\n"', "a.b", "xs[0]",
)  # fmt: skip
RARE_ATOMS = (
    '"\\x41\\u00e9\\n"', '"\\N{BULLET}"', '"\\ud800"', '"\\777"', 'b"\\377"', 'f"{a=}"', 'f"{ a = }"', 'f"{{}}"',
    '"""t"""', "ñ", "ﬁ", "0777", "1__0", "5j", 'rb"x\\y"', 'f"{a:{b}}"', 'f"{a:{b:{x}}}"', 'f""', '"x" f"{a}y" "z"',
    "1if", "99999999999999999999", '"\\N{nope}"', "1e400", 'f"{lambda x: 1}"', 'f"{(lambda x: 1)}"', 'f"{a!=b}"',
    'f"{a:=5}"', 'f"{a,b}"', 'f"{*a,b}"', 'f"{}"', 'f"{x for x in a}"', 'f"}"', "f'{\"q\"}'", 'f"{a!x}"', 'f"\\{a}"',
    'f"\\N{BULLET}{a}"', 'rf"\\{a}"', "__x__", "__y", "0xfor", "1_000.5_5", "00", "0_0", "1.e5", 'U"x"', 'bR"x"',
    'ur"x"', "f\"{a['k']}\"", 'f"{a:%Y-%m}"',
)  # fmt: skip
PIECES = (
    "+", "-", "*", "/", "//", "%", "**", "@", "|", "&", "^", "<<", ">>", "~", "not", "and", "or", "in", "is", "is not",
    "not in", "<", ">", "<=", ">=", "==", "!=", "if", "else", "for", "lambda", "lambda x:", "lambda *a, b=1:",
    "lambda a,/,b,*,c:", "(", ")", "[", "]", "{", "}", ",", ":", ":=", "=", ".", ".a", "for x in", "for a, *b in",
    "for (a) in", "if a else", "a=", "\n", "#c", "\t", "$", "?", "`", ";", "->", "+=", "await", "yield", "async", "\r",
    "\x0c", "import",
)  # fmt: skip
OPERATORS = (
    "+", "-", "*", "/", "//", "%", "**", "|", "&", "^", "<<", ">>", "@",
    "<", ">", "==", "!=", "in", "not in", "is", "is not", "<=",
)  # fmt: skip
TARGETS = ("x", "a, b", "*a, b", "(a, b)", "a.b", "a[0]", "x,", "[a,b]", "f()", "(x)")
PARAMETERS = ("", "x", "x, y=1", "*a", "**k", "x, /, y", "*, k", "x, *a, k=2, **z", "x=1, y")


def expression(random: Random, depth: int) -> str:
    """Mostly an expression."""
    if depth <= 0 or random.random() < 0.15:
        return random.choice(ATOMS if random.random() < 0.85 else RARE_ATOMS)

    def part() -> str:
        return expression(random, depth - 1)

    def parts(prefixes: tuple[str, ...], most: int = 4) -> str:
        return ", ".join(random.choice(prefixes) + part() for _ in range(random.randrange(most)))

    def clauses() -> str:
        first = f"for {random.choice(TARGETS)} in {part()}"
        return first + random.choice(("", f" if {part()}", f" if {part()} if {part()}", f" for y in {part()}"))

    def operation() -> str:
        return f"{part()} {random.choice(OPERATORS)} {part()}"

    def logic() -> str:
        return f"{part()} {random.choice(('and', 'or'))} {part()} {random.choice(('and', 'or'))} {part()}"

    def index() -> str:
        first = part()
        inner = (first, ":", f"{first}:{part()}:{part()}", "::-1", f"{first},", f"*{first}", f"y:={first}", f"{first}:")
        return f"{part()}[{random.choice(inner)}]"

    def mapping() -> str:
        pairs = [random.choice((f"{part()}: {part()}", f"**{part()}")) for _ in range(random.randrange(3))]
        return f"{{{', '.join(pairs)}}}"

    def formatted() -> str:
        prefix = random.choice(("f", "rf", "F"))
        return (
            prefix + '"' + random.choice(("", "t", "{{")) + "{" + part() + random.choice(("", "!r", ":>3", "=")) + '}"'
        )

    shapes: tuple[Callable[[], str], ...] = (
        operation,
        operation,
        logic,
        lambda: random.choice(("-", "+", "~", "not ")) + part(),
        lambda: f"{part()} if {part()} else {part()}",
        lambda: f"({part()})",
        lambda: f"[{parts(('', '', '*'))}]",
        lambda: f"({parts(('', '', '*', 'y := '))}{random.choice(('', ','))})",
        mapping,
        lambda: f"{{{part()}, {parts(('', '*'), 3)}}}",
        lambda: f"{part()}.{random.choice(('a', 'upper', 'real', 'ñ'))}",
        index,
        lambda: f"{part()}({parts(('', '', '*', '**', 'k=', 'j=', 'z:='))})",
        lambda: f"[{part()} {clauses()}]",
        lambda: f"({part()} {clauses()})",
        lambda: f"{{{part()}: {part()} {clauses()}}}",
        lambda: f"lambda {random.choice(PARAMETERS)}: {part()}",
        formatted,
        lambda: f"f({part()} {clauses()})",
        lambda: f"(w := {part()})",
    )
    return random.choice(shapes)()


def broken(random: Random, text: str) -> str:
    """The text after a few changes."""
    for _ in range(1 + random.randrange(2)):
        at = random.randrange(len(text) + 1)
        to = random.randrange(len(text) + 1)
        match random.randrange(4):
            case 0:
                text = text[:at] + random.choice(PIECES) + text[at:]
            case 1:
                text = text[:at] + text[at + 1 :]
            case 2:
                text = text[:at] + random.choice(ATOMS + RARE_ATOMS) + text[at:]
            case _:
                text = text[: min(at, to)] + text[max(at, to) :]
    return text


def any_text(random: Random) -> str:
    """An expression, a broken one, or words in a row; without blanks at its ends, as a script has it."""
    kind = random.random()
    if kind < 0.6:
        text = expression(random, random.randrange(1, 4))
    elif kind < 0.9:
        text = broken(random, expression(random, random.randrange(1, 4)))
    else:
        text = " ".join(random.choice(PIECES + ATOMS + RARE_ATOMS) for _ in range(random.randrange(1, 9)))
    return text.strip()
