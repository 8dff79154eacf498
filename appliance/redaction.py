"""Keeps registered secrets out of what leaves the process.

A secret may appear as it is, as JSON writes it, or as `repr` writes it. All three are looked for. Replacement happens
in the strings of a record, before they become JSON: a secret such as `"` or `a` would otherwise destroy the line.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable

MASK = "***"
DEPTH_MAX = 16
"""Records nested deeper than this are shown as their masked `str`."""


class Redactor:
    """A set of secrets, growing only, and the pattern that finds them. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._secrets: set[str] = set()
        self._text: re.Pattern[str] | None = None
        self._line: re.Pattern[bytes] | None = None

    def register(self, secrets: Iterable[str]) -> None:
        """Add secrets. They stay registered when they are retired: old keys may still be in flight."""
        with self._lock:
            self._secrets.update(secret for secret in secrets if secret)
            forms = {
                form for secret in self._secrets for form in (secret, json.dumps(secret)[1:-1], repr(secret)[1:-1])
            }
            forms |= {json.dumps(secret, ensure_ascii=False)[1:-1] for secret in self._secrets}
            if not forms:
                return
            longest_first = sorted(forms, key=len, reverse=True)
            self._text = re.compile("|".join(map(re.escape, longest_first)))
            self._line = re.compile(b"|".join(re.escape(form.encode("utf-8", "replace")) for form in longest_first))

    def touches(self, line: bytes) -> bool:
        """Whether an encoded line may hold a secret. One scan; almost always the only work done."""
        return self._line is not None and self._line.search(line) is not None

    def text(self, value: str) -> str:
        """Return `value` with every secret replaced."""
        return value if self._text is None else self._text.sub(MASK, value)

    def line(self, value: bytes) -> bytes:
        """Return raw bytes with every secret replaced, for what is not JSON."""
        return value if self._line is None else self._line.sub(MASK.encode(), value)

    def value(self, value: object, depth: int = 0) -> object:
        """Return a JSON-like value with the secrets in all its strings replaced."""
        if isinstance(value, str):
            return self.text(value)
        if value is None or isinstance(value, bool | int | float):
            return value
        if depth >= DEPTH_MAX:
            return self.text(str(value))
        if isinstance(value, dict):
            return {self.text(str(key)): self.value(inner, depth + 1) for key, inner in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(inner, depth + 1) for inner in value]
        return self.text(str(value))
