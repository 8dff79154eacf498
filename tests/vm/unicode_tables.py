"""Print `vm/src/run/unicode_tables.rs`: what CPython 3.11 (Unicode 14) says about characters.

    python3.11 tests/vm/unicode_tables.py > vm/src/run/unicode_tables.rs

Rust's own tables follow another version of Unicode and have no `isdigit`, `isprintable`, title case or case folding.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable

CHARACTERS = [chr(code) for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF]


def ranges(holds: Callable[[str], bool]) -> list[tuple[int, int]]:
    """First and last code point of each run of characters that `holds` is true for, surrogates skipped over."""
    found: list[tuple[int, int]] = []
    for character in CHARACTERS:
        if not holds(character):
            continue
        code = ord(character)
        if found and found[-1][1] == code - 1:
            found[-1] = (found[-1][0], code)
        else:
            found.append((code, code))
    return found


def print_ranges(name: str, what: str, holds: Callable[[str], bool]) -> None:
    pairs = ranges(holds)
    print(f"/// {what}")
    print("#[rustfmt::skip]")
    print(f"pub const {name}: [(u32, u32); {len(pairs)}] = [")
    line = "   "
    for first, last in pairs:
        item = f" (0x{first:X}, 0x{last:X}),"
        if len(line) + len(item) > 118:
            print(line)
            line = "   "
        line += item
    print(line)
    print("];")
    print()


def print_mapping(name: str, what: str, differs: Callable[[str], str | None]) -> None:
    pairs = [(character, differs(character)) for character in CHARACTERS]
    kept = [(character, text) for character, text in pairs if text is not None]
    print(f"/// {what}")
    print("#[rustfmt::skip]")
    print(f"pub const {name}: [(u32, &str); {len(kept)}] = [")
    line = "   "
    for character, text in kept:
        escaped = "".join(f"\\u{{{ord(part):x}}}" for part in text)
        item = f' (0x{ord(character):X}, "{escaped}"),'
        if len(line) + len(item) > 118:
            print(line)
            line = "   "
        line += item
    print(line)
    print("];")
    print()


def main() -> None:
    assert sys.version_info[:2] == (3, 11), "the tables are those of Python 3.11"
    print(f"//! Characters as CPython 3.11 knows them (Unicode {unicodedata.unidata_version}).")
    print("//! Made by `python3.11 tests/vm/unicode_tables.py`.")
    print()
    print_ranges("ALPHA", "`str.isalpha`", str.isalpha)
    print_ranges("DIGIT", "`str.isdigit`", str.isdigit)
    print_ranges("NUMERIC", "`str.isnumeric`", str.isnumeric)
    print_ranges("LOWER", "`str.islower`", str.islower)
    print_ranges("UPPER", "`str.isupper`", str.isupper)
    print_ranges("TITLE", "Titlecase letters", lambda character: unicodedata.category(character) == "Lt")
    print_ranges("SPACE", "`str.isspace`", str.isspace)
    print_ranges("PRINTABLE", "`str.isprintable`", str.isprintable)
    print_mapping(
        "TO_TITLE",
        "`str.title` of one character where it is not `str.upper`",
        lambda character: character.title() if character.title() != character.upper() else None,
    )
    print_mapping(
        "TO_FOLDED",
        "`str.casefold` of one character where it is not `str.lower`",
        lambda character: character.casefold() if character.casefold() != character.lower() else None,
    )


if __name__ == "__main__":
    main()
