//! What can be written after `tributary`, and the help that teaches it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand};
use shared::hub::Selection;
use shared::schema::Timestamp;

/// Brings customer data from helpdesks, email platforms, tills, CRMs and social media into one schema.
#[derive(Debug, Parser)]
#[command(name = "tributary", bin_name = "tributary", version, max_term_width = 100, after_help = FIRST_STEPS)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const FIRST_STEPS: &str = "\
First steps:
  tributary demo      see it work, with a simulated company and nothing to set up
  tributary init      write a first tributary.toml
  tributary check     see whether settings, secrets and credentials are right
  tributary sync      read everything; run it again for what is new

Exit codes: 0 ok or paused, 1 partly or wholly failed, 2 wrong use or settings, 130 interrupted.";

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// The settings file [default: ./tributary.toml; with --aws the settings in the bucket].
    #[arg(long, global = true, value_name = "FILE", env = "TRIBUTARY_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Work on the deployment in AWS, by its stack's name [default: `$TRIBUTARY_AWS_STACK`, that of ./samconfig.toml, or
    /// `tributary`].
    #[arg(long, global = true, value_name = "STACK", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(crate) aws: Option<String>,
    /// The folder of the embedded stores; not used with --aws, or when the settings have a [store].
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "TRIBUTARY_DATA",
        default_value = "./tributary-data"
    )]
    pub(crate) data: PathBuf,
    /// Print one JSON document on stdout instead of tables.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Log more on stderr: -v what happens, -vv every detail; `TRIBUTARY_LOG` takes filters such as `shared=debug`.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// No progress, and no logs but errors.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
}

