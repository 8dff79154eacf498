"""The source `embedded`: the commands packaged with the appliance, and an operator's folder of more.

A command is one file, `<name>.py`, in the format of `supervisor.sources.command_file`. In a folder every entry
whose name ends in `.py` is meant as a command; folders below it are not looked into. An entry that cannot be read
as a command is left out with a reason and costs no other command anything. Entries with other endings (a README, an
editor's backup) are not commands and are passed over in silence.

The operator's command takes the place of a packaged one of the same name. Row ids: the packaged commands have 1, 2,
3 … in the order of their names, the operator's follow, so that theirs is the highest id of a name. Names are
ordered by their UTF-8 bytes.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from supervisor.sources import LeftOut, RowSink, SourceError
from supervisor.sources.command_file import (
    CODE_BYTES_MAX,
    NAME_BYTES_MAX,
    CommandFileError,
    EmbeddedCommand,
    parse_command,
)

__all__ = ["EmbeddedCommand", "EmbeddedSource", "Folder", "load_commands", "read_folder"]

PACKAGED = Path(__file__).resolve().parent.parent / "commands"
SUFFIX = ".py"
FILE_BYTES_MAX = CODE_BYTES_MAX + 1024 * 1024

Fingerprint = tuple[tuple[str, int, int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Folder:
    """What a folder holds, both in the order of the names."""

    commands: tuple[EmbeddedCommand, ...]
    left_out: tuple[LeftOut, ...]


class EmbeddedSource:
    """The packaged commands and, if there is one, the operator's folder.

    `on_left_out` is told, in the thread of `hydrate`, what that hydrate leaves out; it is not called for nothing.
    `left_out` keeps it.
    """

    name: str = "embedded"

    def __init__(
        self, operator_dir: Path | None, on_left_out: Callable[[tuple[LeftOut, ...]], None] | None = None
    ) -> None:
        self._folders = (PACKAGED,) if operator_dir is None else (PACKAGED, operator_dir)
        self._on_left_out = on_left_out
        self._hydrated: tuple[Fingerprint, ...] | None = None
        self.left_out: tuple[LeftOut, ...] = ()

    def changed(self) -> bool:
        """Whether names, times, sizes or inodes differ from those of the last `hydrate` that went well.

        Raises `SourceError("bad_file")` when a folder cannot be listed.
        """
        return self._hydrated != self._fingerprints()

    def hydrate(self, sink: RowSink) -> None:
        """Push every command once. Raises `SourceError("bad_file")` when a folder cannot be listed."""
        before = self._fingerprints()  # taken first: an edit during the reading is then seen by the next `changed`
        folders = [read_folder(folder) for folder in self._folders]
        self.left_out = tuple(entry for folder in folders for entry in folder.left_out)
        if self.left_out and self._on_left_out is not None:
            self._on_left_out(self.left_out)
        for row_id, command in _rows(folders):
            sink.push(
                row_id,
                command.name.encode(),
                command.code.encode(),
                command.type.encode(),
                command.interface_json.encode(),
            )
        self._hydrated = before

    def cancel(self) -> None:
        """Nothing here waits for anybody."""

    def close(self) -> None:
        """Nothing is held open."""

    def _fingerprints(self) -> tuple[Fingerprint, ...]:
        return tuple(_fingerprint(folder) for folder in self._folders)


def load_commands(folder: Path = PACKAGED) -> list[EmbeddedCommand]:
    """The commands of a folder in the order of their names, without those that are left out. Raises `SourceError`."""
    return list(read_folder(folder).commands)


def read_folder(folder: Path) -> Folder:
    """The commands of a folder, and what is left out. Raises `SourceError("bad_file")` when it cannot be listed."""
    commands: list[EmbeddedCommand] = []
    left_out: list[LeftOut] = []
    for entry in _entries(folder):
        path = folder / entry
        try:
            commands.append(parse_command(entry.removesuffix(SUFFIX), _content(path)))
        except CommandFileError as error:
            left_out.append(LeftOut(_asked_for(entry), _printable(path), str(error)))
        except OSError as error:
            reason = f"cannot be read: {error.strerror or error}"
            left_out.append(LeftOut(_asked_for(entry), _printable(path), reason))
    return Folder(tuple(commands), tuple(left_out))


def _rows(folders: list[Folder]) -> list[tuple[int, EmbeddedCommand]]:
    """Ids in order of the folders; of a name only the last, so that an override is not reported as a duplicate."""
    numbered = enumerate((command for folder in folders for command in folder.commands), start=1)
    last = {command.name: (row_id, command) for row_id, command in numbered}
    return sorted(last.values(), key=lambda row: row[0])


def _entries(folder: Path) -> list[str]:
    """Names of what is meant as a command."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 - names are wanted, not paths
    except OSError as error:
        raise SourceError(
            "bad_file",
            f"the folder of commands cannot be listed: {error.strerror}; "
            f"create it, make it readable for this user or correct catalog.dir: {_printable(folder)}",
        ) from error
    return sorted((name for name in names if name.endswith(SUFFIX)), key=os.fsencode)


def _content(path: Path) -> bytes:
    """All bytes of a regular file. Raises `CommandFileError` for anything else, OSError when it cannot be read."""
    if path.name.startswith("."):
        raise CommandFileError("hidden; a command's file does not start with a dot")
    # Non-blocking: the open of a named pipe without a writer would wait for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise CommandFileError("a folder; commands are files directly in the folder of commands")
        if not stat.S_ISREG(mode):
            raise CommandFileError("not a regular file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(FILE_BYTES_MAX + 1)
    finally:
        os.close(descriptor)
    if len(content) > FILE_BYTES_MAX:
        raise CommandFileError(f"over {FILE_BYTES_MAX} bytes")
    return content


def _fingerprint(folder: Path) -> Fingerprint:
    return tuple(_stamp(folder, name) for name in _entries(folder))


def _stamp(folder: Path, name: str) -> tuple[str, int, int, int, int]:
    """Of what a link leads to, since that is what is read. All zero for what leads nowhere."""
    try:
        found = os.stat(folder / name)  # noqa: PTH116 - one call for a link's target
    except OSError:
        return (name, 0, 0, 0, 0)
    return (name, found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)


def _asked_for(entry: str) -> str:
    """The name of the command that an entry would have been, if anybody can ask for it."""
    name = entry.removesuffix(SUFFIX)
    try:
        return name if len(name.encode()) <= NAME_BYTES_MAX else ""
    except UnicodeEncodeError:
        return ""


def _printable(path: Path) -> str:
    """The path as a log line can hold it: bytes that are not UTF-8 are shown as escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
