"""TRUSTED_KEYS: only what a trusted key has signed, as it was signed, is promoted or served."""

import os
import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner

from inference.routing import Routing, write_routing
from service.cli.models import models_group
from service.models.manager import ModelManager
from service.settings import Settings
from tests.conftest import ROOT, until
from tests.models.conftest import FIRST

pytest.importorskip("model_signing", reason="model signing is not installed (Python package model-signing)")

STRANGER = str(ROOT / "tests" / "cases" / "trusted.pem")
pytestmark = pytest.mark.process


def refresh(manager):
    """Refresh; on a busy machine a load may take longer than the manager waits for it."""

    def ended():
        manager.refresh()
        slow = ("was not loaded within", "took more than")
        return not any(late in reason for reason in manager.loaded.reasons for late in slow)

    until(ended, 600)


def make_key(folder, name, *, kind=("ecparam", "-name", "prime256v1", "-genkey", "-noout"), password=None):
    """A private key and its public half beside it."""
    key, public = folder / f"{name}.key", folder / f"{name}.pem"
    subprocess.run(["openssl", *kind, "-out", str(key)], check=True, capture_output=True)
    subprocess.run(["openssl", "pkey", "-in", str(key), "-pubout", "-out", str(public)], check=True)
    if password:
        secret = ["-aes256", "-passout", f"pass:{password}"]
        subprocess.run(["openssl", "pkey", "-in", str(key), *secret, "-out", f"{key}.new"], check=True)
        (folder / f"{name}.key.new").replace(key)
    return key, public


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return make_key(tmp_path_factory.mktemp("keys"), "ours")


@pytest.fixture(scope="module")
def signed_once(trained, keys, tmp_path_factory):
    root = tmp_path_factory.mktemp("signed") / "artifacts"
    shutil.copytree(trained, root)
    run = CliRunner().invoke(models_group, ["sign", FIRST, "--key", str(keys[0])], env={"ARTIFACTS_DIR": str(root)})
    assert run.exit_code == 0, run.output
    return root


@pytest.fixture
def signed(signed_once, tmp_path):
    """Artifacts that our key has signed, to be broken."""
    return shutil.copytree(signed_once, tmp_path / "artifacts", symlinks=True)


@pytest.fixture
def run(tmp_path):
    def invoke(*arguments, **environment):
        root = {"ARTIFACTS_DIR": str(tmp_path / "artifacts"), "VAR_DIR": str(tmp_path / "var")}
        return CliRunner().invoke(models_group, arguments, env=root | environment)

    return invoke


@pytest.fixture
def make_manager(tmp_path):
    def make(**environment):
        given = {"ARTIFACTS_DIR": str(tmp_path / "artifacts"), "VAR_DIR": str(tmp_path / "var"), "RECORDS": "off"}
        manager = ModelManager(Settings.read(given | environment))
        refresh(manager)
        return manager

    return make


def _exchange_contract(folder):
    text = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(text + " ")


def _link(folder):
    (folder / "golden.json").rename(folder.parent / "golden.json")
    (folder / "golden.json").symlink_to(folder.parent / "golden.json")


SPOILT = {
    "unsigned": (lambda folder: (folder / "model.sig").unlink(), "no model.sig"),
    "empty signature": (lambda folder: (folder / "model.sig").write_bytes(b""), "none of the keys"),
    "no signature": (lambda folder: (folder / "model.sig").write_bytes(b"{}"), "none of the keys"),
    "changed manifest": (_exchange_contract, "manifest.json is not as it was signed"),
    "changed model": (lambda folder: (folder / "model.onnx").write_bytes(b"other"), "model.onnx is not as it was"),
    "missing file": (lambda folder: (folder / "golden.json").unlink(), "golden.json is missing"),
    "extra file": (lambda folder: (folder / "more.py").write_text("1"), "more.py was not signed"),
    "extra hidden file": (lambda folder: (folder / ".gitignore").write_text("x"), ".gitignore was not signed"),
    "extra folder": (lambda folder: (folder / ".git").mkdir() or (folder / ".git" / "x").touch(), ".git/x was not"),
    "link": (_link, "golden.json is a symbolic link"),
    "pipe": (lambda folder: os.mkfifo(folder / "pipe"), "pipe is no regular file"),
}


