//! Whose each record is: what a solve of a copy's records is measured by.

use std::collections::{BTreeMap, HashMap};

use crate::brandwatch::Mention;
use crate::{Bluesky, Brandwatch, Company, HubSpot, Klaviyo, SendGrid, Simulator, Square, Zendesk};

/// A record that is about a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whose {
    /// The system, such as `klaviyo`.
    pub source: &'static str,
    /// What kind of record it is, such as `contact`.
    pub object: &'static str,
    /// Which one.
    pub name: RecordName,
    /// Index of the person in [`Company::people`].
    pub person: usize,
}

/// What tells a record from others of its kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordName {
    /// The vendor's id.
    Id(String),
    /// The vendor has no id: an address in lower case.
    Address(String),
    /// The vendor has no id: an author as `network:name` in lower case.
    Author(String),
}

/// Records of one kind.
fn ids<'a, I: ToString + 'a>(
    source: &'static str,
    object: &'static str,
    records: impl IntoIterator<Item = (&'a I, &'a usize)>,
) -> impl Iterator<Item = Whose> {
    records.into_iter().map(move |(id, &person)| Whose {
        source,
        object,
        name: RecordName::Id(id.to_string()),
        person,
    })
}

impl Simulator {
    /// Every record that is about one person, gone ones included.
    ///
    /// Nobody's are those of colleagues and strangers, those that two people share, and those that were made live for
    /// nobody in the company.
    pub fn whose(&self) -> Vec<Whose> {
        let mut all = Vec::new();
        self.klaviyo.whose(&mut all);
        self.sendgrid.whose(&self.company, &mut all);
        self.zendesk.whose(&mut all);
        self.square.whose(&mut all);
        self.hubspot.whose(&mut all);
        self.bluesky.whose(&mut all);
        self.brandwatch.whose(&mut all);
        all
    }
}

impl Klaviyo {
    fn whose(&self, all: &mut Vec<Whose>) {
        all.extend(ids("klaviyo", "profile", &self.people()));
    }
}

impl Zendesk {
    fn whose(&self, all: &mut Vec<Whose>) {
        let users = self.truth().users;
        let users = users.iter().filter_map(|(id, user)| Some((id, user.person.as_ref()?)));
        all.extend(ids("zendesk", "user", users));
    }
}

impl HubSpot {
    fn whose(&self, all: &mut Vec<Whose>) {
        all.extend(ids("hubspot", "contact", &self.people()));
    }
}

impl Bluesky {
    fn whose(&self, all: &mut Vec<Whose>) {
        all.extend(ids("bluesky", "author", &self.people()));
    }
}

impl Square {
    /// Customers, and the loyalty accounts that were opened for them.
    fn whose(&self, all: &mut Vec<Whose>) {
        let (people, accounts) = (self.people(), self.truth().accounts);
        let owner =
            |account: &crate::square::Record| people.get(account.json["customer_id"].as_str()?);
        let loyal = accounts.iter().filter_map(|(id, account)| Some((id, owner(account)?)));
        all.extend(ids("square", "loyalty_account", loyal));
        all.extend(ids("square", "customer", &people));
    }
}

impl SendGrid {
    /// Contacts, and the recipients of emails: each address is a record, and whose it is if only one person has it.
    fn whose(&self, company: &Company, all: &mut Vec<Whose>) {
        all.extend(ids("sendgrid", "contact", &self.people()));
        let mut owners: HashMap<String, Option<usize>> = HashMap::new();
        for (index, person) in company.people.iter().enumerate() {
            for email in &person.emails {
                let owner = owners.entry(email.to_lowercase()).or_insert(Some(index));
                *owner = owner.filter(|owner| *owner == index);
            }
        }
        for address in self.truth().addresses {
            // As the history spoils addresses, and as people tag them.
            let plain = address.replace(",example", ".example").replace("+pizza@", "@");
            let Some(person) = owners.get(&plain).copied().flatten() else { continue };
            for object in ["recipient", "block"] {
                let name = RecordName::Address(address.clone());
                all.push(Whose { source: "sendgrid", object, name, person });
            }
        }
    }
}

impl Brandwatch {
    /// Authors: one for each of a person's names on each site. A name that two people bear is nobody's.
    fn whose(&self, all: &mut Vec<Whose>) {
        let mut authors: BTreeMap<RecordName, Option<usize>> = BTreeMap::new();
        let mentions = self.truth().mentions;
        for mention in mentions.values().filter(|mention| !mention.is_stripped()) {
            let person = mention.author.person;
            let owner = authors.entry(author(mention)).or_insert(Some(person));
            *owner = owner.filter(|owner| *owner == person);
        }
        let owned = authors.into_iter().filter_map(|(name, person)| Some((name, person?)));
        all.extend(owned.map(|(name, person)| Whose {
            source: "brandwatch",
            object: "author",
            name,
            person,
        }));
    }
}

/// An author by the network's id, else by the name there; outside the networks a site is its host.
fn author(mention: &Mention) -> RecordName {
    let network = match mention.page_type {
        "blog" | "forum" | "news" | "review" => mention.domain.trim_start_matches("www."),
        network => network,
    };
    let author = &mention.author;
    match &author.id {
        Some(id) => RecordName::Id(format!("{network}:{id}")),
        None => RecordName::Author(format!("{network}:{}", author.handle.to_lowercase())),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashSet};

    use super::*;
    use crate::Settings;

    #[tokio::test]
    async fn every_record_is_named_once_and_every_system_knows_people() {
        let simulator = Simulator::start(Settings { people: 60, ..Settings::default() });
        let simulator = simulator.await.expect("the simulator starts");
        let whose = simulator.whose();
        let sources: BTreeSet<&str> = whose.iter().map(|record| record.source).collect();
        assert_eq!(sources.len(), simulator.vendors().len());
        let names: HashSet<_> = whose.iter().map(|it| (it.source, it.object, &it.name)).collect();
        assert_eq!(names.len(), whose.len(), "a record is there twice");
        let people = &simulator.company().people;
        assert!(whose.iter().all(|record| record.person < people.len()));
        let contacts = simulator.hubspot().truth().objects[&crate::hubspot::Kind::Contact].len();
        let known = whose.iter().filter(|record| record.source == "hubspot").count();
        assert_eq!(known, contacts, "every contact of the history is somebody");
    }

    #[tokio::test]
    async fn what_is_made_live_for_nobody_is_nobodys() {
        let settings = Settings { people: 20, ..Settings::default() };
        let simulator = Simulator::start(settings).await.expect("the simulator starts");
        let user = simulator.zendesk().create_user("Nina Neu", None, None);
        let customer = simulator.square().create_customer("Nina", None);
        let before: Vec<String> = simulator.square().people().into_keys().take(2).collect();
        let merged = simulator.square().merge_customers(&before[0], &before[1]);
        let names: HashSet<RecordName> =
            simulator.whose().into_iter().map(|record| record.name).collect();
        for id in [user.to_string(), customer, merged] {
            assert!(!names.contains(&RecordName::Id(id)));
        }
    }
}
