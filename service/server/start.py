"""The settings of a gunicorn master: checked when it starts, the same until it ends.

gunicorn runs its configuration file again at every reload, when an error would end the service. The environment
cannot have changed by then; a file that a setting names can be gone or broken, and whoever reads it copes with that.
"""

import os
import sys
from functools import lru_cache

from service.guards.tokens import read_tokens
from service.settings import Settings, SettingsError
from service.telemetry import listener


@lru_cache(maxsize=1)
def settings_at_start() -> Settings:
    """The settings, read once a master; one that cannot be used ends it with a single sentence."""
    try:
        settings = Settings.read(os.environ)
        if settings.api_tokens_file is not None:
            read_tokens(settings.api_tokens_file)
        listener.bind(settings)
    except SettingsError as fault:
        sys.exit(f"Error: {fault.message}")
    return settings
