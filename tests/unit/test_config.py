"""Configuration: which source wins, what is refused and how it is said, and that secrets stay secret."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from appliance.config import SETTINGS, Loaded, Settings, load, load_keys, read_keys, read_signing_keys, secret_values
from appliance.config.database_url import masked, passwords
from appliance.config.settings import allowed_cores, http_needs_key
from appliance.config.showing import rows
from appliance.errors import ConfigError, SecretError

HOME = {"HOME": "/nonexistent"}


def loaded(
    environ: Mapping[str, str] | None = None, toml: str | None = None, folder: Path | None = None, **flags: object
) -> Loaded:
    file = None
    if toml is not None:
        assert folder is not None
        file = folder / "appliance.toml"
        file.write_text(toml)
        file.chmod(0o600)
    named = {name.replace("__", "."): value for name, value in flags.items()}
    return load(named, HOME | dict(environ or {}), file, Path("/nonexistent/appliance.toml"))


def problems(
    environ: Mapping[str, str] | None = None, toml: str | None = None, folder: Path | None = None, **flags: object
) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        loaded(environ, toml, folder, **flags)
    return caught.value.problems


def test_nothing_set_gives_the_documented_defaults() -> None:
    found = loaded()
    settings = found.settings
    assert (settings.grpc.port, settings.metrics.port, settings.bind) == (50051, 9090, "127.0.0.1")
    assert settings.grpc.workers == max(1, len(allowed_cores()) - 1)
    assert settings.catalog.max_bytes == 2**31 - 64 * 1024
    assert settings.catalog.reserve_bytes == 64 * 2**20
    assert settings.database.url is None
    assert settings.state_dir == Path("/nonexistent/.local/state/avap")
    assert set(found.sources.values()) == {"default"}
    assert found.warnings == ()
    assert found.config_file is None


def test_flags_win_over_environment_over_file_over_defaults_and_each_value_knows_its_source(tmp_path: Path) -> None:
    toml = "[grpc]\nport = 1001\nworkers = 1\n[metrics]\nport = 1002\n[log]\nlevel = 'error'\n"
    found = loaded({"PORT": "2001", "AVAP_METRICS_PORT": "2002"}, toml, tmp_path, grpc__port=3001, bind=None)
    settings, sources = found.settings, found.sources
    assert (settings.grpc.port, sources["grpc.port"]) == (3001, "flag --port")
    assert (settings.metrics.port, sources["metrics.port"]) == (2002, "environment AVAP_METRICS_PORT")
    assert (settings.log.level, sources["log.level"]) == ("error", f"file {tmp_path}/appliance.toml")
    assert sources["bind"] == "default"


def test_every_setting_can_be_set_by_its_derived_environment_name(tmp_path: Path) -> None:
    values = {
        "bind": "::1",
        "state_dir": "/s",
        "pin": "off",
        "api_key": "k",
        "signing_key": "s",
        "grpc.port": "1",
        "grpc.workers": "1",
        "grpc.wire": "lite",
        "http.port": "3",
        "http.workers": "4",
        "http.auth": "on",
        "http.cors_origins": "https://example.org, http://localhost:3000",
        "vm.threads": "2",
        "vm.timeout_ms": "500",
        "vm.memory_mb": "8",
        "vm.compiler_memory_mb": "64",
        "vm.compiler_cpu_ms": "600",
        "vm.compiler_wall_s": "15",
        "metrics.port": "2",
        "catalog.dir": "/c",
        "catalog.refresh_s": "7",
        "catalog.keep_generations": "8",
        "catalog.max_shrink": "0.25",
        "catalog.max_bytes": "1MiB",
        "catalog.reserve_bytes": "9",
        "database.url": "postgresql://h/d",
        "database.connect_timeout_s": "2.5",
        "database.stall_timeout_s": "11",
        "log.level": "debug",
        "drain.grace_s": "3",
        "drain.timeout_s": "12",
        "worker.heartbeat_timeout_s": "13",
        "worker.backoff_max_s": "14",
    }
    by_file = {row.key for row in SETTINGS if row.key.endswith("_file")}
    assert {row.key for row in SETTINGS} == set(values) | by_file
    found = loaded({"AVAP_" + key.upper().replace(".", "_"): value for key, value in values.items()})
    assert {key for key, source in found.sources.items() if source.startswith("environment AVAP_")} == set(values)
    assert found.settings.catalog.max_bytes == 2**20
    assert found.settings.grpc.wire == "lite"


def test_every_problem_is_reported_at_once_with_key_source_and_what_is_allowed(tmp_path: Path) -> None:
    found = problems(
        {"PORT": "99999", "AVAP_CATALOG_REFRESHS": "60", "AVAP_GRPC_WIRE": "lite"},
        "workers = 3\n[grpc]\nwokers = 2\n[log]\nlevel = 'loud'\n[metrics]\nport = true\n",
        tmp_path,
        pin="0-",
    )
    text = "\n".join(found)
    assert "grpc.port (environment PORT): allowed is 0 to 65535; 0 takes any free port; found '99999'" in found
    assert (
        "AVAP_CATALOG_REFRESHS (environment): there is no such setting; did you mean AVAP_CATALOG_REFRESH_S?" in found
    )
    assert "did you mean grpc.workers?" in text
    assert any(line.startswith("workers (file") and "grpc.workers" in line for line in found)
    assert any(line.startswith("log.level (file") and "'loud'" in line for line in found)
    assert any(line.startswith("metrics.port (file") and "'True'" in line for line in found)
    assert any(line.startswith("pin (flag --pin)") for line in found)
    assert any(line.startswith("grpc.wire (environment AVAP_GRPC_WIRE)") for line in found)
    assert len(found) == 8


def test_a_contradiction_with_a_bad_value_is_not_made_up() -> None:
    assert len(problems({"PORT": "x", "AVAP_METRICS_PORT": "50051"})) == 1
    assert len(problems({"AVAP_GRPC_WIRE": "lite", "AVAP_SIGNING_KEY_FILE": "a\0b"})) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "-1"),
        ("PORT", "5o"),
        ("AVAP_GRPC_WORKERS", "0"),
        ("AVAP_GRPC_WORKERS", "257"),
        ("AVAP_GRPC_WIRE", "Lite"),
        ("AVAP_CATALOG_REFRESH_S", "nan"),
        ("AVAP_CATALOG_REFRESH_S", "0"),
        ("AVAP_CATALOG_KEEP_GENERATIONS", "33"),
        ("AVAP_CATALOG_MAX_SHRINK", "1.1"),
        ("AVAP_CATALOG_MAX_BYTES", "2GiB"),
        ("AVAP_CATALOG_MAX_BYTES", "12 apples"),
        ("AVAP_CATALOG_RESERVE_BYTES", "-1"),
        ("AVAP_DATABASE_CONNECT_TIMEOUT_S", "inf"),
        ("DATABASE_URL", "mysql://x/y"),
        ("AVAP_PIN", "0,0"),
        ("AVAP_PIN", "4095"),
        ("AVAP_PIN", "1-0"),
        ("AVAP_BIND", "http://x"),
        ("AVAP_LOG_LEVEL", "INFO!"),
        ("AVAP_STATE_DIR", "a\0b"),
    ],
)
def test_a_bad_value_is_refused_under_its_name(name: str, value: str) -> None:
    found = problems({name: value})
    assert len(found) == 1
    assert f"(environment {name})" in found[0]


def test_settings_that_contradict_each_other_are_refused() -> None:
    assert "signing key" in problems({"AVAP_GRPC_WIRE": "lite"})[0]
    assert "two ports" in problems({"PORT": "9090"})[0]
    assert "drain.grace_s" in problems({"AVAP_DRAIN_GRACE_S": "11"})[0]
    assert "disagree" in problems({"PORT": "1", "AVAP_GRPC_PORT": "2"})[0]
    assert "both set" in problems({"API_KEY": "k", "API_KEY_FILE": "/k"})[0]
    assert loaded({"PORT": "7", "AVAP_GRPC_PORT": "7"}).settings.grpc.port == 7
    assert loaded({"PORT": "0", "AVAP_METRICS_PORT": "0"}).settings.metrics.port == 0


def test_names_of_the_predecessor_and_of_parts_not_built_are_ignored_with_a_warning() -> None:
    names = (
        "AVAP_VM_SIGNATURES",
        "AVAP_OUTBOUND_ALLOW",
        "AVAP_SQL_URL",
        "AVAP_INTERNAL_KEY",
        "NODE_ENV",
        "UV_THREADPOOL_SIZE",
        "DATABASE_POOL_SIZE",
    )
    warnings = loaded(dict.fromkeys(names, "x")).warnings
    assert len(warnings) == len(names)
    assert all(any(warning.startswith(f"ignored: {name} ") for warning in warnings) for name in names)


def test_the_same_names_in_the_file_are_errors(tmp_path: Path) -> None:
    assert len(problems(toml="[vm]\nsignatures = 'all'\n", folder=tmp_path)) == 1


def test_variables_that_kubernetes_sets_for_services_do_no_harm() -> None:
    link = "tcp://10.0.0.1:50051"
    found = loaded(
        {
            "AVAP_ENGINE_SERVICE_HOST": "10.0.0.1",
            "AVAP_ENGINE_SERVICE_PORT": "50051",
            "AVAP_ENGINE_SERVICE_PORT_GRPC": "50051",
            "AVAP_ENGINE_PORT": link,
            "AVAP_ENGINE_PORT_50051_TCP": link,
            "AVAP_ENGINE_PORT_50051_TCP_ADDR": "10.0.0.1",
            "AVAP_GRPC_PORT": link,
            "AVAP_GRPC_SERVICE_HOST": "10.0.0.1",
        }
    )
    assert found.settings.grpc.port == 50051
    assert any("AVAP_GRPC_PORT" in warning for warning in found.warnings)
    assert "AVAP_GPRC_PORT" in problems({"AVAP_GPRC_PORT": "1"})[0]


def test_an_empty_variable_counts_as_not_set_and_an_empty_secret_is_warned_about() -> None:
    found = loaded({"PORT": "", "API_KEY": "", "DATABASE_URL": ""})
    assert found.settings.grpc.port == 50051
    assert found.settings.api_key is None
    assert [warning.split()[0] for warning in found.warnings] == ["API_KEY", "DATABASE_URL"]


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("port", "not valid TOML"),
        ("grpc = 3", "this is a section"),
        ("[grpx]\nport=1", "no such section; did you mean grpc?"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, toml: str, said: str) -> None:
    found = problems(toml=toml, folder=tmp_path)
    assert said in found[0]
    assert str(tmp_path / "appliance.toml") in found[0]


def test_a_named_file_must_exist_and_be_text(tmp_path: Path) -> None:
    for name, content in (("absent.toml", None), ("binary.toml", b"\xff\xff")):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(ConfigError, match=name):
            load({}, HOME, tmp_path / name)


def test_the_default_file_is_read_when_it_is_there(tmp_path: Path) -> None:
    default = tmp_path / "appliance.toml"
    assert load({}, HOME, None, default).config_file is None
    default.write_text("bind = '::1'\n")
    found = load({}, HOME, None, default)
    assert (found.settings.bind, found.config_file) == ("::1", default)


@pytest.mark.parametrize(
    "environ",
    [
        {"API_KEY": "k"},
        {"API_KEY_FILE": "/run/keys"},
        {"AVAP_HTTP_AUTH": "off"},
        {"AVAP_HTTP_AUTH": "on"},
        {"AVAP_HTTP_WORKERS": "0"},
    ],
)
def test_http_that_others_can_reach_wants_a_key_or_a_word_that_it_does_not(environ: dict[str, str]) -> None:
    for bind in ("0.0.0.0", "::", "192.0.2.1", "example.org"):
        (found,) = problems({"AVAP_BIND": bind})
        assert found.startswith("bind (environment AVAP_BIND)")
        assert "AVAP_HTTP_AUTH=off" in found
        assert loaded({"AVAP_BIND": bind, **environ}).settings.bind == bind


@pytest.mark.parametrize(
    ("bind", "auth", "needed"),
    [
        ("127.0.0.1", "auto", False),
        ("127.8.0.1", "auto", False),
        ("::1", "auto", False),
        ("localhost", "auto", False),
        ("0.0.0.0", "auto", True),
        ("example.org", "auto", True),
        ("127.0.0.1", "on", True),
        ("0.0.0.0", "off", False),
    ],
)
def test_http_needs_a_key_where_others_can_reach_it(bind: str, auth: str, needed: bool) -> None:
    found = loaded({"AVAP_BIND": bind, "AVAP_HTTP_AUTH": auth, "API_KEY": "k"})
    assert http_needs_key(found.settings) == needed


def test_origins_are_a_comma_list_or_a_list_and_checked(tmp_path: Path) -> None:
    environ = {"AVAP_HTTP_CORS_ORIGINS": "https://a.example , http://[::1]:3000,*"}
    assert loaded(environ).settings.http.cors_origins == ("https://a.example", "http://[::1]:3000", "*")
    toml = "[http]\ncors_origins = ['https://a.example']\n"
    assert loaded({}, toml, tmp_path).settings.http.cors_origins == ("https://a.example",)
    for wrong in ("a.example", "https://a.example/", "https://a b", "null", "https://a\r\nx: y"):
        assert len(problems({"AVAP_HTTP_CORS_ORIGINS": wrong})) == 1, wrong


def test_secrets_come_from_files_and_systemd_credentials(tmp_path: Path) -> None:
    for name, text in (
        ("api_key", "from-systemd\n"),
        ("database_url", "postgresql://u:pw@h/d\n"),
        ("signing_key", "s1\ns2\n"),
    ):
        (tmp_path / name).write_text(text)
    found = loaded({"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert read_keys(found.settings) == ("from-systemd",)
    assert read_signing_keys(found.settings) == (b"s1", b"s2")
    assert found.settings.database.url is not None
    assert found.settings.database.url.get_secret_value() == "postgresql://u:pw@h/d"
    assert found.sources["database.url"].startswith("systemd credential database_url")
    assert found.sources["api_key_file"] == "systemd credential api_key"


def test_a_higher_layer_replaces_a_secret_in_either_form(tmp_path: Path) -> None:
    (tmp_path / "api_key").write_text("from-systemd\n")
    found = loaded({"CREDENTIALS_DIRECTORY": str(tmp_path), "API_KEY": "from-environment"})
    assert read_keys(found.settings) == ("from-environment",)
    assert found.settings.api_key_file is None


def test_an_unreadable_secret_file_alone_is_a_secret_error_and_else_one_of_the_problems() -> None:
    with pytest.raises(SecretError, match="/nonexistent/url"):
        loaded({"DATABASE_URL_FILE": "/nonexistent/url"})
    found = problems({"DATABASE_URL_FILE": "/nonexistent/url", "PORT": "x"})
    assert len(found) == 2


def test_signing_keys_are_one_or_two_and_the_first_signs() -> None:
    assert read_signing_keys(loaded({"AVAP_SIGNING_KEY": "new, old"}).settings) == (b"new", b"old")
    assert read_signing_keys(loaded().settings) == ()
    for value in ("a,b,c", "a,", "ü"):
        found = problems({"AVAP_SIGNING_KEY": value})
        assert "signing_key" in found[0]
        assert value not in found[0]


def test_publicly_known_keys_are_taken_when_set_but_warned_about(tmp_path: Path) -> None:
    assert "publicly known" in loaded({"API_KEY": "avap_secret_key_2026"}).warnings[0]
    assert "publicly known" in loaded({"AVAP_SIGNING_KEY": "avap_secure_signature_key_2026"}).warnings[0]
    path = tmp_path / "keys"
    path.write_text("avap_secret_key_2026\n")
    path.chmod(0o600)
    keys = load_keys(loaded({"API_KEY_FILE": str(path)}).settings, tmp_path)
    assert "publicly known" in keys.warnings[0]


def test_no_key_set_makes_one_in_the_state_directory(tmp_path: Path) -> None:
    found = loaded({"AVAP_STATE_DIR": str(tmp_path)})
    assert read_keys(found.settings) == ()
    keys = load_keys(found.settings, tmp_path, found.sources)
    assert keys.made
    assert keys.path == tmp_path / "api_key"
    assert read_keys(found.settings) == keys.values


def test_reload_reads_files_again_and_equal_settings_are_equal(tmp_path: Path) -> None:
    first = loaded({"API_KEY": "k"}, "[catalog]\nrefresh_s = 5\n", tmp_path)
    assert first.reload().settings == first.settings
    (tmp_path / "appliance.toml").write_text("[catalog]\nrefresh_s = 6\n")
    again = first.reload()
    assert again.settings.catalog.refresh_s == 6
    assert again.settings != first.settings


def test_a_secret_shows_nowhere() -> None:
    environ = {"API_KEY": "hush-key", "AVAP_SIGNING_KEY": "hush-sign", "DATABASE_URL": "postgresql://u:hush-pw@h/d"}
    found = loaded(environ)
    shown = repr(found) + repr(found.settings) + repr(rows(found)) + str(found.settings.model_dump())
    assert "hush" not in shown
    by_key = {row.key: row for row in rows(found)}
    assert by_key["api_key"].text == "*** (set)"
    assert by_key["api_key"].source == "environment API_KEY"
    assert by_key["database.url"].value == "postgresql://u:***@h/d"
    keys = load_keys(found.settings, Path("/nonexistent"), found.sources)
    assert set(secret_values(found.settings, keys)) == {"hush-key", "hush-sign", "hush-pw"}


def test_a_refused_secret_is_not_in_the_message() -> None:
    for name, value in (("API_KEY", "hush hush"), ("DATABASE_URL", "hush://hush"), ("AVAP_SIGNING_KEY", "hush hush")):
        assert not any("hush" in problem for problem in problems({name: value}))


def test_a_secret_in_a_file_open_to_all_is_warned_about(tmp_path: Path) -> None:
    file = tmp_path / "appliance.toml"
    file.write_text("api_key = 'k'\n")
    file.chmod(0o644)
    assert "chmod o-rwx" in load({}, HOME, file).warnings[0]


@pytest.mark.parametrize(
    ("url", "shown", "secret"),
    [
        ("postgresql://u:p@h/d", "postgresql://u:***@h/d", "p"),
        ("postgres://u:p%40q@h1:1,h2:2/d?x=y", "postgres://u:***@h1:1,h2:2/d?x=y", "p@q"),
        ("postgresql://u:a@b/c@h/d", "postgresql://u:***@h/d", "a@b/c"),
        ("postgresql://u@h:5432/d", "postgresql://u@h:5432/d", None),
        (
            "postgresql://h/d?user=u&password=p&sslpassword=q",
            "postgresql://h/d?user=u&password=***&sslpassword=***",
            "q",
        ),
        ("host=h password=p dbname=d", "host=h password=*** dbname=d", "p"),
        ("host=h password = 'a b' dbname=d", "host=h password = *** dbname=d", "a b"),
    ],
)
def test_passwords_are_found_and_masked_in_every_form_of_address(url: str, shown: str, secret: str | None) -> None:
    assert masked(url) == shown
    assert passwords(url) == [] if secret is None else secret in passwords(url)


def test_the_state_directory_follows_systemd_then_xdg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert loaded({"STATE_DIRECTORY": "/var/lib/avap:/var/lib/b"}).settings.state_dir == Path("/var/lib/avap")
    assert loaded({"XDG_STATE_HOME": "/x"}).settings.state_dir == Path("/x/avap")
    assert loaded({"AVAP_STATE_DIR": "/y", "STATE_DIRECTORY": "/z"}).settings.state_dir == Path("/y")


def test_a_pin_list_may_hold_ranges() -> None:
    cores = allowed_cores()
    assert loaded({"AVAP_PIN": str(cores[0])}).settings.pin == (cores[0],)
    assert loaded({"AVAP_PIN": f" {cores[0]}-{cores[0]} "}).settings.pin == (cores[0],)
    assert loaded({"AVAP_PIN": "AUTO"}).settings.pin == "auto"


def test_settings_are_frozen() -> None:
    settings: Settings = loaded().settings
    with pytest.raises(ValueError, match="frozen"):
        settings.grpc.port = 1  # type: ignore[misc]
