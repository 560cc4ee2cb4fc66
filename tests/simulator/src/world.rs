//! The invented company: its people, households, organisations and stores, before any vendor sees them.

mod names;
mod phones;
mod typos;

use jiff::{SignedDuration, Timestamp};
use rand::RngExt as _;

use crate::{Dice, Settings, dice};

pub(crate) use phones::notation;
pub(crate) use typos::{mistyped_name, written_email};

/// One of several, at random; the slice must not be empty.
pub(crate) fn one_of<T: Clone>(dice: &mut Dice, from: &[T]) -> T {
    from[dice.random_range(0..from.len())].clone()
}

/// The company whose systems are simulated.
#[derive(Clone, Debug)]
pub struct Company {
    /// What it is called.
    pub name: &'static str,
    /// Its own mail domain.
    pub domain: &'static str,
    /// Where it sells.
    pub stores: Vec<Store>,
    /// Everyone it deals with.
    pub people: Vec<Person>,
    /// Who lives together.
    pub households: Vec<Household>,
    /// Who buys for a business.
    pub organizations: Vec<Organization>,
    /// The number of the ordering kiosk, left in many a record in place of the customer's own.
    pub kiosk_phone: String,
    /// The household that gets far more mail than it orders.
    pub pizza: PizzaHousehold,
}

/// One shop of the company.
#[derive(Clone, Debug)]
pub struct Store {
    /// What it is called.
    pub name: &'static str,
    /// Its IANA time zone.
    pub zone: &'static str,
    /// Its currency.
    pub currency: &'static str,
}

/// One true person, however many records they have.
#[derive(Clone, Debug)]
pub struct Person {
    /// The given name.
    pub given_name: &'static str,
    /// The family name.
    pub family_name: &'static str,
    /// Their addresses, the most used first; the first may be a family's shared one.
    pub emails: Vec<String>,
    /// Their number in E.164, if they have one; it may be the kiosk's.
    pub phone: Option<String>,
    /// Index of their household.
    pub household: Option<usize>,
    /// Index of the organisation they buy for.
    pub organization: Option<usize>,
    /// Index of the store they go to.
    pub store: usize,
    /// When they first dealt with the company.
    pub since: Timestamp,
}

impl Person {
    /// The name in full.
    pub fn name(&self) -> String {
        format!("{} {}", self.given_name, self.family_name)
    }
}

/// People at one address.
#[derive(Clone, Debug)]
pub struct Household {
    /// Indexes of its members.
    pub members: Vec<usize>,
    /// The address they share.
    pub mailbox: String,
}

/// A business that buys.
#[derive(Clone, Debug)]
pub struct Organization {
    /// What it is called.
    pub name: String,
    /// Its mail domain.
    pub domain: String,
}

/// The household with 139 marketing mails in 39 weeks, 3 orders and no click.
#[derive(Clone, Debug)]
pub struct PizzaHousehold {
    /// Its index; none in a world without households.
    pub household: Option<usize>,
    /// When each marketing mail was sent.
    pub mails: Vec<Timestamp>,
    /// What it ordered.
    pub orders: Vec<Order>,
    /// How often it clicked in a mail.
    pub clicks: u32,
}

/// One purchase.
#[derive(Clone, Debug)]
pub struct Order {
    /// When.
    pub at: Timestamp,
    /// Index of the store.
    pub store: usize,
    /// The total in minor units of the store's currency.
    pub total: u64,
}

const STORES: &[Store] = &[
    Store { name: "Ember & Oak, Camden", zone: "Europe/London", currency: "GBP" },
    Store { name: "Ember & Oak, Didsbury", zone: "Europe/London", currency: "GBP" },
    Store { name: "Ember & Oak, Kreuzberg", zone: "Europe/Berlin", currency: "EUR" },
    Store { name: "Ember & Oak, Brooklyn", zone: "America/New_York", currency: "USD" },
];

const PIZZA_MAILS: i64 = 139;
const PIZZA_WEEKS: i64 = 39;
const PIZZA_ORDERS: i64 = 3;

impl Company {
    pub(crate) fn invent(settings: &Settings, until: Timestamp) -> Self {
        let dice = &mut dice(settings.seed, 1);
        let organizations = organizations(dice, (settings.people / 12).max(1));
        let kiosk_phone = "+442079460999".to_owned();
        let mut people: Vec<Person> = (0..settings.people)
            .map(|number| person(dice, number, settings, until, &organizations, &kiosk_phone))
            .collect();
        let households = households(dice, &mut people);
        let pizza = pizza(dice, (!households.is_empty()).then_some(0), until);
        Self {
            name: "Ember & Oak",
            domain: "ember-oak.example",
            stores: STORES.to_vec(),
            people,
            households,
            organizations,
            kiosk_phone,
            pizza,
        }
    }
}

fn organizations(dice: &mut Dice, count: usize) -> Vec<Organization> {
    let names = (0..count).map(|number| names::organization(dice, number));
    names.map(|(name, domain)| Organization { name, domain }).collect()
}

