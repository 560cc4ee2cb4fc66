//! Laws: the order of the evidence and its duplicates never matter, and a blob is solved like the whole.

use proptest::prelude::*;

use super::*;

/// A small world where everything collides: few values, few names, few systems.
fn evidence() -> impl Strategy<Value = Evidence> {
    const NAMES: [&str; 7] =
        ["", "Ann Holm", "Holm, Ann", "Tom Holm", "A. Holm", "Thomas Holm", "Bea Quist"];
    let record = ("[a-c]", 0..8_i64, proptest::sample::select(&NAMES[..]));
    let ids = (
        proptest::collection::vec(0..5_u8, 0..3),
        proptest::collection::vec(0..4_u8, 0..2),
        proptest::option::of(0..6_u8),
        proptest::option::of(0..3_u8),
    );
    (record, ids, 0..3_i64, 0..20_u8).prop_map(|((system, id, name), ids, version, fate)| {
        let (mails, phones, contact, external) = ids;
        let mut values: Vec<(Namespace, String)> = Vec::new();
        values.extend(mails.iter().map(|n| (Email, format!("a.{n}+{n}@gmail.com"))));
        values.extend(phones.iter().map(|n| (Phone, format!("+4420794601{n}1"))));
        values.extend(contact.map(|n| (Namespace::CrmContact, n.to_string())));
        values.extend(external.map(|n| (External, format!("1{n}"))));
        let values: Vec<_> = values.iter().map(|(namespace, v)| (*namespace, v.as_str())).collect();
        let shop = ["a", "b"].map(|c| (c.into(), IdSpace::Named("shop".into())));
        let config = IdentityConfig { external: shop.into(), ..Default::default() };
        let mut evidence = said_with(&config, &format!("s/{system}/person/{id}"), name, &values);
        evidence.version.source_version = version;
        if fate == 0 {
            evidence.standing = Standing::Deleted;
        }
        if fate < 3 {
            evidence.created_at = None;
        }
        evidence
    })
}

fn overrides() -> impl Strategy<Value = Vec<Override>> {
    let key =
        ("[a-c]", 0..8_i64).prop_map(|(s, id)| RecordKey::new("s", &s, "person", &id.to_string()));
    let group = proptest::collection::vec(key, 1..3);
    let ruling = (proptest::collection::vec(group, 2..3), 0..5_u8, 0..2_i64, 0..3_i64);
    let ruling = ruling.prop_map(|(groups, kind, at, millibits)| Override {
        ruling: match kind {
            0 => Ruling::Link(groups.concat()),
            1 => Ruling::NeverLink(groups),
            _ => Ruling::Alike(Likeness {
                one: groups[0][0].clone(),
                other: groups[1][0].clone(),
                millibits,
                model: "m".into(),
            }),
        },
        author: "steward".into(),
        reason: "they called".into(),
        at: Timestamp::from_unix_seconds(at).unwrap(),
    });
    proptest::collection::vec(ruling, 0..5)
}

