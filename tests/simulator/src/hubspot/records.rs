//! What the CRM keeps: objects with properties, links between them, and what becomes of both.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use rand::RngExt as _;

use super::webhooks::Outbox;
use crate::Dice;

/// The types of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A person.
    Contact,
    /// A business.
    Company,
    /// A sale.
    Deal,
    /// A request for help.
    Ticket,
    /// A telephone call.
    Call,
    /// An email between two people.
    Email,
    /// A meeting.
    Meeting,
    /// A note.
    Note,
    /// A task.
    Task,
}

impl Kind {
    /// Every type.
    pub const ALL: [Self; 9] = [
        Self::Contact,
        Self::Company,
        Self::Deal,
        Self::Ticket,
        Self::Call,
        Self::Email,
        Self::Meeting,
        Self::Note,
        Self::Task,
    ];

    /// Its name in paths.
    pub fn path(self) -> &'static str {
        match self {
            Self::Contact => "contacts",
            Self::Company => "companies",
            Self::Deal => "deals",
            Self::Ticket => "tickets",
            Self::Call => "calls",
            Self::Email => "emails",
            Self::Meeting => "meetings",
            Self::Note => "notes",
            Self::Task => "tasks",
        }
    }

    /// The name of one.
    pub(super) fn singular(self) -> &'static str {
        if self == Self::Company { "company" } else { self.path().trim_end_matches('s') }
    }

    /// Its name in events, if it has any.
    pub(super) fn event_name(self) -> Option<&'static str> {
        let tells = matches!(self, Self::Contact | Self::Company | Self::Deal | Self::Ticket);
        tells.then(|| self.singular())
    }

    pub(super) fn of_path(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.path() == path)
    }

    /// The property with the time of the last change.
    pub fn modified_property(self) -> &'static str {
        if self == Self::Contact { "lastmodifieddate" } else { "hs_lastmodifieddate" }
    }

    pub(super) fn created_property(self) -> &'static str {
        match self {
            Self::Contact | Self::Company | Self::Deal | Self::Ticket => "createdate",
            _ => "hs_createdate",
        }
    }
}

/// One object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its id.
    pub id: u64,
    /// Its properties, times and id aside; null is none.
    pub properties: BTreeMap<&'static str, Option<String>>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed; links do not count.
    pub modified_at: Timestamp,
    /// When it was put into the bin.
    pub archived_at: Option<Timestamp>,
    /// When it was really written, for the search that lags behind.
    pub(super) written_at: Timestamp,
    /// What the search says of its last change meanwhile.
    pub(super) indexed: Option<Timestamp>,
    /// The stages that a deal stood in, oldest first, each with since when.
    pub stages: Vec<(Timestamp, String)>,
}

impl Object {
    /// A property's text; none for null, and for what is not there.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.properties.get(name)?.as_deref()
    }
}

/// An object by its type and id.
pub type Place = (Kind, u64);

/// The account.
pub(crate) struct Portal {
    pub(super) dice: Dice,
    pub(super) objects: BTreeMap<Kind, BTreeMap<u64, Object>>,
    /// Whom a contact is about, by index.
    pub(super) people: BTreeMap<u64, usize>,
    /// Both ways; true for the primary one.
    pub(super) links: BTreeMap<Place, BTreeMap<Place, bool>>,
    pub(super) ever_linked: BTreeSet<(Place, Place)>,
    /// Gone for good: erased, or merged into another.
    pub(super) erased: BTreeSet<Place>,
    pub(super) outbox: Outbox,
    /// How long the search does not see a change.
    pub(super) lag: SignedDuration,
    next_id: u64,
}

/// A property with a value.
#[expect(clippy::unnecessary_wraps, reason = "properties are text or null")]
pub(super) fn text(value: &str) -> Option<String> {
    Some(value.to_owned())
}

