"""deploy/logs: the fields and the form of the time are those of the lines that the service writes."""

import re
from datetime import datetime

import yaml

from tests.conftest import ROOT

LOGS = ROOT / "deploy" / "logs"


def line_of(make_client, capfd):
    import json

    make_client().get("/health")
    return next(json.loads(line) for line in capfd.readouterr().out.splitlines() if '"request"' in line)


def test_vector_s_labels_are_fields_of_a_line(make_client, capfd):
    document = yaml.safe_load((LOGS / "vector.yaml").read_text())
    assert document["transforms"]["lines"]["inputs"] == list(document["sources"])
    assert document["sinks"]["loki"]["inputs"] == list(document["transforms"])
    named = re.findall(r"\{\{ (\w+) \}\}", str(document["sinks"]["loki"]["labels"]))
    line = line_of(make_client, capfd)
    assert {"level", "event"} == set(named) <= line.keys()
    datetime.fromisoformat(line["time"])  # "%+" of the file is ISO 8601


def test_fluent_bit_reads_the_time_of_a_line_and_its_labels(make_client, capfd):
    document = yaml.safe_load((LOGS / "fluent-bit.yaml").read_text())
    (parser,) = document["parsers"]
    (filtering,) = document["pipeline"]["filters"]
    assert filtering["parser"] == parser["name"]
    line = line_of(make_client, capfd)
    datetime.strptime(line[parser["time_key"]], parser["time_format"].replace("%S.%L", "%S.%f"))
    (output,) = document["pipeline"]["outputs"]
    assert {name.removeprefix("$") for name in output["label_keys"].split(",")} <= line.keys()
