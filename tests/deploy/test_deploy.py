"""What ships in `deploy/`: read as its readers read it, with nothing in it that Gatepost does not know.

No container is run here: that is done in `test_containers.py`, by option, and with the proxy's configuration in `tests/scale`.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gotpl
import kubernetes_validate
import promql_parser
import pytest
import yaml

from gatepost.settings import known_settings
from programs import find

from .chart import Document, render, values

DEPLOY = Path(__file__).parents[2] / "deploy"
TOOLS = Path(sys.executable).parent
KUBERNETES = "1.31"
EVERYTHING = {
    "issuer": "https://auth.example.com/base",
    "settings": {"GATEPOST_TOKENS__ACCESS_TTL": "5m"},
    "ingress": {"enabled": True, "className": "nginx", "annotations": {"a": "b"}, "tlsSecret": "tls"},
    "metrics": {"enabled": True, "serviceMonitor": True},
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "a", "operator": "Exists"}],
    "imagePullSecrets": [{"name": "registry"}],
}
LEAST = {"issuer": "https://auth.example.com", "metrics": {"enabled": False}, "replicas": 1}


def run(tool: str, *arguments: object) -> str:
    done = subprocess.run([TOOLS / tool, *map(str, arguments)], capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_the_container_file_has_no_finding() -> None:
    assert run("hadolint", DEPLOY / "Containerfile") == ""


def test_the_container_runs_as_nobody_and_writes_to_its_volume_alone() -> None:
    last = (DEPLOY / "Containerfile").read_text().rpartition("FROM ")[2]
    assert re.search(r"^USER 10001:10001$", last, re.MULTILINE)
    assert re.findall(r"^VOLUME (.*)$", last, re.MULTILINE) == ["/var/lib/gatepost"]
    assert "HEALTHCHECK" in last


def test_compose_is_what_its_schema_says() -> None:
    assert run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml") == ""


def test_the_nodes_of_compose_have_the_least_power() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    nodes = [service for name, service in compose["services"].items() if name.startswith("gatepost")]
    assert len(nodes) == 2
    for node in (*nodes, compose["services"]["proxy"]):
        assert node["read_only"]
        assert node["cap_drop"] == ["ALL"]
        assert node["security_opt"] == ["no-new-privileges:true"]
    assert not any("ports" in service for name, service in compose["services"].items() if name != "proxy")
    assert compose["networks"]["inside"]["internal"], "the database is reached by the nodes alone"


@pytest.mark.parametrize("chosen", [EVERYTHING, LEAST], ids=["everything", "least"])
def test_the_chart_renders_to_what_kubernetes_takes(chosen: Document) -> None:
    documents = render(values() | chosen)
    for document in documents:
        # The operator's own kinds are not in Kubernetes' schemas.
        if document["kind"] != "ServiceMonitor":
            kubernetes_validate.validate(document, KUBERNETES, strict=True)
    kinds = {document["kind"] for document in documents}
    assert {"Deployment", "Service", "Job"} <= kinds
    assert (chosen is EVERYTHING) == ({"Ingress", "ServiceMonitor", "PodDisruptionBudget"} <= kinds)


def test_the_chart_needs_an_issuer() -> None:
    with pytest.raises(gotpl.TemplateError, match="issuer is required"):
        render(values())


def test_pods_have_the_least_power_and_no_secret_in_their_environment() -> None:
    for document in render(values() | EVERYTHING):
        for pod in _pods(document):
            assert pod["automountServiceAccountToken"] is False
            assert pod["securityContext"]["runAsNonRoot"]
            for container in pod["containers"]:
                security = container["securityContext"]
                assert security["readOnlyRootFilesystem"]
                assert not security["allowPrivilegeEscalation"]
                assert security["capabilities"] == {"drop": ["ALL"]}
                named = {each["name"]: each["value"] for each in container["env"]}
                secret = [name for name in named if re.search(r"KEY|TOKEN|PASSWORD|DATABASE", name.partition("__")[2])]
                assert all(name.endswith("_FILE") for name in secret)
                assert named["GATEPOST_DATABASE_FILE"].startswith("/run/secrets/")


def _pods(document: Document) -> Iterator[Any]:
    if document["kind"] in ("Deployment", "Job"):
        yield document["spec"]["template"]["spec"]


def test_every_setting_that_is_named_exists() -> None:
    known = {each.env for each in known_settings()} | {f"{each.env}_FILE" for each in known_settings()}
    texts = [path.read_text() for path in DEPLOY.rglob("*") if path.is_file()]
    named = {name for text in texts for name in re.findall(r"GATEPOST_[A-Z_]+", text)}
    assert len(named) > 8
    assert named - known == set()


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "gatepost.service"
    shipped = (DEPLOY / "systemd" / "gatepost.service").read_text()
    unit.write_text(shipped.replace("/opt/gatepost/bin/gatepost", "/bin/true"))
    done = subprocess.run([find("systemd-analyze"), "verify", "--man=no", unit], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    analyzed = subprocess.run(
        [find("systemd-analyze"), "security", "--offline=true", unit], capture_output=True, text=True
    )
    exposure = re.search(r"Overall exposure level for gatepost.service: ([0-9.]+)", analyzed.stdout)
    assert exposure, analyzed.stdout
    assert float(exposure[1]) < 2


def test_the_queries_of_the_dashboard_are_promql() -> None:
    dashboard = json.loads((DEPLOY / "grafana" / "gatepost.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            promql_parser.parse(target["expr"].replace("$__rate_interval", "5m"))
