"""What an operator may set: one table of environment variables, read and checked once into a frozen object."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from click import ClickException

from inference.naming import VERSION
from service import setting_readers as values


class SettingsError(ClickException, ValueError):
    """A setting that cannot be used. One sentence that names it; the flask command prints it without a traceback."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A row of the table: the variable, its default as one would type it, how it is read, what it does."""

    name: str
    default: str
    read: Callable[[str], Any]
    help: str


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "PORT",
        "",
        values.matching(values.PORT, "8000, from 1 to 65535"),
        "port to listen on, on every address, where BIND is not set",
    ),
    Setting(
        "BIND", "", values.matching(values.BIND, "127.0.0.1:8000 or unix:/run/serving.sock"), "address to listen on"
    ),
    Setting(
        "WEB_CONCURRENCY",
        "",
        lambda text: values.integer(1, 512)(text or str(values.cores())),
        "worker processes; one a core",
    ),
    Setting(
        "WORKER_CLASS", "inline", values.worker_class, "inline (ours), or any of gunicorn's: sync, gthread, gevent"
    ),
    Setting("THREADS", "4", values.integer(1, 256), "threads of a worker, for gthread"),
    Setting("ARTIFACTS_DIR", "./artifacts", values.folder, "folder of the artifacts and of routing.json"),
    Setting(
        "MODEL_VERSION",
        "",
        values.matching(VERSION, "random_forest-1"),
        "serve this version, whatever routing.json says",
    ),
    Setting(
        "MODEL_URI",
        "",
        values.matching(r"models:/[^/]+/[1-9][0-9]*", "models:/name/3"),
        "serve this model of an MLflow registry",
    ),
    Setting(
        "ENGINE", "onnx", values.one_of("onnx", "sklearn"), "onnx runs the compiled graph, sklearn the pipeline itself"
    ),
    Setting("VAR_DIR", "./var", values.folder, "folder of everything written at run time"),
    Setting(
        "DATABASE_URL",
        "",
        values.url(r"(sqlite:///.+|postgres(ql)?://.+)", "postgresql://user@host/name or sqlite:///file.db"),
        "database of the records; SQLite in VAR_DIR where empty",
    ),
    Setting("RECORDS", "on", values.one_of("on", "off"), "keep a record of every answered prediction"),
    Setting("RECORDS_KEEP_DAYS", "90", values.integer(0, 36500), "days a record is kept; 0 keeps all"),
    Setting("RECORDS_SAMPLE", "1", values.share, "share of the answers that are recorded, for huge volumes"),
    Setting("RECORDS_REDACT", "", values.names, "features, comma-separated, whose values are not recorded"),
    Setting(
        "REDIS_URL",
        "",
        values.url(r"(rediss?|unix)://.+", "redis://host:6379/0"),
        "shares limits and cache over hosts",
    ),
    Setting(
        "API_TOKENS_FILE",
        "",
        values.readable_file,
        "file of client names and token hashes; without it no token is asked for",
    ),
    Setting(
        "RATE_LIMIT",
        "",
        values.matching(rf"[1-9]\d{{0,8}} ?(/|per) ?([1-9]\d{{0,3}} ?)?{values.PERIOD}s?", "100/minute"),
        "predictions a client may ask for; empty means no limit",
    ),
    Setting("TRUSTED_PROXIES", "0", values.integer(0, 10), "proxies in front whose X-Forwarded-For is believed"),
    Setting("CORS_ORIGINS", "", values.origins, "origins, comma-separated, whose pages may call the service"),
    Setting("CACHE", "off", values.one_of("off", "local", "redis"), "cache of predictions"),
    Setting("MAX_BODY_BYTES", "16777216", values.integer(1, 2**31), "largest request body"),
    Setting("MAX_BATCH_ROWS", "10000", values.integer(1, 10_000_000), "most rows of a batch"),
    Setting(
        "LOG_LEVEL",
        "info",
        values.one_of("debug", "info", "warning", "error", "critical"),
        "least level that is logged",
    ),
    Setting(
        "METRICS_BIND",
        "",
        values.matching(rf"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.\-]+):{values.PORT}", "127.0.0.1:9100"),
        "address for /metrics alone, answered even while every worker is busy, without a token; empty means none",
    ),
    Setting(
        "MONITOR_SECONDS", "60", values.integer(0, 600), "seconds between looks at drift and live accuracy; 0 is never"
    ),
    Setting("DRIFT_HOURS", "24", values.integer(1, 8760), "hours of records that drift and live accuracy are told of"),
    Setting("DRIFT_ROWS", "200", values.integer(20, 1_000_000), "fewest rows that drift is judged on"),
    Setting("LOG_FORMAT", "json", values.one_of("json", "text"), "json for machines, text for a terminal"),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, read; the attribute is the variable's name in lower case. SETTINGS says what each means."""

    port: str
    bind: str
    web_concurrency: int
    worker_class: str
    threads: int
    artifacts_dir: Path
    model_version: str
    model_uri: str
    engine: str
    var_dir: Path
    database_url: str
    records: str
    records_keep_days: int
    records_sample: float
    records_redact: frozenset[str]
    redis_url: str
    api_tokens_file: Path | None
    rate_limit: str
    trusted_proxies: int
    cors_origins: frozenset[str]
    cache: str
    max_body_bytes: int
    max_batch_rows: int
    metrics_bind: str
    monitor_seconds: int
    drift_hours: int
    drift_rows: int
    log_level: str
    log_format: str

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Settings":
        """Read and check every setting.

        Raises:
            SettingsError: one cannot be used; a single sentence that names it, its value and the way out.
        """
        values = {setting.name.lower(): _value(setting, environment) for setting in SETTINGS}
        settings = cls(**{field.name: values[field.name] for field in fields(cls)})
        if settings.model_uri and settings.model_version:
            raise SettingsError("MODEL_URI and MODEL_VERSION cannot both be set: each names the model to serve.")
        if settings.cache == "redis" and not settings.redis_url:
            raise SettingsError("CACHE=redis needs REDIS_URL, the address of the Redis to use.")
        return settings

    @property
    def address(self) -> str:
        """What to bind to: BIND, else every address at PORT, else this machine alone at 8000."""
        return self.bind or (f"0.0.0.0:{self.port}" if self.port else "127.0.0.1:8000")


def _value(setting: Setting, environment: Mapping[str, str]) -> Any:
    text = environment.get(setting.name, "").strip() or setting.default
    try:
        return setting.read(text)
    except ValueError as exc:
        shown = re.sub(r"://.*@", "://***@", text)  # a password must not end up in a log
        raise SettingsError(f"{setting.name}={shown!r} cannot be used: it {exc}.") from None
