"""Commands to measure with, as a segment of their own: the packaged ones, probes, and the same under other names."""

from __future__ import annotations

import ast
import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from appliance._native import SegmentBuilder
from bench.verdict import BenchError

PACKAGED = Path(__file__).resolve().parent.parent / "supervisor" / "commands"
_BLOCK_END = "\n# ///\n"
_GIVEN = frozenset({"self", "task"})
"""Names that a definition is run with: they are not its own."""


@dataclass(frozen=True, slots=True)
class Command:
    """A row of the catalogue."""

    code: str
    interface_json: str = "[]"


def packaged(folder: Path = PACKAGED) -> dict[str, Command]:
    """The commands that come with the appliance, by name. Raises BenchError."""
    found = {}
    for path in sorted(folder.glob("*.py")):
        block, end, code = path.read_text(encoding="utf-8").partition(_BLOCK_END)
        if not end:
            raise BenchError(f"no command: {path}")
        table = tomllib.loads("\n".join(line.removeprefix("#").removeprefix(" ") for line in block.splitlines()[1:]))
        found[path.stem] = Command(code, json.dumps(table.get("interface", [])))
    if not found:
        raise BenchError(f"no packaged commands: {folder}")
    return found


def renamed(commands: Mapping[str, Command]) -> dict[str, Command]:
    """The same commands with every name of their own changed and a comment before every statement."""
    return {name: replace(command, code=_renamed(command.code)) for name, command in commands.items()}


def _renamed(code: str) -> str:
    tree = ast.parse(code)
    names = {name for node in ast.walk(tree) for name in _bound(node)} - _GIVEN
    text = ast.unparse(_Renamer(names).visit(tree))
    starts = {node.lineno for node in ast.walk(ast.parse(text)) if isinstance(node, ast.stmt)}
    lines = []
    for number, line in enumerate(text.split("\n"), 1):
        # What unparse makes of elif, else and except is no statement, and has no comment.
        if number in starts and not line.lstrip().startswith("elif "):
            blanks = line[: len(line) - len(line.lstrip())]
            lines.append(f"{blanks}# what this line does, in other words")
        lines.append(line)
    return "\n".join(lines) + "\n"


def _bound(node: ast.AST) -> list[str]:
    """Names that a node gives a value to; not those that an import brings."""
    match node:
        case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
            return [name]
        case ast.FunctionDef(name=name):
            return [name]
        case ast.ExceptHandler(name=str(name)):
            return [name]
        case _:
            return []


class _Renamer(ast.NodeTransformer):
    def __init__(self, names: set[str]) -> None:
        self._names = names

    def _other(self, name: str) -> str:
        return f"other_{name}" if name in self._names else name

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self._other(node.id)
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.arg = self._other(node.arg)
        return node

    def visit_keyword(self, node: ast.keyword) -> ast.AST:
        # A definition's own functions are called by position; a keyword is a built-in's, and stays.
        return self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name = self._other(node.name)
        return self.generic_visit(node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        node.name = self._other(node.name) if node.name else None
        return self.generic_visit(node)


@contextmanager
def segment_of(commands: Mapping[str, Command]) -> Iterator[str]:
    """The name of a segment with these commands; it is removed at the end of the block, and who mapped it keeps it."""
    name = f"avap-bench-{os.getpid()}-{os.urandom(4).hex()}"
    path = Path("/dev/shm") / name
    path.touch(mode=0o600, exist_ok=False)
    try:
        builder = SegmentBuilder(name, 1, "standard", reserve_bytes=0)
        for number, (command, row) in enumerate(commands.items(), 1):
            builder.push(number, command.encode(), row.code.encode(), b"function", row.interface_json.encode())
        builder.finish()
        yield name
    finally:
        path.unlink()
