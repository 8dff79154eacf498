"""Other interpreters with the programs of `avap bench vm`: processes that read `PROGRAM N TURNS`, a line each."""

from __future__ import annotations

import select
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from bench.references import SOURCES, rust_program
from bench.toolchains import run
from bench.verdict import BenchError, MissingToolError

ANSWER_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 10.0
_PROGRAMS = SOURCES / "interpreters"
CPYTHON_VERSION = (3, 11)


@dataclass(frozen=True, slots=True)
class Interpreter:
    """One of those compared. `command` raises MissingToolError and BenchError."""

    name: str
    command: Callable[[], list[str]]


class Process:
    """An interpreter that runs."""

    def __init__(self, name: str, command: Sequence[str]) -> None:
        """Start it."""
        self.name = name
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def time(self, program: str, n: int, turns: int) -> tuple[int, str]:
        """CPU time of so many turns in nanoseconds, and the last one's result. Raises BenchError."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(f"{program} {n} {turns}\n".encode())
            self._process.stdin.flush()
            ready, _, _ = select.select([self._process.stdout], [], [], ANSWER_TIMEOUT_S)
            line = self._process.stdout.readline() if ready else b""
            spent_ns, _, result = line.decode().rstrip("\n").partition(" ")
            return int(spent_ns), result
        except (OSError, ValueError) as error:
            raise BenchError(f"{self.name} did not answer to {program}: {error}") from error

    def close(self) -> None:
        """End it, by force if it must be."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.kill()
        self._process.wait(STOP_TIMEOUT_S)
        self._process.stdin.close()
        self._process.stdout.close()


def _cpython() -> list[str]:
    program = sys.executable if sys.version_info[:2] == CPYTHON_VERSION else shutil.which("python3.11")
    if program is None:
        raise MissingToolError("no CPython 3.11: put python3.11 on PATH (Debian 12: apt-get install python3.11)")
    return [program, "-I", str(_PROGRAMS / "programs.py")]


def _lua() -> list[str]:
    for program in filter(None, map(shutil.which, ("lua5.4", "lua"))):
        if "Lua 5.4" in run([program, "-v"]):
            return [program, str(_PROGRAMS / "programs.lua")]
    raise MissingToolError("no Lua 5.4: on Debian apt-get install lua5.4")


def _luajit() -> list[str]:
    program = shutil.which("luajit")
    if program is None:
        raise MissingToolError("no LuaJIT: on Debian apt-get install luajit")
    return [program, str(_PROGRAMS / "programs.lua")]


INTERPRETERS: Mapping[str, Interpreter] = {
    interpreter.name: interpreter
    for interpreter in (
        Interpreter("CPython 3.11", _cpython),
        Interpreter("Lua 5.4", _lua),
        Interpreter("LuaJIT", _luajit),
        Interpreter("Monty 0.0.23", lambda: [str(rust_program("monty"))]),
    )
}


@contextmanager
def started(names: Sequence[str]) -> Iterator[tuple[list[Process], dict[str, str]]]:
    """Those interpreters that there are, and why each of the others is not there."""
    processes: list[Process] = []
    missing: dict[str, str] = {}
    try:
        for name in names:
            try:
                processes.append(Process(name, INTERPRETERS[name].command()))
            except (BenchError, OSError) as error:  # the others are measured all the same
                missing[name] = " ".join(str(error).split())
        yield processes, missing
    finally:
        for process in processes:
            process.close()
