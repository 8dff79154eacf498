"""What holds for every test."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """Have signals do what they do by default: a shell's background job ignores SIGINT, one under nohup SIGHUP.

    Every process that a test starts would inherit that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
