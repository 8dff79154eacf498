"""Scripts made to harm, by what they try, each with the answer that it must get."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

LIMIT_MS = 400
"""What each is given; then the answer is 504."""

Outcomes = frozenset[tuple[int, str | None]]
"""Status and code of an answer; several where it depends on the host which limit comes first."""

RECURSION = frozenset({(400, "recursion")})
MEMORY = frozenset({(400, "memory_exceeded")})
OUTPUT = frozenset({(400, "output_exceeded")})
TOO_LARGE = frozenset({(400, "script_too_large")})
FUEL = frozenset({(400, "fuel_exhausted")})
FAILED = frozenset({(400, "script_error")})
NOT_SERIALIZABLE = frozenset({(400, "not_serializable")})
TOO_DEEP = frozenset({(400, "too_deep")})
NOT_FOUND = frozenset({(400, "command_not_found")})
DEADLINE = frozenset({(504, "deadline_exceeded")})
ANSWERED = frozenset({(200, None)})


LONG_BYTES = 5_000
"""A script of so many takes so long to compile that on a busy host the limit may come first."""


@dataclass(frozen=True)
class Attack:
    """One request."""

    script: str
    expected: Outcomes
    variables: str = "{}"
    """JSON, as it is sent."""
    shows: str = ""
    """Text that the answer must hold."""
    hides: tuple[str, ...] = field(default=())
    """Texts that it must not."""

    @property
    def body(self) -> bytes:
        """The request's body."""
        script = json.dumps(self.script)
        return f'{{"script": {script}, "variables": {self.variables}, "timeout_ms": {LIMIT_MS}}}'.encode()

    @property
    def outcomes(self) -> Outcomes:
        """The answers that are right."""
        return self.expected | DEADLINE if len(self.script) > LONG_BYTES else self.expected


def loop(turns: int, *lines: str) -> str:
    """These lines so many times."""
    return "\n".join((f"startLoop(i, 1, {turns})", *lines, "endLoop()"))


def nested(text: str, times: int, core: str, close: str) -> str:
    """A text inside itself."""
    return text * times + core + close * times


IDENTITY = "function f(v) {\n  return v\n}\n"
COLLIDING = json.dumps({str(number * (2**61 - 1)): number for number in range(50_000)})
LIST_IN_ITSELF = "variableToList(1, x)\nvariableToList(x, x)\n"
LISTS_IN_THEMSELVES = LIST_IN_ITSELF + LIST_IN_ITSELF.replace("x", "y")
HIDDEN = ("<module", "<class", "<built-in", "root:", "<frozen", "object at 0x")


def _secret(expression: str) -> Attack:
    # An expression that fails is stored as its text: nothing of the machine shows.
    return Attack(f"x = [{expression}] * 1\naddResult(x)", ANSWERED, hides=HIDDEN)


SOURCE_NESTING = {
    "blocks of if": Attack("if(1, 1, =)\n" * 3_000 + "x = 1", RECURSION),
    "blocks of if to the limit of statements": Attack("if(1, 1, =)\n" * 20_000, RECURSION),
    "blocks of if to the size limit": Attack("if(1, 1, =)\n" * 80_000, TOO_LARGE),
    "loops in loops": Attack("startLoop(i, 1, 1)\n" * 3_000 + "x = 1", ANSWERED | TOO_LARGE),
    "loops in loops that all turn": Attack("startLoop(i, 1, 9)\n" * 200 + "x = 1", DEADLINE),
    "calls in calls": Attack(IDENTITY + f"addVar(x, {nested('f(', 3_000, '1', ')')})", RECURSION),
    "calls in calls to the size limit": Attack(IDENTITY + f"addVar(x, {nested('f(', 300_000, '1', ')')})", RECURSION),
    "functions in functions": Attack("".join(f"function f{n}(v) {{\n" for n in range(20_000)), ANSWERED),
    "parentheses": Attack(f"x = 0 + {nested('(', 100_000, '1', ')')}", ANSWERED),
    "brackets": Attack(f"x = {nested('[', 190, '1', ']')}", ANSWERED),
    "brackets over the limit": Attack(f"x = {nested('[', 100_000, '', ']')}", ANSWERED),
    "braces": Attack("x = " + "{1: " * 100_000, ANSWERED),
    "signs": Attack("x = " + "-" * 500_000 + "1", ANSWERED),
    "not": Attack("x = " + "not " * 200_000 + "1", ANSWERED),
    "powers": Attack("x = 1" + "**1" * 200_000, ANSWERED),
    "lambdas": Attack("x = " + "lambda: " * 100_000 + "1", ANSWERED),
    "choices": Attack("x = " + "1 if 1 else " * 80_000 + "1", ANSWERED),
    "f-strings": Attack("x = " + "f'{" * 100_000, ANSWERED),
    "quotes that never end": Attack("addVar(x, " + "\"'" * 400_000 + ")", TOO_LARGE),
    "parentheses in a condition": Attack(f"if(0, 0, `{nested('(', 100_000, '1', ')')}`)\nx = 1\nend()", ANSWERED),
}

