"""The source `embedded`: file format, operator's folder, what is left out, and when it has changed."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from supervisor.sources import LeftOut, SourceError
from supervisor.sources.command_file import CODE_BYTES_MAX, CommandFileError, parse_command
from supervisor.sources.embedded import PACKAGED, EmbeddedSource, load_commands, read_folder

HEAD = '# /// command\n# description = "d"\n# ///\n'


class Sink:
    """The rows that were pushed."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, bytes | None, bytes | None, bytes | None, bytes | None]] = []

    def push(
        self,
        id: int,
        name: bytes | None,
        code: bytes | None,
        type: bytes | None = None,
        interface: bytes | None = None,
    ) -> None:
        self.rows.append((id, name, code, type, interface))

    def feed_copy(self, chunk: bytes | memoryview) -> int:
        raise AssertionError("no PGCOPY stream comes from files")


def rows_of(source: EmbeddedSource) -> list[tuple[int, bytes | None, bytes | None, bytes | None, bytes | None]]:
    sink = Sink()
    source.hydrate(sink)
    return sink.rows


def reasons(folder: Path) -> dict[str, str]:
    """Why each entry of a folder is left out."""
    return {Path(entry.path).name: entry.reason for entry in read_folder(folder).left_out}


def test_a_file_is_read_whole() -> None:
    text = (
        '# /// command\n# description = "Adds."\n# type = "sum"\n#\n# interface = [\n'
        '#   { item = "ä", type = "value" },\n#   { type = "var", item = "b" },\n# ]\n# ///\n'
        "\nx = 1\n# ///\n"
    )
    command = parse_command("add", text.encode())

    assert (command.name, command.type, command.description) == ("add", "sum", "Adds.")
    assert command.interface_json == '[{"item":"ä","type":"value"},{"item":"b","type":"var"}]'
    assert command.code == "\nx = 1\n# ///\n"


def test_every_key_may_be_left_out() -> None:
    command = parse_command("noop", b"# /// command\n# ///")

    assert (command.type, command.interface_json, command.description, command.code) == ("function", "[]", "", "")


def test_line_ends_and_a_byte_order_mark_do_not_matter_to_the_block_and_the_code_is_kept() -> None:
    command = parse_command("a", b'\xef\xbb\xbf# /// command\r\n# type = "t"\r\n# ///\r\nx = 1\r\n')

    assert (command.type, command.code) == ("t", "x = 1\r\n")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no command block"),
        (b"x = 1\n", "no command block"),
        (b"\n# /// command\n# ///\n", "no command block"),
        (b"# /// script\n# ///\n", "no command block"),
        (b"# /// command\n# type = 't'\n", "not closed"),
        (b"# /// command\n# type = 't'\nx = 1\n# ///\n", "not closed"),
        (b"# /// command\n#type = 't'\n# ///\n", "not closed"),
        (b"# /// command\n# type = \n# ///\n", "not TOML"),
        (b"# /// command\n# a = " + b"[" * 100_000 + b"\n# ///\n", "nested too deeply"),
        (b"# /// command\n# tpye = 't'\n# ///\n", "unknown key in the command block: tpye"),
        (b"# /// command\n# type = 5\n# ///\n", "type in the command block must be a text"),
        (b"# /// command\n# description = []\n# ///\n", "description in the command block must be a text"),
        (b"# /// command\n# interface = 'a'\n# ///\n", "interface in the command block must be"),
        (b"# /// command\n# interface = ['a']\n# ///\n", "interface in the command block must be"),
        (b"# /// command\n# interface = [{ item = 'a' }]\n# ///\n", "interface in the command block must be"),
        (b"# /// command\n# interface = [{ item = 'a', type = 1 }]\n# ///\n", "interface in the command block must be"),
        (HEAD.encode() + b"x = '\xff'\n", "not UTF-8: invalid start byte at byte "),
        (HEAD.encode() + b"#" * (CODE_BYTES_MAX + 1), "the definition is over"),
    ],
)
def test_a_text_that_is_no_command_is_refused_with_a_reason(content: bytes, reason: str) -> None:
    with pytest.raises(CommandFileError) as caught:
        parse_command("a", content)

    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("name", "reason"), [("", "no command name"), ("n" * 257, "257 bytes, 256 are allowed"), ("\udcff", "not UTF-8")]
)
def test_a_name_that_cannot_be_served_is_refused(name: str, reason: str) -> None:
    with pytest.raises(CommandFileError) as caught:
        parse_command(name, HEAD.encode())

    assert reason in str(caught.value)


def test_the_longest_name_is_served() -> None:
    assert parse_command("ñ" * 128, HEAD.encode()).name == "ñ" * 128


def test_the_packaged_commands_are_all_served_and_nothing_is_left_out() -> None:
    source = EmbeddedSource(None)
    rows = rows_of(source)

    assert [row[0] for row in rows] == list(range(1, 31))
    assert [row[1] for row in rows] == sorted(path.stem.encode() for path in PACKAGED.glob("*.py"))
    assert {row[3] for row in rows} == {b"function"}
    assert all(isinstance(json.loads(row[4] or b""), list) for row in rows)
    assert source.left_out == ()


def test_served_code_is_the_files_text_after_its_block() -> None:
    (row,) = [row for row in rows_of(EmbeddedSource(None)) if row[1] == b"addVar"]
    text = (PACKAGED / "addVar.py").read_bytes()

    assert text.endswith(b"# ///\n" + (row[2] or b""))
    assert (row[2] or b"").startswith(b"# The value is")
    assert row[4] == b'[{"item":"targetVarName","type":"variable"},{"item":"varValue","type":"value"}]'