@pytest.mark.parametrize("case", SPOILT)
def test_what_is_not_as_it_was_signed_is_neither_served_nor_promoted(signed, keys, make_manager, run, case):
    spoil, reason = SPOILT[case]
    spoil(signed / FIRST)
    loaded = make_manager(TRUSTED_KEYS=str(keys[1])).loaded
    assert loaded.stable is None
    assert reason in loaded.reasons[0] and "TRUSTED_KEYS" in loaded.reasons[0]
    refused = run("promote", FIRST, TRUSTED_KEYS=str(keys[1]))
    assert refused.exit_code == 1
    assert reason in refused.output and "was not promoted" in refused.output


def test_a_signed_artifact_is_served_and_promoted_and_no_worker_imports_the_library(signed, keys, tmp_path, run):
    assert run("promote", FIRST, TRUSTED_KEYS=str(keys[1])).exit_code == 0
    code = """
import sys, time
from service.app import create_app

client = create_app().test_client()
for _ in range(600):
    answer = client.get("/health")
    if answer.status_code == 200:
        break
    time.sleep(1)
print(answer.status_code, answer.json)
print("model_signing" in sys.modules)
"""
    environment = {"ARTIFACTS_DIR": str(signed), "VAR_DIR": str(tmp_path / "var"), "RECORDS": "off"}
    environment |= {"TRUSTED_KEYS": str(keys[1]), "PATH": os.environ["PATH"], "LOG_LEVEL": "critical"}
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert found.stdout.startswith("200"), found
    assert found.stdout.rstrip().endswith("False")


