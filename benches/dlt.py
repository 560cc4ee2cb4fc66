"""The same 200,000 tickets from the same server into Delta tables: by Tributary, and by dlt.

    cargo build --release --workspace --bins
    python benches/dlt.py [--tickets 200000]

Makes a virtual environment in `target/dlt` for dlt (from the Python registry) unless this interpreter has it. Both read
the pages of `bench pages-server` over loopback and end with a Delta table in a folder of this machine. CPU seconds are
user and system time of the whole process, its children included; interpreter start and imports are told apart.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RELEASE = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
VERSION = "1.31.0"

# What a data engineer would write first: one resource, cursor paging, merge on the id, Delta in a folder.
PIPELINE = '''
import sys, time, resource
def cpu():
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
started = cpu()
import dlt
from dlt.sources.helpers import requests
base, folder, disposition = sys.argv[1:4]

@dlt.resource(name="tickets", primary_key="id", write_disposition=disposition, table_format="delta", max_table_nesting=0)
def tickets():
    cursor = None
    while True:
        params = {"cursor": cursor} if cursor else {}
        page = requests.get(f"{base}/api/v2/incremental/tickets/cursor.json", params=params).json()
        yield page["tickets"]
        if page["end_of_stream"]:
            return
        cursor = page["after_cursor"]

pipeline = dlt.pipeline(
    "bench", pipelines_dir=f"{folder}/state", dataset_name="desk",
    destination=dlt.destinations.filesystem(bucket_url=f"file://{folder}/lake"))
imported = cpu()
pipeline.run(tickets())
import deltalake
rows = deltalake.DeltaTable(f"{folder}/lake/desk/tickets").to_pyarrow_dataset().count_rows()
print(rows, imported - started, cpu() - imported, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
'''


def python_with_dlt():
    try:
        import dlt, deltalake  # noqa: F401
        return sys.executable
    except ImportError:
        pass
    environment = RELEASE.parent / "dlt"
    python = environment / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    packages = [f"dlt[filesystem,deltalake]=={VERSION}"]
    subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    return str(python)


def by_dlt(python, base, disposition):
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR"}
        started = time.monotonic()
        done = subprocess.run([python, "-c", PIPELINE, base, folder, disposition],
                              env=environment, check=True, capture_output=True, text=True)
        wall = time.monotonic() - started
        rows, imports, cpu, memory = done.stdout.split()[-4:]
        return int(rows), float(cpu), wall, int(memory) / 1024, float(imports)


def by_tributary(base):
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "tributary.toml"
        settings.write_text(
            f'[connections.bench]\nsource = "zendesk"\nbase_url = "{base}"\nemail = "bench@acme.example"\n'
            'token = { env = "BENCH_TOKEN" }\nstreams = ["tickets"]\npace = "unlimited"\ncustomers = false\n')
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        command = [RELEASE / "tributary", "--json", "--config", settings, "--data", f"{folder}/data", "sync"]
        done = subprocess.run(command, env=os.environ | {"BENCH_TOKEN": "invented"},
                              check=True, stdout=subprocess.PIPE)
        wall = time.monotonic() - started
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = sum(after[:2]) - sum(before[:2])
        document = json.loads(done.stdout)
        return document["runs"][0]["landed"], cpu, wall, after.ru_maxrss / 1024


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--tickets", type=int, default=200_000)
    tickets = arguments.parse_args().tickets
    python = python_with_dlt()
    server = subprocess.Popen([RELEASE / "bench", "pages-server", str(tickets)], stdout=subprocess.PIPE, text=True)
    try:
        base = "http://" + server.stdout.readline().split()[0]
        rows, cpu, wall, memory = by_tributary(base)
        assert rows == tickets, f"{rows} of {tickets} landed"
        ours = rows / cpu
        print(f"Tributary: {ours:,.0f} rows per CPU second ({cpu:.1f} s CPU, {wall:.1f} s, peak RSS {memory:.0f} MB)")
        for disposition in ("append", "merge"):
            rows, cpu, wall, memory, imports = by_dlt(python, base, disposition)
            assert rows == tickets, f"{rows} of {tickets} are in the table"
            print(f"dlt {VERSION}, {disposition}: {rows / cpu:,.0f} rows per CPU second ({cpu:.1f} s CPU without "
                  f"{imports:.1f} s of imports, {wall:.1f} s, peak RSS {memory:.0f} MB): 1/{ours * cpu / rows:.1f}")
    finally:
        server.kill()


if __name__ == "__main__":
    main()
