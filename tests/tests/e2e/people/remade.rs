//! Evidence made again by other settings or another secret: once, whole, and told when all of it is made.

use shared::identity::IdentityConfig;
use shared::landing::Remade;

use super::*;

/// Recognition to which these addresses are nobody's.
fn blocking(blocked: &[&str]) -> Recognition {
    let blocked = blocked.iter().map(|value| (*value).to_owned()).collect();
    let evidence = IdentityConfig { blocked, ..IdentityConfig::default() };
    let settings = IdentitySettings { evidence, ..IdentitySettings::default() };
    Recognition::new(settings, Pseudonyms::new("a secret".into()))
}

/// Recognition by the next secret.
fn rotated() -> Recognition {
    let settings = IdentitySettings { key_number: Some(2), ..IdentitySettings::default() };
    Recognition::new(settings, Pseudonyms::new("another secret".into()))
}

impl Scene {
    /// From now on, people are recognised in this way.
    fn recognise_by(&mut self, how: Recognition) {
        self.landing = Landing::new(&self.stand.stores(), Some(how));
    }

    async fn remake(&self, records: &[RecordKey]) -> Result<Remade, Error> {
        self.landing.remake_evidence(records, |_| ()).await
    }

    /// Fails unless exactly what each record says leads to it, and nothing is untold.
    async fn assert_sound(&self) {
        let landed = self.stand.landed().await;
        let mut carried = BTreeSet::new();
        for ((pk, sk), item) in &landed.items {
            assert!(!item.contains_key("untold"), "something is untold of {pk}");
            if let Some(text) = item.get("evidence").filter(|_| sk == "V") {
                let evidence: Evidence =
                    serde_json::from_str(text.as_s().expect("a text")).expect("evidence");
                let edge = |key| (format!("IDN#{key}"), format!("EDGE#{}", evidence.record_key));
                carried.extend(evidence.clues.iter().map(|clue| edge(clue.key)));
            }
        }
        let edges = landed.items.into_keys().filter(|(pk, _)| pk.starts_with("IDN#"));
        assert_eq!(edges.collect::<BTreeSet<_>>(), carried);
    }
}

