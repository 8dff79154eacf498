"""The workers of both roles: one for each slot, replaced when they die, adopted for while they are being replaced.

Each slot has a listening socket and an eventfd that outlive its workers, and for gRPC a mailbox: gRPC workers pass
connections on through the mailbox of the one with the fewest. While a slot is vacant the kernel keeps queueing
connections on its socket, so after `ADOPT_AFTER_S` a live worker of the same role is told to accept from it until it is
filled.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from appliance._native import WorkerSlots
from appliance.logging import Logger
from supervisor.faults import Faults
from supervisor.pulse import Pulse
from supervisor.worker_process import WorkerProcess

ADOPT_AFTER_S = 0.02  # a start takes 60 ms at best; those who queue meanwhile wait for this and one accept
START_TIMEOUT_S = 10.0  # a worker that has not listened by then is replaced
BACKOFF_FIRST_S = 0.1
STEADY_AFTER_S = 10.0  # a worker that lived as long ends a crash loop
HEARTBEAT_CHECK_S = 1.0
STALE_CHECKS = 2
KILL_TIMEOUT_S = 5.0  # a process in uninterruptible sleep must not keep the others from being watched
ABORT_GRACE_S = 1.0  # for a core dump; a stopped process does not even see SIGABRT


@dataclass(slots=True)
class Slot:
    """One worker slot and whoever fills it."""

    role: str
    """`grpc` or `http`."""
    index: int
    """Within the role, from 0."""
    listener: socket.socket
    mailbox: tuple[socket.socket, ...]
    """Receiving end, sending end: connections that others pass on; none for HTTP."""
    event_fd: int
    page: int
    process: WorkerProcess | None = None
    restarts: int = 0
    crashes_in_a_row: int = 0
    vacant_since: float = field(default_factory=time.monotonic)
    next_start_at: float = 0.0  # wall clock, while backing off
    adopted_by: int | None = None

    @property
    def live(self) -> bool:
        """Whether a ready worker fills the slot."""
        process = self.process
        return process is not None and process.ready.done() and not process.exited.done()

    @property
    def acked_generation(self) -> int:
        """The last generation that its worker took over; 0 for none. From any thread."""
        process = self.process
        return process.acked_generation if process is not None else 0


def _mailbox(role: str) -> tuple[socket.socket, ...]:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) if role == "grpc" else ()


class WorkerPool:
    """Keeps every slot filled until it is drained."""

    def __init__(
        self,
        listeners: Mapping[str, Sequence[socket.socket]],
        slots: WorkerSlots,
        config: Callable[[str], Mapping[str, Any]],
        cores: Mapping[str, Sequence[list[int] | None]],
        log: Logger,
        faults: Faults,
        *,
        backoff_max_s: float,
        heartbeat_timeout_s: float,
    ) -> None:
        """`listeners` has the sockets of each role, one a slot; `config` gives the frame for a worker of a role that
        starts now; `cores` the affinity of each of a role's slots (None: any).
        """
        places = [(role, index, one) for role, group in listeners.items() for index, one in enumerate(group)]
        self.slots = [
            Slot(role, index, listener, _mailbox(role), os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK), 2 * place)
            for place, (role, index, listener) in enumerate(places)
        ]
        self.changed = Pulse()  # a worker became ready, acked or died
        self._pages = slots
        self._config = config
        self._cores = cores
        self._log = log
        self._faults = faults
        self._backoff_max_s = backoff_max_s
        self._heartbeat_timeout_s = heartbeat_timeout_s
        self._draining = False
        self._hurry = Pulse()  # ends every back-off

    # ---- what the supervisor asks --------------------------------------------------------------

    async def run(self) -> None:
        """Fill the slots and keep them filled; returns when the pool is drained and every worker is gone."""
        async with asyncio.TaskGroup() as group:
            for slot in self.slots:
                group.create_task(self._keep_filled(slot), name=f"{slot.role} worker {slot.index}")

    def notify_all(self) -> None:
        """Wake every worker to look at the announcement page."""
        for slot in self.slots:
            os.eventfd_write(slot.event_fd, 1)

    def broadcast(self, frame: Mapping[str, Any], role: str = "") -> None:
        """Send one frame to every running worker, or to those of one role."""
        for slot in self.slots:
            if slot.process is not None and role in ("", slot.role):
                slot.process.send(frame)

    def acked(self, generation: int) -> bool:
        """Whether every slot is filled by a ready worker that serves `generation` or a later one."""
        return all(slot.live and slot.acked_generation >= generation for slot in self.slots)

    def caught_up(self, generation: int) -> bool:
        """Whether every ready worker serves `generation` or a later one; whoever is still to come begins with it."""
        return all(slot.acked_generation >= generation for slot in self.slots if slot.live)

    @property
    def all_live(self) -> bool:
        """Whether every slot is filled by a ready worker."""
        return all(slot.live for slot in self.slots)

    def pinned(self, role: str) -> list[tuple[int, list[int]]]:
        """Process id and cores of each running worker of a role that is pinned. From any thread."""
        slots = [(slot.process, self._cores[role][slot.index]) for slot in self.slots if slot.role == role]
        return [(process.pid, cores) for process, cores in slots if process is not None and cores is not None]

    def each_role_ticks(self) -> bool:
        """Whether the heartbeat of at least one worker of each role is fresh."""
        now = time.monotonic_ns()
        ticking = {slot.role for slot in self.slots if slot.live and not self._stale(slot, now)}
        return ticking == {slot.role for slot in self.slots}

    def drain(self) -> None:
        """Ask every worker to finish its streams and end; vacant slots stay vacant."""
        self._draining = True
        self._hurry.fire()
        self.broadcast({"type": "drain"})

    def retry_now(self) -> None:
        """Forget the crashes so far: somebody has just mended something."""
        for slot in self.slots:
            slot.crashes_in_a_row = 0
        self._hurry.fire()

    def kill(self) -> None:
        """End every worker at once."""
        self._draining = True
        self._hurry.fire()
        for slot in self.slots:
            if slot.process is not None:
                slot.process.kill(signal.SIGKILL)

    def close(self) -> None:
        """End what still runs and close the slots' descriptors."""
        self.kill()
        for slot in self.slots:
            slot.listener.close()
            for end in slot.mailbox:
                end.close()
            os.close(slot.event_fd)

    async def watch_heartbeats(self) -> None:
        """Replace workers whose loop stands still, one at a time. Runs until cancelled."""
        while True:
            await asyncio.sleep(HEARTBEAT_CHECK_S)
            now = time.monotonic_ns()
            for slot in self.slots:
                if slot.live and slot.process is not None:
                    slot.process.stale_checks = slot.process.stale_checks + 1 if self._stale(slot, now) else 0
            stuck = next(
                (s for s in self.slots if s.live and s.process and s.process.stale_checks >= STALE_CHECKS), None
            )
            if stuck is not None and stuck.process is not None:
                process = stuck.process
                self._log.error(
                    "Worker Stuck",
                    worker_role=stuck.role,
                    worker=stuck.index,
                    worker_pid=process.pid,
                    heartbeat_age_s=round(self._heartbeat_age_s(stuck, now), 1),
                )
                process.kill(signal.SIGABRT)
                await asyncio.wait([process.exited], timeout=ABORT_GRACE_S)
                process.kill(signal.SIGKILL)
                await asyncio.wait([process.exited], timeout=KILL_TIMEOUT_S)

    # ---- one slot ------------------------------------------------------------------------------

    async def _keep_filled(self, slot: Slot) -> None:
        self._plan_adoption(slot)
        while not self._draining:
            try:
                await self._fill_once(slot)
            except Exception as error:
                self._faults.caught("workers", error)
                slot.crashes_in_a_row += 1
                if slot.process is not None:
                    slot.process.kill(signal.SIGKILL)
                    slot.process = None
            if not self._draining:
                await self._back_off(slot)

    async def _fill_once(self, slot: Slot) -> None:
        """Start a worker and see it through to its end."""
        process = await self._start(slot)
        if process is None:
            return
        if self._draining:  # the order was given while it started
            process.send({"type": "drain"})
        await process.ready_or_exited(START_TIMEOUT_S)
        if process.ready.done() and not process.exited.done():
            self._filled(slot)
        elif not process.exited.done():
            self._log.error(
                "Worker Start Timed Out",
                worker_role=slot.role,
                worker=slot.index,
                worker_pid=process.pid,
                timeout_s=START_TIMEOUT_S,
            )
            process.kill(signal.SIGKILL)
        code = await asyncio.shield(process.exited)  # a cancelled wait must not cancel what others wait for
        await process.close()
        self._vacated(slot, process, code)

    async def _start(self, slot: Slot) -> WorkerProcess | None:
        slot.next_start_at = 0.0
        config = {
            **self._config(slot.role),
            "slot": slot.index,
            "page": slot.page,
            "listen_fds": [other.listener.fileno() for other in self._peers(slot)],
            "mailbox_fds": [[end.fileno() for end in other.mailbox] for other in self._peers(slot) if other.mailbox],
            "event_fd": slot.event_fd,
            "pin": self._cores[slot.role][slot.index],
        }
        fds = [*config["listen_fds"], *(fd for ends in config["mailbox_fds"] for fd in ends), slot.event_fd]
        try:
            slot.process = await WorkerProcess.start(config, fds, self._log.emit_raw, lambda _: self.changed.fire())
        except OSError as error:
            slot.crashes_in_a_row += 1
            self._log.error("Worker Not Started", worker_role=slot.role, worker=slot.index, error=str(error))
            return None
        return slot.process

    def _filled(self, slot: Slot) -> None:
        if slot.adopted_by is not None:
            adopter = self._peers(slot)[slot.adopted_by].process
            if adopter is not None:
                adopter.send({"type": "release", "slot": slot.index})
            slot.adopted_by = None
        for other in self.slots:  # those that became vacant while nobody could adopt them
            if time.monotonic() - other.vacant_since >= ADOPT_AFTER_S:
                self._adopt(other)
        self.changed.fire()

    def _vacated(self, slot: Slot, process: WorkerProcess, code: int) -> None:
        slot.process = None
        slot.vacant_since = time.monotonic()
        self._pages.fold(slot.page)
        slot.page ^= 1
        for other in self._peers(slot):
            if other.adopted_by == slot.index:
                other.adopted_by = None
                self._adopt(other)
        self.changed.fire()
        if self._draining and code == 0:
            return
        self._plan_adoption(slot)  # a start can be a whole back-off away
        lived_s = time.monotonic() - process.started_monotonic
        slot.restarts += 1
        slot.crashes_in_a_row = 0 if lived_s >= STEADY_AFTER_S else slot.crashes_in_a_row + 1
        cause: dict[str, object] = {"signal": _signal_name(-code)} if code < 0 else {"exit_code": code}
        if process.fault:
            cause["fault"] = process.fault
        self._log.error(
            "Worker Died",
            worker_role=slot.role,
            worker=slot.index,
            worker_pid=process.pid,
            lived_s=round(lived_s, 3),
            **cause,
        )

    async def _back_off(self, slot: Slot) -> None:
        """Wait before the next start: not at all after one crash, then longer and longer, with jitter."""
        if slot.crashes_in_a_row <= 1:
            return
        longest = min(self._backoff_max_s, BACKOFF_FIRST_S * 2 ** min(slot.crashes_in_a_row - 2, 20))
        delay_s = longest * random.uniform(0.5, 1.0)
        slot.next_start_at = time.time() + delay_s
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), delay_s)

    def _peers(self, slot: Slot) -> list[Slot]:
        """The slots of the same role, itself among them, by index."""
        return [other for other in self.slots if other.role == slot.role]

    # ---- adoption ------------------------------------------------------------------------------

    def _plan_adoption(self, slot: Slot) -> None:
        if slot.adopted_by is None:
            delay_s = max(0.0, slot.vacant_since + ADOPT_AFTER_S - time.monotonic())
            asyncio.get_running_loop().call_later(delay_s, self._adopt, slot)

    def _adopt(self, slot: Slot) -> None:
        if self._draining or slot.live or slot.adopted_by is not None:
            return
        peers = self._peers(slot)
        candidates = [other for other in peers if other.live]
        if not candidates:
            return
        adopter = min(candidates, key=lambda other: sum(s.adopted_by == other.index for s in peers))
        slot.adopted_by = adopter.index
        if adopter.process is not None:
            adopter.process.send({"type": "adopt", "slot": slot.index})
        self._log.info("Slot Adopted", worker_role=slot.role, worker=slot.index, adopted_by=adopter.index)

    # ---- heartbeats ----------------------------------------------------------------------------

    def _heartbeat_age_s(self, slot: Slot, now_ns: int) -> float:
        return (now_ns - int(self._pages.state(slot.page)["heartbeat_ns"])) / 1e9

    def _stale(self, slot: Slot, now_ns: int) -> bool:
        return self._heartbeat_age_s(slot, now_ns) > self._heartbeat_timeout_s


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # most real-time signals have none
        return f"signal {number}"
