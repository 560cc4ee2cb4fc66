"""Who is who by all the tables, on Spark: the same as `tributary resolve`, for tables that outgrow one machine.

    spark-submit spark/resolve.py --tributary tributary --config tributary.toml --rulings rulings.ndjson \\
        --records s3://bucket/lake/person_record --format delta --out s3://bucket/people --work s3://bucket/scratch

What a record says, and who is who among records that are connected, is decided by `tributary pipe evidence` and
`tributary pipe solve`, beside every executor. Spark finds what is connected, and who lives together. See docs/identity.md.

Whatever is connected must come into one component. That a component holds more does no harm, for the solver takes it
apart: so vertices may be hashes of record keys, and rulings that others overrule may connect.
"""

import argparse
import json
import subprocess
import threading
from datetime import datetime, timezone

from pyspark import SparkFiles
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

# What is read of lines that otherwise pass through as they are.
TESTIMONY = "evidence STRUCT<record_key: STRING, clues: ARRAY<STRUCT<key: STRING, exclusive_in: STRING>>, addresses: ARRAY<STRING>>"
RULING = "ruling STRUCT<link: ARRAY<STRING>, never_link: ARRAY<ARRAY<STRING>>>"
# What is written, and what the solver says of it.
LINK = "record_key STRING, person_id STRING, anchor_key STRING, source STRING, connection_id STRING, confidence BIGINT, resolved_at TIMESTAMP"
PERSON = (
    "person_id STRING, records BIGINT, confidence BIGINT, full_name STRING, given_name STRING, family_name STRING, "
    "birth_date STRING, language STRING, time_zone STRING, party_type STRING, account_key STRING, "
    "emails ARRAY<STRING>, phones ARRAY<STRING>, households ARRAY<STRING>, resolved_at TIMESTAMP"
)
CANDIDATE = (
    "record_key STRING, other_key STRING, namespace STRING, reason STRING, tier BIGINT, "
    "bits DOUBLE, probability DOUBLE, model STRING, resolved_at TIMESTAMP"
)
SOLVED = (
    f"person_links ARRAY<STRUCT<{LINK}>>, people ARRAY<STRUCT<{PERSON}>>, "
    f"person_candidates ARRAY<STRUCT<{CANDIDATE}>>, overflowed_identifiers BIGINT"
)
TABLES = ["person_links", "people", "person_candidates"]
# Times to the microsecond, which Spark would cut to the millisecond.
TIMES = {"timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX"}
# A line that is something else ends the job; it never becomes nulls.
STRICT = {"mode": "FAILFAST"}


def main():
    options = arguments()
    spark = SparkSession.builder.appName("tributary resolve").getOrCreate()
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    spark.conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
    check(spark, options)
    spark.sparkContext.setCheckpointDir(options.work)
    work = spark.sparkContext._jsc.sc().getCheckpointDir().get()
    try:
        outcome = resolve(spark, options)
    finally:
        files, path = located(spark, work)
        files.delete(path, True)
    print(json.dumps(outcome))


def arguments():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    words.add_argument("--tributary", required=True, help="the command, built for the executors; it is sent to them")
    words.add_argument("--config", required=True, help="the settings; they are sent, and the executors read the identity_key that they name")
    words.add_argument("--data", help="the data folder that has the identity key, where executors share this machine's disk")
    words.add_argument("--records", required=True, help="the table person_record")
    words.add_argument("--rulings", required=True, help="what `tributary pipe rulings` printed; an empty file if that was nothing")
    words.add_argument("--format", default="parquet", choices=["parquet", "delta"], help="of the tables that are read and written")
    words.add_argument("--out", required=True, help="where the tables person_links, people and person_candidates go")
    words.add_argument("--work", required=True, help="a folder for what is between the steps, which is personal data; emptied at the end")
    return words.parse_known_args()[0]  # Glue adds words of its own.


def check(spark, options):
    """What would otherwise fail at the end, or not at all."""
    if options.format == "delta":
        return
    if exists(spark, f"{options.records}/_delta_log"):
        raise SystemExit(f"error: {options.records} is a Delta table, whose files hold former rows too\nhint: say --format delta")
    for name in TABLES:
        if exists(spark, f"{options.out}/{name}"):
            raise SystemExit(f"error: {options.out}/{name} exists\nhint: give each run a new folder, so that readers never see half a table")


