"""What Prometheus scrapes: the workers' counters as the native table names them, and the supervisor's own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from threading import Thread
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from appliance import __version__
from appliance._native import WorkerSlots, metric_families
from appliance.errors import OsRefusedError, PortTakenError
from supervisor.compilation import OUTCOMES
from supervisor.faults import PLACES

if TYPE_CHECKING:
    from wsgiref.simple_server import WSGIServer

    from supervisor.supervisor import Supervisor
    from supervisor.version import Code

SCRAPE_TIMEOUT_S = 10.0
"""A connection that asks nothing, or does not take the answer, gives its thread back after it."""
REJECTION_REASONS = ("empty", "shrink", "too_large", "no_room", "verify", "state")


class WorkerCollector(Collector):
    """Every family of the native metric table, with totals that survive a worker's death."""

    def __init__(self, slots: WorkerSlots) -> None:
        """`slots` folds the counters of dead workers into its base."""
        self._slots = slots

    def collect(self) -> Iterator[Metric]:
        """Yield one family after the other."""
        families: dict[str, Metric] = {}
        for family in metric_families():
            kind = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily, "histogram": HistogramMetricFamily}[
                family.kind
            ]
            name = family.name.removesuffix("_total") if family.kind == "counter" else family.name
            families[family.name] = kind(name, family.help, labels=family.labels)
        buckets: dict[tuple[str, tuple[str, ...]], list[tuple[str, float]]] = {}
        sums: dict[tuple[str, tuple[str, ...]], float] = {}
        for name, values, value in self._slots.samples():
            labels = tuple(values)
            if name in families:
                families[name].add_metric(labels, value)  # type: ignore[attr-defined]
            elif name.endswith("_bucket"):
                buckets.setdefault((name.removesuffix("_bucket"), labels[:-1]), []).append((labels[-1], value))
            elif name.endswith("_sum"):
                sums[name.removesuffix("_sum"), labels] = value
        for (name, labels), counts in buckets.items():
            families[name].add_metric(labels, counts, sums.get((name, labels), 0.0))  # type: ignore[attr-defined]
        yield from families.values()


@dataclass(frozen=True, slots=True)
class Sample:
    """One family of the supervisor's own; `read` gives (label values, value) pairs."""

    kind: type[CounterMetricFamily] | type[GaugeMetricFamily]
    name: str
    help: str
    labels: tuple[str, ...]
    read: Callable[[Supervisor], Iterable[tuple[tuple[str, ...], float]]]


def _one(value: float) -> list[tuple[tuple[str, ...], float]]:
    return [((), value)]


def _age_s(supervisor: Supervisor) -> float:
    current = supervisor.publisher.current
    return max(0.0, time.time() - current.confirmed_at_ms / 1000) if current else 0.0


def _code(supervisor: Supervisor) -> Code | None:
    current = supervisor.publisher.current
    return current.code if current else None


def _definitions(supervisor: Supervisor) -> list[tuple[tuple[str, ...], float]]:
    code = _code(supervisor)
    refused, quarantined = (code.refused, code.quarantined) if code else (0, 0)
    compiled = code.definitions - refused - quarantined if code else 0
    return [(("compiled",), compiled), (("refused",), refused), (("quarantined",), quarantined)]