FLAT_CHAINS = {
    "a + a": Attack("x = a" + " + a" * 200_000, ANSWERED, '{"a": 1}'),
    "a + a that just fits": Attack("x = a" + "+a" * 2_800 + "\naddResult(x)", ANSWERED, '{"a": 1}', '"x": 2801'),
    "a.b.c": Attack("x = a" + ".b" * 400_000, ANSWERED, '{"a": {"b": 1}}'),
    "a[0][0]": Attack("x = a" + "[0]" * 300_000, ANSWERED, '{"a": [1]}'),
    "a()()": Attack("x = 1 + a" + "()" * 400_000, ANSWERED, '{"a": 1}'),
    "a and a": Attack("x = a" + " and a" * 150_000, TOO_LARGE, '{"a": 1}'),
    "a < a": Attack("x = a" + " < a" * 200_000, TOO_LARGE, '{"a": 1}'),
    "a, a": Attack("x = [" + "a, " * 300_000 + "]", TOO_LARGE, '{"a": 1}'),
    "texts side by side": Attack("x = " + "'a' " * 200_000, TOO_LARGE),
    "a + a in a condition": Attack("if(0, 0, `a" + "+a" * 400_000 + "`)\nx = 1\nend()", MEMORY, '{"a": 1}'),
    "arguments": Attack("addVar(" + "a," * 500_000 + ")", TOO_LARGE, '{"a": 1}'),
}

HUGE = {
    "a literal": Attack("x = '" + "a" * 1_000_000 + "'\naddResult(x)", ANSWERED),
    "an int of 5,000 digits": Attack("x = " + "9" * 5_000, ANSWERED),
    "an argument of 5,000 digits": Attack("addVar(x, " + "9" * 5_000 + ")", FAILED),
    "an argument of a million digits": Attack("addVar(x, " + "9" * 1_000_000 + ")", FAILED),
    "an int that cannot be shown": Attack("x = 10 ** 100000\naddResult(x)", NOT_SERIALIZABLE),
    "a tower of powers": Attack("x = 9 ** 9 ** 9 ** 9", MEMORY),
    "a shift": Attack("x = 1 << 10 ** 12", MEMORY),
    "products": Attack("x = 3\n" + loop(100, "x = x * x"), MEMORY),
    "s * n": Attack('x = "ab" * 10000000000', MEMORY),
    "l * n": Attack("x = [0] * 10000000000", MEMORY),
    "s + s": Attack('x = "ab"\n' + loop(100, "x = x + x"), MEMORY),
    "l + l": Attack("x = [0]\n" + loop(100, "x = x + x"), MEMORY),
    "a width": Attack('x = f"{1:>10000000000}"', MEMORY),
    "a precision": Attack('x = "%.2000000000f" % 1.5', MEMORY),
    "an old width": Attack('x = "%2000000000d" % 1', MEMORY),
    "replace": Attack(
        'x = "a" * 100000\ny = "b" * 100000\nz = "" + x.replace("a", y)\naddResult(z)', MEMORY | ANSWERED
    ),
    "the command replace": Attack(f"e = '.'\nreplace(s, e, s, t)\n{loop(9, 'replace(t, e, s, t)')}", MEMORY,
                                  json.dumps({"s": "a" * 3_000})),
    "a list that grows": Attack(loop(10**9, "variableToList(i, x)"), MEMORY | DEADLINE),
    "a list of lists": Attack(loop(10**9, "variableToList(x, y)", "variableToList(y, x)"), MEMORY | DEADLINE),
    "a variable for each turn": Attack('k = "k"\n' + loop(10**9, "AddvariableToJSON(k, i, d)", "k = k + 'x'"),
                                       MEMORY | DEADLINE),
    "an answer over the limit": Attack('x = "ñ" * 3000000\naddResult(x)', OUTPUT | DEADLINE),
    "a script over the limit": Attack("x = 1\n" + "a" * (1 << 20), TOO_LARGE),
    "random text": Attack('p = "a{100000000}"\nrandomString(p, 100000000, x)', MEMORY | DEADLINE),
}  # fmt: skip

