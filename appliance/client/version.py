"""The version of a catalogue, as the header `avap-catalog-version` names it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Version:
    """One announcement of one content of the catalogue."""

    generation: int
    """Strictly increasing, for ever."""
    digest: str
    """32 hexadecimal digits, the same for the same content."""

    def __str__(self) -> str:
        return f"{self.generation}-{self.digest}"

    @classmethod
    def parse(cls, text: str) -> Version | None:
        """Read the header's form, `<generation>-<digest>`; None when it is something else."""
        generation, dash, digest = text.partition("-")
        if not (dash and digest and generation.isascii() and generation.isdigit()):
            return None
        return cls(int(generation), digest)