fn keys(all: &[Said]) -> Vec<RecordKey> {
    all.iter().map(Said::key).collect::<BTreeSet<_>>().into_iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_that_is_nobodys_from_now_on_joins_nobody_any_more() {
    let mut scene = Scene::new().await;
    let all = [said("crm", "1", 1, &["till"]), said("shop", "7", 2, &["till", "bo"])];
    scene.land(&all).await;
    scene.recognise_by(blocking(&["till@example.org"]));
    let joined = [["crm1", "shop7"]];
    assert_eq!(scene.people(&key("crm", "1")).await, joined, "evidence is not yet made again");

    let remade = scene.remake(&keys(&all)).await.unwrap();
    assert_eq!((remade.records, remade.remade, remade.unchanged), (2, 2, 0));
    assert_eq!(scene.people(&key("crm", "1")).await, [["crm1"]]);
    assert_eq!(scene.told().await.len(), 1, "the split is told");
    scene.assert_sound().await;

    scene.recognise_by(recognition());
    scene.remake(&keys(&all)).await.unwrap();
    assert_eq!(scene.people(&key("crm", "1")).await, joined, "and back");
    assert_eq!(scene.told().await.len(), 2, "the merge is told");
    scene.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_that_is_as_it_should_be_costs_a_read_and_no_write() {
    let scene = Scene::new().await;
    let all = [said("crm", "1", 1, &["ann"]), said("shop", "7", 2, &["ann"])];
    scene.land(&all).await;
    let gone = Said { deleted: true, ..said("mail", "3", 3, &[]) };
    scene.land(&[gone]).await;
    let mut records = keys(&all);
    records.extend([key("mail", "3"), key("never", "seen")]);
    let before = scene.stand.dynamodb.log().len();
    let remade = scene.remake(&records).await.unwrap();
    assert_eq!((remade.remade, remade.unchanged, remade.absent), (0, 2, 2));
    let calls: Vec<String> =
        scene.stand.dynamodb.log()[before..].iter().map(|call| call.operation.clone()).collect();
    assert_eq!(calls, ["BatchGetItem"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_secret_parts_nobody_and_tells_nothing() {
    let mut scene = Scene::new().await;
    let many: Vec<String> = (0..60).map(|number| format!("ann{number}")).collect();
    let mut many: Vec<&str> = many.iter().map(String::as_str).collect();
    many.push("ann");
    let all = [said("crm", "1", 1, &many), said("shop", "7", 2, &["ann"])];
    scene.land(&all).await;
    scene.recognise_by(rotated());
    scene.remake(&keys(&all)).await.unwrap();
    assert_eq!(scene.people(&key("shop", "7")).await, [["crm1", "shop7"]]);
    assert!(scene.told().await.is_empty());
    scene.assert_sound().await;
    let carried = async |how: Recognition| {
        let ann = how.identifier(Namespace::Email, "ann@example.org").unwrap();
        scene.landing.people().carriers(&ann).await.unwrap().records.len()
    };
    assert_eq!((carried(recognition()).await, carried(rotated()).await), (0, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_landed_without_a_secret_are_found_once_there_is_one() {
    let mut scene = Scene::new().await;
    scene.landing = Landing::new(&scene.stand.stores(), None);
    let all = [said("crm", "1", 1, &["ann"]), said("shop", "7", 2, &["ann"])];
    scene.land(&all).await;
    scene.recognise_by(recognition());
    assert!(scene.people(&key("crm", "1")).await.is_empty());
    scene.remake(&keys(&all)).await.unwrap();
    assert_eq!(scene.people(&key("crm", "1")).await, [["crm1", "shop7"]]);
    for record in keys(&all) {
        let found = scene.landing.people().record_of(person_id_of(&record)).await.unwrap();
        assert_eq!(found, Some(record));
    }
    assert!(scene.told().await.is_empty(), "nobody was told of them before");
    scene.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_cut_off_is_gone_on_with_and_told_once() {
    let cuts = [
        ("after some evidence", Operation::dynamodb("TransactWriteItems"), 3),
        ("before it was told", Operation::s3(Method::PUT, "landing/identity"), 0),
        ("before it was remembered", Operation::dynamodb("PutItem").containing("TOLD"), 0),
        ("before the marks went", Operation::dynamodb("UpdateItem").containing("untold"), 0),
    ];
    for (when, refused, skip) in cuts {
        let mut scene = Scene::new().await;
        let all: Vec<Said> = (0..6)
            .flat_map(|id| {
                let (id, own) = (id.to_string(), format!("own{id}"));
                let [one, other] = [("crm", 1), ("shop", 2)];
                [
                    said(one.0, &id, one.1, &[&format!("till{id}")]),
                    said(other.0, &id, other.1, &[&format!("till{id}"), &own]),
                ]
            })
            .collect();
        scene.land(&all).await;
        let blocked: Vec<String> = (0..6).map(|id| format!("till{id}@example.org")).collect();
        let blocked: Vec<&str> = blocked.iter().map(String::as_str).collect();
        scene.recognise_by(blocking(&blocked));
        let in_s3 = when == "before it was told";
        let proxy = if in_s3 { &scene.stand.s3 } else { &scene.stand.dynamodb };
        proxy.inject(Injection::new(refused, StoreFault::AccessDenied).skip(skip));
        assert!(scene.remake(&keys(&all)).await.is_err(), "{when}");
        proxy.assert_all_fired();

        let again = scene.remake(&keys(&all)).await.unwrap();
        let evidence_was_made = when != "after some evidence";
        assert_eq!(again.remade == 0, evidence_was_made, "{when}: {again:?}");
        assert!(again.remade < all.len(), "{when}: {again:?}");
        let told: BTreeSet<RecordKey> =
            scene.told().await.iter().map(|row| row.provenance.record_key.clone()).collect();
        assert_eq!(told.len(), 6, "{when}: a split each, told once");
        for id in 0..6 {
            assert_eq!(scene.people(&key("crm", &id.to_string())).await.len(), 1, "{when}");
        }
        scene.assert_sound().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_is_made_again_while_records_land() {
    for seed in [1, 2] {
        let mut scene = Scene::new().await;
        let all = crowd(seed);
        let (early, late) = all.split_at(all.len() / 2);
        scene.land(early).await;
        scene.recognise_by(rotated());
        let records = keys(&all);
        let mut work = tokio::task::JoinSet::new();
        for share in 0..8 {
            let landing = scene.landing.clone();
            let mine: Vec<Said> = late.iter().skip(share).step_by(8).cloned().collect();
            work.spawn(async move {
                for said in &mine {
                    land(&landing, said).await;
                }
            });
        }
        for _ in 0..2 {
            let (landing, records) = (scene.landing.clone(), records.clone());
            work.spawn(async move {
                landing.remake_evidence(&records, |_| ()).await.expect("it is made");
            });
        }
        while let Some(done) = work.join_next().await {
            done.unwrap();
        }
        // Marks of writers who overtook each other go with the next round.
        scene.remake(&records).await.unwrap();
        scene.assert_sound().await;
        let batch = solve(&evidence_by(&rotated(), &all), &[], scene.landing.people().rules());
        assert_eq!(scene.around(&records).await.people, batch.people, "seed {seed}");
    }
}
