//! Hubspot: what landed is what is true.

use std::collections::{BTreeMap, BTreeSet};

use shared::schema::{Deal, Entity, Known, PersonRecord, RecordKey, Row, Table, Timestamp};
use simulator::hubspot::{Kind, Object, Place, Truth};

use crate::landed::Landed;

/// Fails unless the connection's rows are exactly what the CRM has, with the links that it has now.
pub fn assert_is(landed: &Landed, connection: &str, truth: &Truth) {
    let compared = Compared { landed, connection, truth };
    compared.objects(Kind::Contact, "contact", |object, row| compared.contact(object, row));
    compared.objects(Kind::Company, "company", |object, row| {
        let Entity::Account(account) = &row.entity else { panic!("no account") };
        assert_eq!(account.name, known(object, "name"), "company {}", object.id);
        assert_eq!(account.domain, known(object, "domain"), "company {}", object.id);
    });
    compared.objects(Kind::Deal, "deal", |object, row| compared.deal(object, row));
    compared.objects(Kind::Ticket, "ticket", |object, row| compared.ticket(object, row));
    for kind in [Kind::Call, Kind::Email, Kind::Meeting, Kind::Note, Kind::Task] {
        compared.engagements(kind);
    }
    compared.deal_events();
    landed.assert_consistent();
}

fn known(object: &Object, name: &str) -> Known<String> {
    match object.properties.get(name) {
        None => Known::Absent,
        Some(value) => Known::or_null(value.clone()),
    }
}

struct Compared<'a> {
    landed: &'a Landed,
    connection: &'a str,
    truth: &'a Truth,
}

