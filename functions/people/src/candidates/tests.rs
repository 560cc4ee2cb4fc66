//! Laws of the candidate layer, on invented people.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const GIVEN: [&str; 12] = [
    "amelia", "barnaby", "courtney", "dillon", "elysse", "harrison", "isabella", "lachlan", "mia",
    "nathan", "sophie", "zac",
];
const FAMILY: [&str; 12] = [
    "berry",
    "clarke",
    "coleman",
    "hannagan",
    "kingswell",
    "madigan",
    "neumann",
    "painter",
    "paulka",
    "siggins",
    "webb",
    "white",
];
const STREETS: [&str; 8] = [
    "hurley street",
    "rupp place",
    "tindale street",
    "zeitz court",
    "balbo place",
    "lansell circuit",
    "giblin street",
    "milne cove",
];

/// An invented person; everything about them follows from `seed`.
fn person(key: usize, source: &str, seed: usize) -> Person {
    let number = |salt: u64, below: u64| train::scramble(salt << 32 | seed as u64) % below;
    let pick = |salt, from: &[&str]| Some(from[number(salt, from.len() as u64) as usize].into());
    let (year, month, day) = (1930 + number(1, 70), 1 + number(2, 12), 1 + number(3, 28));
    Person {
        key: format!("{source}/{key:05}").into(),
        source: source.into(),
        given: pick(4, &GIVEN),
        family: pick(5, &FAMILY),
        birth_date: Some(format!("{year}-{month:02}-{day:02}").into()),
        house_number: Some((1 + number(6, 97)).to_string().into()),
        lines: vec![STREETS[number(7, STREETS.len() as u64) as usize].into()],
        locality: Some(format!("town{}", number(8, 90)).into()),
        postal_code: Some(format!("{}", 2000 + number(9, 800)).into()),
        ..Person::default()
    }
}

/// Two hundred people in two sources, with slips in the second.
fn two_sources() -> People {
    let first = (0..200).map(|n| person(n, "crm", n));
    let second = (0..200).map(|n| {
        let mut person = person(n, "pos", n);
        match n % 5 {
            0 => std::mem::swap(&mut person.given, &mut person.family),
            1 => person.birth_date = None,
            2 => person.family = person.family.map(|name| format!("{name}e").into()),
            3 => person.postal_code = Some("9999".into()),
            _ => {}
        }
        person
    });
    People { records: first.chain(second).collect(), without_duplicates: BTreeSet::new() }
}

fn find(people: &People) -> Found {
    candidates(people, &Plan::default()).unwrap()
}

fn bits_of(people: &People, model: &Model, a: &str, b: &str) -> f64 {
    let mut model = model.clone();
    model.plan.least_probability = 0.0;
    let found = candidates_by(people, model).unwrap();
    found.candidates.iter().find(|pair| pair.a == a && pair.b == b).unwrap().bits
}

#[test]
fn the_same_person_in_two_sources_is_found() {
    let mut people = two_sources();
    for clean in [false, true] {
        if clean {
            people.without_duplicates = ["crm", "pos"].map(SmolStr::from).into();
        }
        let found = find(&people);
        let likely = found.candidates.iter().filter(|pair| pair.probability >= 0.9);
        let (right, wrong): (Vec<_>, Vec<_>) =
            likely.partition(|pair| pair.a.rsplit('/').next() == pair.b.rsplit('/').next());
        assert_eq!((right.len(), wrong.len()), (200, 0));
    }
}

#[test]
fn empty_tables_and_empty_records_are_no_trouble() {
    let nobody = Person::default();
    for records in [
        vec![],
        vec![person(1, "crm", 1)],
        vec![person(1, "crm", 1), person(1, "crm", 1)],
        (0..50).map(|n| Person { key: n.to_string().into(), ..nobody.clone() }).collect(),
    ] {
        let found = find(&People { records, ..People::default() });
        assert!(found.candidates.is_empty());
        assert!(found.model.prior_bits.is_finite());
    }
}

