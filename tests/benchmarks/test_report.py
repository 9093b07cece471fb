"""The report is computed from raw results: here from made-up ones, whose conclusion is known."""

import dataclasses
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.command import main
from benchmarks.compare import compare_runs
from benchmarks.measurement import Measurement
from benchmarks.report import write_report
from benchmarks.report.conclusion import conclusion, noise
from benchmarks.report.goals import goals
from benchmarks.report.page import unbroken
from benchmarks.report.verdict import answer, duels
from benchmarks.results import Run
from tests.services import program

TITLES = {"ours": "Flask, ours", "tuned": "FastAPI, tuned", "plain": "FastAPI, plain", "fastapi_design": "the design"}


@pytest.fixture
def make_run():
    """Factory: ``make_run(ours=[...rates by round...], tuned=[...])``; ``batch`` and ``open_70`` alike."""

    def make(foreign=0.0, facts=None, **rates):
        run = Run(
            {"time": "now", "cpu": "a cpu", "cores": [0, 1], "kernel": "1", "python": "3", "libraries": {"flask": "3"}},
            {"rounds": 3, "seconds": 1, "artifact": {"version": "m-1", "features": 5, "engine": "onnx"}},
            {
                target: {"title": TITLES[target], "family": "fastapi", "command": target, "protocol": "ours"}
                for target in rates
            },
            {name: {"title": name, "kind": "closed"} for name in ("one_row", "batch_100", "open_70")},
            facts=facts or {},
        )
        for target, by_round in rates.items():
            for number, rate in enumerate(by_round):
                for scenario in run.scenarios:
                    cell = {"scenario": scenario, "target": target, "round": number, "requests": rate}
                    cell |= {"seconds": 1, "failed": 0, "wrong": 0, "socket": 0, "rows_per_request": 1}
                    cell |= {"server_cpu": 0.9, "client_cpu": 0.5, "pss_mib": 90.0, "foreign_cpu_share": foreign}
                    cell |= {"latency": [100 / rate * p for p in range(103)], "offered": rate}
                    run.measurements.append(Measurement(**cell))
        return run

    return make


def _words(run):
    return " ".join(map(str, conclusion(run)))


def test_the_conclusion_names_the_winner_whoever_it_is(make_run):
    won = _words(make_run(ours=[120, 121, 119], tuned=[100, 101, 100]))
    lost = _words(make_run(ours=[80, 81, 79], tuned=[100, 101, 100]))
    even = _words(make_run(ours=[80, 120, 100], tuned=[100, 101, 100]))
    assert "Moving to ASGI would cost throughput" in won
    assert "Moving to ASGI, tuned as here, would give 1.25x" in lost
    assert ", cannot tell). This run" in even
    assert "cannot tell whether ASGI would be faster" in even


def test_batches_are_held_to_the_engine_of_the_same_round(make_run):
    rates = {"batch_1000": {"0": 100, "1": 200, "2": 150}}
    run = make_run(ours=[85, 170, 127.5], facts={"engine_alone": rates})
    batches = [m for m in run.measurements if m.scenario == "batch_100"]
    run.measurements = [dataclasses.replace(m, scenario="batch_1000") for m in batches]
    (goal,) = [goal for goal in goals(run) if goal.title == "Batches of 1 000 rows"]
    assert goal.reached is True
    assert "0.85 of the engine (0.85 to 0.85)" in goal.found


def test_a_straw_man_is_called_one(make_run):
    fair = _words(make_run(tuned=[110, 111, 110], plain=[100, 100, 101]))
    unfair = _words(make_run(tuned=[90, 91, 90], plain=[100, 100, 101]))
    assert "it is no straw man" in fair
    assert "IT IS A STRAW MAN" in unfair


def test_nothing_is_said_that_the_run_cannot_tell(make_run, tmp_path):
    noisy = make_run(ours=[60, 150, 100], tuned=[100, 60, 150], plain=[100, 101, 99], fastapi_design=[90, 60, 140])
    assert {goal.reached for goal in goals(noisy) if "against the" in goal.title and "1 000" not in goal.title} <= {
        None,
        False,  # 60 times the design is out of reach of any of these
    }
    assert {duel.verdict for duel in duels(noisy)} == {"cannot tell"}
    assert "cannot tell whether it is a straw man" in _words(noisy)
    assert answer(noisy).startswith("This run cannot tell")
    assert "cannot tell" in write_report(noisy, tmp_path / "run.json")[1]


@pytest.mark.parametrize(
    ("ours", "said"), [([120, 121, 119], "No:"), ([80, 81, 79], "For throughput, yes"), ([120], "This run cannot tell")]
)
def test_the_first_line_of_the_page_answers_the_question(ours, said, make_run, tmp_path):
    run = make_run(ours=ours, tuned=[100, 101, 99][: len(ours)])
    html = write_report(run, tmp_path / "run.json")[0].read_text()
    assert said in answer(run)
    assert said in html.partition("<h2>")[0]


def test_equal_and_unknown_heads_stand_side_by_side(make_run):
    run = make_run(ours=[120, 121, 119], tuned=[100, 101, 100])
    slower = {"ours": 0.5, "tuned": 1.0}
    run.measurements += [
        dataclasses.replace(m, scenario="one_row_unknown_headers", requests=m.requests * slower[m.target])
        for m in run.measurements
        if m.scenario == "one_row"
    ]
    verdicts = [duel.verdict for duel in duels(run)][:2]
    assert verdicts == ["ours is faster", "the twin is faster"]
    assert answer(run).startswith("It depends on the clients")


