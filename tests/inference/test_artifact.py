"""An artifact is written once, whole or not at all, and read only when it is what was written."""

import json
import os
import threading

import pytest

from inference.artifact import build_engine, read_verified, versions, write
from inference.contract import Contract, Feature
from inference.manifest import ArtifactError, Manifest, digest

CONTRACT = Contract("regression", "y", (Feature("x", "number"),))


def _describe(version, hashes):
    return Manifest(
        version=version,
        created="2026-01-01T00:00:00.000Z",
        algorithm="line",
        contract=CONTRACT,
        classes=(),
        engine="sklearn",
        dtypes={"x": "float64"},
        files=hashes,
        metric="r2",
        metrics={"r2": 1.0},
        libraries={"scikit-learn": "0.1", "numpy": "2.0.0"},
    )


@pytest.fixture
def folder(tmp_path):
    manifest = write(tmp_path, "line", {"pipeline.joblib": b"not a pickle", "golden.json": b"{}"}, _describe)
    return tmp_path / manifest.version


def _edit(folder, change, with_digest=True):
    path = folder / "manifest.json"
    document = json.loads(path.read_bytes())
    change(document)
    if with_digest:
        document["sha256"] = digest(document)
    path.write_text(json.dumps(document))


def test_what_is_written_is_read_back(folder):
    manifest = Manifest.read(folder)
    assert manifest.version == "line-1"
    assert manifest.contract == CONTRACT
    assert manifest.to_json() == json.loads((folder / "manifest.json").read_bytes())


def test_versions_are_numbered_on(folder):
    assert write(folder.parent, "line", {}, _describe).version == "line-2"
    assert versions(folder.parent) == ["line-1", "line-2"]


def test_what_merely_looks_like_an_artifact_is_none(folder):
    (folder.parent / "pipe-1").mkdir()
    os.mkfifo(folder.parent / "pipe-1" / "manifest.json")  # to read it would be to wait for ever
    (folder.parent / "notes.txt").write_text("")
    (folder.parent / "empty-1").mkdir()
    assert versions(folder.parent) == [folder.name]


def test_racing_writers_get_a_version_each_and_leave_nothing_aside(tmp_path):
    threads = [threading.Thread(target=write, args=(tmp_path, "line", {"a": b"a"}, _describe)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted(f"line-{n}" for n in range(1, 9))


def test_a_failed_write_leaves_nothing(tmp_path):
    def fail(version, hashes):
        raise RuntimeError("disk")

    with pytest.raises(RuntimeError):
        write(tmp_path, "line", {"a": b"a"}, fail)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "with_digest", "says"),
    [
        (lambda document: document.update(format=2), True, "format 2.*Upgrade the service"),
        (lambda document: document.update(format="1"), True, "no format number"),
        (lambda document: document["metrics"].update(r2=2.0), False, "changed after it was written"),
        (lambda document: document.pop("contract"), True, "incomplete"),
        (lambda document: document["contract"].update(task="guess"), True, "incomplete"),
        (lambda document: document.update(version="line-9"), True, "Rename the folder to line-9"),
    ],
)
def test_an_edited_manifest_is_refused_with_the_way_out(folder, change, with_digest, says):
    _edit(folder, change, with_digest)
    with pytest.raises(ArtifactError, match=says):
        Manifest.read(folder)


@pytest.mark.parametrize(
    ("name", "value"),
    [("created", 5), ("created", "yesterday"), ("metrics", None), ("classes", None), ("files", []), ("contract", {})],
)
def test_a_manifest_of_wrong_types_with_its_digest_is_refused_by_name_and_without_pythons(folder, name, value):
    _edit(folder, lambda document: document.update({name: value}))
    with pytest.raises(ArtifactError, match=name) as refused:
        Manifest.read(folder)
    assert "Error" not in str(refused.value) and "NoneType" not in str(refused.value)


@pytest.mark.parametrize("content", [b"", b'{"format": 1', b"[]", b"\xff\xfe", b"[" * 100_000])
def test_a_truncated_manifest_is_refused(folder, content):
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(ArtifactError, match=r"manifest\.json"):
        Manifest.read(folder)


def test_a_changed_or_missing_file_is_refused_before_it_is_opened(folder):
    manifest = Manifest.read(folder)
    (folder / "pipeline.joblib").write_bytes(b"another")
    with pytest.raises(ArtifactError, match="SHA-256 differs"):
        read_verified(folder, manifest, "pipeline.joblib")
    (folder / "pipeline.joblib").unlink()
    with pytest.raises(ArtifactError, match="cannot be read"):
        read_verified(folder, manifest, "pipeline.joblib")
    with pytest.raises(ArtifactError, match=r"holds no model\.onnx"):
        read_verified(folder, manifest, "model.onnx")


def test_nothing_of_another_library_version_is_unpickled(folder):
    with pytest.raises(ArtifactError, match=r"scikit-learn 0\.1.*Install scikit-learn==0\.1"):
        build_engine(folder, Manifest.read(folder), "sklearn")


def test_a_missing_library_is_named(folder):
    _edit(folder, lambda document: document.update(libraries={"no-such-library": "1.0"}))
    with pytest.raises(ArtifactError, match=r"no-such-library 1\.0, which here is not installed"):
        build_engine(folder, Manifest.read(folder), "sklearn")
