//! Records that are not as documented: what can be read lands, the rest waits in quarantine, and nothing is lost.

mod second_chances;

use e2e::stand::{Stand, assert_others_caught_up, run_of};
use shared::schema::{Known, TicketStatus};
use simulator::Fault;
use simulator::zendesk::{BadRecord, NewTicket};

/// Adds these malformed records to the exports; returns their ids in the same order.
fn add(stand: &Stand, kinds: &[BadRecord]) -> Vec<u64> {
    let desk = stand.simulator.zendesk();
    for kind in kinds {
        desk.add_bad_record(*kind);
    }
    stand.settle();
    desk.truth().bad_records.iter().map(|bad| bad.id).collect()
}

/// RELIABILITY 19, Q: a malformed record in every kind of page costs itself and no neighbour.
#[tokio::test(flavor = "multi_thread")]
async fn a_bad_record_is_quarantined_and_its_neighbours_land() {
    let stand = Stand::small().await;
    let desk = stand.simulator.zendesk();
    desk.delete_user(*desk.truth().users.keys().next_back().unwrap());
    stand.settle();
    let paths = [
        "incremental/users",
        "incremental/organizations",
        "incremental/tickets",
        "incremental/ticket_events",
        "satisfaction_ratings",
        "deleted_users",
        "deleted_tickets",
    ];
    let injected = paths.map(|path| desk.faults().inject_on(path, Fault::BadRecord, 1));
    let runs = stand.sync().await;
    assert!(injected.iter().all(|injected| injected.fired() == 1));
    assert_others_caught_up(&runs, "");
    for run in &runs {
        assert_eq!(run.ledger.quarantined, 1, "{run:?}");
        run.ledger.check().expect("quarantined and landed are all that was fetched");
    }
    let landed = stand.landed().await;
    landed.assert_is(&desk.truth());
    assert_eq!(landed.quarantined.len(), paths.len());
    for record in &landed.quarantined {
        assert_eq!((record.field.as_str(), record.reason.as_str()), ("id", "is missing"));
    }
}

/// RELIABILITY 19: every way to spoil a record that we know of, and a place for each.
#[tokio::test(flavor = "multi_thread")]
async fn every_malformed_record_either_lands_or_is_quarantined_with_a_reason() {
    let stand = Stand::small().await;
    let ids = add(&stand, &BadRecord::ALL);
    stand.sync().await;
    let landed = stand.landed().await;
    let mut reasons = Vec::new();
    for (kind, id) in BadRecord::ALL.iter().zip(ids) {
        let object = kind.collection().trim_end_matches('s');
        let is_there = landed.item(object, id).is_some();
        let lands = !matches!(
            kind,
            BadRecord::IdNull
                | BadRecord::UserIdNull
                | BadRecord::LoneSurrogate
                | BadRecord::RequesterMissing
        );
        assert_eq!(is_there, lands, "{kind:?}");
    }
    for record in &landed.quarantined {
        reasons.push(format!("{}: {}", record.field, record.reason));
    }
    reasons.sort();
    assert_eq!(
        reasons,
        [
            "id: is missing",
            "id: is missing",
            "requester_id: is missing",
            "subject: is not valid Unicode text",
        ]
    );
    stand.recover().await;
}

/// RELIABILITY 45: fields that nobody has seen before are kept.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_field_is_kept_beside_what_we_know() {
    let stand = Stand::small().await;
    let desk = stand.simulator.zendesk();
    let injected = ["incremental/tickets", "incremental/users"]
        .map(|path| desk.faults().inject_on(path, Fault::ExtraField, 1));
    let runs = stand.sync().await;
    assert!(injected.iter().all(|injected| injected.fired() == 1));
    assert_eq!(run_of(&runs, "tickets").ledger.drifted, 0, "a new field is no drift");
    let landed = stand.landed().await;
    for ext in [
        &landed.ticket(*desk.truth().tickets.keys().next().unwrap()).unwrap().ext,
        &landed.person(*desk.truth().users.keys().next().unwrap()).unwrap().ext,
    ] {
        assert_eq!(ext["vibe_score"], r#"{"value":0.7,"model":"v3"}"#);
        assert_eq!(ext["ai_summary"], "null");
    }
    stand.recover().await;
}

/// RELIABILITY 45: a field of another type, a time that is none and a new word cost the field, and are counted.
#[tokio::test(flavor = "multi_thread")]
async fn a_field_of_another_type_is_null_kept_and_counted() {
    let stand = Stand::small().await;
    let kinds = [
        BadRecord::TagsText,
        BadRecord::CreatedNotADate,
        BadRecord::UnknownStatus,
        BadRecord::UserNameNumber,
    ];
    let ids = add(&stand, &kinds);
    let runs = stand.sync().await;
    assert_eq!(run_of(&runs, "tickets").ledger.drifted, 3);
    assert_eq!(run_of(&runs, "users").ledger.drifted, 1);
    let landed = stand.landed().await;
    let [tags, created, status] = [0, 1, 2].map(|at| landed.ticket(ids[at]).expect("a ticket"));
    assert!(tags.tags.is_empty());
    assert_eq!(tags.ext["tags"], r#""email customer""#);
    assert_eq!(created.opened_at, None);
    assert_eq!(created.ext["created_at"], r#""last Tuesday""#);
    assert_eq!(status.status, TicketStatus::Unknown);
    assert_eq!(status.ext["status"], r#""simmering""#);
    let named = landed.person(ids[3]).expect("a person");
    assert_eq!((&named.name.full, named.ext["name"].as_str()), (&Known::Null, "42"));
    stand.recover().await;
}

/// RELIABILITY 46: half a surrogate pair waits in quarantine as it came; NUL and four-byte letters land as they came.
#[tokio::test(flavor = "multi_thread")]
async fn odd_unicode_round_trips_or_is_quarantined() {
    let stand = Stand::small().await;
    let desk = stand.simulator.zendesk();
    let odd = "𝄞 🍕👩‍🍳 ﷽ e\u{301}\u{202e}\u{feff}\u{fffd}\"\\\u{7f}\u{2028}";
    let requester_id = desk.create_user(odd, Some("pizza@example.org"), None);
    let ticket = desk.create_ticket(NewTicket {
        requester_id,
        subject: odd.to_owned(),
        description: odd.to_owned(),
        channel: "chat",
        priority: None,
    });
    let ids = add(&stand, &[BadRecord::LoneSurrogate, BadRecord::NulCharacter]);
    let landed = stand.recover().await;
    assert_eq!(landed.ticket(ticket).unwrap().subject.value().unwrap(), odd);
    assert_eq!(landed.person(requester_id).unwrap().name.full.value().unwrap(), odd);
    assert_eq!(landed.ticket(ids[1]).unwrap().subject.value().unwrap(), "Broken \0 letter");
    assert_eq!(landed.quarantined.len(), 1);
    let record = landed.quarantined[0].record.get();
    assert!(record.contains(r#""Broken \ud800 letter""#), "{record}");
    let item = landed.item("ticket", ticket).unwrap()["row"].as_s().unwrap();
    let content: serde_json::Value = serde_json::from_str(item).unwrap();
    assert_eq!(content["subject"], odd);
}