def resolve(spark, options):
    resolved_at = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    tributary = Tributary(spark, options)
    plan = tributary.plan()

    rows = spark.read.format(options.format).load(options.records)
    rows = rows.select([name for name in plan["columns"] if name in rows.columns])
    rows = rows.select(F.to_json(F.struct("*"), TIMES))
    records = testimonies(piped(rows, tributary, "evidence")).checkpoint()
    links, rulings = rulings_in(spark.read.text(options.rulings))

    mentions = records.select("vertex", F.explode("clues.key").alias("identifier"))
    shared = shared_identifiers(records, mentions, plan).checkpoint()
    hubs = components(edges(mentions, shared).union(links))
    lines = one_a_component(records, hubs, rulings, mentions.join(shared, "identifier"))

    solved = piped(lines, tributary, "solve", "--resolved-at", resolved_at)
    solved = solved.select(F.from_json("line", SOLVED, STRICT).alias("solved")).select("solved.*").checkpoint()
    tables = {name: solved.select(F.explode(name).alias("row")).select("row.*") for name in TABLES}
    at_home = households(records, tables["person_links"], plan["most_in_household"])
    tables["people"] = with_households(tables["people"], at_home)
    # Delta replaces a table at once; of Parquet there is none yet, see `check`.
    mode = "overwrite" if options.format == "delta" else "error"
    for name, table in tables.items():
        table.write.format(options.format).mode(mode).save(f"{options.out}/{name}")
    overflowed = solved.agg(F.sum("overflowed_identifiers")).first()[0] or 0
    return {
        "records": records.count(),
        "people": tables["people"].count(),
        "refused": tables["person_candidates"].count(),
        "shared_identifiers": shared.count() + overflowed,
        "overflowed_identifiers": overflowed,
    }


class Tributary:
    """The `tributary` command, on this machine and beside every executor."""

    def __init__(self, spark, options):
        for path in [options.tributary, options.config]:
            spark.sparkContext.addFile(path)
        self.command, self.config = (path.rsplit("/", 1)[-1] for path in [options.tributary, options.config])
        self.data = ["--data", options.data] if options.data else []

    def words(self, *words):
        """Asked where it is to run, for the files are in another place on each machine."""
        return [SparkFiles.get(self.command), "--config", SparkFiles.get(self.config), *self.data, "pipe", *words]

    def plan(self):
        return json.loads(subprocess.run(self.words("plan"), stdout=subprocess.PIPE, check=True).stdout)


def piped(frame, tributary, *words):
    """What the filter says to the texts in a frame of one column."""
    texts = frame.rdd.map(lambda row: row[0])
    lines = texts.mapPartitions(lambda texts: filtered(texts, tributary.words(*words)))
    return lines.map(lambda line: (line,)).toDF("line STRING")


