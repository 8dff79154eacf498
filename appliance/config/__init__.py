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
    LogSettings,
    MetricsSettings,
    Setting,
    Settings,
    WorkerSettings,
    default_state_dir,
)
from appliance.keys import Keys

__all__ = [
    "DEFAULT_CONFIG_FILE",
    "SETTINGS",
    "CatalogSettings",
    "DatabaseSettings",
    "DrainSettings",
    "GrpcSettings",
    "Keys",
    "Loaded",
    "LogSettings",
    "MetricsSettings",
    "Setting",
    "Settings",
    "WorkerSettings",
    "configured_keys",
    "default_state_dir",
    "load",
    "load_keys",
    "masked_database_url",
    "read_keys",
    "read_signing_keys",
    "secret_values",
]
