"""Flask without the fixed costs that this service does not need. Every private name of Flask and Werkzeug is in here.

Private names change without notice, so the lean classes serve under the versions they were read against and no others.
Elsewhere the application is a plain Flask one: the same answers, somewhat slower, and one warning in the log.
"""

from collections.abc import Mapping
from importlib.metadata import version

from service import log
from service.web.context import ServingApp

READ_AGAINST: Mapping[str, str] = {"flask": "3.1", "werkzeug": "3.1"}
"""Major and minor version of each library whose private names are used."""


def installed_versions() -> Mapping[str, str]:
    """The version of each library of ``READ_AGAINST``."""
    return {name: version(name) for name in READ_AGAINST}


def lean_class() -> type[ServingApp]:
    """The lean application class.

    Raises:
        ImportError: the installed versions are not those that it was read against, or a private name is gone.
    """
    for name, installed in installed_versions().items():
        if installed.split(".")[:2] != READ_AGAINST[name].split("."):
            raise ImportError(f"{name} is {installed}, not {READ_AGAINST[name]}")
    from service.web.lean.app import LeanApp

    return LeanApp


def make_app() -> ServingApp:
    """An application without settings or routes: a lean one where possible, else a plain one and a warning."""
    try:
        app_class = lean_class()
    except ImportError as exc:
        app_class = ServingApp
        log.warning("flask_plain", reason=str(exc), installed=installed_versions(), read_against=READ_AGAINST)
    return app_class("service", static_folder=None)


try:
    lean_class()
except ImportError:
    from service.web.context import current as current
else:
    from service.web.lean.app import current as current