def filtered(lines, command):
    """What a command says to these lines, like RDD.pipe; unless it took them all and ended well, the task fails."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    failures = []

    def feed():
        try:
            with process.stdin as stdin:
                for line in lines:
                    stdin.write(line.encode() + b"\n")
        except BaseException as failure:
            failures.append(failure)

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    try:
        for line in process.stdout:
            yield line.decode().rstrip("\n")
        feeder.join()
        if process.wait() != 0 or failures:
            why = f"{command[0]} ended with {process.returncode}; what it said is in the stderr of this machine"
            raise RuntimeError(why) from next(iter(failures), None)
    finally:
        process.kill()
        process.wait()


def testimonies(lines):
    """Rows with their evidence, as lines, and what Spark needs to know of them."""
    said = F.from_json("line", TESTIMONY, STRICT)["evidence"]
    return lines.select(F.col("line").alias("testimony"), said.alias("said")).select("testimony", "said.*").withColumn("vertex", F.xxhash64("record_key"))


def rulings_in(lines):
    """The edges that links make, and the rulings that name each vertex."""
    ruling = F.from_json("value", RULING, STRICT)["ruling"]
    ruled = lines.where("value != ''").select(F.col("value").alias("line"), ruling.alias("ruling")).select("line", "ruling.*")
    links = ruled.where("size(link) > 1").select(F.explode("link").alias("one"), F.col("link")[0].alias("other"))
    links = links.where("one != other").select(F.xxhash64("one").alias("vertex"), F.xxhash64("other").alias("hub"))
    named = F.concat(F.coalesce("link", none()), F.coalesce(F.flatten("never_link"), none()))
    named = ruled.select("line", F.explode(named).alias("record_key"))
    return links, named.groupBy(F.xxhash64("record_key").alias("vertex")).agg(F.collect_set("line").alias("rulings"))


def shared_identifiers(records, mentions, plan):
    """Those that too many records carry, or records with too many distinct ids where a person has one (`is_shared`)."""
    carriers = mentions.groupBy("identifier").count()
    crowded = carriers.where(F.col("count") > plan["most_records"]).select("identifier")
    exclusive = F.filter("clues", lambda clue: clue["exclusive_in"].isNotNull())
    ids = records.select(F.explode("clues.key").alias("identifier"), exclusive.alias("ids")).join(crowded, "identifier", "left_anti")
    ids = ids.select("identifier", F.explode("ids").alias("id")).select("identifier", "id.*")
    ids = ids.groupBy("identifier", F.substring_index("key", ":", 1), "exclusive_in").agg(F.count_distinct("key").alias("ids"))
    contradicted = ids.where(F.col("ids") > plan["most_exclusive"]).select("identifier")
    return crowded.union(contradicted).distinct()


def edges(mentions, shared):
    """From each record to the first one that carries the same identifier, which few do unless it is shared."""
    carriers = mentions.join(shared, "identifier", "left_anti").groupBy("identifier").agg(F.collect_set("vertex").alias("by"))
    return carriers.select(F.explode("by").alias("vertex"), F.array_min("by").alias("hub")).where("vertex != hub")


def components(edges):
    """The hub of each vertex that has an edge: large and small stars in turn, until each component is one star.

    Kiveris et al., Connected Components in MapReduce and Beyond (2014).
    """
    edges = edges.select(F.greatest("vertex", "hub").alias("vertex"), F.least("vertex", "hub").alias("hub")).distinct().checkpoint()
    while not are_stars(edges):
        # Whoever was joined with a vertex is joined with its lowest neighbour.
        both = edges.union(edges.select(F.col("hub").alias("vertex"), F.col("vertex").alias("hub")))
        lowest = both.groupBy("vertex").agg(F.least("vertex", F.min("hub")).alias("lowest"))
        edges = edges.join(lowest.withColumnRenamed("vertex", "hub"), "hub").select("vertex", F.col("lowest").alias("hub")).distinct()
        # A vertex and all that it is joined with below are joined with the lowest of these.
        lowest = edges.groupBy("vertex").agg(F.min("hub").alias("lowest"))
        below = edges.join(lowest, "vertex").where("hub != lowest").select(F.col("hub").alias("vertex"), F.col("lowest").alias("hub"))
        edges = below.union(lowest.withColumnRenamed("lowest", "hub")).distinct().checkpoint()
    return edges


def are_stars(edges):
    """Whether every vertex has one hub, and no hub has one."""
    ends = edges.selectExpr("stack(2, vertex, true, hub, false) AS (vertex, has_hub)")
    ends = ends.groupBy("vertex").agg(F.count_if("has_hub").alias("hubs"), F.bool_or(~F.col("has_hub")).alias("is_hub"))
    return ends.where("hubs > 1 OR (hubs > 0 AND is_hub)").count() == 0


def one_a_component(records, hubs, rulings, shared):
    """The lines that the solver takes."""
    shared = shared.groupBy("vertex").agg(F.collect_set("identifier").alias("shared"))
    records = records.join(hubs, "vertex", "left").join(rulings, "vertex", "left").join(shared, "vertex", "left")
    union = lambda name: F.array_distinct(F.flatten(F.collect_list(name))).alias(name)
    components = records.groupBy(F.coalesce("hub", "vertex")).agg(F.collect_list("testimony").alias("records"), union("rulings"), union("shared"))
    return components.select(
        F.format_string(
            '{"records":[%s],"rulings":[%s],"shared":%s}', F.array_join("records", ","), F.array_join("rulings", ","), F.to_json("shared")
        )
    )


def households(records, links, most):
    """For each person the mailboxes, phones and addresses that others have too, unless too many do: in order, as the tables have them."""
    reached = F.filter(F.coalesce("clues.key", none()), lambda key: key.startswith("email:") | key.startswith("phone:"))
    held = records.select("record_key", F.explode(F.concat(reached, F.coalesce("addresses", none()))).alias("via"))
    held = held.join(links, "record_key").select("via", "person_id").distinct()
    some = held.groupBy("via").count().where(F.col("count").between(2, most))
    held = held.join(some, "via", "left_semi")
    return held.groupBy("person_id").agg(F.sort_array(F.collect_list("via")).alias("households"))


def with_households(people, households):
    columns = people.columns
    people = people.drop("households").join(households, "person_id", "left")
    return people.withColumn("households", F.coalesce("households", none())).select(columns)


def none():
    return F.array().cast("ARRAY<STRING>")


def located(spark, uri):
    path = spark._jvm.org.apache.hadoop.fs.Path(uri)
    return path.getFileSystem(spark._jsc.hadoopConfiguration()), path


def exists(spark, uri):
    files, path = located(spark, uri)
    return files.exists(path)


if __name__ == "__main__":
    main()
