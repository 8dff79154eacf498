"""CPython's `ast` of an expression in the text form that the VM's parser prints (vm/src/script/expression/print.rs)."""

from __future__ import annotations

import ast
from collections.abc import Iterable

UNARY = {ast.Not: "not", ast.UAdd: "+", ast.USub: "-", ast.Invert: "~"}
BINARY = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.MatMult: "@", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%",
    ast.Pow: "**", ast.LShift: "<<", ast.RShift: ">>", ast.BitOr: "|", ast.BitXor: "^", ast.BitAnd: "&",
}  # fmt: skip
COMPARE = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Is: "is",
    ast.IsNot: "is-not", ast.In: "in", ast.NotIn: "not-in",
}  # fmt: skip
CONVERSIONS = {-1: [], 115: ["!s"], 114: ["!r"], 97: ["!a"]}


class OutsideTheLanguageError(Exception):
    """Python has it, scripts do not: complex numbers, `yield`, `await`, names with two underscores at both ends."""


def tree(text: str) -> str:
    """The text form; SyntaxError and its like for what CPython does not compile."""
    parsed = ast.parse(text, mode="eval")
    compile(text, "<expression>", "eval")
    return show(parsed.body)


def form(word: str, *parts: str) -> str:
    return f"({' '.join((word, *parts))})"


def quoted(codes: Iterable[int]) -> str:
    escaped = (
        f"\\{chr(code)}" if chr(code) in '"\\' else chr(code) if 32 <= code < 127 else f"\\u{{{code:x}}}"
        for code in codes
    )
    return f'"{"".join(escaped)}"'


def name(text: str) -> str:
    if len(text) > 4 and text.startswith("__") and text.endswith("__"):
        raise OutsideTheLanguageError(text)
    return text


def show(node: ast.expr | None) -> str:
    """One node and all below it."""
    match node:
        case None:
            return "_"
        case ast.Constant(value=bytes() as value):
            return "b" + quoted(value)
        case ast.Constant(value=str() as value):
            return quoted(map(ord, value))
        case ast.Constant(value=complex()):
            raise OutsideTheLanguageError("complex")
        case ast.Constant(value=value):
            return "..." if value is ... else str(value) if isinstance(value, int) else repr(value)
        case ast.Name():
            return name(node.id)
        case ast.JoinedStr():
            return form("f", *map(show, node.values))
        case ast.FormattedValue():
            spec = [show(node.format_spec)] if node.format_spec else []
            return form("field", show(node.value), *CONVERSIONS[node.conversion], *spec)
        case ast.UnaryOp():
            return form(UNARY[type(node.op)], show(node.operand))
        case ast.BinOp():
            return form(BINARY[type(node.op)], show(node.left), show(node.right))
        case ast.BoolOp():
            return form("and" if isinstance(node.op, ast.And) else "or", *map(show, node.values))
        case ast.Compare():
            rest = zip(node.ops, node.comparators, strict=True)
            return form("compare", show(node.left), *(f"{COMPARE[type(op)]} {show(right)}" for op, right in rest))
        case ast.IfExp():
            return form("if", show(node.test), show(node.body), show(node.orelse))
        case ast.Lambda():
            return form("lambda", *parameters(node.args), ":", show(node.body))
        case ast.NamedExpr():
            return form(":=", show(node.target), show(node.value))
        case ast.List():
            return form("list", *map(show, node.elts))
        case ast.Tuple():
            return form("tuple", *map(show, node.elts))
        case ast.Set():
            return form("set", *map(show, node.elts))
        case ast.Dict():
            pairs = zip(node.keys, node.values, strict=True)
            return form("dict", *(f"{show(key) if key else '**'} {show(value)}" for key, value in pairs))
        case ast.Starred():
            return form("*", show(node.value))
        case ast.Attribute():
            return form(".", show(node.value), name(node.attr))
        case ast.Subscript():
            return form("[]", show(node.value), show(node.slice))
        case ast.Slice():
            return form("slice", show(node.lower), show(node.upper), show(node.step))
        case ast.Call():
            keywords = [form("=", keyword.arg or "**", show(keyword.value)) for keyword in node.keywords]
            return form("call", show(node.func), *map(show, node.args), *keywords)
        case ast.ListComp():
            return form("listcomp", show(node.elt), *map(clause, node.generators))
        case ast.SetComp():
            return form("setcomp", show(node.elt), *map(clause, node.generators))
        case ast.GeneratorExp():
            return form("generator", show(node.elt), *map(clause, node.generators))
        case ast.DictComp():
            return form("dictcomp", show(node.key), show(node.value), *map(clause, node.generators))
        case _:
            raise OutsideTheLanguageError(type(node).__name__)


def clause(one: ast.comprehension) -> str:
    return form("for", show(one.target), show(one.iter), *map(show, one.ifs))


def parameters(arguments: ast.arguments) -> list[str]:
    """Each parameter with its kind and default."""
    plain = [("positional-only", one.arg) for one in arguments.posonlyargs]
    plain += [("positional", one.arg) for one in arguments.args]
    missing: list[ast.expr | None] = [None] * (len(plain) - len(arguments.defaults))
    shown = []
    for (kind, arg), default in zip(plain, [*missing, *arguments.defaults], strict=True):
        shown += [kind, arg, *([show(default)] if default else [])]
    if arguments.vararg:
        shown += ["*", arguments.vararg.arg]
    for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        shown += ["keyword-only", one.arg, *([show(default)] if default else [])]
    if arguments.kwarg:
        shown += ["**", arguments.kwarg.arg]
    return shown
