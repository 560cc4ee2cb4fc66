//! A whole person, put together from the rows of the person's records.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::reading::Rows;
use super::totals::{is_open, order, ticket, totals};
use super::{
    Confidence, Consented, Customer, Customers, CustomersError, Entry, Located, Other,
    PossiblySame, Record, Records, Source,
};
use crate::identity::{
    ConsentKey, Decision, IdentifierKey, Member, Survivors, consents, effective, survivors,
};
use crate::schema::{
    Consent, Deal, Entity, Namespace, PersonRecord, Provenance, RecordKey, StageCategory, Timestamp,
};

/// Orders that are shown.
const RECENT: usize = 10;
/// Records of other people with the same contact points whose consents are read.
const MOST_NEIGHBOURS: usize = 50;

impl Customers {
    /// Everything that is known of a person now; an id that became an alias leads to the person who has it.
    pub async fn customer(&self, person: Uuid, now: Timestamp) -> Result<Customer, CustomersError> {
        let located = self.locate(person).await?;
        let members = &located.person.records;
        let neighbours = located.neighbours();
        let (newest, hanging, theirs, activity) = tokio::try_join!(
            self.newest(members),
            self.hanging(members),
            self.consents_through(&neighbours),
            self.activity(members, now),
        )?;
        let profile = survivors(&newest.members(members), &self.recognition.settings.trust);
        let consents = consented(&hanging, &theirs, &contacts(&profile), now);
        let mut open_tickets = entries(&hanging, |entity| ticket(entity).filter(|it| is_open(it)));
        open_tickets.sort_by_key(|entry| Reverse(entry.content.opened_at));
        let mut recent_orders = entries(&hanging, order);
        recent_orders.sort_by_key(|entry| Reverse(entry.content.placed_at));
        recent_orders.truncate(RECENT);
        let mut deals = entries(&hanging, deal);
        deals.sort_by_key(|entry| entry.content.stage_category != StageCategory::Open);
        let reads = located.reads + newest.reads + hanging.reads + theirs.reads + activity.reads;
        Ok(Customer {
            person_id: located.person.person_id,
            confidence: Confidence {
                score: located.person.confidence(),
                weakest: located.person.weakest,
            },
            consents,
            open_tickets,
            recent_orders,
            deals,
            totals: totals(&hanging, &activity),
            records: newest.kept.iter().map(|kept| Source::new(&kept.provenance)).collect(),
            candidates: located.candidates(),
            household: located.household(),
            incomplete: newest.incomplete
                || hanging.incomplete
                || theirs.incomplete
                || located.surroundings.cut_off,
            reads,
            profile,
        })
    }

    /// A person's records as each source has them.
    pub async fn records(&self, person: Uuid) -> Result<Records, CustomersError> {
        let located = self.locate(person).await?;
        let newest = self.newest(&located.person.records).await?;
        let reads = located.reads + newest.reads;
        let mut records: Vec<Record> = newest
            .kept
            .into_iter()
            .map(|kept| Record {
                source: Source::new(&kept.provenance),
                received_at: kept.provenance.received_at,
                raw_key: kept.provenance.raw_key,
                content: match kept.entity {
                    Some(Entity::PersonRecord(person)) => Some(*person),
                    _ => None,
                },
            })
            .collect();
        records.sort_by(|one, other| one.source.record_key.cmp(&other.source.record_key));
        Ok(Records { person_id: located.person.person_id, records, reads })
    }
}

impl Rows {
    /// Those of them that are these records of a person.
    pub(super) fn members(&self, records: &[RecordKey]) -> Vec<Member<'_>> {
        self.each(person_record)
            .filter(|(provenance, _)| records.binary_search(&provenance.record_key).is_ok())
            .map(|(provenance, record)| Member { provenance, record })
            .collect()
    }
}

