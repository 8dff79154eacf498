"""The log: one JSON object a line whatever is logged, nobody waits for it, no secret leaves, repeats are counted."""

from __future__ import annotations

import json
import logging as stdlib
import os
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from appliance.logging import LINE_BYTES_MAX, Logger, capture_stdlib
from appliance.repeats import RepeatLimit
from tests.waiting import wait_until


class Reader:
    """The reading end of a logger's pipe."""

    def __init__(self) -> None:
        self._read_fd, self.write_fd = os.pipe()
        os.set_blocking(self._read_fd, False)
        self._data = b""

    def text(self) -> bytes:
        try:
            while chunk := os.read(self._read_fd, 1 << 20):
                self._data += chunk
        except BlockingIOError:
            pass
        return self._data

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text().split(b"\n")[:-1]]  # complete lines only

    def close(self) -> None:
        os.close(self._read_fd)
        os.close(self.write_fd)


@pytest.fixture
def reader() -> Iterator[Reader]:
    made = Reader()
    yield made
    made.close()


@pytest.fixture
def log(reader: Reader) -> Iterator[Logger]:
    made = Logger("supervisor", level="info", fd=reader.write_fd)
    yield made
    made.close()


def test_a_record_is_one_json_object_with_time_level_message_pid_and_role_first(log: Logger, reader: Reader) -> None:
    log.info("Definitions Broadcasted", generation=7, digest="ab", took_s=0.5, names=["a"], more={"x": None})
    assert log.flush()
    (line,) = reader.lines()
    assert list(line)[:5] == ["ts", "level", "msg", "pid", "role"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["ts"])
    assert (line["level"], line["msg"], line["pid"], line["role"]) == (
        "INFO",
        "Definitions Broadcasted",
        os.getpid(),
        "supervisor",
    )
    assert (line["generation"], line["took_s"], line["names"], line["more"]) == (7, 0.5, ["a"], {"x": None})


def test_levels_below_the_threshold_are_not_written_and_the_threshold_can_change(log: Logger, reader: Reader) -> None:
    log.debug("no")
    log.set_level("debug")
    log.debug("yes")
    log.set_level("error")
    log.warning("no")
    log.error("yes")
    log.fatal("yes")
    assert log.flush()
    assert [(line["msg"], line["level"]) for line in reader.lines()] == [
        ("yes", "DEBUG"),
        ("yes", "ERROR"),
        ("yes", "FATAL"),
    ]
    assert log.level == "error"


class Broken:
    def __str__(self) -> str:
        raise RuntimeError("no text")


CYCLE: list[object] = []
CYCLE.append(CYCLE)


@pytest.mark.parametrize(
    "value",
    [
        b"\xff\x00",
        "\ud800",
        2**80,
        {1: {2, 3}},
        Broken(),
        CYCLE,
        object(),
        float("nan"),
        "line\nbreak\u2028",
        {Broken: 1},
    ],
    ids=["bytes", "surrogate", "huge", "set", "broken", "cycle", "object", "nan", "lines", "key"],
)
def test_anything_can_be_logged_as_one_line(log: Logger, reader: Reader, value: object) -> None:
    log.info("odd", value=value, kept="kept")
    assert log.flush()
    assert reader.text().count(b"\n") == 1
    assert reader.lines()[0]["kept"] == "kept"


def test_a_field_named_like_one_of_ours_does_not_replace_it(log: Logger, reader: Reader) -> None:
    log.info("x", pid=1, level="y")
    assert log.flush()
    (line,) = reader.lines()
    assert (line["pid"], line["pid_"], line["level"], line["level_"]) == (os.getpid(), 1, "INFO", "y")


def test_a_huge_line_is_cut_but_stays_json(log: Logger, reader: Reader) -> None:
    log.info("big", text="x" * 100_000, small=1)
    log.info("many", **{f"field{number}": "y" * 2000 for number in range(100)})
    assert log.flush()
    assert all(len(line) <= LINE_BYTES_MAX for line in reader.text().splitlines())
    assert [line["truncated"] for line in reader.lines()] == [True, True]
    assert reader.lines()[0]["small"] == 1