def test_the_signature_is_one_that_the_tools_of_the_field_verify(signed, keys):
    command = [
        sys.executable,
        "-m",
        "model_signing",
        "verify",
        "key",
        str(signed / FIRST),
        "--public_key",
        str(keys[1]),
    ]
    verified = subprocess.run(
        [*command, "--signature", str(signed / FIRST / "model.sig")], capture_output=True, text=True
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_a_signature_made_by_the_tools_of_the_field_is_trusted(signed, keys, make_manager):
    (signed / FIRST / "model.sig").unlink()
    command = [sys.executable, "-m", "model_signing", "sign", "key", str(signed / FIRST), "--private_key", str(keys[0])]
    made = subprocess.run([*command, "--signature", str(signed / FIRST / "model.sig")], capture_output=True, text=True)
    assert made.returncode == 0, made.stdout + made.stderr
    assert make_manager(TRUSTED_KEYS=str(keys[1])).loaded.reasons == ()


def test_a_signature_of_another_key_is_refused_and_each_key_of_a_folder_is_tried(signed, keys, make_manager, tmp_path):
    refused = make_manager(TRUSTED_KEYS=STRANGER).loaded
    assert refused.stable is None and "none of the keys" in refused.reasons[0]
    shutil.copy(STRANGER, signed.parent / "a.pem")
    (folder := tmp_path / "folder").mkdir()
    shutil.copy(STRANGER, folder / "a.pem")
    shutil.copy(keys[1], folder / "b.pub")
    assert make_manager(TRUSTED_KEYS=str(folder)).loaded.stable is not None
    (both := tmp_path / "both.pem").write_text((folder / "a.pem").read_text() + keys[1].read_text())
    assert make_manager(TRUSTED_KEYS=str(both)).loaded.stable is not None


def test_a_key_that_is_taken_away_or_comes_is_noticed_and_the_last_good_version_stays(
    signed, keys, make_manager, tmp_path
):
    (folder := tmp_path / "folder").mkdir()
    shutil.copy(keys[1], folder / "ours.pem")
    manager = make_manager(TRUSTED_KEYS=str(folder))
    assert manager.loaded.reasons == ()
    (folder / "ours.pem").unlink()
    shutil.copy(STRANGER, folder / "next.pem")
    refresh(manager)
    assert manager.loaded.stable.version == FIRST
    assert "none of the keys" in manager.loaded.reasons[0]
    (folder / "next.pem").unlink()
    refresh(manager)
    assert "holds no public key" in manager.loaded.reasons[0]
    shutil.copy(keys[1], folder / "ours.pem")
    refresh(manager)
    assert manager.loaded.reasons == ()


def test_an_artifact_that_is_signed_later_is_picked_up(signed, keys, make_manager, run):
    (signed / FIRST / "model.sig").unlink()
    manager = make_manager(TRUSTED_KEYS=str(keys[1]))
    assert manager.loaded.stable is None
    assert run("sign", FIRST, "--key", str(keys[0]), TRUSTED_KEYS=str(keys[1])).exit_code == 0
    refresh(manager)
    assert manager.loaded.stable.version == FIRST and manager.loaded.reasons == ()


def test_the_last_good_version_stays_while_another_one_is_refused(signed, keys, make_manager):
    shutil.copytree(signed / FIRST, signed / "other-1")
    manager = make_manager(TRUSTED_KEYS=str(keys[1]))
    write_routing(signed, Routing("other-1"))
    refresh(manager)
    assert manager.loaded.stable.version == FIRST
    assert "other-1" in manager.loaded.reasons[0]


def test_the_copy_of_the_last_good_version_is_verified_too(signed, keys, make_manager, tmp_path):
    make_manager(TRUSTED_KEYS=str(keys[1]))
    shutil.rmtree(signed)
    assert make_manager(TRUSTED_KEYS=str(keys[1])).loaded.stable.version == FIRST
    (tmp_path / "var" / "last_good" / FIRST / "golden.json").write_text("{}")
    assert make_manager(TRUSTED_KEYS=str(keys[1])).loaded.stable is None


def test_an_artifacts_folder_that_is_a_link_is_served(signed, keys, make_manager, tmp_path):
    (signed / FIRST).rename(tmp_path / "elsewhere")
    (signed / FIRST).symlink_to(tmp_path / "elsewhere")
    assert make_manager(TRUSTED_KEYS=str(keys[1])).loaded.reasons == ()


RSA = ("genpkey", "-algorithm", "RSA")
CURVE = ("ecparam", "-name", "secp256k1", "-genkey", "-noout")
SMALL = ("genpkey", "-algorithm", "ED25519")


@pytest.mark.parametrize(
    ("kind", "way_out"), [(RSA, "no EC key of P-256"), (CURVE, "no EC key of P-256"), (SMALL, "no EC key of P-256")]
)
def test_a_key_of_another_kind_is_refused_in_a_sentence(signed, run, tmp_path, kind, way_out):
    key, _ = make_key(tmp_path, "other", kind=kind)
    refused = run("sign", FIRST, "--key", str(key))
    assert refused.exit_code == 1 and len(refused.output.splitlines()) == 1
    assert f"{FIRST} was not signed" in refused.output and way_out in refused.output


def test_a_key_with_a_password_signs_with_it_and_without_says_how(signed, run, make_manager, tmp_path):
    key, public = make_key(tmp_path, "locked", password="a word")
    (word := tmp_path / "word").write_text("a word\n")
    (wrong := tmp_path / "wrong").write_text("another\n")
    assert "--password-file" in run("sign", FIRST, "--key", str(key)).output
    assert (
        "cannot be opened with this password"
        in run("sign", FIRST, "--key", str(key), "--password-file", str(wrong)).output
    )
    assert run("sign", FIRST, "--key", str(key), "--password-file", str(word)).exit_code == 0
    assert make_manager(TRUSTED_KEYS=str(public)).loaded.reasons == ()
    plain, _ = make_key(tmp_path, "plain")
    assert "has no password" in run("sign", FIRST, "--key", str(plain), "--password-file", str(word)).output


def test_what_is_no_key_or_no_artifact_is_refused_in_a_sentence(signed, run, keys, tmp_path):
    for key, reason in (
        (keys[1], "no private key"),
        (tmp_path / "none", "cannot be read"),
        (tmp_path, "not a regular"),
    ):
        refused = run("sign", FIRST, "--key", str(key))
        assert refused.exit_code == 1 and reason in refused.output and len(refused.output.splitlines()) == 1
    assert "was not signed" in run("sign", "never-1", "--key", str(keys[0])).output
    assert "no version's name" in run("sign", "../artifacts", "--key", str(keys[0])).output
    (signed / FIRST / "notes.txt").write_text("mine")
    assert "notes.txt belongs to no artifact" in run("sign", FIRST, "--key", str(keys[0])).output
    (signed / FIRST / "notes.txt").unlink()
    (signed / FIRST / "golden.json").write_text("{}")
    assert "SHA-256 differs" in run("sign", FIRST, "--key", str(keys[0])).output


def test_without_the_library_one_sentence_says_what_to_install(signed, keys, make_manager, run, tmp_path, monkeypatch):
    (tmp_path / "model_signing").mkdir()
    (tmp_path / "model_signing" / "__init__.py").write_text("raise ModuleNotFoundError('no model_signing here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    loaded = make_manager(TRUSTED_KEYS=str(keys[1])).loaded
    assert loaded.stable is None and "pip install model-signing" in loaded.reasons[0]
    assert "pip install model-signing" in run("sign", FIRST, "--key", str(keys[0])).output