impl Global {
    /// The settings file on this machine.
    pub(crate) fn config_file(&self) -> &Path {
        self.config.as_deref().unwrap_or(Path::new("./tributary.toml"))
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Shows everything at work on a simulated company; needs no account and no settings.
    #[command(after_help = "Example:\n  tributary demo --people 200 --seed 42")]
    Demo(Demo),
    /// Writes a first tributary.toml with comments, with --aws also a samconfig.toml; never overwrites one.
    #[command(
        after_help = "Examples:\n  tributary init && $EDITOR tributary.toml\n  tributary init --aws --source zendesk,square"
    )]
    Init(Init),
    /// Checks settings, secrets, credentials and scopes, stream by stream, and lands nothing.
    #[command(after_help = "Example:\n  tributary check helpdesk/tickets")]
    Check(Selected),
    /// Lists the sources and their streams, with what is known about each.
    #[command(after_help = "Example:\n  tributary streams zendesk -v")]
    Streams(Streams),
    /// Shows the first records of a stream as they would land, and lands nothing.
    #[command(after_help = "Example:\n  tributary preview helpdesk/tickets --limit 3")]
    Preview(Preview),
    /// Says what reading will take and cost: calls, quota, writes, dollars; samples each stream, and lands nothing.
    #[command(after_help = PLANS)]
    Plan(Plan),
    /// Reads what is new in all connections, one, or one stream of it.
    #[command(
        after_help = "Examples:\n  tributary sync\n  tributary sync helpdesk/tickets --budget 10m --json"
    )]
    Sync(Sync),
    /// Reads a long history, round after round, until everything is caught up.
    #[command(
        after_help = "Examples:\n  tributary backfill helpdesk\n  tributary backfill helpdesk/tickets --aws\n\n\
                      With --aws the deployment's own state machine reads; this command starts it and says how it goes. \
                      Ctrl-C stops the following, not the reading."
    )]
    Backfill(Backfill),
    /// Receives webhooks, reads every few minutes what they missed, and answers the customer API.
    #[command(after_help = "Example:\n  tributary serve --listen 127.0.0.1:8080 --every 15m")]
    Serve(Serve),
    /// Shows one customer as all systems together know them: who, how sure, consents, tickets, orders, what happened.
    #[command(
        after_help = "Examples:\n  tributary customer ann@example.org\n  tributary customer '020 7946 0958' --region GB --timeline 20"
    )]
    Customer(Customer),
    /// Shows how fresh each stream is, where its cursor stands and how its last run went.
    #[command(
        after_help = "Example:\n  tributary status --json | jq '.connections[].streams[].freshness_seconds'"
    )]
    Status(Selected),
    /// Shows and retries the records that did not map.
    #[command(subcommand)]
    Quarantine(Quarantine),
    /// Maps what was read before once more, and lands what that changes; asks no source.
    #[command(
        after_help = "Example, after an update that maps a field better:\n  tributary replay helpdesk/users"
    )]
    Replay(Selected),
    /// Shows the tables: rows, files, bytes, version and freshness.
    #[command(
        after_help = "Examples:\n  tributary tables\n  tributary tables --housekeeping --json"
    )]
    Tables(Tables),
    /// Asks the tables in SQL; table and column names are those of `tributary schema`.
    #[command(after_help = QUERIES)]
    Query(Query),
    /// Says who is who by all the tables, writes it to tables, and compares it with the live answer.
    #[command(
        after_help = "Tables: person_links (whose record each is), people, person_candidates (pairs that may be one person).\n\n\
                      Examples:\n  tributary resolve\n  tributary resolve --no-compare --json"
    )]
    Resolve(Resolve),
    /// Gives the steps of resolve to jobs that spread them over machines: lines of JSON in, lines of JSON out.
    #[command(
        subcommand,
        after_help = "Example, on Spark:\n  spark-submit spark/resolve.py --help"
    )]
    Pipe(Pipe),
    /// Makes again what each record says about who it is: after a change of `[identity.evidence]` or of the key.
    #[command(
        after_help = "Until it is done, records that have it and records that have not may miss each other. Interrupted, run it again.\n\n\
                      Example, after a change of the settings:\n  tributary recognise\n  tributary resolve"
    )]
    Recognise,
    /// Prints the statements that make the tables known to Amazon Athena.
    #[command(after_help = "Example:\n  tributary athena-ddl --database customers > customers.sql")]
    AthenaDdl(AthenaDdl),
    /// Prints the customer schema: a list of tables, one table, or JSON Schema.
    #[command(
        after_help = "Examples:\n  tributary schema\n  tributary schema ticket --json > ticket.schema.json"
    )]
    Schema(Schema),
    /// Puts the settings of a deployment in AWS where its functions read them.
    #[command(subcommand)]
    Config(Config),
    /// Puts and lists the secrets of a deployment in AWS.
    #[command(subcommand)]
    Secrets(Secrets),
    /// Writes the skeleton of a new connector; run it inside a checkout of Tributary.
    #[command(after_help = "Example:\n  tributary new helpdesk/freshdesk")]
    New(New),
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// How many people the simulated company knows.
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u32).range(5..=5000))]
    pub(crate) people: u32,
    /// The same seed invents the same company.
    #[arg(long, default_value_t = 7)]
    pub(crate) seed: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Where to write; the folder is created.
    #[arg(default_value = ".")]
    pub(crate) dir: PathBuf,
    /// With --aws: the sources to begin with, such as `zendesk`; on a terminal it asks.
    #[arg(long, value_name = "SOURCE", value_delimiter = ',')]
    pub(crate) source: Vec<String>,
    /// With --aws: who gets mail when an alarm goes off; on a terminal it asks.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) alarm_email: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Selected {
    /// One connection, or one stream of it; everything when absent.
    #[arg(value_name = "CONNECTION[/STREAM]")]
    selection: Option<String>,
}

impl Selected {
    pub(crate) fn selection(&self) -> Selection {
        self.selection.as_deref().map(Selection::parse).unwrap_or_default()
    }
}

#[derive(Debug, Args)]
pub(crate) struct Streams {
    /// One source, such as `zendesk`; all of them when absent.
    pub(crate) source: Option<String>,
    /// Write the reference page of the source in Markdown.
    #[arg(long, requires = "source", conflicts_with = "json")]
    pub(crate) markdown: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Preview {
    /// The stream to look into.
    #[arg(value_name = "CONNECTION/STREAM")]
    pub(crate) stream: String,
    /// How many records to show, of the first page at most.
    #[arg(long, default_value_t = 5, value_name = "RECORDS")]
    pub(crate) limit: usize,
}

const PLANS: &str = "\
Examples:
  tributary plan helpdesk --every 15m --rows tickets=250000 --rows-per-month tickets=9000
  tributary plan --region eu-central-1 --explain

How the numbers come about, and what they assume: docs/cost.md.";

#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) selected: Selected,
    /// The AWS region whose prices hold.
    #[arg(long, value_name = "REGION", default_value = crate::plan::REGION)]
    pub(crate) region: String,
    /// The time between two syncs.
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = duration)]
    pub(crate) every: Duration,
    /// Records that a stream has already, such as tickets=250000; the sample's or past runs' when absent.
    #[arg(long, value_name = "STREAM=RECORDS", value_parser = volume)]
    pub(crate) rows: Vec<(String, f64)>,
    /// Records of a stream that are new or change in a month; webhook=N counts deliveries.
    #[arg(long, value_name = "STREAM=RECORDS", value_parser = volume)]
    pub(crate) rows_per_month: Vec<(String, f64)>,
    /// Answers to sample of each stream at the most, and as many again from where they end.
    #[arg(long, value_name = "ANSWERS", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(crate) pages: u64,
    /// Show the arithmetic: amounts, prices and what is assumed.
    #[arg(long)]
    pub(crate) explain: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Sync {
    #[command(flatten)]
    pub(crate) selected: Selected,
    /// Pause after this time, e.g. 10m or 90s; the next sync goes on from there.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) budget: Option<Duration>,
    /// Delete what a source's full list does not show any more, however much that is. A list that lacks more than a
    /// fifth of what is known is otherwise taken for a broken one.
    #[arg(long, requires = "selection")]
    accept_deletions: bool,
    /// Leave what landed for the next committer instead of bringing it into the tables.
    #[arg(long)]
    pub(crate) no_tables: bool,
}

