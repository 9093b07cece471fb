"""onnxruntime reports to nobody: imported before it, since it reads this once.

Since 1.29 its wheels carry an uploader (its Privacy.md), which a thread runs from the import on. That thread does not
survive a fork: a forked worker would abort, or hang, when it exits.
"""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