PATTERNS = {
    "(a+)+$": Attack("getRegex(s, p, x)", FUEL, json.dumps({"s": "a" * 60 + "b", "p": "(a+)+$"})),
    "(a|aa)+$": Attack("getRegex(s, p, x)", FUEL, json.dumps({"s": "a" * 80 + "b", "p": "(a|aa)+$"})),
    "(.*)(.*)(.*)x": Attack("getRegex(s, p, x)", FUEL, json.dumps({"s": "a" * 3_000, "p": "(.*)(.*)(.*)(.*)x"})),
    "counted repeats in repeats": Attack(
        "getRegex(s, p, x)", ANSWERED, json.dumps({"s": "a", "p": "((a{1000}){1000}){1000}"})
    ),
    "groups in groups": Attack("getRegex(s, p, x)", RECURSION, json.dumps({"s": "a", "p": "(" * 50_000})),
    "a pattern of a megabyte": Attack("getRegex(s, p, x)", FAILED, json.dumps({"s": "a", "p": "a" * 1_000_000})),
    "in the command replace": Attack(
        "replace(s, p, q, x)", FUEL, json.dumps({"s": "a" * 60 + "b", "p": "(a+)+$", "q": ""})
    ),
}

ENDLESS = {
    "a loop": Attack(loop(10**9, "x = i"), DEADLINE),
    "an empty loop": Attack(loop(10**9), DEADLINE),
    "a loop after try": Attack("try()\n" + loop(10**9, "x = i") + "\nexception(e)\naddResult(e)", DEADLINE),
    "commands in a loop": Attack(loop(10**9, "addVar(x, i)"), DEADLINE),
    "conditions in a loop": Attack(loop(10**9, "if(i, 5, >)", "addVar(x, i)", "end()"), DEADLINE),
    "errors in a loop": Attack("try()\n" + loop(10**9, "nothing()"), ANSWERED),
    "a function in a loop": Attack(IDENTITY + loop(10**9, "x = f(i)"), DEADLINE),
    "a function that calls itself": Attack("function f(v) {\n  f(v)\n}\nf(1)", RECURSION),
    "functions that call each other": Attack("function a(v) {\n  b(v)\n}\nfunction b(v) {\n  a(v)\n}\na(1)", RECURSION),
    "functions that call each other in expressions": Attack(
        "function a(v) {\n  r = b(v)\n  return r\n}\nfunction b(v) {\n  r = a(v)\n  return r\n}\nx = a(1)", RECURSION
    ),
    "a tree of calls": Attack("function f(v) {\n  try()\n  f(v)\n  f(v)\n}\nf(1)", ANSWERED),
    "a function in its own argument": Attack("function f(v) {\n  x = f(f(v))\n  return x\n}\ny = f(1)", RECURSION),
}

MANY = {
    "assignments": Attack("a=b\n" * 250_000, TOO_LARGE),
    "assignments of their own": Attack("".join(f"a{n}={n}\n" for n in range(60_000)), TOO_LARGE),
    "assignments that just fit": Attack("a=b\n" * 15_000, ANSWERED, '{"b": 1}'),
    "commands": Attack("addVar(a,1)\n" * 80_000, TOO_LARGE),
    "commands that just fit": Attack("addVar(a,1)\n" * 20_000, ANSWERED),
    "calls of nothing": Attack("f()\n" * 250_000, TOO_LARGE),
    "ends": Attack("end()\n" * 170_000, ANSWERED),
    "blocks": Attack("if(1,1,=)\nend()\n" * 60_000, TOO_LARGE),
    "functions": Attack("function f(v) {\n}\n" * 50_000, ANSWERED),
    "lines of nothing": Attack("\n" * 1_000_000, ANSWERED),
    "else": Attack("if(1,1,=)\n" + "else()\n" * 140_000, ANSWERED),
    "more than the log keeps": Attack(loop(20_000, "addVar(x, i)") + "\naddResult(x)", ANSWERED, shows='"x": 20000'),
}

