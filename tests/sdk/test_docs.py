"""The examples of `docs/sdk.md` run, and its tables are true."""

import re
from pathlib import Path
from typing import Any

import pytest

from gatepost_sdk.errors import REFUSALS
from gatepost_sdk.testing import Issuer

GUIDE = (Path(__file__).parents[2] / "docs" / "sdk.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
REFUSED = re.findall(r"^\| `(\w+)` \| (\d{3}) \|", GUIDE, re.MULTILINE)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: re.sub(r"\W+", "-", block)[:40])
def test_an_example_runs(block: str, acme: Issuer) -> None:
    names: dict[str, Any] = {
        "__name__": "examples",
        "raw": acme.mint(sub="usr_ana", org="org_acme", scope="agents:read"),
    }
    exec(compile(block, "docs/sdk.md", "exec"), names)


def test_every_refusal_is_in_the_guide() -> None:
    assert dict(REFUSED) == {code: str(refusal.status) for code, refusal in REFUSALS.items()}
