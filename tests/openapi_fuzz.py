#!/usr/bin/env python3
"""Fuzzes the customer API of a running `tributary serve` against its own OpenAPI document: no 5xx.

Usage: python3 tests/openapi_fuzz.py http://127.0.0.1:8080 [PERSON_ID [API_KEY]]

Without the id of somebody, only the questions about nobody are asked. Begin with `tributary serve --no-sync --listen 127.0.0.1:8080` on data that nobody needs: rulings are made.
"""

import subprocess
import sys
import tempfile
import urllib.request
import venv
from pathlib import Path


def schemathesis(folder):
    """The fuzzer, installed into a folder of its own; none if it is not to be had here."""
    venv.create(folder, with_pip=True)
    programs = Path(folder) / "bin"
    installed = subprocess.run(
        [programs / "pip", "install", "--quiet", "--disable-pip-version-check", "schemathesis>=4,<5"],
        capture_output=True,
    )
    return programs / "schemathesis" if installed.returncode == 0 else None


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    url = sys.argv[1].rstrip("/")
    with urllib.request.urlopen(f"{url}/openapi.json") as answer:
        assert answer.headers["Content-Type"] == "application/json"
    with tempfile.TemporaryDirectory() as folder:
        program = schemathesis(folder)
        if program is None:
            print("skipped: schemathesis cannot be installed here")
            return
        command = [
            program, "run", f"{url}/openapi.json", "--url", url,
            "--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
            "--max-examples", "60", "--seed", "7",
        ]
        if len(sys.argv) > 2:
            settings = Path(folder) / "schemathesis.toml"
            settings.write_text(f'[parameters]\n"path.id" = "{sys.argv[2]}"\n')
            command[1:1] = ["--config-file", settings]
        if len(sys.argv) > 3:
            command += ["--header", f"Authorization: Bearer {sys.argv[3]}"]
        # It keeps what it found beside where it runs.
        sys.exit(subprocess.run(command, cwd=folder).returncode)


if __name__ == "__main__":
    main()
