"""Each definition keeps to the subset that every executor runs, and the check that says so can fail."""

from __future__ import annotations

import pytest

from .connector import CATALOG
from .subset import violations, words

THIRTY = words("""
addVar addResult addParam if end else startLoop endLoop RequestGet RequestPost try exception randomString encodeSHA256
encodeMD5 replace ormDirect getTimeStamp getRegex getDateTime getQueryParamList getListLen itemFromList stampToDatetime
AddvariableToJSON variableFromJSON variableToList go gather ormCheckTable
""")


def test_the_thirty_commands_are_there() -> None:
    assert sorted(CATALOG) == sorted(THIRTY)


@pytest.mark.parametrize("name", sorted(THIRTY))
def test_definition_keeps_to_the_subset(name: str) -> None:
    assert violations(CATALOG[name].code) == []


@pytest.mark.parametrize("name", sorted(THIRTY))
def test_command_says_what_it_does(name: str) -> None:
    command = CATALOG[name]

    assert command.type == "function"
    assert command.description.endswith(".")
    assert command.code.strip()


@pytest.mark.parametrize(
    "code",
    [
        "raise ValueError('x')",
        "x = lambda: 1",
        "x = (y for y in [])",
        "x = {k: 1 for k in []}",
        "with open('f') as f: pass",
        "class A: pass",
        "for x in []: continue",
        "del task['a']",
        "assert task",
        "x = 1 < 2 < 3",
        "x = 2 * 3",
        "x = b'bytes'",
        "x, y = 1, 2",
        "x = y = 1",
        "x: int = 1",
        "x = [y for y in [1] if y]",
        "for x in []:\n    pass\nelse:\n    pass",
        "try:\n    pass\nexcept KeyError:\n    pass",
        "try:\n    pass\nexcept ValueError:\n    pass\nexcept:\n    pass",
        "try:\n    pass\nfinally:\n    pass",
        "def f(a, b):\n    return a",
        "def f(a=1):\n    return a",
        "def f(a):\n    return f(a)",
        "def f(a):\n    def g(b):\n        return b\n    return g",
        "import subprocess",
        "import os.path",
        "from json import loads",
        "import json\nx = json.dumps({})",
        "import re\nx = re.sub('a', 'b', 'c', flags=1)",
        "import requests\nx = requests.get('u')",
        "x = 'a'.upper()",
        "x = sorted([1])",
        "x = open('f')",
        "x = nowhere",
        "x = getattr(self, 'process_step', None)",
        "x = getattr(self.conector, 'secret', {})",
        "x = self.conector.secret",
        "x = self.__class__",
        "self.conector.try_level = 1",
        "self.conector.except_level += 1",
        "x = 'a'[0:2]",
        "x = '%d' % 1",
        "x = 7 % 2",
        "x = f'{task!r}'",
        "x = f'{task:>10}'",
        "x = -len(task)",
    ],
)
def test_the_check_refuses_what_is_beyond_it(code: str) -> None:
    assert violations(code) != []
