"""Artifacts made from the trained one: changed manifests, further versions, a registered model as MLflow leaves it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from inference.manifest import MANIFEST, digest

FIRST = "random_forest-1"


def edit(folder: Path, **changes: object) -> str:
    """Change entries of a manifest; its new digest."""
    document = json.loads((folder / MANIFEST).read_bytes()) | changes
    document["sha256"] = digest(document)
    (folder / MANIFEST).write_text(json.dumps(document))
    return document["sha256"]


@pytest.fixture
def registered(trained: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Factory of fetched models: ``registered("churn%2F3")`` is the cache of MODEL_URI=models:/churn/3."""

    def fetch(name: str) -> Path:
        root = tmp_path / "var" / "registry" / name
        shutil.copytree(trained / FIRST, root / "registered-7")
        edit(root / "registered-7", version="registered-7")
        return root

    return fetch