fn configs() -> impl Strategy<Value = SolveConfig> {
    (2..8_usize, 3..60_usize).prop_map(|(most_records, most_edges)| SolveConfig {
        most_records,
        most_edges,
        most_emails: 3,
        ..SolveConfig::default()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_order_with_any_duplicates_gives_the_same_people(
        evidence in proptest::collection::vec(evidence(), 0..24),
        overrides in overrides(),
        config in configs(),
        orders in proptest::collection::vec(any::<u64>(), 20),
    ) {
        let first = solve(&evidence, &overrides, &config);
        for order in orders {
            let mut other: Vec<Evidence> = evidence.clone();
            other.extend(evidence.iter().enumerate().filter(|(at, _)| order >> at & 1 == 1).map(|(_, e)| e.clone()));
            other.sort_by_cached_key(|evidence| {
                Sha256::of(format!("{order} {evidence:?}").as_bytes())
            });
            let mut rulings = overrides.clone();
            rulings.rotate_left(usize::try_from(order % 3).unwrap() % overrides.len().max(1));
            prop_assert_eq!(&solve(&other, &rulings, &config), &first);
        }
    }

    #[test]
    fn what_the_partition_promises(
        evidence in proptest::collection::vec(evidence(), 0..24),
        overrides in overrides(),
        config in configs(),
    ) {
        let whole = solve(&evidence, &overrides, &config);
        // Every record that is there belongs to exactly one person.
        let mut records: Vec<&RecordKey> = whole.people.iter().flat_map(|p| &p.records).collect();
        records.sort_unstable();
        prop_assert!(records.windows(2).all(|two| two[0] != two[1]));
        // A candidate is always about two people.
        let holders = whole.by_record();
        for candidate in &whole.candidates {
            prop_assert!(candidate.one < candidate.other);
            prop_assert_ne!(holders[&candidate.one].person_id, holders[&candidate.other].person_id);
        }
        // What a steward keeps apart is apart.
        let latest = overrides.iter().map(|ruled| ruled.at).max();
        for ruled in overrides.iter().filter(|ruled| Some(ruled.at) == latest) {
            let Ruling::NeverLink(groups) = &ruled.ruling else { continue };
            for (one, other) in groups[0].iter().flat_map(|one| groups[1].iter().map(move |o| (one, o))) {
                if let (Some(one_is), Some(other_is)) = (holders.get(one), holders.get(other)) {
                    prop_assert!(one == other || one_is.person_id != other_is.person_id);
                }
            }
        }
        // Blob by blob, it is the same.
        let (blobs, shared) = blobs(&evidence, &overrides, &config);
        let apart = SolveConfig { known_shared: shared, ..config.clone() };
        let mut people = Vec::new();
        let mut candidates = Vec::new();
        for blob in blobs {
            let blob: Vec<Evidence> = blob.iter().map(|&at| evidence[at].clone()).collect();
            let solved = solve(&blob, &overrides, &apart);
            people.extend(solved.people);
            candidates.extend(solved.candidates);
        }
        people.sort_unstable_by(|a, b| a.records.cmp(&b.records));
        candidates.sort_unstable();
        prop_assert_eq!(&people, &whole.people);
        prop_assert_eq!(&candidates, &whole.candidates);
        let solved = Partition { people, ..Partition::default() };
        prop_assert_eq!(households(&evidence, &solved, &config), whole.households);
    }

    #[test]
    fn a_likeness_joins_people_and_parts_nobody(
        evidence in proptest::collection::vec(evidence(), 0..24),
        overrides in overrides(),
        config in configs(),
    ) {
        let with = solve(&evidence, &overrides, &config);
        let is_alike = |ruled: &Override| matches!(ruled.ruling, Ruling::Alike(_));
        let rulings: Vec<Override> =
            overrides.iter().filter(|ruled| !is_alike(ruled)).cloned().collect();
        let without = solve(&evidence, &rulings, &config);
        prop_assert_eq!((&with.shared, &with.overflowed), (&without.shared, &without.overflowed));
        let holders = with.by_record();
        for person in &without.people {
            let ids = person.records.iter().map(|record| holders[record].person_id);
            prop_assert_eq!(ids.collect::<std::collections::BTreeSet<_>>().len(), 1);
        }
        let joined = with.people.iter().filter(|person| {
            person.weakest.is_some_and(|weakest| weakest.tier == 4)
        });
        let likenesses = overrides.iter().filter(|ruled| is_alike(ruled)).count();
        prop_assert!(joined.count() <= likenesses);
        prop_assert!(without.people.len() - with.people.len() <= likenesses);
    }

    #[test]
    fn what_survives_does_not_depend_on_the_order(
        said in proptest::collection::vec((0..5_u8, 0..3_u8, 0..3_i64, any::<bool>()), 1..8),
        turn in 0..8_usize,
    ) {
        let rows: Vec<_> = said.iter().map(|&(id, value, at, sure)| {
            let mut row = provenance(&format!("s/{}/person/{id}", id % 2), at);
            row.content_sha256 = Sha256::of(&[value, u8::from(sure)]);
            let mut record = person(["", "Ann Holm", "Tom"][usize::from(value)], &[(Email, "a@b.example")]);
            record.tags = vec![value.to_string()];
            record.time_zone = crate::schema::Known::Null;
            record.identifiers[0].verified_at = sure.then_some(Timestamp::UNIX_EPOCH);
            (row, record)
        }).collect();
        let mut members: Vec<Member<'_>> =
            rows.iter().map(|(provenance, record)| Member { provenance, record }).collect();
        let ranks = Ranks { default: vec!["1".into()], ..Ranks::default() };
        let first = survivors(&members, &ranks);
        members.push(members[0]);
        let turn = turn % members.len();
        members.rotate_left(turn);
        prop_assert_eq!(&survivors(&members, &ranks), &first);
        members.reverse();
        prop_assert_eq!(&survivors(&members, &ranks), &first);
    }

    #[test]
    fn names_agree_both_ways_and_never_panic(one in "\\PC{0,24}", other in "\\PC{0,24}") {
        let [one, other] = [one, other].map(|name| Name::of_full(&name));
        prop_assert_eq!(one.agreement(&other), other.agreement(&one));
        prop_assert_ne!(one.agreement(&one), Agreement::Disagree);
    }
}
