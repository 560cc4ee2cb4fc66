"""Every table, read by DuckDB, Polars and deltalake, says the same as `tributary query`.

    python tests/readers.py TRIBUTARY DATA

TRIBUTARY is the command, DATA a data folder with its settings, as the demo leaves one. Needs: duckdb==1.5.5 duckdb-extensions duckdb-extension-delta polars deltalake pyarrow.
"""

import json
import subprocess
import sys

import duckdb
import polars as pl
from deltalake import DeltaTable
from duckdb_extensions import import_extension


# What is summed in tables whose rows have no version.
NUMBERS = {
    "ledger": "fetched",
    "people": "records",
    "person_candidates": "tier",
    "person_links": "confidence",
    "quarantine": "length(raw_key)",
}


def ask(tributary, data, *words):
    ran = subprocess.run([tributary, "--config", f"{data}/tributary.toml", "--data", data, "--json", *words], stdout=subprocess.PIPE, check=True)
    return json.loads(ran.stdout)


def main(tributary, data):
    lake = f"{data}/s3/tributary/lake"
    import_extension("delta")  # from the Python package; nothing is downloaded at run time
    con = duckdb.connect()
    con.load_extension("delta")
    tables = ask(tributary, data, "tables")["tables"]
    assert len(tables) > 10, tables
    for name in (table["table"] for table in tables):
        # A sum over a number that every row has, beside the count: lost and doubled rows both show.
        number = NUMBERS.get(name, "source_version % 1000003")
        [own] = ask(tributary, data, "query", f'SELECT count(*) AS rows, sum({number}) AS total FROM "{name}"')
        own = (own["rows"], own["total"])
        path = f"{lake}/{name}"
        duck = con.sql(f"SELECT count(*), sum({number})::BIGINT FROM delta_scan('{path}')").fetchone()

        frame = pl.scan_delta(path).collect()
        polars = (len(frame), summed(name, frame))

        arrow = DeltaTable(path).to_pyarrow_table()
        delta = (arrow.num_rows, summed(name, pl.from_arrow(arrow)))

        assert own == duck == polars == delta, (name, own, duck, polars, delta)
        print(f"{name}: {own[0]} rows, read alike by all")


def summed(name, frame):
    if name == "quarantine":
        return frame["raw_key"].str.len_chars().sum()
    return frame[NUMBERS[name]].sum() if name in NUMBERS else (frame["source_version"] % 1000003).sum()


if __name__ == "__main__":
    main(*sys.argv[1:])
