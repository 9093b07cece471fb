"""What an operator may set: environment variables, each declared once as a field of ``Settings``.

From the fields come the parser, the documented table (``SETTINGS``), the sentence that refuses a value, and the
environment of child processes.
"""

# ruff: noqa: RUF009 - setting() is dataclasses.field()

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from click import ClickException

from inference.naming import VERSION
from service import setting_files as files
from service import setting_readers as read
from service.setting_readers import Address, Rate
from service.trusted_keys import trusted_keys


class SettingsError(ClickException, ValueError):
    """A setting that cannot be used. One sentence that names it; the flask command prints it without a traceback."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A row of the table: the variable, its default as one would type it, how it is read, what it does.

    ``shipper``: whether it makes a difference to the shipper of the records, or to a process that the shipper starts.
    ``empty``: whether an empty variable is a value of its own; else it means the default.
    """

    name: str
    default: str
    read: Callable[[str], Any]
    help: str
    shipper: bool
    empty: bool


def setting(default: str, read: Callable[[str], Any], help: str, *, shipper: bool, empty: bool = False) -> Any:
    """Declare a field of ``Settings``; the variable is named like the field, in capitals."""
    return field(metadata={"default": default, "read": read, "help": help, "shipper": shipper, "empty": empty})


def table(cls: type[Any]) -> tuple[Setting, ...]:
    """The rows of a dataclass, in its order.

    Raises:
        TypeError: a field was declared without ``setting``, or without a sentence of help.
    """
    rows = []
    for entry in fields(cls):
        if not entry.metadata.get("help"):
            raise TypeError(
                f"{cls.__name__}.{entry.name} must be declared by setting(default, reader, help, shipper=...)"
            )
        rows.append(Setting(entry.name.upper(), **entry.metadata))
    return tuple(rows)


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, read."""

    port: int | None = setting(
        "",
        read.port,
        "port to listen on where BIND is not set, on every IPv4 address; BIND=[::]:8000 takes IPv6 as well",
        shipper=False,
    )
    bind: Address = setting("", read.bind, "address to listen on", shipper=False)
    web_concurrency: int = setting(
        "",
        read.workers,
        "worker processes; one for each processor that the CPU limit leaves to the service",
        shipper=False,
    )
    worker_class: str = setting(
        "inline", read.worker_class, "inline (ours), or any of gunicorn's: sync, gthread, gevent", shipper=False
    )
    threads: int = setting("4", read.integer(1, 256), "threads of a worker, for gthread", shipper=False)
    artifacts_dir: Path = setting(
        "./artifacts", files.folder, "folder of the artifacts and of routing.json", shipper=True
    )
    model_version: str = setting(
        "",
        read.matching(VERSION, "random_forest-1"),
        "serve this version, whatever routing.json says",
        shipper=False,
    )
    model_uri: str = setting(
        "",
        read.matching(r"models:/[^/@]+(/[1-9][0-9]*|@[A-Za-z0-9_.\-]+)", "models:/name/3 or models:/name@alias"),
        "serve this model of an MLflow registry: a version, or an alias, which is followed",
        shipper=True,
    )
    engine: Literal["auto", "onnx", "sklearn"] = setting(
        "auto",
        read.one_of("auto", "onnx", "sklearn"),
        "auto runs the compiled graph, or the pipeline where there is none; onnx never unpickles; "
        "sklearn runs the pipeline",
        shipper=False,
    )
    trusted_keys: Path | None = setting(
        "",
        trusted_keys,
        "PEM file, or folder of them, of EC public keys; an artifact without a valid signature is refused",
        shipper=False,
    )
    var_dir: Path = setting("./var", files.folder, "folder of everything written at run time", shipper=True)
    database_url: str = setting(
        "",
        read.database_url,
        "database of the records; SQLite in VAR_DIR where empty",
        shipper=True,
    )
    records: bool = setting("on", read.on_off, "keep a record of every answered prediction", shipper=False)
    records_keep_days: int = setting("190", read.integer(0, 36500), "days a record is kept; 0 keeps all", shipper=True)
    records_sample: float = setting(
        "1", read.share, "share of the answers that are recorded, for huge volumes", shipper=False
    )
    records_redact: frozenset[str] = setting(
        "", read.names, "features, comma-separated, whose values are not recorded", shipper=True
    )
    redis_url: str = setting(
        "",
        read.url(r"(rediss?|unix)://.+", "redis://host:6379/0"),
        "shares limits and cache over hosts",
        shipper=False,
    )
    api_tokens_file: Path | None = setting(
        "",
        files.readable_file,
        "file of client names and token hashes; without it no token is asked for",
        shipper=False,
    )
    rate_limit: Rate | None = setting(
        "", read.rate, "predictions a client may ask for; empty means no limit", shipper=False
    )
    trusted_proxies: int = setting(
        "0", read.integer(0, 10), "proxies in front whose X-Forwarded-For is believed", shipper=False
    )
    cors_origins: frozenset[str] = setting(
        "", read.origins, "origins, comma-separated, whose pages may call the service", shipper=False
    )
    cache: Literal["off", "local", "redis"] = setting(
        "off", read.one_of("off", "local", "redis"), "cache of predictions", shipper=False
    )
    max_body_bytes: int = setting("16777216", read.integer(1, 2**31), "largest request body", shipper=False)
    max_batch_rows: int = setting("10000", read.integer(1, 10_000_000), "most rows of a batch", shipper=False)
    protocols: frozenset[str] = setting(
        "oip,mlflow",
        read.some_of("oip", "mlflow"),
        "protocols of other servers that are spoken too, comma-separated: oip is the Open Inference Protocol V2, "
        "mlflow is MLflow's and SageMaker's; empty means none",
        shipper=False,
        empty=True,
    )
    model_name: str = setting(
        "model",
        read.matching(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,99}", "fraud_model"),
        "what the Open Inference Protocol calls the model",
        shipper=False,
    )
    overload_ms: int = setting(
        "2000",
        read.integer(0, 600_000),
        "milliseconds that a prediction waits for its turn; who would wait longer is answered 503 at once; 0 never",
        shipper=False,
    )
    log_level: Literal["debug", "info", "warning", "error", "critical"] = setting(
        "info",
        read.one_of("debug", "info", "warning", "error", "critical"),
        "least level that is logged",
        shipper=True,
    )
    metrics_bind: Address | None = setting(
        "",
        read.host_and_port,
        "address for /metrics alone, answered even while every worker is busy, without a token; empty means none",
        shipper=False,
    )
    otel_exporter_otlp_endpoint: str = setting(
        "",
        read.url(r"https?://.+", "http://127.0.0.1:4318"),
        "OpenTelemetry collector that takes traces by OTLP over HTTP; empty means no traces",
        shipper=False,
    )
    monitor_seconds: int = setting(
        "60", read.integer(0, 600), "seconds between looks at drift and live accuracy; 0 is never", shipper=True
    )
    drift_hours: int = setting(
        "24", read.integer(1, 8760), "how many hours of records drift and live accuracy cover", shipper=True
    )
    drift_rows: int = setting("200", read.integer(20, 1_000_000), "fewest rows that drift is judged on", shipper=True)
    log_format: Literal["json", "text"] = setting(
        "json", read.one_of("json", "text"), "json for machines, text for a terminal", shipper=True
    )

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Settings":
        """Read and check every setting; other variables are ignored.

        Raises:
            SettingsError: one cannot be used; a single sentence that names it, its value and the way out.
        """
        settings = cls(**{row.name.lower(): _value(row, environment) for row in SETTINGS})
        if settings.model_uri and settings.model_version:
            raise SettingsError("MODEL_URI and MODEL_VERSION cannot both be set: each names the model to serve.")
        if settings.cache == "redis" and not settings.redis_url:
            raise SettingsError("CACHE=redis needs REDIS_URL, the address of the Redis to use.")
        every_address = Address("0.0.0.0", settings.port) if settings.port else None  # noqa: S104 - PORT says so
        return replace(settings, bind=settings.bind or every_address or Address("127.0.0.1", 8000))

    def environment(self, *, shipper: bool = False) -> dict[str, str]:
        """The variables that ``read`` reads to equal settings, with paths absolute.

        With ``shipper`` only those that make a difference to the shipper; the others it reads as their defaults.
        """
        rows = (row for row in SETTINGS if row.shipper or not shipper)
        return {row.name: read.written(getattr(self, row.name.lower())) for row in rows}


SETTINGS = table(Settings)
"""Every setting, in the order of the documented table."""
NAMES = frozenset(row.name for row in SETTINGS)


def _value(row: Setting, environment: Mapping[str, str]) -> Any:
    given = environment.get(row.name)
    text = (given or "").strip()
    if not text and (given is None or not row.empty):
        text = row.default
    try:
        return row.read(text)
    except ValueError as exc:
        shown = re.sub(r"://.*@", "://***@", text)  # a password must not end up in a log
        raise SettingsError(f"{row.name}={shown!r} cannot be used: it {exc}.") from None