def test_the_operators_commands_follow_and_take_the_place_of_packaged_ones(tmp_path: Path) -> None:
    (tmp_path / "addVar.py").write_text(HEAD + "mine = 1\n")
    (tmp_path / "zeta.py").write_text(HEAD)
    (tmp_path / "Alpha.py").write_text(HEAD)
    rows = rows_of(EmbeddedSource(tmp_path))

    assert [(row[0], row[1]) for row in rows[-3:]] == [(31, b"Alpha"), (32, b"addVar"), (33, b"zeta")]
    assert [row[2] for row in rows if row[1] == b"addVar"] == [b"mine = 1\n"]
    assert len(rows) == 32
    assert [row[0] for row in rows] == sorted({row[0] for row in rows})


def test_bad_entries_are_left_out_with_a_reason_and_the_others_are_served(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text(HEAD)
    (tmp_path / "plain.py").write_text("x = 1\n")
    (tmp_path / "latin.py").write_bytes(HEAD.encode() + b"\xe4")
    (tmp_path / ".hidden.py").write_text(HEAD)
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "loop.py").symlink_to("loop.py")
    (tmp_path / "gone.py").symlink_to("nowhere.py")
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / os.fsdecode(b"\xff.py")).write_text(HEAD)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket.py"))
        found = reasons(tmp_path)
    told: list[tuple[LeftOut, ...]] = []
    source = EmbeddedSource(tmp_path, told.append)
    rows = rows_of(source)

    assert sorted(found) == sorted(
        [".hidden.py", "\\xff.py", "folder.py", "gone.py", "latin.py", "loop.py", "pipe.py", "plain.py", "socket.py"]
    )
    assert found["plain.py"].startswith("no command block")
    assert found["latin.py"].startswith("not UTF-8")
    assert found[".hidden.py"].startswith("hidden")
    assert found["folder.py"].startswith("a folder")
    assert found["pipe.py"] == "not a regular file"
    assert found["loop.py"].startswith("cannot be read: Too many levels of symbolic links")
    assert found["gone.py"].startswith("cannot be read: No such file")
    assert [row[1] for row in rows[30:]] == [b"good"]
    assert told == [source.left_out]
    assert len(source.left_out) == len(found)
    # What nobody can ask for has no name.
    assert {one.name for one in source.left_out} == {
        ".hidden", "", "folder", "gone", "latin", "loop", "pipe", "plain", "socket"
    }  # fmt: skip


def test_other_files_are_no_commands(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("notes")
    (tmp_path / "a.py~").write_text(HEAD)
    (tmp_path / "__pycache__").mkdir()

    assert read_folder(tmp_path).commands == ()
    assert reasons(tmp_path) == {}


def test_a_link_to_a_file_is_followed(tmp_path: Path) -> None:
    data = tmp_path / "..data"
    data.mkdir()
    (data / "a.py").write_text(HEAD + "x = 1\n")
    (tmp_path / "a.py").symlink_to("..data/a.py")

    assert [command.code for command in load_commands(tmp_path)] == ["x = 1\n"]


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_an_operators_folder_that_cannot_be_listed_is_an_error_that_says_what_to_do(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "commands"
    if kind == "file":
        folder.write_text("")
    source = EmbeddedSource(folder)

    for call in (source.changed, lambda: source.hydrate(Sink())):
        with pytest.raises(SourceError) as caught:
            call()
        assert caught.value.kind == "bad_file"
        assert "catalog.dir" in str(caught.value)
        assert str(caught.value).endswith(str(folder))


def test_changed_is_true_until_the_first_hydrate_and_then_false(tmp_path: Path) -> None:
    source = EmbeddedSource(tmp_path)
    assert source.changed()
    assert source.changed()

    rows_of(source)

    assert not source.changed()


def test_changed_stays_true_when_a_hydrate_fails(tmp_path: Path) -> None:
    class Full(Sink):
        def push(self, *row: object, **columns: object) -> None:
            raise MemoryError

    source = EmbeddedSource(tmp_path)
    with pytest.raises(MemoryError):
        source.hydrate(Full())

    assert source.changed()


@pytest.mark.parametrize("edit", ["add", "remove", "rename", "grow", "touch", "replace", "relink"])
def test_changed_sees(tmp_path: Path, edit: str) -> None:
    file = tmp_path / "a.py"
    file.write_text(HEAD)
    other = tmp_path / "elsewhere"
    other.write_text(HEAD + "x = 1\n")
    (tmp_path / "link.py").symlink_to("a.py")
    source = EmbeddedSource(tmp_path)
    rows_of(source)
    assert not source.changed()

    match edit:
        case "add":
            (tmp_path / "b.py").write_text(HEAD)
        case "remove":
            file.unlink()
        case "rename":
            file.rename(tmp_path / "c.py")
        case "grow":
            file.write_text(HEAD + "x = 1\n")
        case "touch":
            os.utime(file, ns=(0, 0))
        case "replace":
            (tmp_path / "new").write_text(HEAD)
            (tmp_path / "new").replace(file)
        case "relink":
            (tmp_path / "link.py").unlink()
            (tmp_path / "link.py").symlink_to("elsewhere")

    assert source.changed()
    rows_of(source)
    assert not source.changed()


def test_changed_does_not_look_at_other_files(tmp_path: Path) -> None:
    source = EmbeddedSource(tmp_path)
    rows_of(source)
    (tmp_path / "notes.txt").write_text("x")

    assert not source.changed()


def test_a_closed_source_holds_nothing(tmp_path: Path) -> None:
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    (tmp_path / "folder.py").mkdir()
    os.mkfifo(tmp_path / "pipe.py")
    source = EmbeddedSource(tmp_path)
    rows_of(source)
    source.cancel()
    source.close()

    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors
