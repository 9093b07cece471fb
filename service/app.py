"""The application factory: the path of a request on one screen, in order."""

import os
from collections.abc import Callable, Mapping
from typing import Any

import service.single_thread  # noqa: F401  # before numpy, for what it sets

# isort: split
from service import log
from service.access.rate_limit import make_limiter
from service.access.tokens import TokenFile
from service.cli.models import models_group
from service.cli.records import records_group
from service.cli.tokens import tokens_group
from service.models.manager import make_models
from service.records.recorder import Recorder
from service.settings import Settings
from service.web import auth, cors, docs, errors, keeping, proxies, rate_limit, tracing, views
from service.web.context import ServingApp

BEFORE = (tracing.begin, auth.authenticate, rate_limit.spend)
"""Asked before every view, in this order; a guard raises, and the error handler answers."""

AFTER = (keeping.keep, rate_limit.tell, cors.allow, tracing.finish)
"""Given every answer, in this order: the record first, so that nothing goes out that is not kept."""

SWITCHES: Mapping[Callable[..., Any], str] = {
    auth.authenticate: "api_tokens_file",
    rate_limit.spend: "rate_limit",
    rate_limit.tell: "rate_limit",
    cors.allow: "cors_origins",
}
"""Hooks that are left out where their setting is empty."""

COMMANDS = (models_group, records_group, tokens_group, docs.openapi_command)


def create_app(settings: Settings | None = None) -> ServingApp:
    """An application that has loaded nothing and started nothing: under preload this runs in gunicorn's master.

    Raises:
        SettingsError: a setting cannot be used.
    """
    settings = settings or Settings.read(os.environ)
    log.configure(settings)
    app = ServingApp("service", static_folder=None)
    app.settings, app.models, app.records = settings, make_models(settings), Recorder(settings)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.url_map.strict_slashes = True
    app.url_map.merge_slashes = False
    app.tokens = TokenFile(settings.api_tokens_file) if settings.api_tokens_file else None
    app.limiter = make_limiter(settings)
    proxies.trust(app, settings.trusted_proxies)
    left_out = {hook for hook, setting in SWITCHES.items() if not getattr(settings, setting)}
    for hook in BEFORE:
        if hook not in left_out:
            app.before_request(hook)
    for last in reversed(AFTER):  # Flask runs them in reverse
        if last not in left_out:
            app.after_request(last)
    errors.register(app)
    for blueprint in views.BLUEPRINTS:
        app.register_blueprint(blueprint)
    docs.register(app)
    for group in COMMANDS:
        app.cli.add_command(group)
    return app
