"""Every table, read by DuckDB, Polars and deltalake, says the same as `tributary query`.

    python tests/readers.py TRIBUTARY DATA

TRIBUTARY is the command, DATA its data folder. Needs: duckdb==1.5.5 duckdb-extensions duckdb-extension-delta polars deltalake pyarrow.
"""

import json
import subprocess
import sys

import duckdb
import polars as pl
import pyarrow.compute as pc
from deltalake import DeltaTable
from duckdb_extensions import import_extension


def ask(tributary, data, *words):
    ran = subprocess.run([tributary, "--data", data, "--json", *words], stdout=subprocess.PIPE, check=True)
    return json.loads(ran.stdout)


def main(tributary, data):
    lake = f"{data}/s3/tributary/lake"
    import_extension("delta")  # from the Python package; nothing is downloaded at run time
    con = duckdb.connect()
    con.load_extension("delta")
    tables = ask(tributary, data, "tables")["tables"]
    assert len(tables) > 10, tables
    for name in [table["table"] for table in tables]:
        # A sum over a number that every row has, beside the count: lost and doubled rows both show.
        number = {"ledger": "fetched", "quarantine": "length(raw_key)"}.get(name, "source_version % 1000003")
        [own] = ask(tributary, data, "query", f'SELECT count(*) AS n, sum({number}) AS s FROM "{name}"')
        expected = (own["n"], own["s"])

        path = f"{lake}/{name}"
        duck = con.sql(f"SELECT count(*), sum({number})::BIGINT FROM delta_scan('{path}')").fetchone()
        assert duck == expected, ("duckdb", name, duck, expected)

        frame = pl.scan_delta(path).collect()
        column = {
            "ledger": lambda: frame["fetched"],
            "quarantine": lambda: frame["raw_key"].str.len_chars(),
        }.get(name, lambda: frame["source_version"] % 1000003)
        assert (len(frame), column().sum()) == expected, ("polars", name, len(frame), expected)

        arrow = DeltaTable(path).to_pyarrow_table()
        column = {
            "ledger": lambda: arrow["fetched"],
            "quarantine": lambda: pc.utf8_length(arrow["raw_key"]),
        }.get(name, lambda: pl.from_arrow(arrow["source_version"]) % 1000003)
        total = column().sum() if isinstance(column(), pl.Series) else pc.sum(column()).as_py()
        assert (arrow.num_rows, total) == expected, ("deltalake", name, arrow.num_rows, total, expected)
        print(f"{name}: {expected[0]} rows, read alike by all")


if __name__ == "__main__":
    main(*sys.argv[1:])
