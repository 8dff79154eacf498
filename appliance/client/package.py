"""The signed package: how a definition travels with its signature.

offset  size
0       4     ASCII "AVAP"
4       2     version, big-endian, 1
6       4     length of the payload, big-endian
10      32    HMAC-SHA256 over bytes 0..9 and the payload
42      n     payload: the definition's source text, UTF-8
"""

from __future__ import annotations

import hashlib
import hmac

HEADER_BYTES = 42
MAGIC = b"AVAP"


def source_of(package: bytes) -> bytes:
    """Return the payload, unchecked."""
    return package[HEADER_BYTES:]


def is_package(package: bytes) -> bool:
    return len(package) >= HEADER_BYTES and package[:4] == MAGIC


def signed_with(package: bytes, key: bytes) -> bool:
    if not is_package(package):
        return False
    payload = source_of(package)
    mac = hmac.new(key, package[:10] + payload, hashlib.sha256).digest()
    return hmac.compare_digest(mac, package[10:HEADER_BYTES])
