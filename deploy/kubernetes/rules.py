"""Write components/monitoring/prometheusrule.yaml from deploy/prometheus/: ``python -m deploy.kubernetes.rules``."""

from pathlib import Path

import yaml

RULES = Path(__file__).parents[1] / "prometheus"
OUT = Path(__file__).parent / "components" / "monitoring" / "prometheusrule.yaml"
HEAD = "# Made by python -m deploy.kubernetes.rules from deploy/prometheus/recording.yml and alerts.yml: edit those.\n"


def render() -> str:
    """The PrometheusRule with the groups of both files."""
    groups = [group for name in ("recording", "alerts") for group in _groups(name)]
    document = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "tabular-serving"},
        "spec": {"groups": groups},
    }
    return HEAD + yaml.safe_dump(document, sort_keys=False, width=1000)


def _groups(name: str) -> list[dict[str, object]]:
    return list(yaml.safe_load((RULES / f"{name}.yml").read_text())["groups"])


if __name__ == "__main__":
    OUT.write_text(render())