def test_an_exception_is_logged_with_its_traceback(log: Logger, reader: Reader) -> None:
    try:
        raise KeyError("cause")
    except KeyError as error:
        log.exception("it failed", error, step="x")
    assert log.flush()
    (line,) = reader.lines()
    assert line["error_type"] == "KeyError"
    assert "test_logging.py" in line["traceback"]


def test_ready_lines_pass_unchanged_and_others_are_wrapped(log: Logger, reader: Reader) -> None:
    ready = b'{"ts":"2026-01-23T10:00:00.000Z","level":"INFO","msg":"Worker Listening","pid":22}'
    log.emit_raw(ready + b"\n" + ready)
    log.emit_raw(b"thread panicked at \xff\n\n")
    assert log.flush()
    assert reader.text().splitlines()[:2] == [ready, ready]
    wrapped = reader.lines()[2]
    assert (wrapped["level"], wrapped["msg"], wrapped["text"]) == ("WARN", "Worker Output", "thread panicked at \\xff")


@pytest.mark.parametrize("secret", ["s3cret-key", 'quo"te\\back', "naïve-pässword", '"', "a"])
def test_no_registered_secret_leaves_in_any_form(log: Logger, reader: Reader, secret: str) -> None:
    log.protect([secret])
    log.info(f"before {secret} after", nested=[{"x": {secret: secret}}], repr=repr([secret]), error=ValueError(secret))
    log.emit_raw(json.dumps({"msg": "raw", "text": f"<{secret}>"}).encode())
    log.emit_raw(f"broken {secret}".encode())
    assert log.flush()
    for line in reader.lines():
        values = [str(value) for name, value in line.items() if name not in ("ts", "level", "pid", "role")]
        assert not any(secret in value for value in values), line
    assert b"***" in reader.text()


def test_a_line_without_a_secret_is_not_altered_by_registered_ones(log: Logger, reader: Reader) -> None:
    log.protect(["not-in-here"])
    log.info("plain", count=3)
    assert log.flush()
    assert reader.lines()[0]["count"] == 3


def test_a_blocked_reader_blocks_nobody_and_what_is_lost_is_counted(reader: Reader) -> None:
    log = Logger("supervisor", fd=reader.write_fd, queue_lines_max=100)
    for number in range(5000):
        log.info("spam", number=number, filler="x" * 200)
    assert log.dropped > 0
    assert not log.flush(timeout_s=0.05)

    def reported() -> int:
        return sum(line["dropped"] for line in reader.lines() if line["msg"] == "Log Lines Dropped")

    wait_until(lambda: reported() == log.dropped, 10, "the report of dropped lines")
    numbers = [line["number"] for line in reader.lines() if line["msg"] == "spam"]
    assert numbers == sorted(numbers)
    assert len(numbers) + log.dropped == 5000
    log.close()


def test_a_dead_descriptor_is_counted_not_raised() -> None:
    read_fd, write_fd = os.pipe()
    os.close(read_fd)
    log = Logger("supervisor", fd=write_fd)
    log.info("into the void")
    assert log.flush()
    assert log.dropped >= 1
    log.close()
    os.close(write_fd)


def test_close_is_bounded_when_nobody_reads() -> None:
    read_fd, write_fd = os.pipe()
    log = Logger("supervisor", fd=write_fd)
    for _ in range(2000):
        log.info("spam", filler="x" * 500)
    closing = threading.Thread(target=log.close, args=(0.1,))
    closing.start()
    closing.join(10)
    assert not closing.is_alive()
    before = log.dropped
    log.info("too late")
    assert log.dropped == before + 1
    os.close(read_fd)  # ends the writer's wait
    wait_until(lambda: not any(thread.name == "log writer" for thread in threading.enumerate()), 10, "the writer's end")
    os.close(write_fd)


