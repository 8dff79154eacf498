"""The password in a PostgreSQL address: finding it, and showing the address without it.

libpq takes two forms, a URL and `keyword=value` words (PostgreSQL manual, 34.1.1). Both are handled by patterns that
rather hide too much than too little, because an address with a mistake in it must not leak its password either.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

MASK = "***"
_SECRET_WORDS = r"(?:ssl)?password"
_USER_PART = re.compile(r"^(\w+://)([^/?#@:]*):(.*)@", re.DOTALL)
_QUERY_PART = re.compile(rf"([?&](?:{_SECRET_WORDS})=)([^&#]*)", re.IGNORECASE)
_WORD = re.compile(rf"\b((?:{_SECRET_WORDS})\s*=\s*)('(?:\\.|[^'\\])*'|(?:\\.|[^\s\\])*)", re.IGNORECASE)


def masked(url: str) -> str:
    """Return the address with every password replaced by `***`."""
    if "://" not in url:
        return _WORD.sub(rf"\g<1>{MASK}", url)
    return _QUERY_PART.sub(rf"\g<1>{MASK}", _USER_PART.sub(rf"\g<1>\g<2>:{MASK}@", url))


def passwords(url: str) -> list[str]:
    """Return the passwords in an address, as written and decoded."""
    if "://" not in url:
        found = [match[2] for match in _WORD.finditer(url)]
        found += [re.sub(r"\\(.)", r"\1", word.strip("'")) for word in found]
    else:
        match = _USER_PART.match(url)
        found = [match[3]] if match else []
        found += [match[2] for match in _QUERY_PART.finditer(url)]
        found += [unquote(word) for word in found]
    return list(dict.fromkeys(word for word in found if word.strip("'")))
