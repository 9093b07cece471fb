"""``flask openapi``: the document, without a server."""

from dataclasses import replace
from typing import cast

import click
import orjson
from flask import current_app
from flask.cli import with_appcontext

from service import log
from service.web.context import ServingApp
from service.web.docs.document import make_document


@click.command("openapi")
@with_appcontext
def openapi_command() -> None:
    """Print the OpenAPI document, with the rows of the stable model, for generators of clients."""
    app = cast(ServingApp, current_app)
    log.configure(replace(app.settings, log_level="critical"))  # standard output holds the document alone
    loaded = app.models.now
    if loaded.stable is None:
        click.echo(f"Warning: rows are shown in a general form: {loaded.reasons[0]}", err=True)
    document = make_document(app, loaded.stable)
    click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
