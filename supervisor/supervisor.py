"""The parent process: owns sockets, shared memory and workers, and follows the source.

    state directory ─▶ shared memory ─▶ sockets ─▶ snapshot announced ─▶ workers ─▶ source followed
                                                                                     └▶ until a signal: drain

Everything is undone in the opposite order, whatever ends it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, Literal

from appliance._native import Announcer, SegmentError, WorkerSlots
from google.protobuf.json_format import MessageToDict

from appliance.config import Keys, Loaded, Settings
from appliance.errors import AvapError, OsRefusedError
from appliance.logging import Logger
from appliance.pb import admin_pb2
from supervisor import admin, metrics, status, welcome
from supervisor.hydration import Gate
from supervisor.notify import Notifier
from supervisor.publisher import Publisher
from supervisor.refresh import Refresh
from supervisor.shared_memory import SharedMemoryArea
from supervisor.sockets import address_text, listen_group
from supervisor.sources import Source
from supervisor.state_directory import StateDirectory
from supervisor.worker_pool import Slot, WorkerPool

MONITOR_S = 1.0
DRAIN_MARGIN_S = 2.0  # what a worker gets beyond its own drain timeout before it is killed


class Supervisor:
    """One run of the appliance. Build it, then await `run`."""

    slots: WorkerSlots
    pool: WorkerPool
    publisher: Publisher
    refresh: Refresh
    log: Logger

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
        self.metrics_address = ""
        self.draining = False
        self._reload_config = reload_config
        self._show_welcome = show_welcome
        self._notifier = Notifier.from_environ()
        self._stop_signal: signal.Signals | None = None
        self._stop = asyncio.Event()
        self._ready = False
        self._source = source
        self._signing_key = signing_key

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self.loaded.settings

    @property
    def stale(self) -> bool:
        """Whether what is served is not what the source is known to hold."""
        current = self.publisher.current
        return current is not None and (current.origin == "snapshot" or not self.refresh.state.up)

    @property
    def catalog_confirmed_at_ms(self) -> int:
        """When the source last confirmed the announced version; of a snapshot, when it was made. 0: none announced."""
        current = self.publisher.current
        if current is None:
            return 0
        return max(current.created_at_ms, self.refresh.state.last_ok_at_ms if current.origin != "snapshot" else 0)

    async def run(self) -> None:
        """Serve until a signal says otherwise. Raises AvapError when the start fails."""
        async with AsyncExitStack() as stack:
            await self._open(stack)
            self._install_signals()
            await self.refresh.restore()
            async with asyncio.TaskGroup() as group:
                background = [
                    group.create_task(self.refresh.run(), name="refresh"),
                    group.create_task(self.pool.watch_heartbeats(), name="heartbeats"),
                    group.create_task(self._monitor(), name="monitor"),
                    group.create_task(self._announce_ready(), name="ready"),
                ]
                pool = group.create_task(self.pool.run(), name="workers")
                await self._stop.wait()
                await self._drain(pool)
                for task in background:
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
        area = SharedMemoryArea(self.state_directory.instance)
        stack.callback(area.close)
        if area.leftovers:
            self.log.warning("Leftovers Removed", names=area.leftovers)
        listeners = listen_group(settings.bind, settings.grpc.port, settings.grpc.workers)
        self.grpc_address = address_text(listeners[0])
        pages = 2 * len(listeners)
        announce_name = area.create("announce", Announcer.ANNOUNCE_BYTES)
        self._slots_name = area.create("slots", pages * WorkerSlots.SLOT_BYTES)
        try:
            announcer = Announcer(announce_name)
            self.slots = WorkerSlots(self._slots_name, pages)
        except SegmentError as error:
            raise OsRefusedError(
                f"no room for the control pages in /dev/shm ({error}); free some space there or make it larger"
            ) from error
        self._area = area
        self.pool = WorkerPool(
            listeners,
            self.slots,
            self._worker_config,
            plan_pinning(settings.pin, len(listeners)),
            self.log,
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
            notify=self.pool.notify_all,
        )
        self.refresh = Refresh(
            self._source,
            self.publisher,
            area,
            self.state_directory.ledger,
            self._gate(settings),
            self.log,
            refresh_s=settings.catalog.refresh_s,
        )
        self.refresh.on_look(self.pool.changed.fire)
        stack.callback(self.refresh.stop)
        server, thread = metrics.serve(self, settings.bind, settings.metrics.port)
        stack.callback(thread.join, 1.0)
        stack.callback(server.server_close)
        stack.callback(server.shutdown)
        self.metrics_address = address_text(server.socket)
        admin_server = await admin.serve(self)
        stack.callback(self.state_directory.admin_socket.unlink, missing_ok=True)
        stack.push_async_callback(admin_server.stop, 0.5)

    def _gate(self, settings: Settings) -> Gate:
        return Gate(
            settings.grpc.wire,
            self._signing_key,
            settings.catalog.max_shrink,
            settings.catalog.max_bytes,
            settings.catalog.reserve_bytes,
        )

    def _worker_config(self) -> dict[str, Any]:
        settings = self.settings
        return {
            "type": "config",
            "role": "grpc",
            "announce": f"{self._area.prefix}announce",
            "slots": self._slots_name,
            "segment_prefix": self._area.prefix,
            "keys": list(self.keys.values),
            "drain_grace_ms": int(settings.drain.grace_s * 1000),
            "drain_timeout_ms": int(settings.drain.timeout_s * 1000),
            "log_level": settings.log.level,
        }

    async def _announce_ready(self) -> None:
        """Tell systemd and the person at the terminal, once, that every worker is up and the first look is over."""
        while not (self.pool.all_live and self._first_generation_settled()):
            await self.pool.changed.wait()
        self._ready = True
        current = self.publisher.current
        self.log.info(
            "Appliance Ready", grpc=self.grpc_address, metrics=self.metrics_address,
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
            if self.pool.any_ticking():  # the loop lives, or this would not run
                self._notifier.watchdog()
            if self._ready:
                self._notifier.status(self._summary())

    def _summary(self) -> str:
        current = self.publisher.current
        if current is None:
            return "not serving: no catalogue"
        stale = ", stale" if self.stale else ""
        return f"serving {current.commands} commands, generation {current.generation}{stale}"

    def _install_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, self._on_stop, signum)
        loop.add_signal_handler(signal.SIGHUP, self._on_hangup)
        loop.add_signal_handler(signal.SIGUSR2, self._dump)

    def _on_stop(self, signum: signal.Signals) -> None:
        if self._stop_signal is None:
            self._stop_signal = signum
            self._stop.set()
            return
        self.log.warning("Stopped At Once", signal=signum.name)
        self.pool.kill()
        self._area.close()
        self.state_directory.admin_socket.unlink(missing_ok=True)
        self.log.close()
        os._exit(128 + signum)

    def _on_hangup(self) -> None:
        self._notifier.reloading()
        try:
            self._apply(*self._reload_config())
        except AvapError as error:
            self.log.error("Reload Refused", error=str(error))
        self._hangup = asyncio.get_running_loop().create_task(self._look_after_hangup())

    async def _look_after_hangup(self) -> None:
        await self.refresh.look(force=False, only_if_changed=False)
        self._notifier.ready(self._summary())

    def _apply(self, loaded: Loaded, keys: Keys) -> None:
        """Put new settings into force as far as they can be without a restart, and say which cannot."""
        before, after = self.settings, loaded.settings
        fixed = [
            name
            for name, old, new in (
                ("grpc.port", before.grpc.port, after.grpc.port),
                ("grpc.workers", before.grpc.workers, after.grpc.workers),
                ("grpc.wire", before.grpc.wire, after.grpc.wire),
                ("bind", before.bind, after.bind),
                ("state_dir", before.state_dir, after.state_dir),
                ("metrics.port", before.metrics.port, after.metrics.port),
                ("database.url", before.database.url, after.database.url),
                ("catalog.dir", before.catalog.dir, after.catalog.dir),
                ("signing_key", before.signing_key, after.signing_key),
                ("pin", before.pin, after.pin),
            )
            if old != new
        ]
        changed_keys = keys.values != self.keys.values
        self.loaded, self.keys = loaded, keys
        self.log.protect(keys.values)
        self.log.set_level(after.log.level)
        self.refresh.refresh_s = after.catalog.refresh_s
        self.refresh.gate = self._gate(after)
        self.publisher.keep_generations = after.catalog.keep_generations
        self.pool.broadcast({"type": "keys", "keys": list(keys.values)})
        self.pool.broadcast({"type": "log_level", "level": after.log.level})
        self.log.info("Configuration Reloaded", keys=len(keys.values), keys_changed=changed_keys, need_restart=fixed)

    def _dump(self) -> None:
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
            await asyncio.wait([pool])
        self.log.info("Stopped")


def plan_pinning(pin: Literal["auto", "off"] | tuple[int, ...], workers: int) -> list[list[int] | None]:
    """The cores of each worker slot: `auto` pins one core each while there are enough, `off` none, a list in turn."""
    if pin == "off":
        return [None] * workers
    if pin == "auto":
        allowed = sorted(os.sched_getaffinity(0))
        # From the far end: the first core tends to have the interrupts.
        return [[core] for core in allowed[-workers:]] if workers <= len(allowed) else [None] * workers
    return [[pin[index % len(pin)]] for index in range(workers)]
