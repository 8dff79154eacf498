"""Keys appear nowhere but where they belong."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.appliance.load import get_raw, open_channel
from tests.appliance.process import serving

API_KEY = "api-key-f00dfacef00dface"
SIGNING_KEY = "signing-key-cafebabecafebabe"
PASSWORD = "database-password-0ddba11"


def test_no_secret_in_argv_environ_log_or_config_show(tmp_path: Path) -> None:
    environ = {
        "API_KEY": API_KEY,
        "AVAP_SIGNING_KEY": SIGNING_KEY,
        "DATABASE_URL": f"postgresql://reader:{PASSWORD}@127.0.0.1:1/nowhere",
        "AVAP_CATALOG_REFRESH_S": "0.2",
        "AVAP_LOG_LEVEL": "debug",
        "AVAP_GRPC_WORKERS": "2",
    }
    with serving(tmp_path / "state", environ) as appliance:
        appliance.wait_logged("Source Failed", count=2)
        appliance.signal(signal.SIGUSR2)
        appliance.wait_logged("State")
        shown = [
            appliance.run_avap(*words) for words in (["config", "show"], ["status"], ["status", "--json"], ["doctor"])
        ]
        seen = {f"output of {done.args[1:]}": done.stdout + done.stderr for done in shown}
        assert "***" in shown[0].stdout
        for pid in appliance.processes():
            process = Path("/proc") / str(pid)
            seen[f"cmdline of {pid}"] = (process / "cmdline").read_bytes().decode(errors="replace")
            if pid != appliance.process.pid:  # the supervisor's own was given to it by the operator
                seen[f"environ of {pid}"] = (process / "environ").read_bytes().decode(errors="replace")
        metrics = "\n".join(appliance.metrics())
        seen["metrics"] = metrics
        seen["log"] = appliance.text_log()
    for secret in (API_KEY, SIGNING_KEY, PASSWORD):
        assert [where for where, text in seen.items() if secret in text] == []


def test_the_key_made_on_first_start_is_private_used_and_kept(tmp_path: Path) -> None:
    with serving(tmp_path / "state", {"API_KEY": ""}) as appliance, open_channel(appliance.grpc_address) as channel:
        path = tmp_path / "state" / "api_key"
        key = path.read_text().strip()
        assert path.stat().st_mode & 0o777 == 0o600
        get_raw(channel, "addVar", key)
        assert key not in appliance.text_log()
        assert appliance.run_avap("get", "addVar", "--target", appliance.grpc_address).returncode == 0
    with serving(tmp_path / "state", {"API_KEY": ""}) as appliance, open_channel(appliance.grpc_address) as channel:
        get_raw(channel, "addVar", key)
