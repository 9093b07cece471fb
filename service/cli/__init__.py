"""The command line of the service: ``flask models``, ``flask records``, ``flask tokens``, ``flask openapi``."""