/// Milliseconds are as fine as it gets.
pub(super) fn millisecond(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

impl Portal {
    pub(super) fn new(dice: Dice, outbox: Outbox) -> Self {
        Self {
            dice,
            objects: Kind::ALL.into_iter().map(|kind| (kind, BTreeMap::new())).collect(),
            people: BTreeMap::new(),
            links: BTreeMap::new(),
            ever_linked: BTreeSet::new(),
            erased: BTreeSet::new(),
            outbox,
            lag: SignedDuration::ZERO,
            next_id: 90_000,
        }
    }

    pub(super) fn of(&self, kind: Kind) -> &BTreeMap<u64, Object> {
        &self.objects[&kind]
    }

    pub(super) fn get(&self, (kind, id): Place) -> Option<&Object> {
        self.of(kind).get(&id)
    }

    fn get_mut(&mut self, (kind, id): Place) -> Option<&mut Object> {
        self.objects.get_mut(&kind)?.get_mut(&id)
    }

    /// The objects that are there, by their ids.
    pub(super) fn living(&self, kind: Kind) -> Vec<u64> {
        let objects = self.of(kind).values();
        objects.filter(|object| object.archived_at.is_none()).map(|object| object.id).collect()
    }

    pub(super) fn create(
        &mut self,
        kind: Kind,
        at: Timestamp,
        now: Timestamp,
        properties: BTreeMap<&'static str, Option<String>>,
    ) -> u64 {
        // Ids go up by leaps, and from five digits to six: as text they do not sort like numbers.
        self.next_id += self.dice.random_range(1..=1_000);
        let (id, at) = (self.next_id, millisecond(at));
        let stage = properties.get("dealstage").cloned().flatten();
        let object = Object {
            id,
            stages: stage.into_iter().map(|stage| (at, stage)).collect(),
            properties,
            created_at: at,
            modified_at: at,
            archived_at: None,
            written_at: now,
            indexed: None,
        };
        self.objects.entry(kind).or_default().insert(id, object);
        self.announce(kind, "creation", id, at, &[]);
        id
    }

    /// Sets a property and moves the time of change.
    pub(super) fn set(
        &mut self,
        place: Place,
        at: Timestamp,
        now: Timestamp,
        name: &'static str,
        value: Option<String>,
    ) {
        self.touch(place, at, now);
        let Some(object) = self.get_mut(place) else { return };
        object.properties.insert(name, value.clone());
        let at = object.modified_at;
        if name == "dealstage" {
            object.stages.push((at, value.clone().unwrap_or_default()));
        }
        let told = [("propertyName", name.into()), ("propertyValue", value.into())];
        self.announce(place.0, "propertyChange", place.1, at, &told);
    }

    pub(super) fn touch(&mut self, place: Place, at: Timestamp, now: Timestamp) {
        let lag = self.lag;
        let Some(object) = self.get_mut(place) else { return };
        if object.written_at + lag <= now {
            object.indexed = Some(object.modified_at);
        }
        object.written_at = now;
        let later = object.modified_at + SignedDuration::from_millis(1);
        object.modified_at = millisecond(at).max(later);
    }

    /// Links two objects; neither changes by that.
    pub(super) fn link(&mut self, one: Place, other: Place, primary: bool) {
        self.links.entry(one).or_default().insert(other, primary);
        self.links.entry(other).or_default().insert(one, primary);
        self.ever_linked.extend([(one, other), (other, one)]);
    }

    pub(super) fn unlink(&mut self, one: Place, other: Place) {
        for (from, to) in [(one, other), (other, one)] {
            if let Some(links) = self.links.get_mut(&from) {
                links.remove(&to);
            }
        }
    }

    /// Tells both ends of a link that was made or taken away.
    pub(super) fn announce_link(&mut self, one: Place, other: Place, at: Timestamp, removed: bool) {
        for (from, to) in [(one, other), (other, one)] {
            let [from_name, to_name] = [from.0, to.0].map(|kind| kind.singular().to_uppercase());
            let told = [
                ("objectId", serde_json::Value::Null),
                ("fromObjectId", from.1.into()),
                ("toObjectId", to.1.into()),
                ("associationType", format!("{from_name}_TO_{to_name}").into()),
                ("associationRemoved", removed.into()),
                ("isPrimaryAssociation", false.into()),
            ];
            self.announce(from.0, "associationChange", from.1, at, &told);
        }
    }

    fn unlink_all(&mut self, place: Place) -> Vec<Place> {
        let others: Vec<Place> = self.linked(place);
        for other in &others {
            self.unlink(place, *other);
        }
        others
    }

    pub(super) fn linked(&self, place: Place) -> Vec<Place> {
        self.links.get(&place).into_iter().flat_map(BTreeMap::keys).copied().collect()
    }

    /// Puts an object into the bin; its links go.
    pub(super) fn archive(&mut self, place: Place, at: Timestamp) {
        self.unlink_all(place);
        let Some(object) = self.get_mut(place) else { return };
        let at = millisecond(at).max(object.modified_at + SignedDuration::from_millis(1));
        object.archived_at = Some(at);
        self.announce(place.0, "deletion", place.1, at, &[]);
    }

    /// Takes an object out of the bin, without its links.
    pub(super) fn restore(&mut self, place: Place, at: Timestamp, now: Timestamp) {
        let Some(object) = self.get_mut(place) else { return };
        let at = object.archived_at.take().map_or(at, |gone| at.max(gone));
        self.touch(place, at + SignedDuration::from_millis(1), now);
        self.announce(place.0, "restore", place.1, at + SignedDuration::from_millis(1), &[]);
    }

    /// Erases a contact for good: it is in no list afterwards, the bin's neither.
    pub(super) fn erase(&mut self, contact: u64, at: Timestamp) {
        let place = (Kind::Contact, contact);
        self.unlink_all(place);
        self.objects.entry(Kind::Contact).or_default().remove(&contact);
        self.erased.insert(place);
        // Both arrive.
        self.announce(Kind::Contact, "privacyDeletion", contact, at, &[]);
        self.announce(Kind::Contact, "deletion", contact, at, &[]);
    }

    /// Merges one contact into another, which takes its links and its address.
    pub(super) fn merge(&mut self, winner: u64, loser: u64, at: Timestamp, now: Timestamp) {
        let (into, gone) = ((Kind::Contact, winner), (Kind::Contact, loser));
        for other in self.unlink_all(gone) {
            self.link(into, other, false);
        }
        let removed = self.objects.entry(Kind::Contact).or_default().remove(&loser);
        self.erased.insert(gone);
        // Of two people's contacts one becomes nobody's in particular.
        if self.people.get(&winner) != self.people.get(&loser) {
            self.people.remove(&winner);
        }
        self.touch(into, at, now);
        let Some(object) = self.get_mut(into) else { return };
        let email = removed.and_then(|removed| removed.text("email").map(str::to_owned));
        if let Some(email) = email.filter(|email| !email.is_empty()) {
            let more = object.text("hs_additional_emails").map(|more| format!("{more};{email}"));
            object.properties.insert("hs_additional_emails", Some(more.unwrap_or(email)));
        }
        let at = object.modified_at;
        let told = [
            ("primaryObjectId", winner.into()),
            ("mergedObjectIds", serde_json::json!([loser])),
            ("newObjectId", winner.into()),
            ("numberOfPropertiesMoved", 1.into()),
        ];
        self.announce(Kind::Contact, "merge", winner, at, &told);
    }
}
