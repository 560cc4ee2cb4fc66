//! Who writes: the profile that comes with each post.

use shared::error::Invalid;
use shared::fields::Fields;
use shared::rows::{Draft, Rows};
use shared::schema::{
    ContactPoint, ContactType, Identifier, Known, Namespace, PersonName, PersonRecord, Timestamp,
};

use super::NETWORK;

/// The object in the keys of authors.
pub(super) const OBJECT: &str = "author";
/// What stands for a handle whose domain does not point back.
const INVALID: &str = "handle.invalid";
/// The handle, if it is one.
pub(super) fn named(handle: Known<String>) -> Known<String> {
    handle.and_then(|handle| (handle.trim().to_lowercase() != INVALID).then_some(handle))
}

/// A day in microseconds.
const DAY: i64 = 86_400_000_000;

/// Maps a profile as it is shown with a post.
pub(super) fn map(
    did: &str,
    handle: Known<String>,
    mut profile: Fields<'_>,
    rows: &Rows<'_>,
) -> Result<(Draft, Vec<&'static str>), Invalid> {
    let mut person = PersonRecord {
        name: PersonName { full: profile.text("displayName")?, ..PersonName::default() },
        created_at: profile.time("createdAt")?,
        ..PersonRecord::default()
    };
    if let Some(exact) = handle.into_value().filter(|handle| !handle.trim().is_empty()) {
        let name = exact.trim().to_lowercase();
        let address = (name != INVALID).then(|| format!("{NETWORK}:{name}"));
        let identifier = |address: &String| Identifier::new(Namespace::SocialHandle, address);
        person.identifiers.extend(address.as_ref().map(identifier));
        person.contact_points.push(ContactPoint {
            r#type: ContactType::Social,
            exact: exact.into(),
            normalised: address,
            ..ContactPoint::default()
        });
    }
    // What they are to the account that asks, what moderators think, and what changes by the hour.
    for of_the_moment in ["viewer", "labels", "status", "debug"] {
        profile.ignore(of_the_moment);
    }
    let drifted = profile.drifted().to_vec();
    person.ext = profile.ext();
    let draft = Draft {
        // Nobody tells when a profile changed: what is read on a later day wins, so that it lands once a day at most.
        version: rows.received_at().as_micros().div_euclid(DAY) * DAY,
        updated_at: None,
        ..Draft::new(OBJECT, did, rows.received_at(), person, rows)
    };
    Ok((draft, drifted))
}

/// What is left of a deleted account.
pub(super) fn tombstone(did: &str, at: Timestamp, rows: &Rows<'_>) -> Draft {
    Draft::tombstone(OBJECT, did, at, PersonRecord::default(), rows)
}
