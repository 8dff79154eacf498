"""A plain interpreter of AVAP scripts over the embedded definitions: parse, resolve, call, answer.

It exists to show that the definitions are right, so it is written for reading: each part follows one part of the
language's description, quirks included. All commands but assignment, return, functions and loops are the catalogue's.
"""

from __future__ import annotations

import ast
import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .connector import CATALOG, Connector, Query, run

OPERATORS = "+-*/%"
FOUR: dict[str, Any] = {"str": str, "int": int, "float": float, "len": len}
PURE: dict[str, Any] = {
    built.__name__: built
    for built in (
        str, int, float, len, max, min, sum, abs, round, sorted, range, list, dict, tuple, set, bool, any, all, zip,
        enumerate,
    )
}  # fmt: skip

Node = dict[str, Any]


class ScriptError(Exception):
    """An error of the language itself. Its text is what the script sees."""


@dataclass(frozen=True)
class Function:
    """A user function: parameter names and parsed body."""

    parameters: list[str]
    body: list[Node]


# --- Lines and arguments ---------------------------------------------------------------------------------------------


def split_arguments(text: str) -> list[str]:
    """Split at commas outside quotes and parentheses; blanks are stripped and empty pieces dropped."""
    pieces, piece, quote, depth = [], "", "", 0
    for char in text:
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in "()":
            depth += 1 if char == "(" else -1
        elif char == "," and depth == 0:
            pieces.append(piece)
            piece = ""
            continue
        piece += char
    return [stripped for stripped in (part.strip() for part in [*pieces, piece]) if stripped]


def argument_value(piece: str) -> Any:
    """A piece's value: quoted text, float, int, or the text itself."""
    if len(piece) > 1 and piece[0] == piece[-1] and piece[0] in "\"'":
        return piece[1:-1]
    try:
        return float(piece) if "." in piece else int(piece)
    except ValueError:
        return piece


def call_parts(text: str) -> tuple[str, list[Any]]:
    """Name and arguments of a call: between the first `(` and the last `)`."""
    name, _, rest = text.partition("(")
    inner = rest[: rest.rfind(")")]
    return name.strip(), [argument_value(piece) for piece in split_arguments(inner)]


def is_pure_call(text: str) -> bool:
    """An assignment's right side that is a command call: none of `+ - * /` in it, and `%` does not count."""
    return "(" in text and text.endswith(")") and not any(operator in text for operator in "+-*/")


def make_node(kind: str, properties: list[Any], context: str | None = None, **children: Any) -> Node:
    """A statement as `process_step` takes it."""
    return {"type": kind, "properties": properties, "context": context, **children}


class Parser:
    """Text to nodes. Functions are registered as they are met, nested ones too."""

    def __init__(self) -> None:
        self.functions: dict[str, Function] = {}

    def parse(self, text: str) -> list[Node]:
        """The program's top-level nodes."""
        return self._block([line.strip() for line in text.strip().split("\n")])

    def _block(self, lines: list[str]) -> list[Node]:
        program: list[Node] = []
        open_blocks: list[tuple[Node, list[Node]]] = []
        current = program
        position = 0
        while position < len(lines):
            line = lines[position]
            position += 1
            if not line or line.startswith("//"):
                continue
            if line.startswith(("if(", "if (")):
                node = make_node("if", call_parts(line)[1], branches={"true": [], "false": []})
                current.append(node)
                open_blocks.append((node, current))
                current = node["branches"]["true"]
            elif line.startswith(("else()", "else (")):
                if open_blocks:
                    current = open_blocks[-1][0]["branches"]["false"]
            elif line.startswith(("end()", "endLoop()")):
                if open_blocks:
                    current = open_blocks.pop()[1]
            elif line.startswith("startLoop("):
                node = make_node("startLoop", call_parts(line)[1], sequence=[])
                current.append(node)
                open_blocks.append((node, current))
                current = node["sequence"]
            elif line.startswith("function "):
                position = self._function(line, lines, position)
            elif (statement := self._statement(line)) is not None:
                current.append(statement)
        return program

    def _function(self, header: str, lines: list[str], position: int) -> int:
        """Collect a body up to the line that balances the header's brace, which is dropped with all it holds."""
        name, _, rest = header.removeprefix("function ").partition("(")
        parameters = [part.strip() for part in rest.partition(")")[0].split(",") if part.strip()]
        body: list[str] = []
        depth = 1
        while position < len(lines):
            line = lines[position]
            position += 1
            depth += line.count("{") - line.count("}")
            body.append(line)
            if depth == 0:
                break
        self.functions[name.strip()] = Function(parameters, self._block(body[:-1]))
        return position

    @staticmethod
    def _statement(line: str) -> Node | None:
        if line.startswith("return "):
            return make_node("return", [line.removeprefix("return ").strip()])
        if "=" in line:
            target, _, right = line.partition("=")
            target, right = target.strip(), right.strip()
            if is_pure_call(right):
                name, arguments = call_parts(right)
                return make_node(name, arguments, target)
            return make_node("assign", [right], target)
        if "(" in line and ")" in line:
            name, arguments = call_parts(line)
            return make_node(name, arguments)
        return None


