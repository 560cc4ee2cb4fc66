//! Who is who in a simulated company: how long a solve takes, how much of the truth it finds, and why not the rest.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Instant;

use e2e::stand::Stand;
use shared::identity::{Evidence, IdentifierKey, Partition, Recognition};
use shared::schema::{Entity, RecordKey, Table};
use simulator::score::{Judged, Score, islands};
use simulator::{Company, ConnectionKeys, Settings, Simulator, Vendor};
use tributary::truth::{Found, truth};

/// The streams that tell of people, by source; elsewhere all of them are read.
const STREAMS: [(&str, &str); 6] = [
    ("klaviyo", r#"["profiles"]"#),
    (
        "sendgrid",
        r#"["contacts", "bounces", "blocks", "spam_reports", "invalid_emails", "unsubscribes", "group_suppressions"]"#,
    ),
    ("zendesk", r#"["users"]"#),
    ("square", r#"["customers", "loyalty_accounts"]"#),
    ("hubspot", r#"["contacts"]"#),
    ("bluesky", r#"["posts"]"#),
];

fn people_only(ConnectionKeys { source, mut keys, secrets }: ConnectionKeys) -> ConnectionKeys {
    keys.push_str("\ncustomers = false\n");
    if let Some((_, streams)) = STREAMS.iter().find(|(known, _)| *known == source) {
        keys.extend(["streams = ", *streams, "\n"]);
    }
    ConnectionKeys { source, keys, secrets }
}

pub(crate) async fn run(people: usize, days: u32, seed: u64) {
    let until = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(10);
    let company = Settings { seed, people, days, until: Some(until) };
    let started = Instant::now();
    let stand = Stand::of(company, |simulator: &Simulator| {
        simulator.vendors().into_iter().map(Vendor::connection).map(people_only).collect()
    })
    .await;
    println!("company            {people} people, invented in {:.1} s", seconds(started));
    let started = Instant::now();
    stand.drain_all(false).await;
    println!("read and landed in {:.1} s", seconds(started));
    let hub = stand.hub();
    let settings = hub.settings();
    let recognition = settings.recognition().expect("a secret");
    let pseudonyms = settings.pseudonyms.as_ref().expect("a secret");
    let truth = truth(&stand.simulator, pseudonyms).expect("keys");
    let landed = stand.landed().await;
    let mut knowing = recognition.settings.clone();
    let company = stand.simulator.company();
    let emails = company.people.iter().flat_map(|person| &person.emails);
    let domains = emails.filter_map(|email| Some(email.rsplit_once('@')?.1.to_owned()));
    knowing.evidence.plus_addressing = domains.collect();
    let knowing = Recognition::new(knowing, pseudonyms.clone());
    for (title, recognition, lenient) in [
        ("As a new deployment has it", &recognition, false),
        ("With every mail provider in identity.evidence.plus_addressing", &knowing, false),
        ("For comparison: were a person allowed several ids in one system", &recognition, true),
    ] {
        println!("\n{title}:");
        let started = Instant::now();
        let rows = landed.newest.iter().filter(|((table, _), _)| *table == Table::PersonRecord);
        let mut evidence: Vec<Evidence> = rows
            .filter_map(|(_, row)| {
                let Entity::PersonRecord(person) = &row.entity else { return None };
                Some(recognition.evidence(&row.provenance, person).expect("evidence"))
            })
            .collect();
        for clue in evidence.iter_mut().flat_map(|evidence| &mut evidence.clues) {
            clue.exclusive_in = clue.exclusive_in.take().filter(|_| !lenient);
        }
        println!("evidence           {} records in {:.2} s", evidence.len(), seconds(started));
        let records = evidence.len() as f64;
        let started = Instant::now();
        let (found, partition) = Found::in_batch(evidence, &recognition.settings.rules);
        let wall = seconds(started);
        println!("solved in          {wall:.2} s, {:.0} records a minute", records / wall * 60.0);
        let (keys, judged) = found.judged(&truth);
        let score = Score::of(&judged);
        println!("{score}\n{score:?}");
        Causes { keys, judged, partition: &partition, company }.print();
    }
}

fn seconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64()
}

/// Why pairs of records were wrongly joined, or not joined.
struct Causes<'a> {
    keys: Vec<&'a RecordKey>,
    judged: Vec<Judged<IdentifierKey>>,
    partition: &'a Partition,
    company: &'a Company,
}

impl Causes<'_> {
    fn print(&self) {
        for (title, causes) in [
            ("wrong pairs", self.wrong()),
            ("missed within reach", self.missed()),
            ("out of reach", self.out_of_reach()),
        ] {
            println!("{title}: {}", causes.values().sum::<u64>());
            let mut causes: Vec<(String, u64)> = causes.into_iter().collect();
            causes.sort_by_key(|(_, pairs)| std::cmp::Reverse(*pairs));
            for (cause, pairs) in causes {
                println!("  {pairs:>8}  {cause}");
            }
        }
        let mut twins = 0_usize;
        for household in &self.company.households {
            for (at, one) in household.members.iter().enumerate() {
                let name = |member: &usize| self.company.people[*member].given_name;
                let others = household.members[at + 1..].iter();
                twins += others.filter(|other| name(other) == name(one)).count();
            }
        }
        println!("people of one household with one name: {twins} pairs");
    }

    /// The positions of records, by something that they have in common.
    fn groups<K: Ord>(&self, by: impl Fn(&Judged<IdentifierKey>) -> K) -> Vec<Vec<usize>> {
        let mut groups: BTreeMap<K, Vec<usize>> = BTreeMap::new();
        for (at, record) in self.judged.iter().enumerate() {
            groups.entry(by(record)).or_default().push(at);
        }
        groups.into_values().collect()
    }

    fn pairs<K: Ord>(&self, by: impl Fn(&Judged<IdentifierKey>) -> K) -> Vec<(usize, usize)> {
        let groups = self.groups(by);
        let pairs = groups.iter().flat_map(|group| {
            let later = |at: usize| group[at + 1..].iter();
            group
                .iter()
                .enumerate()
                .flat_map(move |(at, one)| later(at).map(move |other| (*one, *other)))
        });
        pairs.collect()
    }

    fn wrong(&self) -> BTreeMap<String, u64> {
        let mut causes = BTreeMap::new();
        for (one, other) in self.pairs(|record| record.found) {
            let [one, other] = [one, other].map(|at| self.judged[at].person);
            if one == other {
                continue;
            }
            let [one, other] = [one, other].map(|person| &self.company.people[person]);
            let home = one.household.is_some() && one.household == other.household;
            let name = one.name() == other.name();
            let homes = if home { "one household" } else { "two households" };
            let names = if name { "one name" } else { "two names" };
            *causes.entry(format!("{homes}, {names}")).or_default() += 1;
        }
        causes
    }

    fn missed(&self) -> BTreeMap<String, u64> {
        let islands_of_all = islands(&self.judged);
        let shared: HashSet<IdentifierKey> = self.partition.shared.iter().copied().collect();
        let mut telling = self.judged.clone();
        for record in &mut telling {
            record.clues.retain(|clue| !shared.contains(clue));
        }
        let islands_of_telling = islands(&telling);
        let found: HashMap<&RecordKey, usize> =
            self.keys.iter().zip(&self.judged).map(|(key, record)| (*key, record.found)).collect();
        let mut refused: HashMap<(usize, usize), String> = HashMap::new();
        for candidate in &self.partition.candidates {
            let ends = [&candidate.one, &candidate.other].map(|record| found.get(record));
            let [Some(one), Some(other)] = ends else { continue };
            let via = candidate.via.map_or("a ruling".to_owned(), |key| key.namespace.to_string());
            let names = candidate.strength.agreement;
            let cause = format!("{:?} at {via}, whose names {names:?}", candidate.reason);
            refused.entry((*one.min(other), *one.max(other))).or_insert(cause);
        }
        let mut causes = BTreeMap::new();
        for (one, other) in self.pairs(|record| record.person) {
            let [a, b] = [one, other].map(|at| self.judged[at].found);
            if a == b || islands_of_all[one] != islands_of_all[other] {
                continue;
            }
            let cause = if islands_of_telling[one] != islands_of_telling[other] {
                "only an identifier that is shared by too many".to_owned()
            } else if let Some(cause) = refused.get(&(a.min(b), a.max(b))) {
                cause.clone()
            } else {
                "by way of records that were refused".to_owned()
            };
            *causes.entry(cause).or_default() += 1;
        }
        causes
    }

    /// By the kind of the record that stands in the smaller island.
    fn out_of_reach(&self) -> BTreeMap<String, u64> {
        let islands = islands(&self.judged);
        let mut sizes: HashMap<usize, usize> = HashMap::new();
        for island in &islands {
            *sizes.entry(*island).or_default() += 1;
        }
        let mut causes = BTreeMap::new();
        for (one, other) in self.pairs(|record| record.person) {
            if islands[one] == islands[other] {
                continue;
            }
            let alone = [one, other].into_iter().min_by_key(|at| (sizes[&islands[*at]], *at));
            let alone = alone.unwrap_or(one);
            let (key, clues) = (self.keys[alone], &self.judged[alone].clues);
            let mut names: Vec<_> = clues.iter().map(|clue| clue.namespace.as_str()).collect();
            names.dedup();
            let names = names.join(", ");
            let kind = format!("{}/{} with {names}", key.source(), key.object());
            *causes.entry(kind).or_default() += 1;
        }
        causes
    }
}
