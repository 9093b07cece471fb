"""The running service under six fault classes that the commit draws, and what their table promises."""

import dataclasses
import random

import pytest
from click.testing import CliRunner

from benchmarks.environment import describe
from benchmarks.faults.__main__ import main
from benchmarks.faults.classes import BY_NAME, FAULTS, drawn
from benchmarks.faults.load import Tally
from benchmarks.faults.table import markdown
from benchmarks.faults.trial import account_of, run_trial

COMMIT = str(describe()["commit"]).removesuffix("-dirty")


def _account(fault="reload", lost=0, doubled=0, counted=0, **counts):
    tally = Tally()
    for outcome, count in counts.items():
        for number in range(count):
            tally.note(outcome, prediction_id=f"{outcome}-{number}" if outcome in ("right", "wrong") else None)
    records = dict.fromkeys(tally.answered[lost:], 1)
    records |= dict.fromkeys(list(records)[:doubled], 2)
    return account_of(BY_NAME[fault], 1, tally, records, counted, 1.0, "")


def test_a_trial_without_harm_keeps_every_promise():
    account = _account(right=10, refused=2)
    assert account.broken == ()
    assert (account.sent, account.right, account.refused) == (12, 10, 2)


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        ({"right": 5, "wrong": 1}, "1 answers were wrong"),
        ({"right": 5, "lost": 2}, "2 records are lost, and the service counts 0"),
        ({"right": 5, "lost": 2, "counted": 3}, "2 records are lost, and the service counts 3"),
        ({"right": 5, "doubled": 1}, "1 answers have two records"),
        ({"right": 5, "failed": 1}, "1 requests failed"),
        ({"refused": 5}, "no request was answered"),
    ],
)
def test_a_promise_that_did_not_hold_is_a_sentence_in_the_table(harm, sentence):
    account = _account(**harm)
    assert sentence in account.broken
    table = markdown([account], {}, {"cpu": "a", "kernel": "1", "python": "3", "commit": "c"})
    assert f"**broken**: {sentence}" in table


def test_what_the_documents_say_is_lost_or_fails_breaks_no_promise():
    assert _account("kill_master", right=5, failed=3).broken == ()
    assert _account("disk_full", right=5, lost=3, counted=3).broken == ()


def test_each_commit_draws_its_own_six_and_always_the_same():
    assert drawn(6, "abc") == drawn(6, "abc")
    assert len({fault.name for fault in drawn(6, "abc")}) == 6
    assert len({tuple(fault.name for fault in drawn(6, str(number))) for number in range(20)}) > 10


def test_every_class_has_a_name_and_a_title_of_its_own():
    assert len({fault.name for fault in FAULTS}) == len({fault.title for fault in FAULTS}) == len(FAULTS) >= 60


def test_a_fault_that_nobody_knows_is_refused_by_name():
    result = CliRunner().invoke(main, ["earthquake"])
    assert result.exit_code == 1
    assert "There is no fault named earthquake" in result.output


@pytest.mark.process
@pytest.mark.parametrize("fault", drawn(6, COMMIT), ids=lambda fault: fault.name)
def test_the_running_service_keeps_its_promises_under(fault, artifact, pool):
    account = run_trial(fault, artifact, pool, random.Random(COMMIT).randrange(1000))
    assert account.broken == (), dataclasses.asdict(account)
    assert account.right > 0
