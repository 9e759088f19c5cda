"""The examples of `docs/sdk.md` run, and its tables are true."""

import re
from pathlib import Path
from typing import Any

import pytest

from gatepost_sdk.errors import REFUSALS
from gatepost_sdk.testing import Issuer

from .world import World

GUIDE = (Path(__file__).parents[2] / "docs" / "sdk.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
REFUSED = re.findall(r"^\| `(\w+)` \| (\d{3}) \|", GUIDE, re.MULTILINE)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: re.sub(r"\W+", "-", block)[:40])
def test_an_example_runs(
    block: str,
    world: World,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("gatepost_sdk.login.sleep", lambda _: None)
    if "gatepost_sdk.client" in block:
        block = block.replace("https://auth.acme.dev", world.issuer).replace(
            "https://api.acme.dev/agents", f"{world.issuer}/api"
        )
    names: dict[str, Any] = {"__name__": "examples"}
    if "gatepost_server" not in block:
        issuer: Issuer = request.getfixturevalue("acme")
        names["raw"] = issuer.mint(sub="usr_ana", org="org_acme", scope="agents:read")
    exec(compile(block, "docs/sdk.md", "exec"), names)
    for name in [name for name in names if name.startswith("test_")]:
        names[name](request.getfixturevalue("gatepost_server"))


def test_every_refusal_is_in_the_guide() -> None:
    assert dict(REFUSED) == {code: str(refusal.status) for code, refusal in REFUSALS.items()}
