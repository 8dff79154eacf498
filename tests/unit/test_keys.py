"""Keys: which files give keys, which are refused, and the key of the first start."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from appliance.errors import SecretError, StateDirectoryError
from appliance.keys import find_key, key_fault, load_state_key, make_key_file, read_key_file


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_key_file_holds_one_key_a_line_without_comments_blanks_and_repeats(tmp_path: Path) -> None:
    path = write(tmp_path / "keys", "# rotated in May\n\n  new-key \r\nold-key\nnew-key\n")
    assert read_key_file(path) == ("new-key", "old-key")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no key"),
        ("# only a comment\n", "holds no key"),
        ("good\nwith space\n", "line 2"),
        ("käse\n", "visible ASCII"),
        ("x" * 1025, "longer than 1024"),
        ("\n".join(f"key-{number}" for number in range(65)), "more than 64"),
    ],
)
def test_an_unusable_key_file_is_refused_with_its_path_but_without_its_keys(
    tmp_path: Path, text: str, said: str
) -> None:
    path = write(tmp_path / "keys", text)
    with pytest.raises(SecretError, match=said) as caught:
        read_key_file(path)
    assert str(path) in str(caught.value)
    assert not any(word in str(caught.value) for word in ("with space", "käse", "xxxx", "key-1"))


def test_limits_are_inclusive(tmp_path: Path) -> None:
    keys = [f"{number:02}".ljust(1024, "k") for number in range(64)]
    assert read_key_file(write(tmp_path / "keys", "\n".join(keys))) == tuple(keys)


def test_binary_missing_and_huge_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    write(tmp_path / "huge", "k\n" * 100_000)
    for name, said in (("binary", "not UTF-8"), ("missing", "No such file"), ("huge", "larger than")):
        with pytest.raises(SecretError, match=said):
            read_key_file(tmp_path / name)


def test_a_line_break_at_the_end_of_a_key_is_named_as_the_likely_mistake() -> None:
    assert "echo" in (key_fault("secret\n") or "")
    assert key_fault("secret") is None


def test_the_first_start_makes_a_key_that_only_its_owner_can_read_and_later_ones_keep_it(tmp_path: Path) -> None:
    first = load_state_key(tmp_path, make=True)
    again = load_state_key(tmp_path, make=True)
    assert first is not None
    assert again is not None
    assert first.made
    assert not again.made
    assert first.values == again.values
    assert len(first.values[0]) >= 43
    assert stat.S_IMODE((tmp_path / "api_key").stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["api_key"]  # noqa: PTH208 - nothing else, hidden files included


def test_making_a_key_never_replaces_one(tmp_path: Path) -> None:
    write(tmp_path / "api_key", "mine\n")
    with pytest.raises(FileExistsError):
        make_key_file(tmp_path)
    assert (tmp_path / "api_key").read_text() == "mine\n"
    assert [path.name for path in tmp_path.iterdir()] == ["api_key"]


def test_a_folder_that_cannot_hold_a_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(StateDirectoryError, match="API_KEY_FILE"):
        load_state_key(tmp_path / "absent", make=True)


def test_keys_do_not_show_in_repr(tmp_path: Path) -> None:
    write(tmp_path / "api_key", "hidden-value\n")
    assert "hidden-value" not in repr(load_state_key(tmp_path, make=False))


def test_a_key_file_open_to_everybody_is_warned_about(tmp_path: Path) -> None:
    write(tmp_path / "api_key", "key\n", 0o644)
    keys = load_state_key(tmp_path, make=False)
    assert keys is not None
    assert "chmod" in keys.warnings[0]


def test_a_client_prefers_the_environment_over_the_state_directory(tmp_path: Path) -> None:
    write(tmp_path / "api_key", "of-state\n")
    write(tmp_path / "keys", "of-file\n")
    environ = {"API_KEY_FILE": str(tmp_path / "keys")}

    def found(environ: dict[str, str]) -> tuple[str, ...]:
        keys = find_key(environ, tmp_path)
        return keys.values if keys is not None else ()

    assert found({}) == ("of-state",)
    assert found(environ) == ("of-file",)
    assert found(environ | {"API_KEY": "of-environment"}) == ("of-environment",)
    assert find_key({}, None) is None
    with pytest.raises(SecretError, match="API_KEY"):
        find_key({"API_KEY": "two words"})
