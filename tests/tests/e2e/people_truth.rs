//! A company's people in seven systems, with typos, families' mailboxes and a kiosk's number: the landed rows are solved
//! into the people that there are, and a look-up says the same as the batch.

use e2e::landed::Landed;
use e2e::stand::Stand;
use shared::identity::{Evidence, Recognition};
use shared::landing::Landing;
use shared::schema::{Entity, Table};
use simulator::score::Score;
use simulator::{Settings, Simulator, Vendor};
use tributary::truth::{Found, truth};

/// What the newest version of each landed record says.
fn evidence(landed: &Landed, recognition: &Recognition) -> Vec<Evidence> {
    let people = landed.newest.iter().filter(|((table, _), _)| *table == Table::PersonRecord);
    let evidence = people.filter_map(|(_, row)| {
        let Entity::PersonRecord(person) = &row.entity else { return None };
        Some(recognition.evidence(&row.provenance, person).expect("evidence"))
    });
    evidence.collect()
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "the test's report, for whoever runs it with its output")]
async fn people_are_found_in_seven_systems_and_a_look_up_agrees_with_the_batch() {
    let company = Settings { people: 150, days: 30, ..e2e::stand::settled() };
    let stand = Stand::of(company, |simulator: &Simulator| {
        simulator.vendors().into_iter().map(Vendor::connection).collect()
    })
    .await;
    stand.drain_all(false).await;
    let hub = stand.hub();
    let settings = hub.settings();
    let recognition = settings.recognition().expect("a secret");
    let truth = truth(&stand.simulator, settings.pseudonyms.as_ref().expect("a secret"));
    let truth = truth.expect("keys");

    let evidence = evidence(&stand.landed().await, &recognition);
    let (batch, _) = Found::in_batch(evidence, &recognition.settings.rules);
    let known = batch.people.keys().filter(|record| truth.contains_key(*record)).count();
    assert!(known > 600, "only {known} records of people landed");
    let sources = |record: &shared::schema::RecordKey| record.source().into_owned();
    let seen: std::collections::BTreeSet<String> = batch.people.keys().map(sources).collect();
    assert_eq!(seen.len(), stand.simulator.vendors().len(), "{seen:?}");

    let score: Score = batch.score(&truth);
    println!("{score}\n{score:?}");
    assert!(score.precision() >= 0.999, "{score:?}");
    // The aim is 0.95. What is missing are mostly second accounts in one system, which the rules keep apart.
    assert!(score.reachable_recall() >= 0.85, "{score:?}");

    let landing = Landing::new(&stand.own_stores(), Some(recognition));
    let each = batch.evidence.keys().map(|record| vec![record.clone()]);
    let live = Found::live(landing.people(), each).await.expect("look-ups");
    assert_eq!(live.people, batch.people, "a look-up and the batch disagree");
}
