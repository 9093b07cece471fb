"""TRUSTED_KEYS: an artifact whose signature is missing or cannot be verified is neither promoted nor served."""

import pytest
from click.testing import CliRunner

from service.cli.models import models_group
from tests.conftest import ROOT
from tests.models.conftest import FIRST

KEYS = str(ROOT / "tests" / "cases" / "trusted.pem")


@pytest.mark.parametrize("signature", [None, b"", b"{}"])
def test_without_a_valid_signature_nothing_is_served_and_health_says_why(make_client, artifacts, signature):
    if signature is not None:
        (artifacts / FIRST / "model.sig").write_bytes(signature)
    health = make_client(ARTIFACTS_DIR=str(artifacts), TRUSTED_KEYS=KEYS).get("/health")
    assert health.status_code == 503
    assert "model.sig" in health.json["reason"] and "TRUSTED_KEYS" in health.json["reason"]


@pytest.mark.parametrize("signature", [None, b"{}"])
def test_it_is_not_promoted_either(artifacts, tmp_path, signature):
    if signature is not None:
        (artifacts / FIRST / "model.sig").write_bytes(signature)
    environment = {"ARTIFACTS_DIR": str(artifacts), "VAR_DIR": str(tmp_path), "TRUSTED_KEYS": KEYS}
    run = CliRunner().invoke(models_group, ["promote", FIRST], env=environment)
    assert run.exit_code == 1 and "TRUSTED_KEYS" in run.output


def test_the_copy_of_the_last_good_version_is_refused_too(make_client, artifacts):
    assert make_client(ARTIFACTS_DIR=str(artifacts)).get("/health").status_code == 200
    assert make_client(ARTIFACTS_DIR=str(artifacts), TRUSTED_KEYS=KEYS).get("/health").status_code == 503