VALUES = {
    "a list in itself as the result": Attack(
        LIST_IN_ITSELF + "addResult(x)", NOT_SERIALIZABLE, shows="Circular reference detected"
    ),
    "a list in itself as a variable": Attack(LIST_IN_ITSELF, NOT_SERIALIZABLE),
    "an object in itself": Attack("AddvariableToJSON(k, 1, x)\nAddvariableToJSON(k, x, x)", NOT_SERIALIZABLE),
    "lists in themselves compared": Attack(
        LISTS_IN_THEMSELVES + "if(0, 0, `x == y`)\naddVar(z, 1)\nend()\nx = 0\ny = 0", ANSWERED
    ),
    "lists in themselves compared in an assignment": Attack(
        LISTS_IN_THEMSELVES + "z = x == y\nx = 0\ny = 0", ANSWERED, shows='"z": "x == y"'
    ),
    "a deep value as the result": Attack(loop(5_000, "y = [x]", "x = y") + "\naddResult(x)", NOT_SERIALIZABLE),
    "a deep value as text": Attack(loop(5_000, "y = [x]", "x = y") + "\ny = \"\" + str(x)\nx = 0\ny = 0", ANSWERED),
    "deep variables": Attack("x = 1", TOO_DEEP, f'{{"a": {nested("[", 100_000, "", "]")}}}'),
    "variables just over the depth": Attack("x = 1", TOO_DEEP, f'{{"a": {nested("[", 200, "", "]")}}}'),
    "deep text for a literal": Attack(
        "itemFromList(s, 0, x)", FAILED | ANSWERED, json.dumps({"s": "[" * 100_000 + "]" * 100_000})
    ),
    "colliding keys": Attack("addResult(k)", ANSWERED, f'{{"k": {COLLIDING}}}'),
    "equal keys": Attack("addResult(a)", ANSWERED, "{" + '"a": 1, ' * 100_000 + '"a": 7}', '"a": 7'),
    "lone surrogates": Attack('addVar(x, "\ud800")\naddResult(x)', ANSWERED),
    "lone surrogates in variables": Attack("addResult(x)", ANSWERED, '{"x": "\\ud800", "\\udfff": 1}'),
    "NUL": Attack('addVar(x, "a\0b")\naddResult(x)', ANSWERED, shows='"a\\u0000b"'),
    "NUL as a command": Attack("\0()", NOT_FOUND),
    "numbers without end": Attack("addResult(x)", ANSWERED, '{"x": [1e999, -1e999, NaN]}'),
    "a status that is none": Attack('_status = "ok"\nx = 1', ANSWERED | FAILED),
}  # fmt: skip

REACHING_OUT = {
    "globals": _secret("globals()"),
    "locals": _secret("locals()"),
    "vars": _secret("vars()"),
    "subclasses": _secret("().__class__.__bases__[0].__subclasses__()"),
    "import": _secret('__import__("os").system("id")'),
    "builtins": _secret("__builtins__"),
    "self": _secret("self.conector.variables"),
    "open": _secret('open("/etc/passwd").read()'),
    "eval": _secret('eval("1+1")'),
    "exec": _secret('exec("x = 1")'),
    "getattr": _secret('getattr(1, "__class__")'),
    "format": _secret('"{0.__class__.__mro__}".format(1)'),
    "a frame": _secret("(lambda: 0).__code__"),
    "in a condition": Attack("if(0, 0, `().__class__.__bases__[0].__subclasses__()`)\naddVar(x, 1)\nend()", ANSWERED),
    "as a variable": Attack("addResult(__class__)\naddVar(__dict__, 1)", ANSWERED, hides=HIDDEN),
}

ATTACKS = {
    f"{kind}: {name}": attack
    for kind, attacks in {
        "nesting": SOURCE_NESTING,
        "chain": FLAT_CHAINS,
        "huge": HUGE,
        "pattern": PATTERNS,
        "endless": ENDLESS,
        "many": MANY,
        "value": VALUES,
        "reaching out": REACHING_OUT,
    }.items()
    for name, attack in attacks.items()
}
