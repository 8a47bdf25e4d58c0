"""Metrics, alerts and their page agree, and promtool agrees with all of them."""

import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import Metric, generate_latest

from bot.adapters.http.metrics import Metrics, build_registry
from tests.adapters.http.sources import sources

ROOT = Path(__file__).parents[3]
ALERTS = ROOT / "deploy/alerts.yaml"
PAGE = ROOT / "deploy/observability.md"
RULES_TEST = Path(__file__).parent / "alerts.test.yaml"

SELECTOR = re.compile(r"(imsbot_\w+)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)="([^"]*)"')


@cache
def metrics() -> tuple[Metric, ...]:
    return tuple(Metrics(sources()).collect())


def shown_name(metric: Metric) -> str:
    """As people meet it: a counter and an info carry their suffix, a histogram its three only in queries."""
    return metric.name + {"counter": "_total", "info": "_info"}.get(metric.type, "")


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def test_the_page_has_every_metric_with_its_labels_and_no_other() -> None:
    rows = re.findall(r"^\| `(imsbot_\w+)` \| ([^|]*)\|", PAGE.read_text(), re.MULTILINE)
    documented = {name: tuple(filter(None, re.split(r",\s*|\s+", labels.strip()))) for name, labels in rows}
    real = {
        shown_name(metric): tuple(
            dict.fromkeys(label for sample in metric.samples for label in sample.labels if label != "le")
        )
        for metric in metrics()
    }
    assert documented == real


def test_the_page_has_every_alert_and_no_other() -> None:
    headings = re.findall(r"^### (\w+)$", PAGE.read_text(), re.MULTILINE)
    assert headings == [rule["alert"] for rule in rules()]


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_what_is_really_there(rule: dict[str, Any]) -> None:
    selectors = SELECTOR.findall(rule["expr"])
    assert selectors
    for name, matchers in selectors:
        wanted = dict(MATCHER.findall(matchers))
        assert any(
            name == sample.name and wanted.items() <= sample.labels.items()
            for metric in metrics()
            for sample in metric.samples
        ), f"{name}{{{matchers}}} selects nothing"


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_leads_to_its_place_on_the_page(rule: dict[str, Any]) -> None:
    assert f"deploy/observability.md#{rule['alert'].lower()}" == rule["annotations"]["runbook"]
    assert {"summary", "description", "runbook"} == rule["annotations"].keys()
    assert rule["labels"]["severity"] in {"critical", "warning"}


def test_promtool_finds_no_fault_with_names_and_texts_of_the_metrics() -> None:
    text = generate_latest(build_registry(sources()))
    ours = b"\n".join(line for line in text.splitlines() if b"imsbot_" in line) + b"\n"
    promtool("check", "metrics", stdin=ours)


def test_promtool_takes_the_alert_rules() -> None:
    promtool("check", "rules", str(ALERTS))


def test_each_alert_fires_when_it_should_and_not_before() -> None:
    """The cases are in alerts.test.yaml."""
    promtool("test", "rules", str(RULES_TEST))
    tried = {
        case["alertname"]
        for test in yaml.safe_load(RULES_TEST.read_text())["tests"]
        for case in test["alert_rule_test"]
    }
    assert {rule["alert"] for rule in rules()} == tried


def promtool(*arguments: str, stdin: bytes = b"") -> None:
    done = subprocess.run(["promtool", *arguments], input=stdin, capture_output=True, timeout=60)
    assert (0, "") == (done.returncode, done.stderr.decode()), done.stdout.decode()