impl Sync {
    /// A stream that is named is read at once, even if its next full pass is not due.
    pub(crate) fn selection(&self) -> Selection {
        let selection = self.selected.selection();
        let now = selection.stream.is_some();
        Selection { now, accept_deletions: self.accept_deletions, ..selection }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Backfill {
    /// The connection to read, or one stream of it.
    #[arg(value_name = "CONNECTION[/STREAM]")]
    selection: String,
    /// Give up after so many rounds; a later backfill goes on from there.
    #[arg(long, default_value_t = 200, value_name = "ROUNDS", value_parser = clap::value_parser!(u16).range(1..=1500))]
    pub(crate) rounds: u16,
}

impl Backfill {
    pub(crate) fn selection(&self) -> Selection {
        Selection::parse(&self.selection)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Checks the settings as the functions will, uploads them, and says what changed.
    #[command(
        after_help = "Examples:\n  tributary config push\n  tributary config push --aws=acme-hub --config acme.toml"
    )]
    Push,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Secrets {
    /// Asks for the secrets of a connection without showing them, and puts them into Secrets Manager.
    #[command(
        after_help = "Examples:\n  tributary secrets put identity-key      made, not asked for; never replaced\n  \
                      tributary secrets put helpdesk          asks for each; Enter keeps what is there\n  \
                      tributary secrets put helpdesk --field token < token.txt\n  \
                      echo '{\"token\": \"…\"}' | tributary secrets put helpdesk"
    )]
    Put(SecretsPut),
    /// Lists the secrets that the settings refer to: which are there, and how old; shows no value.
    #[command(after_help = "Example:\n  tributary secrets list --json")]
    List,
}

#[derive(Debug, Args)]
pub(crate) struct SecretsPut {
    /// A connection of the settings, or `identity-key`.
    #[arg(value_name = "CONNECTION")]
    pub(crate) connection: String,
    /// Read this one field from stdin, such as `token` or `webhook_secrets.current`.
    #[arg(long, value_name = "NAME")]
    pub(crate) field: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(crate) listen: std::net::SocketAddr,
    /// How long to wait between two syncs, and between bringing what landed into the tables.
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration)]
    pub(crate) every: Duration,
    /// Receive webhooks only.
    #[arg(long)]
    pub(crate) no_sync: bool,
    /// Leave what landed for another committer instead of bringing it into the tables after each sync.
    #[arg(long)]
    pub(crate) no_tables: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Customer {
    /// An email address, a phone number, a handle (network:name), a record (source/connection/object/id) or a person's id.
    #[arg(value_name = "IDENTIFIER")]
    pub(crate) identifier: String,
    /// The region of a phone number that is written without a country, such as GB.
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// How many of the last interactions to show.
    #[arg(long, value_name = "ENTRIES", default_value_t = 10)]
    pub(crate) timeline: usize,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Quarantine {
    /// Counts what waits by field and reason, then names examples; shows no content unless asked.
    #[command(
        after_help = "Example:\n  tributary quarantine list helpdesk/tickets --show --limit 1"
    )]
    List(QuarantineList),
    /// Maps what waits again, and lands what maps now.
    #[command(after_help = "Example, after an update of Tributary:\n  tributary quarantine retry")]
    Retry(Selected),
}

#[derive(Debug, Args)]
pub(crate) struct QuarantineList {
    #[command(flatten)]
    pub(crate) selected: Selected,
    /// Examples per field and reason.
    #[arg(long, default_value_t = 3, value_name = "EXAMPLES")]
    pub(crate) limit: usize,
    /// Print the records themselves, which may be about people.
    #[arg(long)]
    pub(crate) show: bool,
}

