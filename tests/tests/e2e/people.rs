//! People over the embedded stores: recognised, merged, split, told of, and always what `solve` says of all the evidence.

mod remade;
mod ruled;

use std::collections::{BTreeMap, BTreeSet};

use e2e::fault_proxy::{Injection, Operation, StoreFault};
use e2e::stand::Stand;
use http::Method;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::value::RawValue;
use shared::error::Error;
use shared::identity::{
    Evidence, IdentitySettings, Override, Partition, Recognition, Ruling, person_id_of, solve,
};
use shared::landing::{Attempt, Batch, Landing, Place};
use shared::ledger::Ledger;
use shared::pseudonym::Pseudonyms;
use shared::rows::{Draft, Mapped};
use shared::schema::{
    Entity, Identifier, InteractionKind, Namespace, PersonRecord, Provenance, RecordKey, Row,
    SCHEMA_VERSION, Sha256, Timestamp,
};

/// A person as one source knows them at one time.
#[derive(Clone, Debug)]
struct Said {
    connection: &'static str,
    id: String,
    version: i64,
    name: &'static str,
    emails: Vec<String>,
    deleted: bool,
}

fn said(connection: &'static str, id: &str, version: i64, emails: &[&str]) -> Said {
    Said {
        connection,
        id: id.to_owned(),
        version,
        name: "Ann Lee",
        emails: emails.iter().map(|email| format!("{email}@example.org")).collect(),
        deleted: false,
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(1_767_225_600_000_000 + second * 1_000_000).expect("a time of our age")
}

impl Said {
    fn key(&self) -> RecordKey {
        key(self.connection, &self.id)
    }

    fn person(&self) -> PersonRecord {
        let mut person = PersonRecord::default();
        if !self.deleted {
            person.name.full = self.name.into();
            person.created_at = Some(at(0));
            person.identifiers = vec![Identifier::new(Namespace::CrmContact, self.id.clone())];
            let emails = self.emails.iter();
            person.identifiers.extend(emails.filter_map(|email| Identifier::email(email)));
        }
        person
    }

    fn provenance(&self) -> Provenance {
        Provenance {
            record_key: self.key(),
            source: "hubspot".into(),
            connection_id: self.connection.into(),
            source_object: "contact".into(),
            source_id: self.id.clone(),
            source_version: self.version,
            source_updated_at: None,
            occurred_at: None,
            received_at: at(self.version),
            ingested_at: at(self.version),
            raw_key: String::new(),
            mapper_version: 1,
            schema_version: SCHEMA_VERSION,
            content_sha256: Sha256::default(),
            deleted: self.deleted,
            subject_key: None,
        }
    }

    fn draft(&self) -> Draft {
        Draft {
            object: "contact",
            id: self.id.clone(),
            version: self.version,
            updated_at: None,
            deleted: self.deleted,
            only_if_known: false,
            subject: None,
            entity: self.person().into(),
        }
    }
}

fn key(connection: &str, id: &str) -> RecordKey {
    RecordKey::new("hubspot", connection, "contact", id)
}

fn recognition() -> Recognition {
    Recognition::new(IdentitySettings::default(), Pseudonyms::new("a secret".into()))
}

/// A stand, and a landing zone that recognises people.
struct Scene {
    stand: Stand,
    landing: Landing,
}

impl Scene {
    async fn new() -> Self {
        let stand = Stand::small().await;
        let landing = Landing::new(&stand.stores(), Some(recognition()));
        Self { stand, landing }
    }

    async fn land(&self, all: &[Said]) {
        for said in all {
            land(&self.landing, said).await;
        }
    }

    async fn around(&self, records: &[RecordKey]) -> Partition {
        let people = self.landing.people();
        people.around(records.to_vec()).await.expect("a walk").solve(people.rules())
    }

    /// The people around a record, each as the ids of their records.
    async fn people(&self, record: &RecordKey) -> Vec<Vec<String>> {
        let ids = |records: &[RecordKey]| {
            records.iter().map(|record| format!("{}{}", record.connection(), record.id())).collect()
        };
        let partition = self.around(std::slice::from_ref(record)).await;
        partition.people.iter().map(|person| ids(&person.records)).collect()
    }

    /// The merges and splits that have been told, in the order of their landing.
    async fn told(&self) -> Vec<Row> {
        let mut told = self.stand.landed().await.rows;
        told.retain(|row| row.provenance.connection_id == "identity");
        told.sort_by_key(|row| row.provenance.source_version);
        told
    }
}

async fn land(landing: &Landing, said: &Said) {
    try_to_land(landing, said).await.expect("it lands");
}

async fn try_to_land(landing: &Landing, said: &Said) -> Result<Ledger, Error> {
    let nothing = BTreeSet::new();
    let batch = Batch {
        place: Place { source: "hubspot", connection: said.connection, stream: "contacts" },
        raw_key: "raw/page",
        received_at: at(said.version),
        customers: true,
        expected: false,
        full_pass: false,
        kept: &nothing,
    };
    let mapped = Mapped {
        drafts: vec![said.draft()],
        present: Vec::new(),
        filtered: None,
        drifted: Vec::new(),
    };
    let attempt = Attempt { number: 0, record: RawValue::NULL, mapped: Ok(mapped) };
    landing.land(batch, std::iter::once(attempt)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_systems_know_one_person() {
    let scene = Scene::new().await;
    scene.land(&[said("crm", "1", 1, &["ann"]), said("shop", "7", 2, &["ann"])]).await;
    assert_eq!(scene.people(&key("crm", "1")).await, [["crm1", "shop7"]]);
    assert_eq!(scene.people(&key("shop", "7")).await, [["crm1", "shop7"]]);

    let ann = recognition().identifier(Namespace::Email, "ann@example.org").unwrap();
    let carriers = scene.landing.people().carriers(&ann).await.unwrap();
    assert_eq!(carriers.records, [key("crm", "1"), key("shop", "7")]);
    for record in &carriers.records {
        let own = person_id_of(record);
        let found = scene.landing.people().record_of(own).await.unwrap();
        assert_eq!(found.as_ref(), Some(record), "every record's own id leads to it");
    }
    assert!(scene.told().await.is_empty(), "a record that joins at once is no merge");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_email_corrected_later_splits_and_is_told_once() {
    let scene = Scene::new().await;
    let (ann, bo) = (said("crm", "1", 1, &["ann"]), said("shop", "7", 2, &["ann"]));
    scene.land(&[ann.clone(), bo]).await;
    let corrected = said("shop", "7", 3, &["bo"]);
    scene.land(std::slice::from_ref(&corrected)).await;
    scene.land(&[corrected.clone(), ann, corrected]).await;
    assert_eq!(scene.people(&key("crm", "1")).await, [["crm1"]]);
    assert_eq!(scene.people(&key("shop", "7")).await, [["shop7"]]);
    let told = scene.told().await;
    assert_eq!(told.len(), 1, "{told:?}");
    let Entity::Interaction(split) = &told[0].entity else { panic!("{told:?}") };
    let InteractionKind::IdentitySplit(kind) = &split.kind else { panic!("{split:?}") };
    assert_eq!(kind.person_id, person_id_of(&key("crm", "1")));
    assert_eq!(kind.split_ids, [person_id_of(&key("shop", "7"))]);
    assert_eq!(split.subject_key, key("crm", "1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_bridges_two_people_merges_them_and_its_loss_splits_them() {
    let scene = Scene::new().await;
    scene.land(&[said("crm", "1", 1, &["ann"]), said("shop", "7", 2, &["lee"])]).await;
    assert!(scene.told().await.is_empty());
    scene.land(&[said("mail", "3", 3, &["ann", "lee"])]).await;
    assert_eq!(scene.people(&key("shop", "7")).await, [["crm1", "mail3", "shop7"]]);
    let told = scene.told().await;
    assert_eq!(told.len(), 1, "{told:?}");
    let Entity::Interaction(merge) = &told[0].entity else { panic!("{told:?}") };
    let InteractionKind::IdentityMerged(kind) = &merge.kind else { panic!("{merge:?}") };
    assert_eq!(kind.person_id, person_id_of(&key("crm", "1")));
    assert_eq!(kind.merged_ids, [person_id_of(&key("shop", "7"))]);

    let gone = Said { deleted: true, ..said("mail", "3", 4, &[]) };
    scene.land(&[gone]).await;
    assert_eq!(scene.people(&key("shop", "7")).await, [["shop7"]]);
    assert_eq!(scene.told().await.len(), 2, "the split is told too");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_told_is_told_by_the_next_run_and_once() {
    let refused = [
        ("before it landed", true, Operation::s3(Method::PUT, "landing/identity")),
        ("before it was remembered", false, Operation::dynamodb("PutItem").containing("TOLD")),
        ("before the mark went", false, Operation::dynamodb("UpdateItem").containing("untold")),
    ];
    for (when, in_s3, refused) in refused {
        let scene = Scene::new().await;
        scene.land(&[said("crm", "1", 1, &["ann"]), said("shop", "7", 2, &["lee"])]).await;
        let bridge = said("mail", "3", 3, &["ann", "lee"]);
        let proxy = if in_s3 { &scene.stand.s3 } else { &scene.stand.dynamodb };
        proxy.inject(Injection::new(refused, StoreFault::AccessDenied));
        let cut_off = try_to_land(&scene.landing, &bridge).await;
        assert!(cut_off.is_err(), "{when}");
        proxy.assert_all_fired();
        // The person is right all the same, and the record is unchanged when its page comes again.
        assert_eq!(scene.people(&key("shop", "7")).await, [["crm1", "mail3", "shop7"]], "{when}");
        for _ in 0..2 {
            let again = try_to_land(&scene.landing, &bridge).await.unwrap();
            assert_eq!(again.unchanged, 1, "{when}");
        }
        assert_eq!(scene.told().await.len(), 1, "{when}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_record_leaves_nothing_but_its_tombstone() {
    let scene = Scene::new().await;
    scene.land(&[said("crm", "1", 1, &["ann"]), said("shop", "7", 2, &["ann"])]).await;
    scene.land(&[Said { deleted: true, ..said("crm", "1", 3, &[]) }]).await;
    assert!(scene.people(&key("crm", "1")).await.is_empty());
    assert_eq!(scene.people(&key("shop", "7")).await, [["shop7"]]);
    let ann = recognition().identifier(Namespace::Email, "ann@example.org").unwrap();
    let carriers = scene.landing.people().carriers(&ann).await.unwrap();
    assert_eq!(carriers.records, [key("shop", "7")]);
    // The id by which the person was known until now still leads to them.
    let known_as = person_id_of(&key("crm", "1"));
    let found = scene.landing.people().record_of(known_as).await.unwrap();
    assert_eq!(found, Some(key("shop", "7")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_steward_rules_and_takes_it_back() {
    let scene = Scene::new().await;
    scene.land(&[said("crm", "1", 1, &["ann"]), said("shop", "7", 2, &["ann"])]).await;
    let [one, other] = [key("crm", "1"), key("shop", "7")];
    let ruled = Override {
        ruling: Ruling::NeverLink(vec![vec![one.clone()], vec![other.clone()]]),
        author: "pat".into(),
        reason: "father and son".to_owned(),
        at: at(10),
    };
    let people = scene.landing.people();
    people.rule(&ruled).await.unwrap();
    people.rule(&ruled).await.unwrap();
    assert_eq!(scene.people(&one).await, [["crm1"], ["shop7"]]);
    people.unrule(&ruled).await.unwrap();
    assert_eq!(scene.people(&one).await, [["crm1", "shop7"]]);

    scene.land(&[said("mail", "3", 3, &["else"])]).await;
    let third = key("mail", "3");
    let link = Ruling::Link(vec![other, third.clone()]);
    people.rule(&Override { ruling: link, at: at(11), ..ruled }).await.unwrap();
    assert_eq!(scene.people(&third).await, [["crm1", "mail3", "shop7"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_kiosks_address_recognises_nobody() {
    let scene = Scene::new().await;
    for id in 0..14 {
        let own = format!("own{id}");
        scene.land(&[said("shop", &id.to_string(), id + 1, &["kiosk", &own])]).await;
    }
    let kiosk = recognition().identifier(Namespace::Email, "kiosk@example.org").unwrap();
    let carriers = scene.landing.people().carriers(&kiosk).await.unwrap();
    assert!(carriers.too_many && carriers.records.len() == 13, "a bounded read settles it");
    assert_eq!(scene.people(&key("shop", "5")).await, [["shop5"]]);
}

/// Random evidence: three versions each of records in four systems, out of few addresses, so that much is shared.
fn crowd(seed: u64) -> Vec<Said> {
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let mut below = |limit: usize| dice.random_range(0..limit);
    let mut all = Vec::new();
    for connection in ["crm", "mail", "shop", "desk"] {
        for id in 0..10 {
            for version in 1..=3 {
                let emails: Vec<String> =
                    (0..below(3)).map(|_| format!("p{}", below(24))).collect();
                let emails: Vec<&str> = emails.iter().map(String::as_str).collect();
                let name = ["Ann Lee", "Bo Ray", "Cy Fox"][below(3)];
                let deleted = below(12) == 0;
                all.push(Said {
                    name,
                    deleted,
                    ..said(connection, &id.to_string(), version, &emails)
                });
            }
        }
    }
    for index in (1..all.len()).rev() {
        all.swap(index, below(index + 1));
    }
    all
}

/// What the newest version of each record says, without any store.
fn evidence(all: &[Said]) -> Vec<Evidence> {
    evidence_by(&recognition(), all)
}

fn evidence_by(how: &Recognition, all: &[Said]) -> Vec<Evidence> {
    let mut newest: BTreeMap<RecordKey, &Said> = BTreeMap::new();
    for said in all {
        let held = newest.entry(said.key()).or_insert(said);
        if said.version > held.version {
            *held = said;
        }
    }
    newest
        .into_values()
        .map(|said| how.evidence(&said.provenance(), &said.person()).expect("evidence"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_writers_at_once_equal_one_after_another_through_throttling_and_conflicts() {
    for seed in [1, 2, 3] {
        let scene = Scene::new().await;
        let conflict = StoreFault::TransactionCanceled(vec!["TransactionConflict"]);
        let faults = [
            ("TransactWriteItems", conflict, 12),
            ("TransactWriteItems", StoreFault::ProvisionedThroughputExceeded, 8),
            ("TransactWriteItems", StoreFault::ApplyThenTimeout, 5),
            ("BatchGetItem", StoreFault::UnprocessedKeys { keep: 1 }, 6),
            ("Query", StoreFault::Throttling, 6),
            ("PutItem", StoreFault::Throttling, 6),
        ];
        for (operation, fault, times) in faults {
            let injection = Injection::new(Operation::dynamodb(operation), fault);
            scene.stand.dynamodb.inject(injection.times(times));
        }
        let all = crowd(seed);
        let mut writers = tokio::task::JoinSet::new();
        for share in 0..16 {
            let landing = scene.landing.clone();
            let mine: Vec<Said> = all.iter().skip(share).step_by(16).cloned().collect();
            writers.spawn(async move {
                for said in &mine {
                    land(&landing, said).await;
                }
            });
        }
        while let Some(done) = writers.join_next().await {
            done.unwrap();
        }
        scene.stand.dynamodb.assert_all_fired();

        let evidence = evidence(&all);
        let rules = scene.landing.people().rules();
        let batch = solve(&evidence, &[], rules);
        let records: Vec<RecordKey> = evidence.iter().map(|one| one.record_key.clone()).collect();
        let live = scene.around(&records).await;
        assert_eq!(live.people, batch.people, "all at once, seed {seed}");
        let people = batch.by_record();
        for record in &records {
            let around = scene.around(std::slice::from_ref(record)).await;
            assert_eq!(around.person_of(record), people.get(record).copied(), "from {record}");
        }
    }
}
