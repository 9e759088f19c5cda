"""Tests of one group run in one process, so that what they share is started once."""

import pytest

GROUP = "house"


@pytest.mark.xdist_group(GROUP)
def test_groups_are_found(request: pytest.FixtureRequest) -> None:
    """xdist marks a group at the end of the test's name, where it was told to mind groups; a new pytest can break that."""
    is_marked = request.node.nodeid.endswith(f"@{GROUP}")
    assert is_marked is request.config.getoption("loadgroup", False)