def test_a_disturbed_run_says_so(make_run):
    assert noise(make_run(ours=[100, 100, 101])) == []
    warnings = " ".join(noise(make_run(foreign=0.8, ours=[100, 150, 101])))
    assert "Other programs took 0.80 of a core" in warnings
    assert "one_row/ours" in warnings


def test_goals_are_reached_missed_or_not_measured(make_run):
    found = {
        goal.title: goal for goal in goals(make_run(ours=[100, 101, 99], tuned=[90, 90, 91], fastapi_design=[2, 2, 2]))
    }

    def by_start(start):
        return next(goal for title, goal in found.items() if title.startswith(start))

    assert by_start("One row, against the tuned").reached is True
    assert by_start("One row, against the FastAPI design").reached is False
    assert by_start("Cold start").reached is None


class Outside(HTMLParser):
    """Collects whatever a page would fetch."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        fetched = attributes.get("src") or (attributes.get("href") if tag in ("link", "image", "use") else None)
        if tag == "script" or (fetched and not fetched.startswith("#")):
            self.found.append((tag, fetched))


def test_the_page_stands_alone_and_the_table_has_each_row(make_run, tmp_path):
    run = make_run(ours=[100, 101, 99], tuned=[90, 90, 91], fastapi_design=[2, 2, 2])
    run.skipped = {"mlserver": "<not here>"}
    page, table = write_report(run, tmp_path / "run.json")
    html = page.read_text()
    outside = Outside()
    outside.feed(html)
    assert outside.found == []
    assert "&lt;not here&gt;" in html
    assert html.count("<svg") >= 4
    for title in ("Flask, ours", "FastAPI, tuned", "the design"):
        assert title in html
        assert f"| {title} |" in table


def test_targets_too_far_apart_for_bars_stand_on_a_logarithmic_axis(make_run, tmp_path):
    near, far = make_run(ours=[100], tuned=[90]), make_run(ours=[10_000], tuned=[9000], fastapi_design=[50])
    for run, logarithmic in ((near, False), (far, True)):
        assert ("requests/s (logarithmic)" in write_report(run, tmp_path / "run.json")[0].read_text()) is logarithmic


def test_what_a_run_did_not_measure_is_named_in_one_line_and_ceilings_predict_no_rows(make_run, tmp_path):
    run = make_run(ours=[100, 101, 99], tuned=[90, 90, 91])
    run.targets["tuned"]["family"] = "ceiling"
    page, table = write_report(run, tmp_path / "run.json")
    assert "Not measured in this run" in page.read_text()
    assert '<td data-name="measured">not measured' not in page.read_text()
    assert "| FastAPI, tuned | 90 (1%) | - |" in table


def test_thousands_stay_on_one_line():
    assert unbroken("7 210 against 63 of 1 000 000") == "7\u00a0210 against 63 of 1\u00a0000\u00a0000"


def test_a_result_read_back_gives_the_same_report(make_run, tmp_path):
    run = make_run(ours=[100, 101, 99], tuned=[90, 90, 91])
    run.save(tmp_path / "a.json")
    again = Run.read(tmp_path / "a.json")
    assert write_report(again, tmp_path / "a.json")[1] == write_report(run, tmp_path / "a.json")[1]


@pytest.mark.parametrize("content", ["", "[]", '{"format": 99}', "{"])
def test_a_file_that_is_no_result_is_refused_by_name(tmp_path, content):
    path = tmp_path / "other.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"other\.json"):
        Run.read(path)


def test_two_runs_are_compared_cell_by_cell(make_run):
    before, after = (
        make_run(ours=[100, 101, 99], tuned=[90, 95, 85]),
        make_run(ours=[200, 199, 201], tuned=[91, 94, 86]),
    )
    after.environment["kernel"] = "2"
    table = compare_runs(before, after)
    assert "| one_row | ours | 100 | 200 | 2.00x | faster |" in table
    assert "| one_row | tuned | 90 | 91 | 1.01x | cannot tell |" in table
    assert "kernel: 1 -> 2" in table


@pytest.mark.process
@pytest.mark.slow
def test_a_run_measures_reports_and_keeps_its_raw_results(artifact, tmp_path):
    program("wrk", "wrk")
    out = tmp_path / "run.json"
    options = ["--targets", "tuned,bare_asgi", "--scenarios", "one_row,open_70", "--rounds", "1"]
    command = [
        sys.executable,
        "-m",
        "benchmarks",
        *options,
        "--minutes",
        "0.1",
        "--artifact",
        str(artifact),
        "--out",
        str(out),
    ]
    ran = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    cells = {(m.scenario, m.target): m for m in Run.read(out).measurements}
    assert cells["one_row", "tuned"].rate > 0
    assert cells["open_70", "tuned"].checked > 0
    assert all(m.failed == m.wrong == 0 for (_, target), m in cells.items() if target == "tuned")
    assert out.with_suffix(".html").exists()
    assert "FastAPI twin, tuned" in ran.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--targets", "nobody"], "no target named nobody"),
        (["--scenarios", "nothing"], "no scenario named nothing"),
        (["--artifact", "nowhere"], "nowhere is no artifact"),
        (["compare", "nowhere.json", "nowhere.json"], "nowhere.json cannot be read"),
    ],
)
def test_a_bad_command_is_one_clear_sentence(arguments, sentence):
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    assert sentence in result.output
    assert "Traceback" not in result.output


def test_a_machine_without_wrk_is_told_what_to_install(artifact, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    result = CliRunner().invoke(main, ["--targets", "ours", "--scenarios", "one_row", "--artifact", str(artifact)])
    assert result.exit_code == 1
    assert "Error: wrk is not installed. apt-get install wrk" in result.output
