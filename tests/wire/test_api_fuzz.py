"""The API under a fuzzer of others, against a server process: schemathesis reads our document and tries to prove it wrong."""

import subprocess
import sys
from pathlib import Path

from servers import running

SECONDS = 300
"""How long the fuzzer may take at most; it has so many cases to try that it takes about a tenth of it."""

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
)


def test_the_document_says_what_the_server_does(tmp_path: Path) -> None:
    with running("dev", tmp_path / "data") as server:
        header = tmp_path / "schemathesis.toml"
        header.write_text(
            f'headers = {{ Authorization = "Bearer {server.ready["api_key"]}" }}\n'
            "[checks.negative_data_rejection]\n"
            'expected-statuses = ["400", "401", "403", "404", "405", "409", "412", "413", "415", "431"]\n'
        )
        fuzzed = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(header)),
                *("run", f"{server.url}/api/v1/openapi.json", "--checks", ",".join(CHECKS)),
                *("--phases", "coverage,fuzzing", "--max-examples", "5", "--generation-deterministic"),
                *("--no-color", "--workers", "1"),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        said = [line[:200] for line in fuzzed.stdout.splitlines()]
        assert fuzzed.returncode == 0, "\n".join(said) + fuzzed.stderr[-2000:]