impl Compared<'_> {
    fn key(&self, object: &str, id: u64) -> RecordKey {
        RecordKey::new("hubspot", self.connection, object, &id.to_string())
    }

    fn rows(&self, object: &str) -> BTreeMap<String, &Row> {
        self.landed.newest_of("hubspot", self.connection, object)
    }

    /// Every object that there is, is there; what is gone is buried; and there is nothing else.
    fn objects(&self, kind: Kind, name: &str, same: impl Fn(&Object, &Row)) {
        let rows = self.rows(name);
        for object in self.truth.objects[&kind].values() {
            let id = object.id;
            let row = rows.get(&id.to_string());
            let row = row.unwrap_or_else(|| panic!("{name} {id} did not land"));
            let gone = object.archived_at.is_some();
            assert_eq!(row.provenance.deleted, gone, "{name} {id}: deleted");
            if !gone {
                let told = row.provenance.source_updated_at.map(Timestamp::as_micros);
                let modified = object.modified_at.as_microsecond();
                assert_eq!(told, Some(modified), "{name} {id}: time of change");
                same(object, row);
            }
        }
        for (id, row) in rows {
            let id: u64 = id.parse().expect("an id");
            if !self.truth.objects[&kind].contains_key(&id) {
                let erased = self.truth.erased.contains(&(kind, id));
                assert!(erased && row.provenance.deleted, "{name} {id} is not true");
            }
        }
    }

    fn contact(&self, object: &Object, row: &Row) {
        let id = object.id;
        let Entity::PersonRecord(person) = &row.entity else { panic!("no person") };
        let PersonRecord { name, contact_points, account_key, .. } = person.as_ref();
        assert_eq!(name.given, known(object, "firstname"), "contact {id}");
        assert_eq!(name.family, known(object, "lastname"), "contact {id}");
        let points: BTreeSet<&str> = contact_points
            .iter()
            .filter_map(|point| point.exact.value())
            .map(String::as_str)
            .collect();
        let more = object.text("hs_additional_emails").into_iter().flat_map(|more| more.split(';'));
        let told = [object.text("email"), object.text("phone")].into_iter().flatten().chain(more);
        for told in told.filter(|told| !told.trim().is_empty()) {
            let same = |point: &&str| point.trim().eq_ignore_ascii_case(told.trim());
            assert!(points.iter().any(same), "contact {id}: how to reach them");
        }
        let company = object.text("associatedcompanyid").and_then(|id| id.parse().ok());
        let company = company.map(|company| self.key("company", company));
        assert_eq!(*account_key, company, "contact {id}: company");
    }

    fn linked(&self, place: Place, kind: Kind) -> Vec<(u64, bool)> {
        let links = self.truth.links.get(&place).into_iter().flatten();
        let mut links: Vec<(u64, bool)> = links
            .filter(|((other, _), _)| *other == kind)
            .map(|((_, id), primary)| (*id, *primary))
            .collect();
        links.sort_by_key(|(id, primary)| (!primary, *id));
        links
    }

    fn contacts_of(&self, place: Place) -> Vec<RecordKey> {
        let contacts = self.linked(place, Kind::Contact);
        contacts.into_iter().map(|(id, _)| self.key("contact", id)).collect()
    }

    fn deal(&self, object: &Object, row: &Row) {
        let (id, place) = (object.id, (Kind::Deal, object.id));
        let Entity::Deal(deal) = &row.entity else { panic!("no deal") };
        let Deal { name, stage, stage_category, contact_keys, account_key, .. } = deal.as_ref();
        assert_eq!(*name, known(object, "dealname"), "deal {id}");
        assert_eq!(*stage, known(object, "dealstage"), "deal {id}");
        let category = match (object.text("hs_is_closed"), object.text("hs_is_closed_won")) {
            (_, Some("true")) => "won",
            (Some("true"), _) => "lost",
            (Some("false"), _) => "open",
            _ => "unknown",
        };
        assert_eq!(stage_category.as_str(), category, "deal {id}");
        assert_eq!(*contact_keys, self.contacts_of(place), "deal {id}: contacts");
        let company = self.linked(place, Kind::Company).first().map(|(id, _)| *id);
        let company = company.map(|company| self.key("company", company));
        assert_eq!(*account_key, company, "deal {id}: company");
        let pence = object.text("amount").filter(|text| !text.is_empty());
        let pence = pence.map(|text| text.replace('.', "").parse::<i64>().expect("pence"));
        assert_eq!(deal.amount_minor, pence, "deal {id}: amount");
    }

    fn ticket(&self, object: &Object, row: &Row) {
        let id = object.id;
        let Entity::Ticket(ticket) = &row.entity else { panic!("no ticket") };
        assert_eq!(ticket.subject, known(object, "subject"), "ticket {id}");
        // Nobody configured the second pipeline: what its stages mean, the account says.
        let status = match object.text("hs_pipeline_stage") {
            Some("1") => "new",
            Some("88123") => "open",
            Some("4" | "88124") => "closed",
            other => panic!("ticket {id}: stage {other:?}"),
        };
        assert_eq!(ticket.status.as_str(), status, "ticket {id}");
        let requester = self.contacts_of((Kind::Ticket, id)).into_iter().next();
        assert_eq!(row.provenance.subject_key, requester, "ticket {id}: requester");
    }

    /// What happened to whom: all of it that is linked now, and nothing that was never linked.
    fn assert_told(
        &self,
        object: &str,
        kind: Kind,
        ids: impl Fn(&Object, u64) -> Vec<(String, &'static str)>,
    ) {
        let (mut must, mut may) = (BTreeMap::new(), BTreeSet::new());
        for object in self.truth.objects[&kind].values() {
            let place = (kind, object.id);
            if object.archived_at.is_none() {
                for (contact, _) in self.linked(place, Kind::Contact) {
                    must.extend(ids(object, contact));
                }
            }
            let ever = self.truth.ever_linked.range((place, (Kind::Contact, 0))..);
            let ever = ever.take_while(|(one, other)| *one == place && other.0 == Kind::Contact);
            for (_, (_, contact)) in ever {
                may.extend(ids(object, *contact).into_iter().map(|(id, _)| id));
            }
        }
        let rows = self.rows(object);
        for (id, happened) in must {
            let row = rows.get(&id).unwrap_or_else(|| panic!("{object} {id} did not land"));
            let Entity::Interaction(interaction) = &row.entity else { panic!("no interaction") };
            assert_eq!(interaction.kind.name(), happened, "{object} {id}");
            let told = interaction.subject_key.id().into_owned();
            assert!(id.split('-').any(|part| part == told), "{object} {id}: told to {told}");
        }
        for (id, row) in rows {
            assert_eq!(row.table(), Table::Interaction);
            assert!(may.contains(&id), "{object} {id} is not true");
        }
    }

    fn engagements(&self, kind: Kind) {
        let name = kind.path().trim_end_matches('s');
        self.assert_told(name, kind, |object, contact| {
            let happened = match (kind, object.text("hs_email_direction")) {
                (Kind::Email, Some("EMAIL")) => "email.sent",
                (Kind::Email, Some("INCOMING_EMAIL")) => "email.replied",
                (Kind::Email, _) => return Vec::new(),
                (Kind::Call, _) => "activity.call",
                (Kind::Meeting, _) => "activity.meeting",
                (Kind::Task, _) => "activity.task",
                _ => "activity.note",
            };
            vec![(format!("{}-{contact}", object.id), happened)]
        });
    }

    fn deal_events(&self) {
        self.assert_told("deal_event", Kind::Deal, |deal, contact| {
            let id = |word: &str| format!("{}-{word}-{contact}", deal.id);
            let mut told = vec![(id("created"), "deal.created")];
            let moves = deal.stages.windows(2).filter(|pair| pair[0].1 != pair[1].1);
            told.extend(moves.map(|pair| {
                (id(&format!("stage-{}", pair[1].0.as_millisecond())), "deal.stage_changed")
            }));
            match (deal.text("hs_is_closed"), deal.text("hs_is_closed_won")) {
                (_, Some("true")) => told.push((id("won"), "deal.won")),
                (Some("true"), _) => told.push((id("lost"), "deal.lost")),
                _ => {}
            }
            told
        });
    }
}