#[test]
fn two_records_alone_can_be_one_person() {
    let records = vec![person(1, "crm", 5), person(2, "crm", 5)];
    assert_eq!(find(&People { records, ..People::default() }).candidates.len(), 1);
}

#[test]
fn a_rare_name_says_more_than_a_common_one() {
    let mut people = two_sources();
    people.records.retain(|person| person.source == "crm");
    for (n, family) in ["zyskowski", "smith", "smith", "smith", "smith"].into_iter().enumerate() {
        for twin in ["x", "y"] {
            let mut person = person(n, twin, 7);
            person.family = Some(family.into());
            people.records.push(person);
        }
    }
    let model = find(&people).model;
    let rare = bits_of(&people, &model, "x/00000", "y/00000");
    let common = bits_of(&people, &model, "x/00001", "y/00001");
    assert!(rare > common + 1.0, "{rare} {common}");
}

#[test]
fn an_absent_value_says_nothing() {
    let mut people = two_sources();
    let model = find(&people).model;
    people.records.truncate(1);
    people.records.push(person(0, "pos", 0));
    people.records[1].locality = None;
    let without = bits_of(&people, &model, "crm/00000", "pos/00000");
    people.records[0].locality = None;
    assert!((bits_of(&people, &model, "crm/00000", "pos/00000") - without).abs() < 1e-9);
    let found = candidates_by(&people, model.clone()).unwrap();
    let pair = &found.candidates[0];
    assert!(pair.contributions.iter().all(|said| said.signal != "locality"));
    let said: f64 = pair.contributions.iter().map(|said| said.bits).sum();
    assert!((model.prior_bits + said - pair.bits).abs() < 1e-5);
}

#[test]
fn a_worse_value_never_weighs_more() {
    let mut people = two_sources();
    let model = find(&people).model;
    people.records.retain(|person| person.key == "crm/00004" || person.key == "pos/00004");
    let mut last = f64::INFINITY;
    for date in ["1966-09-05", "1966-05-09", "1911-02-27"] {
        people.records[0].birth_date = Some("1966-09-05".into());
        people.records[1].birth_date = Some(date.into());
        let bits = bits_of(&people, &model, "crm/00004", "pos/00004");
        assert!(bits < last, "{date}");
        last = bits;
    }
    for signal in &model.signals {
        assert!(signal.outcomes.windows(2).all(|pair| pair[0].bits >= pair[1].bits), "{signal:?}");
    }
}

#[test]
fn large_blocks_are_bounded() {
    let people = People {
        records: (0..3_000)
            .map(|n| Person { birth_date: Some("1970-01-01".into()), ..person(n, "crm", n) })
            .collect(),
        ..People::default()
    };
    let plan = Plan { rules: vec![Plan::default().rules[2].clone()], ..Plan::default() };
    let found = candidates(&people, &plan).unwrap();
    assert_eq!(found.effort.bounded_blocks, 1);
    assert!(found.effort.compared <= 3_000 * u64::from(plan.window));
    assert!(found.effort.reduction_ratio() > 0.98);
}

#[test]
fn a_model_read_again_is_the_same() {
    let people = two_sources();
    let found = find(&people);
    let json = serde_json::to_string(&found.model).unwrap();
    let mut model: Model = serde_json::from_str(&json).unwrap();
    assert_eq!(model, found.model);
    assert_eq!(model.version, model.computed_version());
    assert_eq!(candidates_by(&people, model.clone()).unwrap().candidates, found.candidates);
    model.signals[0].outcomes[0].m = 0.5;
    assert_ne!(model.version, model.computed_version());
}

#[test]
fn a_plan_that_counts_twice_is_refused() {
    let mut plan = Plan::default();
    plan.comparisons.push(plan.comparisons[1].clone());
    assert!(matches!(
        candidates(&People::default(), &plan),
        Err(PlanError::FieldTwice(Field::BirthDate))
    ));
}

