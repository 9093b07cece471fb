"""Switches onnxruntime's telemetry off; must be imported before onnxruntime, which reads the variable once.

Since 1.29 its wheels upload telemetry (its Privacy.md) from a thread that starts with the import. That thread does not
survive a fork: a forked worker would abort, or hang, when it exits.
"""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
