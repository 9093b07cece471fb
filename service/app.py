"""The application factory: the path of a request on one screen, in order."""

import os

from service.models.commands import models_group
from service.models.process import Models
from service.settings import Settings
from service.telemetry import log
from service.web import errors, keeping, tracing, views
from service.web.context import ServingApp

BEFORE = (tracing.begin,)
"""Asked before every view, in this order; a guard raises, and the error handler answers."""

AFTER = (keeping.keep, tracing.finish)
"""Given every answer, in this order: the record first, so that nothing goes out that is not kept."""

COMMANDS = (models_group,)


def create_app(settings: Settings | None = None) -> ServingApp:
    """An application that has loaded nothing and started nothing: under preload this runs in gunicorn's master.

    Raises:
        SettingsError: a setting cannot be used.
    """
    settings = settings or Settings.read(os.environ)
    log.configure(settings)
    app = ServingApp("service", static_folder=None)
    app.settings, app.models = settings, Models(settings)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.url_map.strict_slashes = True
    app.url_map.merge_slashes = False
    for hook in BEFORE:
        app.before_request(hook)
    for last in reversed(AFTER):  # Flask runs them in reverse
        app.after_request(last)
    errors.register(app)
    for blueprint in views.BLUEPRINTS:
        app.register_blueprint(blueprint)
    for group in COMMANDS:
        app.cli.add_command(group)
    return app
