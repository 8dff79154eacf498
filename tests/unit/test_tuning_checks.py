"""`avap doctor` on tuning: each check is silent or content on a good host and speaks on one that it is about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from appliance.cli import tuning_checks
from appliance.cli.checks import Case, Finding, Host
from appliance.cli.tuning_checks import TUNING_CHECKS
from appliance.config import Settings
from appliance.pb import admin_pb2
from bench.tuning import TRIALS

DOCUMENT = Path(__file__).resolve().parents[2] / "tuning.md"
HEADINGS = re.findall(r"^## (.+)$", DOCUMENT.read_text(), re.MULTILINE)
CATALOG_BYTES = 256 * 1024 * 1024


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """Four cores, a network card with four queues, a large catalogue, clients elsewhere, and everything applied."""
    sys, proc = tmp_path / "sys", tmp_path / "proc"
    for core in range(4):
        write(sys / f"devices/system/cpu/cpu{core}/cpufreq/scaling_governor", "performance\n")
    write(sys / "devices/system/clocksource/clocksource0/current_clocksource", "tsc\n")
    write(sys / "kernel/mm/transparent_hugepage/shmem_enabled", "always within_size advise [never] deny force\n")
    write(sys / "class/net/lo/operstate", "unknown\n")
    write(sys / "class/net/lo/queues/rx-0/rps_cpus", "0\n")
    write(sys / "class/net/eth0/operstate", "up\n")
    (sys / "class/net/eth0/device").mkdir()
    for queue in range(4):
        write(sys / f"class/net/eth0/queues/rx-{queue}/rps_cpus", "00000000,00000000\n")
    write(proc / "7/cgroup", "0::/system.slice/avap.service\n")
    write(proc / "7/mounts", f"tmpfs /other tmpfs rw 0 0\ntmpfs {tmp_path / 'shm'} tmpfs rw,huge=within_size 0 0\n")
    host = Host(proc=proc, sys=sys, cgroup=tmp_path / "cgroup", shm=tmp_path / "shm", cores=lambda: 4)
    settings = Settings.model_validate({"state_dir": tmp_path, "bind": "0.0.0.0", "grpc": {"workers": 3}})
    status = admin_pb2.StatusReply(pid=7, catalog=admin_pb2.CatalogStatus(bytes=CATALOG_BYTES))
    return Case(settings, status, host)


def with_settings(case: Case, **changes: Any) -> Case:
    values = {"state_dir": case.settings.state_dir, "bind": "0.0.0.0", "grpc": {"workers": 3}, **changes}
    return replace(case, settings=Settings.model_validate(values))


def on(case: Case, **changes: Any) -> Case:
    return replace(case, host=replace(case.host, **changes))


def expect(findings: Iterator[Finding], level: str, said: str) -> None:
    (finding,) = findings
    assert finding.level == level, finding
    assert said in finding.said, finding
    assert section(finding) in HEADINGS, finding


def section(finding: Finding) -> str:
    """Of tuning.md, where a finding sends its reader."""
    match = re.search(r"\(tuning\.md, (.+)\)$", finding.todo)
    return match[1] if match else ""


def expect_ok(findings: Iterator[Finding]) -> None:
    assert [finding for finding in findings if finding.level != "ok"] == []


def test_a_tuned_host_passes_every_check(case: Case) -> None:
    findings = [finding for check in TUNING_CHECKS for finding in check(case)]
    assert [finding for finding in findings if finding.level != "ok"] == []
    assert len(findings) == len(TUNING_CHECKS)


PARTS = ("What it does.", "When it pays.", "Measured.", "Set, undo.", "Doctor.")
SECTIONS = dict(re.findall(r"^## (.+)\n((?:(?!## ).*\n)+)", DOCUMENT.read_text(), re.MULTILINE))


def test_each_heading_of_the_document_says_all_that_there_is_to_say() -> None:
    settings = {name: text for name, text in SECTIONS.items() if not name.startswith("How we measured")}
    assert len(settings) == 12
    for name, text in settings.items():
        assert re.findall(r"^\*([^*]+)\*", text, re.MULTILINE) == list(PARTS), name


def test_the_document_names_each_check_and_no_other(case: Case) -> None:
    named = re.findall(r"^\*Doctor\.\* `([^`]+)`:", DOCUMENT.read_text(), re.MULTILINE)
    names = {finding.check for check in TUNING_CHECKS for finding in check(case)}
    assert sorted(named) == sorted(names | {"open files", "accept queue"})


def test_the_document_has_the_figures_of_each_trial_and_its_command() -> None:
    text = " ".join(DOCUMENT.read_text().split())
    assert set(re.findall(r"`python -m bench\.tuning ([a-z-]+)`", text)) == set(TRIALS)


def test_more_workers_than_cores_and_fewer_than_there_could_be(case: Case) -> None:
    expect(tuning_checks.workers(with_settings(case, grpc={"workers": 5})), "warning", "5 workers share 4 cores")
    expect(tuning_checks.workers(with_settings(case, grpc={"workers": 1})), "info", "requests use 1 of them")
    # Clients on the same host need the other cores.
    expect_ok(tuning_checks.workers(with_settings(case, grpc={"workers": 1}, bind="127.0.0.1")))
    expect_ok(tuning_checks.workers(on(with_settings(case, grpc={"workers": 1}), cores=lambda: 1)))


def test_more_workers_than_the_cores_that_they_are_pinned_to(case: Case) -> None:
    # Not through validation, which knows the cores of the host that the tests run on.
    pinned = replace(case, settings=case.settings.model_copy(update={"pin": (1, 2)}))
    expect(tuning_checks.pinning(pinned), "warning", "3 workers are pinned to 2 cores")
    expect_ok(tuning_checks.pinning(replace(case, settings=case.settings.model_copy(update={"pin": (1, 2, 3)}))))
    expect_ok(tuning_checks.pinning(with_settings(case, pin="off")))


def test_a_cpu_quota_of_the_unit_or_of_a_group_around_it(case: Case) -> None:
    group = case.host.cgroup / "system.slice"
    write(group / "avap.service/cpu.max", "max 100000\n")
    expect_ok(tuning_checks.cpu_quota(case))
    write(group / "cpu.max", "150000 100000\n")
    expect(tuning_checks.cpu_quota(case), "warning", "allows 1.5 cores")
    write(group / "cpu.max", "800000 100000\n")
    expect_ok(tuning_checks.cpu_quota(case))
    write(group / "cpu.stat", "nr_periods 9\nnr_throttled 3\n")
    expect(tuning_checks.cpu_quota(case), "warning", "has stopped the processes in it 3 times")


def test_a_cpu_quota_of_control_groups_version_1(case: Case) -> None:
    write(case.host.proc / "7/cgroup", "3:cpuset:/\n1:cpu,cpuacct:/docker/x\n0::/\n")
    group = case.host.cgroup / "cpu/docker/x"
    write(group / "cpu.cfs_quota_us", "-1\n")
    write(group / "cpu.cfs_period_us", "100000\n")
    expect_ok(tuning_checks.cpu_quota(case))
    write(group / "cpu.cfs_quota_us", "50000\n")
    expect(tuning_checks.cpu_quota(case), "warning", "allows 0.5 cores")


def test_a_governor_that_saves_power(case: Case) -> None:
    write(case.host.sys / "devices/system/cpu/cpu2/cpufreq/scaling_governor", "powersave\n")
    expect(tuning_checks.governor(case), "info", "powersave")


def test_nothing_is_said_of_a_governor_in_a_virtual_machine(case: Case, tmp_path: Path) -> None:
    assert list(tuning_checks.governor(on(case, sys=tmp_path / "none"))) == []


def test_a_clock_that_is_read_by_system_call(case: Case) -> None:
    write(case.host.sys / "devices/system/clocksource/clocksource0/current_clocksource", "hpet\n")
    expect(tuning_checks.clock_source(case), "warning", "hpet")


@pytest.mark.parametrize(
    ("mounted", "shmem_enabled", "level"),
    [
        ("rw", "[never] deny force", "info"),
        ("rw,huge=never", "[never] deny force", "info"),
        ("rw,huge=advise", "[never] deny force", "info"),
        ("rw,huge=always", "never [deny] force", "info"),
        ("rw,huge=always", "[never] deny force", "ok"),
        ("rw", "never deny [force]", "ok"),
    ],
)
def test_a_large_catalogue_in_small_pages(case: Case, mounted: str, shmem_enabled: str, level: str) -> None:
    shm = case.host.shm
    write(case.host.proc / "7/mounts", f"tmpfs {shm} tmpfs rw,huge=always 0 0\ntmpfs {shm} tmpfs {mounted} 0 0\n")
    write(case.host.sys / "kernel/mm/transparent_hugepage/shmem_enabled", f"always advise {shmem_enabled}\n")
    (finding,) = tuning_checks.huge_pages(case)
    assert finding.level == level, finding
    if level == "info":
        assert f"huge=within_size {shm}" in finding.todo
        assert section(finding) in HEADINGS


def test_a_small_catalogue_needs_no_huge_pages(case: Case) -> None:
    write(case.host.proc / "7/mounts", "")
    status = admin_pb2.StatusReply(pid=7, catalog=admin_pb2.CatalogStatus(bytes=CATALOG_BYTES // 8))
    assert list(tuning_checks.huge_pages(replace(case, status=status))) == []


def test_a_card_with_one_receive_queue(case: Case) -> None:
    queues = case.host.sys / "class/net/eth0/queues"
    for queue in range(1, 4):
        (queues / f"rx-{queue}/rps_cpus").unlink()
        (queues / f"rx-{queue}").rmdir()
    expect(tuning_checks.receive_queues(case), "info", "eth0 has one receive queue")
    assert list(tuning_checks.receive_queues(with_settings(case, bind="127.0.0.1"))) == []
    assert list(tuning_checks.receive_queues(on(case, cores=lambda: 1))) == []
    write(queues / "rx-0/rps_cpus", "00000000,0000000f\n")
    expect_ok(tuning_checks.receive_queues(case))
    write(queues / "rx-0/rps_cpus", "0\n")
    write(case.host.sys / "class/net/eth0/operstate", "down\n")
    assert list(tuning_checks.receive_queues(case)) == []
