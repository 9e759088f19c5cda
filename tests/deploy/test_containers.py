"""What ships, run: the image on its own, the nodes of the compose file behind their proxy, the unit in its sandbox.

By option alone, as `--containers DIR`: see `engine.py` for what is Debian's here instead of the images' that are named.
"""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from servers import Client, reserved_port

from .engine import REPOSITORY, Engine

pytestmark = pytest.mark.xdist_group("containers")

PAIR = {"client_id": "weather", "redirection_url": "https://weather.example/cb"}
LEAST_POWER = ("--read-only", "--read-only-tmpfs=false", "--cap-drop=all", "--security-opt=no-new-privileges")
ISSUER = "https://auth.example.com"
WRITE = "import sys; open(sys.argv[1], 'w')"


@pytest.fixture(scope="module")
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    engine = Engine(request.config.getoption("--containers"))
    engine.clear()
    engine.make_images()
    try:
        yield engine
    finally:
        engine.clear()


@pytest.fixture(scope="module")
def tree(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository in which the head of the compose file was followed, to its last line."""
    tree = tmp_path_factory.mktemp("clone")
    for name in ("deploy", "requirements", "src"):
        shutil.copytree(REPOSITORY / name, tree / name, ignore=shutil.ignore_patterns("secrets", "__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, tree)
    *prepare, start = re.findall(r"^#   (.*)$", (tree / "deploy" / "compose.yaml").read_text(), re.MULTILINE)
    assert start == f"ISSUER={ISSUER} docker compose -f deploy/compose.yaml up --build"
    subprocess.run(["sh", "-e", "-c", "\n".join(prepare)], cwd=tree, check=True)
    engine.environment["ISSUER"] = ISSUER
    return tree


@pytest.fixture(scope="module")
def front(engine: Engine, tree: Path) -> Iterator[int]:
    """The port of the proxy, with everything behind it up."""
    with reserved_port() as port:
        file = tree / "deploy" / "compose.yaml"
        file.write_text(file.read_text().replace("127.0.0.1:8080:8080", f"127.0.0.1:{port}:8080"))
        # In the order in which they depend on each other's health, which this podman may not wait for by itself.
        for services in (["database"], ["gatepost-1", "gatepost-2"]):
            engine.compose(tree, "up", "--detach", "--build", *services)
            for service in services:
                engine.wait_until_healthy(f"gatepost_{service}_1")
        engine.compose(tree, "up", "--detach", "proxy")
        wait_until_ready(port)
        try:
            yield port
        finally:
            engine.compose(tree, "down", "--volumes")


def wait_until_ready(port: int) -> None:
    patience = time.monotonic() + 30
    while time.monotonic() < patience:
        try:
            with Client(port, timeout=5) as client:
                if client.get("/readyz").status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("nothing got ready behind the port")


def four_calls(port: int, api_key: str) -> None:
    """What the seed's four routes promise, one after the other."""
    with Client(port, api_key=api_key) as caller:
        auth_token = caller.get("/auth_token").json()["auth_token"]
        assert caller.post("/", PAIR).json()["result"]["auth_token"] == auth_token
        tokens = caller.post("/verify", PAIR).json()
        assert caller.post("/refresh", {"refresh_token": tokens["refresh_token"]}).status == 200


def make_key(engine: Engine, container: str) -> str:
    org = engine.gatepost(container, "org", "create", "Acme")["id"]
    return engine.gatepost(container, "key", "create", "--org", org)["api_key"]


def test_the_image_needs_no_power_and_nothing_to_write_to_but_its_volume(engine: Engine) -> None:
    with reserved_port() as port:
        engine.podman(
            *("run", "--detach", "--name", "alone", *LEAST_POWER, "--publish", f"127.0.0.1:{port}:8710"),
            *("--env", f"GATEPOST_ISSUER={ISSUER}", "gatepost"),
        )
        engine.wait_until_healthy("alone")
        four_calls(port, make_key(engine, "alone"))
        assert engine.podman("top", "alone", "user", "capeff", "capbnd", "seccomp").split()[-4:] == [
            *("10001", "none", "none", "filter")
        ]
        for place in ("/tmp/x", "/opt/gatepost/x", "/etc/x"):
            with pytest.raises(AssertionError, match="Read-only file system"):
                engine.podman("exec", "alone", "python", "-c", WRITE, place)
        engine.podman("stop", "alone")
        assert engine.podman("inspect", "alone", "--format", "{{.State.ExitCode}}") == "0\n"


def test_the_image_holds_nothing_that_builds_it(engine: Engine) -> None:
    held = engine.podman("run", "--rm", "--entrypoint", "ls", "gatepost", "/opt/gatepost/bin")
    assert "gatepost" in held.split()
    assert "pip" not in held.split()


def test_two_nodes_stand_in_for_each_other(engine: Engine, front: int) -> None:
    key = make_key(engine, "gatepost_gatepost-1_1")
    four_calls(front, key)
    for stopped in ("gatepost_gatepost-1_1", "gatepost_gatepost-2_1"):
        engine.podman("stop", stopped)
        for _ in range(4):
            four_calls(front, key)
        # At its address again, though the proxy has looked names up only once.
        engine.podman("start", stopped)
        engine.wait_until_healthy(stopped)


def test_a_node_that_is_killed_costs_no_request(engine: Engine, front: int) -> None:
    engine.podman("kill", "gatepost_gatepost-2_1")
    with Client(front) as client:
        assert {client.get("/readyz").status for _ in range(8)} == {200}


def test_only_the_proxy_is_reached_and_has_a_way_out(engine: Engine, front: int) -> None:
    for container, has_way in (("gatepost_gatepost-1_1", False), ("gatepost_proxy_1", True)):
        _, *routes = engine.podman("exec", container, "cat", "/proc/net/route").splitlines()
        assert ("00000000" in [route.split()[1] for route in routes]) is has_way
    ports = engine.podman("ps", "--format", "{{.Names}} {{.Ports}}").splitlines()
    assert [line.split()[0] for line in ports if "->" in line] == ["gatepost_proxy_1"]


def test_the_unit_serves_in_its_sandbox(engine: Engine) -> None:
    with reserved_port() as port:
        engine.podman(
            *("run", "--detach", "--name", "machine", "--privileged", "--systemd=always"),
            *("--publish", f"127.0.0.1:{port}:8710", "machine"),
        )
        wait_until_ready(port)
        as_its_user = ("exec", "--user", "gatepost", "machine", "/opt/gatepost/bin/gatepost")
        common = ("--config", "/etc/gatepost/gatepost.toml", "--json")
        org = json.loads(engine.podman(*as_its_user, "org", "create", "Acme", *common))["id"]
        four_calls(port, json.loads(engine.podman(*as_its_user, "key", "create", "--org", org, *common))["api_key"])
        main = engine.podman("exec", "machine", "systemctl", "show", "-P", "MainPID", "gatepost").strip()
        status = engine.podman("exec", "machine", "cat", f"/proc/{main}/status")
        assert {"Seccomp:\t2", "NoNewPrivs:\t1", f"CapBnd:\t{0:016}"} <= set(status.splitlines())
        for place in ("/opt/gatepost/x", "/etc/x", "/home/x"):
            with pytest.raises(AssertionError, match="Read-only file system"):
                engine.podman("exec", "machine", "nsenter", f"--target={main}", "--mount", "touch", place)
        engine.podman("exec", "machine", "systemctl", "stop", "gatepost")
        assert engine.podman("exec", "machine", "systemctl", "show", "-P", "Result", "gatepost") == "success\n"
