"""Configuration: defaults < configuration file < systemd credentials < environment < flags, checked as a whole."""

from appliance.config.database_url import masked as masked_database_url
from appliance.config.loading import (
    DEFAULT_CONFIG_FILE,
    Loaded,
    configured_keys,
    load,
    load_keys,
    read_keys,
    read_signing_keys,
    secret_values,
)
from appliance.config.settings import (
    SETTINGS,
    CatalogSettings,
    DatabaseSettings,
    DrainSettings,
    GrpcSettings,
    HttpSettings,
    LogSettings,
    MetricsSettings,
    Setting,
    Settings,
    VmSettings,
    WorkerSettings,
    allowed_cores,
    default_state_dir,
    http_needs_key,
)
from appliance.keys import Keys

__all__ = [
    "DEFAULT_CONFIG_FILE",
    "SETTINGS",
    "CatalogSettings",
    "DatabaseSettings",
    "DrainSettings",
    "GrpcSettings",
    "HttpSettings",
    "Keys",
    "Loaded",
    "LogSettings",
    "MetricsSettings",
    "Setting",
    "Settings",
    "VmSettings",
    "WorkerSettings",
    "allowed_cores",
    "configured_keys",
    "default_state_dir",
    "http_needs_key",
    "load",
    "load_keys",
    "masked_database_url",
    "read_keys",
    "read_signing_keys",
    "secret_values",
]
