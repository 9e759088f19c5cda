"""The distribution: its wheel has every module, and nothing that is not the SDK's."""

import subprocess
import sys
import zipfile
from pathlib import Path

from house.source import SDK


def test_the_wheel_is_whole(tmp_path: Path) -> None:
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    build = (*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path, SDK)
    subprocess.run(build, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("gatepost_sdk-*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    modules = {str(path.relative_to(SDK.parent)) for path in SDK.rglob("*.py")}
    assert packed == {*modules, "gatepost_sdk/py.typed"}
