"""Scripts of every kind of line, in any order, made from a source of random numbers."""

from __future__ import annotations

from random import Random

LINES = (
    "if(a, 1, =)", "if (a + 1, b, >)", "if(None, None, `a > 3`)", "if(a, 1, ==", "else()", "else ()", "else", "end()",
    "endLoop()", "end", "startLoop(i, 1, n * 2)", "startLoop (i, 1, 3)", "function f(a, b) {", "function g() {",
    "function f(a) { return a }", "function h( a , , b", "}", "} tail(1)", "{", "  }", "return a + 1", "return(a, b)",
    "return(5)", "return()", "return", "x = 1", "x == 1", "x += 1", "x = f(1)", "x = f(1) + 2", "x = f (a, b) * 2",
    "x = len(a)", "x = (3)", "x = \"%s\" % (a)", "x = {\"a\": 1}", "x = \"{\"", "x =", "= 1", "addVar(t, \"p=q\")",
    "addVar(a, , b,)", "addVar(\"a, b\", 'c', d)", "f(don't, b)", "f([1, 2], {1: 2}, `x, y`)", "f(g(1, 2), h)",
    "f(5, -5, 007, 1_0, .5, 2., 1e3, 1.5e3, 1__0, ٣, +7, 99999999999999999999)", "f(\"\", '', \"'\", '\"a\"')",
    "f(a) // note", "f(a);", "f(a) b) c", "junk", "// comment", "# note", "# x = 1", "", "   ", "\t f(a)\r", "(1)",
    "a b(c)", "\u00a0f(\u2003a\u2003)\u00a0", "f(\"A \" + x + \"!\")", "exception(e)", "try()", "elseif(a, 1, =)",
    "f (a)", "f(",
)  # fmt: skip


def any_script(random: Random) -> str:
    """Up to 14 lines."""
    return "\n".join(random.choice(LINES) for _ in range(random.randrange(15)))