# --- Expressions -----------------------------------------------------------------------------------------------------


def evaluate(text: str, functions: Mapping[str, Any], names: Mapping[Any, Any]) -> Any:
    """An expression's value; raises whatever goes wrong. Names with two underscores at both ends are refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of `1 is 1`
        tree = ast.parse(text.strip(), mode="eval")
        for node in ast.walk(tree):
            name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
            if name.startswith("__") and name.endswith("__"):
                raise ScriptError(f"name '{name}' is not defined")
        code = compile(tree, "<expression>", "eval")
    # Two dicts: inner scopes (comprehensions, lambdas) see only the functions.
    return eval(code, {"__builtins__": {}, **functions}, dict(names))


# --- Execution -------------------------------------------------------------------------------------------------------


@dataclass
class Execution:
    """One request: its connector, its functions and its frames. The first frame is the one outside any function."""

    connector: Connector
    functions: dict[str, Function]
    frames: list[dict[str, Any]] = field(default_factory=lambda: [{}])
    logs: list[dict[str, Any]] = field(default_factory=list)

    @property
    def variables(self) -> dict[Any, Any]:
        """The shared map."""
        return self.connector.variables

    def program(self, nodes: list[Node]) -> None:
        """The top-level statements: the only place where the try counter is looked at."""
        for node in nodes:
            try:
                self.step(node)
            except Exception as error:
                if self.connector.try_level <= 0:
                    raise
                self.variables["__last_error__"] = str(error)
                self.logs.append({"command": node["type"], "success": False})
            else:
                self.logs.append({"command": node["type"], "success": True})

    def step(self, node: Node) -> Any:
        """One statement. The value matters to user functions only."""
        kind, arguments, context = node["type"], node["properties"], node["context"]
        if kind == "startLoop":
            return self._loop(arguments, node.get("sequence", []))
        if kind == "return":
            return self._returned(arguments)
        if kind in self.functions and kind != "if":
            value = self._call(kind, [self._looked_up(argument) for argument in arguments])
            if context is not None:
                self.variables[context] = value
            return value
        if kind == "assign":
            self._assign(context, arguments[0])
            return None
        if kind not in CATALOG:
            raise ScriptError(f"Command not found: {kind}")
        resolved = arguments if kind == "if" else [self._argument(argument) for argument in arguments]
        self.connector.local_vars = self.frames[-1] if len(self.frames) > 1 else {}
        run(
            self.connector,
            kind,
            *resolved,
            context=context,
            branches=node.get("branches"),
            process_step=self.step,
        )
        return None

    def _loop(self, arguments: list[Any], body: list[Node]) -> None:
        name = arguments[0]
        first, last = (int(self._looked_up(arguments[index], by_name=False)) for index in (1, 2))
        for count in range(first, last + 1):
            self.variables[name] = count
            for child in body:
                self.step(child)

    def _call(self, name: str, values: list[Any]) -> Any:
        function = self.functions[name]
        self.frames.append(dict(zip(function.parameters, values, strict=False)))
        try:
            for node in function.body:
                value = self.step(node)
                if node["type"] == "return":
                    return value
            return None
        finally:
            self.frames.pop()

    def _assign(self, target: str | None, text: str) -> None:
        name = text.partition("(")[0].strip()
        if "(" in text and ")" in text and name in self.functions:
            inner = text[text.index("(") + 1 : text.rindex(")")]
            value = self._call(name, [evaluate(inner, FOUR, self._names())])
        else:
            value = self._expression(text, FOUR, lambda: self._names().get(text, text))
        self.variables[target] = value
        self.frames[-1][str(target)] = value

    def _returned(self, arguments: list[Any]) -> Any:
        if not arguments or not isinstance(arguments[0], str):
            return arguments[0] if arguments else None
        text = arguments[0]
        return self._expression(text, PURE, lambda: self._names().get(text, text))

    def _argument(self, value: Any) -> Any:
        """An argument for a command of the catalogue."""
        if not isinstance(value, str):
            return value
        if self._is_nested_call(value):
            return self._nested(value)
        if ("(" in value and ")" in value) or any(operator in value for operator in OPERATORS):
            if value in self._names():
                return self._names()[value]
            return self._expression(value, FOUR, lambda: value)
        if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            return value[1:-1]
        return value

    def _looked_up(self, value: Any, *, by_name: bool = True) -> Any:
        """An argument of a user function, or (not `by_name`) a loop's bound."""
        if isinstance(value, str):
            if self._is_nested_call(value):
                value = self._nested(value)
            elif value in self._names():
                value = self._names()[value]
            elif any(char in value for char in OPERATORS + "\"'"):
                text = value
                value = self._expression(text, FOUR, lambda: text)
        if by_name and isinstance(value, str):
            if value in self._names():
                return self._names()[value]
            if value.isdigit():
                return int(value)
        return value

    @staticmethod
    def _is_nested_call(text: str) -> bool:
        return "(" in text and ")" in text and not any(operator in text for operator in OPERATORS)

    def _nested(self, text: str) -> Any:
        name, arguments = call_parts(text)
        return self.step(make_node(name, arguments))

    def _names(self) -> dict[Any, Any]:
        return {**self.variables, **self.frames[-1]}

    def _expression(self, text: str, functions: Mapping[str, Any], otherwise: Callable[[], Any]) -> Any:
        try:
            return evaluate(text, functions, self._names())
        except Exception:
            return otherwise()


# --- The request -----------------------------------------------------------------------------------------------------


def execute(body: object, query: Query) -> tuple[int, dict[str, Any]]:
    """What `/api/v1/execute` answers: status, and the body as JSON has it."""
    raw = body if isinstance(body, str) else json.dumps(body)
    try:
        request = json.loads(raw)
        script = request.get("script")
        if not script:
            raise ScriptError("Script cannot be empty")
        connector = Connector(variables=request.get("variables", {}), query=query, body=raw.encode())
        parser = Parser()
        execution = Execution(connector, parser.functions)
        execution.program(parser.parse(script))
        answer = {
            "success": True,
            "result": connector.results,
            "variables": connector.variables,
            "logs": execution.logs,
        }
        return status_of(connector.variables), json.loads(json.dumps(answer))
    except Exception as error:
        return 400, {"success": False, "error": str(error)}


def status_of(variables: Mapping[Any, Any]) -> int:
    """200, or what `_status` says if that is a status."""
    try:
        status = int(variables.get("_status", 200))
    except (TypeError, ValueError, OverflowError):
        return 200
    return status if 100 <= status <= 599 else 200