def test_a_non_blocking_descriptor_loses_nothing_while_it_is_read(reader: Reader) -> None:
    os.set_blocking(reader.write_fd, False)
    log = Logger("supervisor", fd=reader.write_fd)
    for number in range(2000):
        log.info("line", number=number, filler="x" * 100)
    wait_until(lambda: len(reader.text().splitlines()) == 2000, 10, "all lines")
    assert log.dropped == 0
    log.close()


def test_lines_of_many_threads_never_mix(log: Logger, reader: Reader) -> None:
    def spam() -> None:
        for _ in range(100):
            log.info("line", filler="z" * 300)

    threads = [threading.Thread(target=spam) for _ in range(8)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(reader.text().splitlines()) == 800, 10, "all lines")
    for thread in threads:
        thread.join()
    assert all(line["filler"] == "z" * 300 for line in reader.lines())


def test_libraries_that_use_logging_and_warnings_come_out_the_same_way(log: Logger, reader: Reader) -> None:
    root = stdlib.getLogger()
    before = (root.handlers[:], root.level)
    try:
        capture_stdlib(log)
        stdlib.getLogger("some.library").warning("port %d", 7)
        stdlib.getLogger("some.library").debug("not wanted")
        stdlib.getLogger("bad").error("%d", "text")
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            stdlib.captureWarnings(True)
            warnings.warn("old call", UserWarning, stacklevel=1)
    finally:
        stdlib.captureWarnings(False)
        root.handlers, root.level = before
    assert log.flush()
    found = [(line["level"], line["msg"], line["logger"]) for line in reader.lines()]
    assert found[0] == ("WARN", "port 7", "some.library")
    assert found[1][0] == "ERROR"
    assert "old call" in found[2][1]
    assert len(found) == 3


def test_repeated_errors_are_limited_and_the_rest_is_counted_when_the_window_ends(reader: Reader) -> None:
    clock = [100.0]
    log = Logger("supervisor", fd=reader.write_fd, repeats=RepeatLimit(10, 3), monotonic=lambda: clock[0])
    for number in range(10):
        log.error("Worker Died", worker=number)
    log.error("something else")
    for _ in range(10):
        log.info("never limited")
    clock[0] = 111.0
    log.error("Worker Died", worker=99)
    assert log.flush()
    died = [line for line in reader.lines() if line["msg"] == "Worker Died"]
    assert [line["worker"] for line in died] == [0, 1, 2, 9, 99]
    assert [line.get("repeated") for line in died] == [None, None, None, 7, None]
    assert sum(line["msg"] == "never limited" for line in reader.lines()) == 10
    log.close()


def test_what_was_held_back_comes_out_without_another_record(reader: Reader) -> None:
    log = Logger("supervisor", fd=reader.write_fd, repeats=RepeatLimit(0.05, 1))
    for _ in range(3):
        log.error("again")
    wait_until(lambda: any("repeated" in line for line in reader.lines()), 10, "the summary")
    assert [line.get("repeated") for line in reader.lines()] == [None, 2]
    log.close()


def test_close_writes_what_was_held_back(reader: Reader) -> None:
    log = Logger("supervisor", fd=reader.write_fd, repeats=RepeatLimit(60, 1))
    for _ in range(5):
        log.error("again")
    log.close()
    assert [line.get("repeated") for line in reader.lines()] == [None, 4]


@pytest.mark.parametrize("count", [1, 2000])
def test_the_limit_follows_a_bounded_number_of_kinds_and_loses_no_count(count: int) -> None:
    limit = RepeatLimit(10, 1)
    out: list[dict[str, object]] = []
    admit: Callable[[int], None] = lambda number: out.extend(limit.admit("ERROR", f"kind {number}", {"n": number}, 0))  # noqa: E731
    for number in range(count):
        admit(number)
        admit(number)
    out += limit.flush()
    assert sum(1 for record in out if "repeated" not in record) == count
    assert sum(int(str(record["repeated"])) for record in out if "repeated" in record) == count
