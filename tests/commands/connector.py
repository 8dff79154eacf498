"""A stand-in for the executor's side of a definition: the connector, its request, and the call of one command.

Nothing here knows any command: `run` builds the `task` as every executor must and executes the catalogue's text.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import CodeType, SimpleNamespace
from typing import Any

from supervisor.sources.embedded import EmbeddedCommand, load_commands

CATALOG: dict[str, EmbeddedCommand] = {command.name: command for command in load_commands()}

Query = Mapping[str, str | Sequence[str]]


class Logger:
    """`logger.info` of the connector: heard by nobody."""

    def info(self, message: str) -> None:
        """Drop the message."""


def query_arguments(query: Query) -> dict[str, list[bytes]]:
    """A query as the connector shows it: each distinct name with all its values as bytes, blank ones kept."""
    return {
        name: [part.encode() for part in ([value] if isinstance(value, str) else value)]
        for name, value in query.items()
    }


@dataclass
class Connector:
    """What a definition reaches as `self.conector`. SQL members exist only where a test sets them."""

    variables: dict[Any, Any] = field(default_factory=dict)
    query: Query = field(default_factory=dict)
    body: bytes = b"{}"
    form: Query = field(default_factory=dict)
    local_vars: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.results: dict[Any, Any] = {}
        self.try_level = 0
        self.except_level: list[Any] = []
        self.function_local_vars: dict[str, Any] = {}
        self.asynced_functions: dict[str, Any] = {}
        self.logger = Logger()
        self.req = SimpleNamespace(
            request=SimpleNamespace(
                query_arguments=query_arguments(self.query),
                body=self.body,
                body_arguments=query_arguments(self.form),
            )
        )


@dataclass
class Executor:
    """`self` of a definition."""

    conector: Connector
    process_step: Callable[[Any], Any]


@functools.cache
def compiled(name: str) -> CodeType:
    """The definition of a command, compiled once as an executor does."""
    return compile(CATALOG[name].code, f"<{name}>", "exec", dont_inherit=True)


def properties(name: str, arguments: Sequence[Any]) -> dict[str, Any]:
    """Arguments under their index first, then under the interface's items; an item without an argument has no key."""
    built = {str(index): value for index, value in enumerate(arguments)}
    for entry, value in zip(json.loads(CATALOG[name].interface_json), arguments, strict=False):
        built[entry["item"]] = value
    return built


def run(
    connector: Connector,
    name: str,
    *arguments: Any,
    context: str | None = None,
    branches: Mapping[str, Sequence[Any]] | None = None,
    sequence: Sequence[Any] = (),
    process_step: Callable[[Any], Any] | None = None,
) -> None:
    """Execute the definition of `name` in a fresh namespace; what it raises comes out as it is."""
    task = {
        "properties": properties(name, arguments),
        "context": context,
        "branches": dict(branches or {}),
        "sequence": list(sequence),
    }
    steps = process_step or (lambda node: None)
    exec(compiled(name), {"task": task, "self": Executor(connector, steps), "__name__": f"command {name}"})


def after(name: str, *arguments: Any, context: str | None = None, **connector: Any) -> dict[Any, Any]:
    """The shared variables after one command on a fresh connector."""
    made = Connector(**connector)
    run(made, name, *arguments, context=context)
    return made.variables


def error_of(name: str, *arguments: Any, **connector: Any) -> str:
    """The text that a script sees when the command fails; a command that does not fail fails the test."""
    made = Connector(**connector)
    before = dict(made.variables)
    try:
        run(made, name, *arguments)
    except Exception as error:
        return str(error)
    raise AssertionError(f"{name}{arguments!r} on {before!r} raised nothing and left {made.variables!r}")


def same(left: object, right: object) -> bool:
    """Equal as JSON shows them: 3 and 3.0 differ, True and 1 too; the order of a dict's keys does not count."""
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)