SAMPLES = (
    Sample(GaugeMetricFamily, "avap_cache_size", "Commands in the announced version.", (),
           lambda s: _one(s.publisher.current.commands if s.publisher.current else 0)),
    Sample(GaugeMetricFamily, "avap_catalog_bytes", "Bytes of the announced version's segment.", (),
           lambda s: _one(s.publisher.current.bytes if s.publisher.current else 0)),
    Sample(GaugeMetricFamily, "avap_catalog_generation", "Announced generation; 0 before the first.", (),
           lambda s: _one(s.publisher.current.generation if s.publisher.current else 0)),
    Sample(GaugeMetricFamily, "avap_catalog_age_seconds", "Since the source last confirmed the announced version.", (),
           lambda s: _one(_age_s(s))),
    Sample(GaugeMetricFamily, "avap_catalog_stale", "1 while the announced version is not confirmed by the source.", (),
           lambda s: _one(float(s.refresh.stale))),
    Sample(GaugeMetricFamily, "avap_catalog_pinned", "1 while the catalogue is pinned.", (),
           lambda s: _one(float(s.publisher.pinned))),
    Sample(GaugeMetricFamily, "avap_catalog_segments", "Segments in shared memory.", (),
           lambda s: _one(len(s.publisher.versions))),
    Sample(GaugeMetricFamily, "avap_catalog_duplicates", "Rows of the announced version that lost to a later one.", (),
           lambda s: _one(s.publisher.current.duplicates if s.publisher.current else 0)),
    Sample(GaugeMetricFamily, "avap_catalog_bad_rows", "Rows and files left out of the announced version.", (),
           lambda s: _one(s.publisher.current.bad_rows if s.publisher.current else 0)),
    Sample(CounterMetricFamily, "avap_catalog_rejected", "Versions that were refused, by reason.", ("reason",),
           lambda s: [((reason,), s.publisher.rejections[reason]) for reason in REJECTION_REASONS]),
    Sample(GaugeMetricFamily, "avap_code_announced", "1 while the announced version's definitions are compiled.", (),
           lambda s: _one(float(_code(s) is not None))),
    Sample(GaugeMetricFamily, "avap_code_bytes", "Bytes of the announced version's compiled definitions.", (),
           lambda s: _one(code.bytes if (code := _code(s)) else 0)),
    Sample(GaugeMetricFamily, "avap_definitions", "Definitions of the announced version, by what became of them.",
           ("state",), lambda s: _definitions(s)),
    Sample(CounterMetricFamily, "avap_definitions_compiled", "Definitions compiled, or copied from before.", ("how",),
           lambda s: [((how,), s.compilation.definitions[how]) for how in ("compiled", "reused")]),
    Sample(CounterMetricFamily, "avap_compiler_runs", "Compiler processes, by how they ended.", ("outcome",),
           lambda s: [((outcome,), s.compilation.runs[outcome]) for outcome in OUTCOMES]),
    Sample(GaugeMetricFamily, "avap_compiler_seconds", "Last compilation that was completed.", (),
           lambda s: _one(s.compilation.seconds)),
    Sample(GaugeMetricFamily, "avap_quarantined_definitions", "Sources that ended a compiler, of any version.", (),
           lambda s: _one(len(s.compilation.quarantine.entries))),
    Sample(GaugeMetricFamily, "avap_snapshot_ok", "1 while the snapshot on disk is the announced version.", (),
           lambda s: _one(float(s.publisher.snapshot_ok))),
    Sample(GaugeMetricFamily, "avap_source_up", "1 while the last look at the source went well.", ("source",),
           lambda s: [((s.refresh.source.name,), float(s.refresh.state.up))]),
    Sample(GaugeMetricFamily, "avap_source_failures", "Looks at the source that failed in a row.", (),
           lambda s: _one(s.refresh.state.failures)),
    Sample(GaugeMetricFamily, "avap_hydration_seconds", "Last hydration, from the first query to verified.", (),
           lambda s: _one(s.refresh.state.hydration_s)),
    Sample(GaugeMetricFamily, "avap_worker_up", "1 while a ready worker fills the slot.", ("role", "slot"),
           lambda s: [((slot.role, str(slot.index)), float(slot.live)) for slot in s.pool.slots]),
    Sample(GaugeMetricFamily, "avap_worker_generation", "Generation that the worker acknowledged.", ("role", "slot"),
           lambda s: [((slot.role, str(slot.index)), slot.acked_generation) for slot in s.pool.slots]),
    Sample(GaugeMetricFamily, "avap_worker_connections", "Open connections of the slot's worker.", ("role", "slot"),
           lambda s: [((slot.role, str(slot.index)), s.connections(slot)) for slot in s.pool.slots]),
    Sample(CounterMetricFamily, "avap_worker_restarts", "Workers of the slot that died.", ("role", "slot"),
           lambda s: [((slot.role, str(slot.index)), slot.restarts) for slot in s.pool.slots]),
    Sample(CounterMetricFamily, "avap_supervisor_log_lines_dropped", "Log lines dropped because nobody read them.", (),
           lambda s: _one(s.log.dropped)),
    Sample(CounterMetricFamily, "avap_supervisor_faults", "Exceptions nobody expected; the log has each.", ("place",),
           lambda s: [((place,), s.faults.counts[place]) for place in PLACES]),
)  # fmt: skip


class SupervisorCollector(Collector):
    """The catalogue's, the source's and the worker slots' state."""

    def __init__(self, supervisor: Supervisor) -> None:
        """Reads plain attributes of `supervisor`, from the HTTP server's thread."""
        self._supervisor = supervisor

    def collect(self) -> Iterator[Metric]:
        """Yield one family after the other."""
        yield InfoMetricFamily("avap_build", "The appliance.", value={"version": __version__})
        for sample in SAMPLES:
            family = sample.kind(sample.name, sample.help, labels=sample.labels)
            for labels, value in sample.read(self._supervisor):
                family.add_metric(labels, value)
            yield family


def serve(supervisor: Supervisor, host: str, port: int) -> tuple[WSGIServer, Thread]:
    """Answer `GET /metrics` on `host:port` (0: any free port). Raises PortTakenError, OsRefusedError."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(WorkerCollector(supervisor.slots))
    registry.register(SupervisorCollector(supervisor))
    try:
        server, thread = start_http_server(port, addr=host, registry=registry)
    except OSError as error:
        if isinstance(error, PermissionError):
            raise OsRefusedError(f"this user may not bind the metrics port {port}; use one from 1024 up") from error
        raise PortTakenError(
            f"cannot open the metrics port {port} on {host}: {error.strerror}; set another AVAP_METRICS_PORT"
        ) from error
    handler: Any = server.RequestHandlerClass
    server.RequestHandlerClass = type("ScrapeHandler", (handler,), {"timeout": SCRAPE_TIMEOUT_S})
    return server, thread