const QUERIES: &str = "\
Examples:
  tributary query \"SELECT type, count(*) FROM interactions GROUP BY type ORDER BY 2 DESC\"
  tributary query \"SELECT * FROM timeline WHERE subject_key = 'zendesk/helpdesk/user/7' ORDER BY occurred_at\"
  tributary query \"SELECT * FROM current_consents\" --csv > consents.csv
  tributary query 'SELECT number, total_minor FROM \"order\"' --parquet orders.parquet

Views: timeline, current_consents, orders_with_lines.";

#[derive(Debug, Args)]
pub(crate) struct Query {
    /// The query.
    #[arg(value_name = "SQL")]
    pub(crate) sql: String,
    /// Write CSV instead of a table.
    #[arg(long, conflicts_with_all = ["json", "parquet"])]
    pub(crate) csv: bool,
    /// Write a Parquet file instead of a table.
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    pub(crate) parquet: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Resolve {
    /// Leave the live answer unasked: after a backfill of the tables alone.
    #[arg(long)]
    pub(crate) no_compare: bool,
    /// Leave out the pairs that only look alike, which take most of the time.
    #[arg(long)]
    pub(crate) no_candidates: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Pipe {
    /// Prints what a job has to know: the columns that are read, and the rules that it applies itself.
    Plan,
    /// Prints what stewards decided and did not take back, a ruling a line.
    Rulings,
    /// Takes rows of `person_record`, and gives each living one back with its evidence.
    Evidence,
    /// Takes components, and gives the rows of `person_links`, `people` and `person_candidates` that come of each.
    Solve(Solve),
}

#[derive(Debug, Args)]
pub(crate) struct Solve {
    /// The time that the rows say, such as 2026-01-31T06:00:00Z.
    #[arg(long, value_name = "TIME")]
    pub(crate) resolved_at: Timestamp,
}

#[derive(Debug, Args)]
pub(crate) struct Tables {
    /// First bring what has landed into the tables, as `sync` and `serve` do by themselves.
    #[arg(long)]
    pub(crate) commit: bool,
    /// First merge small files, shorten the logs and remove what nothing refers to any longer.
    #[arg(long)]
    pub(crate) housekeeping: bool,
    /// With --housekeeping: keep files that left a table this long, for queries that began before.
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = duration)]
    pub(crate) keep: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct AthenaDdl {
    /// The database (schema) to create in the Glue catalog.
    #[arg(long, default_value = "tributary")]
    pub(crate) database: String,
    /// The bucket of the deployment; that of the settings when absent.
    #[arg(long)]
    pub(crate) bucket: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Schema {
    /// One table, such as `ticket`.
    pub(crate) table: Option<String>,
    /// Write the reference page in Markdown.
    #[arg(long, conflicts_with_all = ["json", "table"])]
    pub(crate) markdown: bool,
}

#[derive(Debug, Args)]
pub(crate) struct New {
    /// The system and the name of the source, such as `helpdesk/freshdesk`.
    #[arg(value_name = "SYSTEM/SOURCE")]
    pub(crate) connector: String,
}

fn volume(text: &str) -> Result<(String, f64), String> {
    let wrong = || "write for example tickets=250000 or helpdesk/tickets=250000".to_owned();
    let (stream, records) = text.split_once('=').ok_or_else(wrong)?;
    let records: u32 = records.replace('_', "").parse().map_err(|_| wrong())?;
    if stream.is_empty() { Err(wrong()) } else { Ok((stream.to_owned(), f64::from(records))) }
}

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "write for example 30s, 5m or 1h".to_owned();
    let span: jiff::SignedDuration = text.parse().map_err(|_| wrong())?;
    match Duration::try_from(span) {
        Ok(time) if !time.is_zero() => Ok(time),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_contradict_nowhere() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn volumes_name_a_stream_and_a_whole_number() {
        assert_eq!(volume("tickets=250_000"), Ok(("tickets".to_owned(), 250_000.0)));
        assert_eq!(volume("desk/users=0"), Ok(("desk/users".to_owned(), 0.0)));
        assert!(volume("tickets").is_err() && volume("=7").is_err() && volume("a=-1").is_err());
    }

    #[test]
    fn durations_read_as_people_write_them() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("10m"), Ok(Duration::from_mins(10)));
        assert!(duration("0s").is_err() && duration("-1m").is_err() && duration("soon").is_err());
    }
}