fn person(
    dice: &mut Dice,
    number: usize,
    settings: &Settings,
    until: Timestamp,
    organizations: &[Organization],
    kiosk_phone: &str,
) -> Person {
    let (given_name, given_ascii) = one_of(dice, names::GIVEN);
    let (family_name, family_ascii) = one_of(dice, names::FAMILY);
    let domain = one_of(dice, names::MAIL_DOMAINS);
    let mut emails = vec![format!("{given_ascii}.{family_ascii}{number}@{domain}")];
    let organization = (dice.random_ratio(1, 5)).then(|| dice.random_range(0..organizations.len()));
    if let Some(organization) = organization {
        let domain = &organizations[organization].domain;
        emails.push(format!("{given_ascii}.{family_ascii}{number}@{domain}"));
    }
    let phone = match dice.random_range(0..20) {
        0..=13 => phones::nth(number),
        14 => Some(kiosk_phone.to_owned()),
        _ => None,
    };
    let history = i64::from(settings.days.max(1)) * 86_400;
    Person {
        given_name,
        family_name,
        emails,
        phone,
        household: None,
        organization,
        store: dice.random_range(0..STORES.len()),
        since: until - SignedDuration::from_secs(dice.random_range(history / 2..history * 2)),
    }
}

/// Groups about a third of the people by two to four; many write from the family's mailbox.
fn households(dice: &mut Dice, people: &mut [Person]) -> Vec<Household> {
    let mut households = Vec::new();
    let mut next = 0;
    while next + 4 <= people.len() / 3 {
        let members: Vec<usize> = (next..next + dice.random_range(2..=4)).collect();
        next += members.len();
        let (family_name, family_ascii) = one_of(dice, names::FAMILY);
        let mailbox = format!("family.{family_ascii}{}@example.net", households.len());
        for &member in &members {
            let person = &mut people[member];
            person.family_name = family_name;
            person.household = Some(households.len());
            if dice.random_ratio(1, 2) {
                person.emails.insert(0, mailbox.clone());
            }
        }
        if !households.len().is_multiple_of(NAMESAKES_IN) {
            tell_apart(people, &members);
        }
        households.push(Household { members, mailbox });
    }
    households
}

/// Of so many households that would have two of one name by chance, one has them: few names are handed down.
const NAMESAKES_IN: usize = 16;

/// Gives whoever bears the name of an older one of the household the next name that none of them bears.
fn tell_apart(people: &mut [Person], members: &[usize]) {
    let mut taken: Vec<&str> = Vec::new();
    for &member in members {
        let person = &mut people[member];
        let at = names::GIVEN.iter().position(|(name, _)| *name == person.given_name);
        let from_there = names::GIVEN.iter().cycle().skip(at.unwrap_or_default());
        let free = from_there.take(names::GIVEN.len()).find(|(name, _)| !taken.contains(name));
        if let (Some(at), Some((name, ascii))) = (at, free)
            && *name != person.given_name
        {
            let former = format!("{}.", names::GIVEN[at].1);
            for email in &mut person.emails {
                if let Some(rest) = email.strip_prefix(&former) {
                    *email = format!("{ascii}.{rest}");
                }
            }
            person.given_name = name;
        }
        taken.push(person.given_name);
    }
}

fn pizza(dice: &mut Dice, household: Option<usize>, until: Timestamp) -> PizzaHousehold {
    let span = PIZZA_WEEKS * 7 * 86_400;
    let start = until - SignedDuration::from_secs(span);
    let spread = |count: i64, index: i64| {
        start + SignedDuration::from_secs(span / count * index + span / count / 2)
    };
    let mails = (0..PIZZA_MAILS).map(|index| spread(PIZZA_MAILS, index));
    let orders = (0..PIZZA_ORDERS).map(|index| Order {
        at: spread(PIZZA_ORDERS, index),
        store: 0,
        total: dice.random_range(1_400..4_200),
    });
    PizzaHousehold { household, mails: mails.collect(), orders: orders.collect(), clicks: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn company(people: usize) -> Company {
        let settings = Settings { people, ..Settings::default() };
        Company::invent(&settings, Timestamp::from_second(1_780_000_000).expect("in range"))
    }

    #[test]
    fn the_same_seed_gives_the_same_company() {
        assert_eq!(format!("{:?}", company(80)), format!("{:?}", company(80)));
    }

    #[test]
    fn the_pizza_household_gets_more_mail_than_it_orders() {
        let pizza = company(120).pizza;
        assert_eq!((pizza.mails.len(), pizza.orders.len(), pizza.clicks), (139, 3, 0));
        assert!(pizza.household.is_some());
    }

    #[test]
    fn few_households_have_two_of_one_name_and_everybody_writes_under_their_own() {
        let company = company(6_000);
        let has_namesakes = |household: &&Household| {
            let names = household.members.iter().map(|&member| company.people[member].given_name);
            names.collect::<std::collections::BTreeSet<_>>().len() < household.members.len()
        };
        let with_some = company.households.iter().filter(has_namesakes).count();
        assert!((1..company.households.len() / 50).contains(&with_some), "{with_some}");
        for person in &company.people {
            let (_, ascii) =
                names::GIVEN.iter().find(|name| name.0 == person.given_name).expect("listed");
            let own = format!("{ascii}.");
            assert!(person.emails.iter().any(|email| email.starts_with(&own)), "{person:?}");
        }
    }

    #[test]
    fn phones_are_shared_only_at_the_kiosk() {
        let company = company(2_000);
        let mut own: Vec<_> = company.people.iter().filter_map(|p| p.phone.clone()).collect();
        let all = own.len();
        own.retain(|phone| *phone != company.kiosk_phone);
        assert!(all > own.len());
        let mut distinct = own.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), own.len());
    }

    #[test]
    fn a_world_may_be_empty_or_tiny() {
        assert!(company(0).people.is_empty());
        assert_eq!(company(1).people.len(), 1);
    }
}