impl Located {
    /// Records of other people that carry a mailbox or phone of this one: consent hangs on the contact point.
    fn neighbours(&self) -> Vec<RecordKey> {
        let own = |record: &RecordKey| self.person.records.binary_search(record).is_ok();
        let reaches =
            |key: &IdentifierKey| matches!(key.namespace, Namespace::Email | Namespace::Phone);
        let evidence = &self.surroundings.evidence;
        let keys: BTreeSet<IdentifierKey> = evidence
            .iter()
            .filter(|evidence| own(&evidence.record_key))
            .flat_map(|evidence| evidence.clues.iter().map(|clue| clue.key))
            .filter(reaches)
            .collect();
        evidence
            .iter()
            .filter(|evidence| !own(&evidence.record_key))
            .filter(|evidence| evidence.clues.iter().any(|clue| keys.contains(&clue.key)))
            .map(|evidence| evidence.record_key.clone())
            .take(MOST_NEIGHBOURS)
            .collect()
    }

    fn candidates(&self) -> Vec<PossiblySame> {
        let own = |record: &RecordKey| self.person.records.binary_search(record).is_ok();
        let possible = self.partition.candidates.iter().filter_map(|candidate| {
            let (record, other) = match (own(&candidate.one), own(&candidate.other)) {
                (true, false) => (&candidate.one, &candidate.other),
                (false, true) => (&candidate.other, &candidate.one),
                _ => return None,
            };
            Some(PossiblySame {
                record_key: record.clone(),
                other_key: other.clone(),
                person_id: self.partition.person_of(other).map(|person| person.person_id),
                via: candidate.via.map(|key| key.namespace),
                strength: candidate.strength,
                reason: candidate.reason,
            })
        });
        possible.collect()
    }

    fn household(&self) -> Vec<Uuid> {
        let own = self.person.person_id;
        let homes = self.partition.households.iter();
        let people: BTreeSet<Uuid> = homes
            .filter(|household| household.people.contains(&own))
            .flat_map(|household| household.people.iter().copied())
            .filter(|person| *person != own)
            .collect();
        people.into_iter().collect()
    }
}

/// The normalised addresses and numbers of a person.
fn contacts(profile: &Survivors) -> BTreeSet<&str> {
    let points = profile.contact_points.iter();
    let points = points.filter_map(|point| point.value.normalised.as_deref());
    let identifiers = profile.identifiers.iter().map(|identifier| identifier.value.value.as_str());
    points.chain(identifiers).collect()
}

/// What holds at `now`, by the person's own records and by others' about the same contact points.
fn consented(
    own: &Rows,
    theirs: &Rows,
    contacts: &BTreeSet<&str>,
    now: Timestamp,
) -> Vec<Consented> {
    let about_own = |(_, consent): &(&Provenance, &Consent)| {
        consent.contact_point.as_deref().is_some_and(|point| contacts.contains(point))
    };
    let rows = own.each(consent).chain(theirs.each(consent).filter(about_own));
    let decisions: BTreeMap<ConsentKey, Decision> = consents(rows, now);
    decisions
        .iter()
        .map(|(key, decision)| Consented {
            contact_point: key.contact_point.clone(),
            channel: key.channel,
            purpose: key.purpose,
            state: effective(&decisions, key),
            effective_at: decision.effective_at,
            record_key: decision.record_key.clone(),
            others: decision
                .others
                .iter()
                .map(|(state, record)| Other { state: *state, record_key: record.clone() })
                .collect(),
            conflict: decision.is_conflict(),
        })
        .collect()
}

fn entries<T: Clone>(rows: &Rows, pick: impl Fn(&Entity) -> Option<&T>) -> Vec<Entry<T>> {
    let mut entries: Vec<Entry<T>> = rows
        .each(pick)
        .map(|(provenance, content)| Entry::new(provenance, content.clone()))
        .collect();
    entries.sort_by(|one, other| one.record_key.cmp(&other.record_key));
    entries
}

fn person_record(entity: &Entity) -> Option<&PersonRecord> {
    if let Entity::PersonRecord(person) = entity { Some(person) } else { None }
}

fn consent(entity: &Entity) -> Option<&Consent> {
    if let Entity::Consent(consent) = entity { Some(consent) } else { None }
}

fn deal(entity: &Entity) -> Option<&Deal> {
    if let Entity::Deal(deal) = entity { Some(deal) } else { None }
}
