"""What this release is called."""

NAME = "tabular-serving"
__version__ = "0.1.0"
