"""The job on Spark says the same as `tributary resolve`: every row of person_links, people and person_candidates.

    python tests/spark.py TRIBUTARY DATA

TRIBUTARY is the command, DATA a data folder with its settings, as the demo leaves one; a copy of it is worked on. Compared once as it is,
and once after rulings and with rules so narrow that identifiers are given up. Needs Java 17 or 11 and: pyspark==3.5.6 pyarrow.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import pyarrow.parquet as parquet

JOB = Path(__file__).parent.parent / "spark" / "resolve.py"
TABLES = ["person_links", "people", "person_candidates"]
NARROW = """
[identity.rules]
most_records = 4
most_exclusive = 1
most_edges = 4
most_in_household = 2
"""


class Company:
    """A data folder, and the command over it."""

    def __init__(self, tributary, folder):
        self.tributary, self.folder = os.path.abspath(tributary), folder
        self.settings = folder / "tributary.toml"

    def command(self, *words):
        return [self.tributary, "--config", self.settings, "--data", self.folder, *words]

    def say(self, *words):
        return subprocess.run(self.command(*words), stdout=subprocess.PIPE, check=True, text=True).stdout

    def ask(self, sql):
        return json.loads(self.say("--json", "query", sql))

    def table(self, name, file):
        self.say("query", f"SELECT * FROM {name}", "--parquet", file)
        return parquet.read_table(file)

    def rule(self, *rulings):
        """Tells the customer API what a steward decided; each ruling is a path and what goes there."""
        words = self.command("--json", "serve", "--no-sync", "--no-tables", "--listen", "127.0.0.1:0")
        serving = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            url = json.loads(serving.stdout.readline())["listening"]
            for path, ruling in rulings:
                body = json.dumps({**ruling, "author": "steward", "reason": "they said so"}).encode()
                request = urllib.request.Request(f"{url}/customers/{path}", body, {"Content-Type": "application/json"})
                urllib.request.urlopen(request).close()
        finally:
            serving.terminate()
            serving.wait()


def compare(company, work):
    """What `resolve` reports; its tables and those of the job are the same, row by row."""
    work.mkdir()
    report = json.loads(company.say("--json", "resolve", "--no-candidates", "--no-compare"))
    records, rulings, out = work / "person_record.parquet", work / "rulings.ndjson", work / "out"
    company.table("person_record", records)
    rulings.write_text(company.say("pipe", "rulings"))
    spark_submit = Path(sys.executable).parent / "spark-submit"
    # Made for much, Spark takes its time over little: no compilers, no plans that change. Two partitions, for one would hide what is apart.
    settings = {
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
        "spark.local.dir": work,
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.shuffle.partitions": 2,
        "spark.ui.enabled": "false",
    }
    job = [
        spark_submit, "--master", "local[2]", *(word for name, value in settings.items() for word in ["--conf", f"{name}={value}"]),
        JOB, "--tributary", company.tributary, "--config", company.settings, "--data", company.folder,
        "--records", records, "--rulings", rulings, "--out", out, "--work", work / "between",
    ]
    environment = {**os.environ, "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    ran = subprocess.run(job, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True)
    if ran.returncode != 0:
        sys.exit(f"the job failed:\n{ran.stderr}")
    told = json.loads(ran.stdout)
    assert told == {name: report[name] for name in told}, (told, report)
    assert not any((work / "between").iterdir()), "what is between the steps is left behind"
    for name in TABLES:
        own, jobs = company.table(name, work / f"{name}.parquet"), parquet.read_table(out / name)
        assert own.schema.names == jobs.schema.names, (own.schema.names, jobs.schema.names)
        own, jobs = content(own), content(jobs)
        different = sorted(set(own) ^ set(jobs))
        assert own == jobs, f"{name}: {len(different)} rows differ, such as {different[:2]}"
        assert own, f"{name} is empty, which tells nothing"
        print(f"{name}: {len(own)} rows, the same on Spark")
    return report


def content(table):
    """The rows in one order, without when they were made."""
    return sorted(json.dumps(row, default=str) for row in table.drop_columns(["resolved_at"]).to_pylist())


def rulings(company):
    """Two who were refused, a chain of many, a link that is taken apart later, and a person split."""
    alone = company.ask("SELECT record_key FROM person_links JOIN people USING (person_id) WHERE records = 1 ORDER BY record_key LIMIT 32")
    a, b, *chain = (row["record_key"] for row in alone)
    of_a = company.ask(f"SELECT person_id FROM person_links WHERE record_key = '{a}'")[0]["person_id"]
    [refused] = company.ask("SELECT record_key, other_key FROM person_candidates ORDER BY record_key, other_key LIMIT 1")
    [largest] = company.ask("SELECT person_id FROM people ORDER BY records DESC, person_id LIMIT 1")
    [of_largest] = company.ask(f"SELECT min(record_key) AS record_key FROM person_links WHERE person_id = '{largest['person_id']}'")
    links = [[refused["record_key"], refused["other_key"]], [a, b], *zip(chain, chain[1:])]
    return [
        *(("link", {"record_keys": records}) for records in links),
        (f"{of_a}/split", {"groups": [[a], [b]]}),
        (f"{largest['person_id']}/split", {"groups": [[of_largest["record_key"]]]}),
    ]


def pipes():
    """What goes through a command comes out whole, or the task fails."""
    sys.path.insert(0, str(JOB.parent))
    from resolve import filtered

    lines = [f"{number} ü " * 1_000 for number in range(1_000)]
    assert list(filtered(iter(lines), ["cat"])) == lines

    def breaks():
        yield "one"
        raise ValueError("the lines end too early")

    for some, command in [(iter(lines), "cat; exit 3"), (iter(lines), "head -n 1"), (breaks(), "cat")]:
        try:
            list(filtered(some, ["sh", "-c", command]))
        except RuntimeError:
            continue
        raise AssertionError(f"{command!r} passed for a command that took all its lines and ended well")


def main(tributary, data):
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        print("skipped: there is no Java here, which Spark runs on")
        return
    pipes()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        company = Company(tributary, folder / "company")
        shutil.copytree(data, company.folder)
        before = compare(company, folder / "before")
        company.rule(*rulings(company))
        with company.settings.open("a") as settings:
            settings.write(NARROW)
        after = compare(company, folder / "after")
        assert before["shared_identifiers"] > 0 and after["overflowed_identifiers"] > 0, (before, after)


if __name__ == "__main__":
    main(*sys.argv[1:])
