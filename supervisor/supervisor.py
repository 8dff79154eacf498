"""The parent process: owns sockets, shared memory and workers, and follows the source.

    state directory ─▶ shared memory ─▶ sockets ─▶ snapshot announced ─▶ workers ─▶ source followed
                                                                                     └▶ until a signal: drain

Everything is undone in the opposite order, whatever ends it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

from google.protobuf.json_format import MessageToDict

from appliance._native import Announcer, SegmentError, WorkerSlots
from appliance.config import Keys, Loaded, Settings, allowed_cores, http_needs_key, read_signing_keys, secret_values
from appliance.errors import AvapError, OsRefusedError
from appliance.logging import Logger
from appliance.pb import admin_pb2
from supervisor import admin, compilation, metrics, status, welcome
from supervisor.compilation import Compilation
from supervisor.faults import Faults
from supervisor.hydration import Gate
from supervisor.notify import Notifier
from supervisor.pinning import beside, lending, plan_pinning
from supervisor.publisher import Publisher
from supervisor.quarantine import Quarantine
from supervisor.refresh import Refresh
from supervisor.reload import need_restart
from supervisor.shared_memory import SharedMemoryArea
from supervisor.sockets import address_text, listen_group
from supervisor.sources import Source
from supervisor.state_directory import StateDirectory
from supervisor.worker_pool import Slot, WorkerPool

MONITOR_S = 1.0
ACK_TIMEOUT_S = 1.0  # how long whoever asked for a version waits until the workers serve it; some are stopped
DRAIN_MARGIN_S = 2.0  # what a worker gets beyond its own drain timeout before it is killed
KILL_TIMEOUT_S = 5.0  # what the kernel gets to end a killed worker
SOURCE_STOP_TIMEOUT_S = 3.0  # what the source gets to end what it is doing, and its thread to end
START_EXTENSION_S = 30.0  # how much longer systemd is asked to wait, again and again, while a version is on its way


class Supervisor:
    """One run of the appliance. Build it, then await `run`."""

    slots: WorkerSlots
    pool: WorkerPool
    publisher: Publisher
    refresh: Refresh
    compilation: Compilation
    log: Logger
    faults: Faults

    def __init__(
        self,
        loaded: Loaded,
        keys: Keys,
        state_directory: StateDirectory,
        source: Source,
        signing_key: bytes | None,
        log: Logger,
        *,
        reload_config: Callable[[], tuple[Loaded, Keys]],
        show_welcome: bool,
    ) -> None:
        """`reload_config` reads settings and keys again, for SIGHUP; it raises AvapError when they are wrong."""
        self.loaded = loaded
        self.keys = keys
        self.state_directory = state_directory
        self.log = log
        self.started_at_ms = time.time_ns() // 1_000_000
        self.grpc_address = ""
        self.http_address = ""
        self.metrics_address = ""
        self.draining = False
        self.source_hangs = False  # at the end: its thread could not be ended
        self.faults = Faults(log)
        self.settings: Settings = loaded.settings
        """Those of the start. A reload changes `loaded`, and of what runs only what `supervisor.reload.LIVE` names."""
        self._reload_config = reload_config
        self._show_welcome = show_welcome
        self._notifier = Notifier.from_environ()
        self._stop_signal: signal.Signals | None = None
        self._stop = asyncio.Event()
        self._hangup = asyncio.Event()
        self._area: SharedMemoryArea | None = None
        self._opened = False
        self._ready = False
        self._left_out_told: list[tuple[str, str]] = []
        self._source = source
        self._signing_key = signing_key

    async def run(self) -> None:
        """Serve until a signal says otherwise. Raises AvapError when the start fails."""
        async with AsyncExitStack() as stack:
            stack.callback(self._notifier.close)
            self._install_signals()
            await self._open(stack)
            await self._restore()
            if not self._stop.is_set():
                await self._serve()
        self.log.info("Stopped")

    async def _restore(self) -> None:
        """Bring the snapshot back, which takes 2 s a GB, or leave that to itself when a signal comes first."""
        restore = asyncio.create_task(self.refresh.restore())
        stop = asyncio.create_task(self._stop.wait())
        await asyncio.wait([restore, stop], return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if restore.done():
            restore.result()
        else:
            restore.cancel()

    async def _serve(self) -> None:
        async with asyncio.TaskGroup() as group:

            def start(place: str, run: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
                return group.create_task(self.faults.keep_going(place, run), name=place)

            following = [
                start("refresh", self.refresh.run),
                start("compilation", self.compilation.run),
                start("reload", self._follow_hangups),
            ]
            watching = [
                start("heartbeats", self.pool.watch_heartbeats),
                start("monitor", self._monitor),
                start("ready", self._announce_ready),
            ]
            pool = group.create_task(self.pool.run(), name="workers")
            await self._stop.wait()
            for task in following:
                task.cancel()
            self.refresh.interrupt()
            await self._drain(pool)
            for task in (*watching, pool):
                task.cancel()

    def connections(self, slot: Slot) -> int:
        """Open connections of a slot's worker."""
        return int(self.slots.state(slot.page)["connections"]) if slot.live else 0

    def status(self) -> admin_pb2.StatusReply:
        """The whole state, without a secret."""
        return status.report(self)

    # ---- start ---------------------------------------------------------------------------------

    async def _open(self, stack: AsyncExitStack) -> None:
        settings = self.settings
        area = self._area = SharedMemoryArea(self.state_directory.instance)
        stack.callback(area.close)
        if area.leftovers:
            self.log.warning("Leftovers Removed", names=area.leftovers)
        if area.foreign:
            self.log.warning("Leftovers Kept", names=area.foreign, reason="they belong to another user")
        listeners = self._listen(stack)
        pages = 2 * sum(len(group) for group in listeners.values())
        announce_name = area.create("announce", Announcer.ANNOUNCE_BYTES)
        self._slots_name = area.create("slots", WorkerSlots.segment_bytes(pages))
        try:
            announcer = Announcer(announce_name)
            self.slots = WorkerSlots(self._slots_name, pages)
        except SegmentError as error:
            raise OsRefusedError(
                f"no room for the control pages in /dev/shm ({error}); free some space there or make it larger"
            ) from error
        self._segment_prefix = area.prefix
        pinning = plan_pinning(settings.pin, settings.grpc.workers)
        stack.enter_context(beside(pinning))
        self.pool = WorkerPool(
            listeners,
            self.slots,
            self._worker_config,
            {"grpc": pinning, "http": [list(allowed_cores())] * settings.http.workers},
            self.log,
            self.faults,
            backoff_max_s=settings.worker.backoff_max_s,
            heartbeat_timeout_s=settings.worker.heartbeat_timeout_s,
        )
        stack.callback(self.pool.close)
        self.publisher = Publisher(
            area,
            self.state_directory.ledger,
            announcer,
            self.state_directory.snapshot,
            self.log,
            keep_generations=settings.catalog.keep_generations,
            notify=self._notify_workers,
        )
        self.compilation = self._open_compilation(area)
        stack.push_async_callback(self.compilation.stop)
        self.refresh = Refresh(
            self._source,
            self.publisher,
            area,
            self.state_directory.ledger,
            self._gate(settings),
            self.log,
            self.faults,
            refresh_s=settings.catalog.refresh_s,
            lending=lambda: lending(self.pool.pinned("grpc")),
        )
        self.refresh.on_look(self._looked)
        stack.push_async_callback(self._stop_refresh)
        server, thread = metrics.serve(self, settings.bind, settings.metrics.port)
        stack.callback(thread.join, 1.0)
        stack.callback(server.server_close)
        stack.callback(server.shutdown)
        self.metrics_address = address_text(server.socket)
        admin_server = await admin.serve(self)
        stack.callback(self.state_directory.admin_socket.unlink, missing_ok=True)
        stack.push_async_callback(admin_server.stop, 0.5)
        self._opened = True

    def _open_compilation(self, area: SharedMemoryArea) -> Compilation:
        settings = self.settings
        return Compilation(
            self.publisher,
            area,
            self.state_directory.ledger,
            Quarantine(self.state_directory.quarantine, self.log),
            self.log,
            compilation.Limits(
                settings.vm.compiler_memory_mb,
                settings.vm.compiler_cpu_ms,
                settings.vm.compiler_wall_s,
                settings.catalog.reserve_bytes,
            ),
            always=settings.http.workers > 0,
            on_quarantine=self._tell_quarantine,
        )

    async def caught_up(self, generation: int) -> bool:
        """Wait until every worker that runs serves `generation`, at most `ACK_TIMEOUT_S`; whether they do."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ACK_TIMEOUT_S):
                while not self.pool.caught_up(generation):
                    await self.pool.changed.wait()
        return self.pool.caught_up(generation)

    def _notify_workers(self) -> None:
        """What an announcement left out is told before anybody looks for it."""
        self._tell_left_out()
        self.pool.notify_all()

    def _looked(self) -> None:
        self._tell_left_out()
        self.pool.changed.fire()

    def _tell_left_out(self) -> None:
        """Tell HTTP workers why commands are missing, if that is not what they were told last."""
        left_out = self._left_out()
        if left_out != self._left_out_told:
            self._left_out_told = left_out
            self.pool.broadcast({"type": "left_out", "rows": left_out}, "http")

    def _left_out(self) -> list[tuple[str, str]]:
        """Name and reason of rows and files that the current version does without."""
        current = self.publisher.current
        return [(row.name, row.reason) for row in current.bad_rows_shown if row.name] if current else []

    def _tell_quarantine(self) -> None:
        sources = self.compilation.quarantine.reasons()
        self.pool.broadcast({"type": "quarantine", "sources": sources}, "http")

    def _listen(self, stack: AsyncExitStack) -> dict[str, list[socket.socket]]:
        """Open the listening sockets of each role, one a worker slot."""
        settings = self.settings
        groups = {"grpc": listen_group(settings.bind, settings.grpc.port, settings.grpc.workers, "PORT")}
        try:
            if settings.http.workers:
                groups["http"] = listen_group(
                    settings.bind, settings.http.port, settings.http.workers, "AVAP_HTTP_PORT"
                )
        finally:
            for listener in itertools.chain(*groups.values()):
                stack.callback(listener.close)
        self.grpc_address = address_text(groups["grpc"][0])
        self.http_address = address_text(groups["http"][0]) if "http" in groups else ""
        return groups

    def _gate(self, settings: Settings) -> Gate:
        return Gate(
            self.settings.grpc.wire,
            self._signing_key,
            settings.catalog.max_shrink,
            settings.catalog.max_bytes,
            settings.catalog.reserve_bytes,
        )

    def _worker_config(self, role: str) -> dict[str, Any]:
        settings = self.settings
        return {
            "type": "config",
            "role": role,
            "announce": f"{self._segment_prefix}announce",
            "slots": self._slots_name,
            "segment_prefix": self._segment_prefix,
            "keys": list(self.keys.values),
            "drain_grace_ms": int(settings.drain.grace_s * 1000),
            "drain_timeout_ms": int(settings.drain.timeout_s * 1000),
            "log_level": self.loaded.settings.log.level,
            **({"http": self._http_config()} if role == "http" else {}),
        }

    def _http_config(self) -> dict[str, Any]:
        """What an HTTP worker needs beyond what all do."""
        settings = self.settings
        return {
            "needs_key": http_needs_key(settings),
            "cors_origins": list(settings.http.cors_origins),
            "vm_threads": settings.vm.threads,
            "vm_cores": [] if settings.pin == "off" else list(allowed_cores()),
            "vm_memory_bytes": settings.vm.memory_mb << 20,
            "vm_timeout_ms": settings.vm.timeout_ms,
            "quarantined": self.compilation.quarantine.reasons(),
            "left_out": self._left_out(),
        }

    async def _announce_ready(self) -> None:
        """Tell systemd and the person at the terminal, once, that every worker is up and the first look is over."""
        while not (self.pool.all_live and self._first_generation_settled()):
            await self.pool.changed.wait()
        self._ready = True
        current = self.publisher.current
        self.log.info(
            "Appliance Ready", grpc=self.grpc_address, http=self.http_address, metrics=self.metrics_address,
            generation=current.generation if current else 0, commands=current.commands if current else 0,
        )  # fmt: skip
        if current is None:
            self.log.error("Nothing To Serve", advice="the source gave no version; " + self.advice())
        self._notifier.ready(self._summary())
        if self._show_welcome:
            welcome.show(self)

    def _first_generation_settled(self) -> bool:
        current = self.publisher.current
        if current is None:
            return self.refresh.state.looked
        return self.pool.acked(current.generation)

    def advice(self) -> str:
        """What an operator can do while there is nothing to serve."""
        state, rejection = self.refresh.state, self.publisher.last_rejection
        if state.last_error and not state.up:
            return state.last_error
        return rejection[1] if rejection else "run `avap db seed`"

    # ---- while it runs -------------------------------------------------------------------------

    async def _monitor(self) -> None:
        while True:
            await asyncio.sleep(MONITOR_S)
            if self.pool.each_role_ticks():  # the loop lives, or this would not run
                self._notifier.watchdog()
            if not self._ready and self.refresh.busy:
                self._notifier.extend_start(START_EXTENSION_S)
            if self._ready:
                self._notifier.status(self._summary())

    def _summary(self) -> str:
        current = self.publisher.current
        if current is None:
            return "not serving: no catalogue"
        stale = ", stale" if self.refresh.stale else ""
        return f"serving {current.commands} commands, generation {current.generation}{stale}"

    def _install_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, self._on_stop, signum)
        loop.add_signal_handler(signal.SIGHUP, self._hangup.set)
        loop.add_signal_handler(signal.SIGUSR2, self._dump)

    def _on_stop(self, signum: signal.Signals) -> None:
        if self._stop_signal is None:
            self._stop_signal = signum
            self._stop.set()
            return
        try:
            self.log.warning("Stopped At Once", signal=signum.name)
            if self._opened:
                self.pool.kill()
            if self._area is not None:
                self._area.close()
            self.state_directory.admin_socket.unlink(missing_ok=True)
            self.log.close()
        finally:
            os._exit(128 + signum)

    async def _follow_hangups(self) -> None:
        """Reload at each SIGHUP. Those that come during a reload are one more, however many they are."""
        while True:
            await self._hangup.wait()
            self._hangup.clear()
            if self._ready:
                self._notifier.reloading()
            try:
                await self._apply(*self._reload_config())
            except AvapError as error:
                self.log.error("Reload Refused", error=str(error))
            except Exception as error:
                self.faults.caught("reload", error)
            self.pool.retry_now()
            self.compilation.retry()
            await self.refresh.look(force=False, only_if_changed=False)
            if self._ready:
                self._notifier.ready(self._summary())

    async def _apply(self, loaded: Loaded, keys: Keys) -> None:
        """Put new settings into force as far as they can be without a restart, and say which cannot."""
        after = loaded.settings
        self.log.protect(secret_values(after, keys))
        for warning in (*loaded.warnings, *keys.warnings):
            self.log.warning("Configuration Warning", warning=warning)
        changed_keys = keys.values != self.keys.values
        fixed = need_restart(self.settings, after)
        if next(iter(read_signing_keys(after)), None) != self._signing_key:
            fixed = sorted({*fixed, "signing_key"})
        self.loaded, self.keys = loaded, keys
        self.log.set_level(after.log.level)
        self.pool.broadcast({"type": "keys", "keys": list(keys.values)})
        self.pool.broadcast({"type": "log_level", "level": after.log.level})
        self.log.info("Configuration Reloaded", keys=len(keys.values), keys_changed=changed_keys, need_restart=fixed)
        catalog = after.catalog
        await self.refresh.configure(
            self._gate(after), refresh_s=catalog.refresh_s, keep_generations=catalog.keep_generations
        )

    def _dump(self) -> None:
        if not self._opened:
            self.log.info("State", state="starting")
            return
        self.log.info("State", **MessageToDict(self.status(), preserving_proto_field_name=True))
        self.pool.broadcast({"type": "dump"})

    # ---- the end -------------------------------------------------------------------------------

    async def _drain(self, pool: asyncio.Task[None]) -> None:
        self.draining = True
        drain = self.settings.drain
        self._notifier.stopping()
        self.log.info("Draining", signal=self._stop_signal.name if self._stop_signal else "", timeout_s=drain.timeout_s)
        self.pool.drain()
        done, _ = await asyncio.wait([pool], timeout=drain.grace_s + drain.timeout_s + DRAIN_MARGIN_S)
        if not done:
            self.log.error("Drain Timed Out")
            self.pool.kill()
            await asyncio.wait([pool], timeout=KILL_TIMEOUT_S)

    async def _stop_refresh(self) -> None:
        self.source_hangs = not await self.refresh.stop(SOURCE_STOP_TIMEOUT_S)
        if self.source_hangs:
            self.log.error("Source Hangs", source=self._source.name, waited_s=SOURCE_STOP_TIMEOUT_S)