fn anybody() -> impl Strategy<Value = Person> {
    let text = |pattern| prop::option::of(pattern);
    let names = (text("[a-c]{1,4}"), text("[a-c]{1,4}"), text("19[0-9]{2}-0[1-9]-1[0-9]"));
    let place = (
        text("[1-3]"),
        text("[a-c]{1,5}"),
        text("[a-c]{1,5}"),
        text("[a-c]{1,5}"),
        text("[12]{4}"),
    );
    (names, place, "[pqr]").prop_map(
        |((given, family, birth), (number, street, more, town, code), source)| Person {
            source: source.into(),
            given: given.map(Into::into),
            family: family.map(Into::into),
            birth_date: birth.map(Into::into),
            house_number: number.map(Into::into),
            lines: [street, more].map(|line| line.unwrap_or_default().into()).into(),
            locality: town.map(Into::into),
            postal_code: code.map(Into::into),
            ..Person::default()
        },
    )
}

fn anybodies() -> impl Strategy<Value = People> {
    (prop::collection::vec(anybody(), 0..60), prop::collection::btree_set("[pqr]", 0..3)).prop_map(
        |(mut records, clean)| {
            for (n, person) in records.iter_mut().enumerate() {
                person.key = format!("{n:02}").into();
            }
            People { records, without_duplicates: clean.into_iter().map(Into::into).collect() }
        },
    )
}

/// Small blocks, so that bounding happens, and every pair reported.
fn tight() -> Plan {
    Plan { largest_block: 5, window: 2, least_probability: 0.0, ..Plan::default() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_order_of_records_does_not_matter(people in anybodies(), turn in 0_usize..60) {
        let mut turned = people.clone();
        turned.records.reverse();
        let turn = turn % people.records.len().max(1);
        turned.records.rotate_left(turn);
        let (one, other) = (candidates(&people, &tight()).unwrap(), candidates(&turned, &tight()).unwrap());
        prop_assert_eq!(one.candidates, other.candidates);
        prop_assert_eq!(one.model, other.model);
        prop_assert_eq!(one.effort, other.effort);
    }

    #[test]
    fn a_pair_weighs_the_same_from_either_side(people in anybodies()) {
        let table = Table::new(&people);
        let model = candidates(&people, &Plan::default()).unwrap().model;
        let weights = model.weights();
        let rarity = table.rarity(|field| model.exact_u(field));
        let comparer = Comparer { table: &table, plan: &model.plan, rarity };
        let bits = |a, b| {
            let pattern = comparer.compare(a, b);
            weights.total(&pattern.outcomes, pattern.total_rarity())
        };
        for a in 0..table.len() as u32 {
            for b in 0..a {
                prop_assert!((bits(a, b) - bits(b, a)).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn clean_sources_are_linked_one_to_one(people in anybodies()) {
        let source = |key: &SmolStr| people.records.iter().find(|person| person.key == *key).map(|person| person.source.clone()).unwrap();
        let mut partners = BTreeSet::new();
        for pair in candidates(&people, &tight()).unwrap().candidates {
            let (a, b) = (source(&pair.a), source(&pair.b));
            if people.without_duplicates.contains(&a) && people.without_duplicates.contains(&b) {
                prop_assert_ne!(&a, &b);
                prop_assert!(partners.insert((pair.a, b)));
                prop_assert!(partners.insert((pair.b, a)));
            }
        }
    }

    #[test]
    fn each_pair_comes_once_and_best_first(people in anybodies()) {
        let found = candidates(&people, &tight()).unwrap().candidates;
        prop_assert!(found.windows(2).all(|pair| pair[0].bits >= pair[1].bits));
        let pairs: BTreeSet<_> = found.iter().map(|pair| (&pair.a, &pair.b)).collect();
        prop_assert_eq!(pairs.len(), found.len());
        prop_assert!(found.iter().all(|pair| pair.a < pair.b && pair.bits.is_finite()));
    }
}
