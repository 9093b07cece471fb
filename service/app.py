"""The application factory: the path of a request on one screen, in order."""

import os
from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint

import service.single_thread  # noqa: F401  # before numpy, for what it sets

# isort: split
from service import log
from service.access.rate_limit import make_limiter
from service.access.token_file import TokenFile
from service.cli.models import models_group
from service.cli.openapi import openapi_command
from service.cli.records import records_group
from service.cli.tokens import tokens_group
from service.models.watcher import make_models
from service.protocols.mlflow.views import mlflow
from service.protocols.oip.views import oip
from service.records.recorder import Recorder
from service.settings import Settings
from service.web import auth, cors, error_handler, opentelemetry, rate_limit, tracing, views
from service.web.context import ServingApp
from service.web.docs.pages import Pages
from service.web.lean import make_app

BEFORE = (tracing.begin, opentelemetry.begin, auth.authenticate, rate_limit.check)
"""Run before every view, in this order; a guard raises, and the error handler answers."""

AFTER = (rate_limit.set_headers, cors.allow, opentelemetry.finish, tracing.finish)
"""Run on every answer, in this order."""

SWITCHES: Mapping[Callable[..., Any], str] = {
    auth.authenticate: "api_tokens_file",
    rate_limit.check: "rate_limit",
    rate_limit.set_headers: "rate_limit",
    cors.allow: "cors_origins",
    opentelemetry.begin: "otel_exporter_otlp_endpoint",
    opentelemetry.finish: "otel_exporter_otlp_endpoint",
}
"""Hooks that are left out where their setting is empty."""

PROTOCOLS: Mapping[str, Blueprint] = {"oip": oip, "mlflow": mlflow}
"""The routes of each protocol that the setting PROTOCOLS may name."""

COMMANDS = (models_group, records_group, tokens_group, openapi_command)


def create_app(settings: Settings | None = None) -> ServingApp:
    """Make an application. It loads no model and starts no thread: under preload this runs in gunicorn's master.

    Raises:
        SettingsError: a setting cannot be used.
    """
    settings = settings or Settings.read(os.environ)
    log.configure(settings)
    if settings.otel_exporter_otlp_endpoint:
        opentelemetry.prepare()
    app = make_app()
    app.settings, app.models, app.records = settings, make_models(settings), Recorder(settings)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.url_map.strict_slashes = True
    app.url_map.merge_slashes = False
    app.tokens = TokenFile(settings.api_tokens_file) if settings.api_tokens_file else None
    app.limiter = make_limiter(settings)
    left_out = {hook for hook, setting in SWITCHES.items() if not getattr(settings, setting)}
    for hook in BEFORE:
        if hook not in left_out:
            app.before_request(hook)
    for last in reversed(AFTER):  # Flask runs them in reverse
        if last not in left_out:
            app.after_request(last)
    error_handler.register(app)
    for blueprint in views.BLUEPRINTS:
        app.register_blueprint(blueprint)
    for name in sorted(settings.protocols):
        app.register_blueprint(PROTOCOLS[name])
    Pages(app)
    for group in COMMANDS:
        app.cli.add_command(group)
    return app
