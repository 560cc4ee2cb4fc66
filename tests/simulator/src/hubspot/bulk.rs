//! Contacts in any number, for benchmarks.

use jiff::Timestamp;
use rand::RngExt as _;
use serde_json::json;

use super::history::written;
use crate::dice;

/// Contact records as JSON text, about 1 KB each, with ids from 1 and later and later times.
pub fn bulk_contacts(seed: u64, count: usize) -> impl Iterator<Item = String> {
    const START: i64 = 1_735_689_600_000;
    let mut dice = dice(seed, 59);
    (1..).take(count).map(move |id: i64| {
        let at = Timestamp::from_millisecond(START + id * 1_700).unwrap_or(Timestamp::MAX);
        let at = written(at);
        let number = dice.random_range(0..100);
        json!({
            "id": id.to_string(),
            "properties": {
                "address": format!("{number} Ember Street"),
                "associatedcompanyid": (id % 997 + 1).to_string(),
                "city": "London",
                "company": "Fairweather Catering",
                "country": "United Kingdom",
                "createdate": at,
                "date_of_birth": null,
                "email": format!("guest.{id}@mail.example"),
                "firstname": "Imogen",
                "hs_additional_emails": null,
                "hs_language": "en-gb",
                "hs_object_id": id.to_string(),
                "hubspot_owner_id": "71001",
                "jobtitle": "Head of kitchen",
                "lastmodifieddate": at,
                "lastname": "Calloway",
                "lifecyclestage": "customer",
                "mobilephone": "",
                "phone": format!("020 7946 0{number:03}"),
                "salutation": null,
                "state": "",
                "zip": "NW1 8AB",
            },
            "createdAt": at,
            "updatedAt": at,
            "archived": false,
        })
        .to_string()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contacts_are_of_a_realistic_size_and_the_same_for_a_seed() {
        let contacts: Vec<String> = bulk_contacts(7, 50).collect();
        assert!(contacts.iter().all(|contact| (600..1_200).contains(&contact.len())));
        assert_eq!(contacts, bulk_contacts(7, 50).collect::<Vec<_>>());
    }
}
