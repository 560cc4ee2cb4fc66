//! What a profile agreed to, channel by channel, and whether its address must not be written to.

use serde_json::value::RawValue;
use shared::error::Invalid;
use shared::fields::Fields;
use shared::rows::{Draft, Rows};
use shared::schema::{
    Channel, Consent, ConsentScope, ConsentState, ContactType, DoubleOptIn, Ext, Known, Namespace,
    Purpose, RecordKey, Suppression, SuppressionCause, Timestamp, normalise_phone,
};

use super::listing::{object_text, rest};

pub(super) const OBJECT: &str = "consent";
const SUPPRESSION: &str = "suppression";

/// A decision that a profile can make, in Klaviyo's words and in ours.
struct Choice {
    group: &'static str,
    kind: &'static str,
    channel: Channel,
    purpose: Purpose,
    contact: ContactType,
}

const fn choice(
    group: &'static str,
    kind: &'static str,
    channel: Channel,
    purpose: Purpose,
    contact: ContactType,
) -> Choice {
    Choice { group, kind, channel, purpose, contact }
}

const EMAIL: Choice =
    choice("email", "marketing", Channel::Email, Purpose::Marketing, ContactType::Email);
const SMS: Choice =
    choice("sms", "marketing", Channel::Sms, Purpose::Marketing, ContactType::Phone);

/// Those of one group stand together.
const CHOICES: &[Choice] = &[
    EMAIL,
    SMS,
    choice("sms", "transactional", Channel::Sms, Purpose::Transactional, ContactType::Phone),
    choice("mobile_push", "marketing", Channel::Push, Purpose::Marketing, ContactType::Push),
    choice("whatsapp", "marketing", Channel::Messenger, Purpose::Marketing, ContactType::Phone),
    choice(
        "whatsapp",
        "transactional",
        Channel::Messenger,
        Purpose::Transactional,
        ContactType::Phone,
    ),
    choice("whatsapp", "conversational", Channel::Messenger, Purpose::Service, ContactType::Phone),
];

impl Choice {
    fn id(&self, profile: &str) -> String {
        format!("{profile}:{}:{}", self.group, self.kind)
    }

    /// There is no such decision, or no more: of interest only if there was one.
    fn none(&self, profile: &str, at: Timestamp, rows: &Rows<'_>) -> Draft {
        let nothing = Consent::new(self.channel, self.purpose, ConsentState::Unknown, at);
        let tombstone = Draft::tombstone(OBJECT, self.id(profile), at, nothing, rows);
        Draft { only_if_known: true, ..tombstone }
    }

    /// Buries the decision of a profile that has not made it, or not any more.
    fn unmake(&self, profile: Profile<'_>, rows: &mut Rows<'_>) {
        rows.push(self.none(profile.id, profile.changed_at, rows));
    }
}

/// The key of a profile's decision about marketing by this channel.
pub(super) fn key(profile: &str, channel: Channel, rows: &Rows<'_>) -> Option<RecordKey> {
    let choice = match channel {
        Channel::Email => EMAIL,
        Channel::Sms => SMS,
        _ => return None,
    };
    Some(rows.key(OBJECT, &choice.id(profile)))
}

/// Buries all decisions of a profile that is gone.
pub(super) fn bury(profile: &str, at: Timestamp, rows: &mut Rows<'_>) {
    for choice in CHOICES {
        rows.push(choice.none(profile, at, rows));
    }
}

/// Whose subscriptions these are.
#[derive(Clone, Copy)]
pub(super) struct Profile<'p> {
    pub(super) id: &'p str,
    /// The normalised address.
    pub(super) email: Option<&'p str>,
    /// The normalised number.
    pub(super) phone: Option<&'p str>,
    pub(super) created_at: Option<Timestamp>,
    pub(super) changed_at: Timestamp,
}

/// What suppressions say about the mailbox.
#[derive(Default)]
pub(super) struct Mailbox {
    pub(super) bounced: bool,
    pub(super) invalid: bool,
}

/// Takes the subscriptions of a profile and tells every decision and suppression in them; returns what is left.
///
/// What came with another type than documented says nothing: neither that there is a decision nor that there is none.
pub(super) fn tell(
    attributes: &mut Fields<'_>,
    profile: Profile<'_>,
    rows: &mut Rows<'_>,
) -> Result<(Mailbox, Option<String>), Invalid> {
    let mut mailbox = Mailbox::default();
    let Some(mut subscriptions) = attributes.object("subscriptions")? else {
        return Ok((mailbox, None));
    };
    let mut left = Ext::new();
    for choices in CHOICES.chunk_by(|a, b| a.group == b.group) {
        let name = choices[0].group;
        let Some(mut group) = subscriptions.object(name)? else {
            if !subscriptions.drifted().contains(&name) {
                for choice in choices {
                    choice.unmake(profile, rows);
                }
            }
            continue;
        };
        let mut undecided = Ext::new();
        for choice in choices {
            let Some(mut block) = group.object(choice.kind)? else {
                if !group.drifted().contains(&choice.kind) {
                    choice.unmake(profile, rows);
                }
                continue;
            };
            if choice.contact == ContactType::Email {
                mailbox = suppress(&mut block, profile, rows)?;
            }
            let rest = decide(choice, block, profile, rows)?;
            undecided.extend(rest.map(|rest| (choice.kind.into(), rest.into())));
        }
        undecided.append(&mut group.into_ext(rows));
        left.extend(object_text(&undecided).map(|rest| (name.into(), rest.into())));
    }
    left.append(&mut subscriptions.into_ext(rows));
    Ok((mailbox, object_text(&left)))
}

/// One decision; a profile that never made it has none, and what is told of it all the same is returned.
fn decide(
    choice: &Choice,
    mut block: Fields<'_>,
    profile: Profile<'_>,
    rows: &mut Rows<'_>,
) -> Result<Option<String>, Invalid> {
    let state = block.word("consent", |word| match word {
        "SUBSCRIBED" => Some(Some(ConsentState::OptIn)),
        "UNSUBSCRIBED" => Some(Some(ConsentState::OptOut)),
        "NEVER_SUBSCRIBED" => Some(None),
        _ => None,
    })?;
    let state = match state {
        Known::Value(Some(state)) => state,
        Known::Value(None) | Known::Absent => {
            choice.unmake(profile, rows);
            return Ok(rest(block, rows));
        }
        Known::Null => ConsentState::Unknown,
    };
    let told_at = match block.time("consent_timestamp")? {
        Some(at) => Some(at),
        None => block.time("last_updated")?,
    };
    // A decision that is known without its time is dated as early as it can be: it outranks nothing that has one.
    let effective_at = told_at.or(profile.created_at).unwrap_or(profile.changed_at);
    let mut consent = Consent::new(choice.channel, choice.purpose, state, effective_at);
    consent.contact_type = choice.contact;
    let own_number = block.said("phone_number")?;
    let own_number = own_number.and_then(|text| Some(normalise_phone(&text, rows.region())?.e164));
    (consent.scope, consent.contact_point) = match choice.contact {
        ContactType::Email => (ConsentScope::ContactPoint, profile.email.map(str::to_owned)),
        ContactType::Phone => {
            let number = own_number.or_else(|| profile.phone.map(str::to_owned));
            (ConsentScope::ContactPoint, number)
        }
        _ => (ConsentScope::Person, None),
    };
    // Whether, not when: the two times are not told.
    let double = block.get::<bool>("double_optin")?;
    consent.double_opt_in = (double == Known::Value(true)).then(DoubleOptIn::default);
    consent.expires_at = block.time("valid_until")?;
    consent.ext = block.into_ext(rows);
    let subject = rows.key(super::profiles::OBJECT, profile.id);
    let draft = Draft::new(OBJECT, choice.id(profile.id), profile.changed_at, consent, rows);
    rows.push(draft.about(Some(subject)));
    Ok(None)
}

/// The gravity and cause of a suppression, and what it says about the mailbox.
fn cause(word: &str) -> Option<(u8, SuppressionCause, Mailbox)> {
    let fine = Mailbox::default();
    Some(match word {
        "SPAM_COMPLAINT" => (4, SuppressionCause::Complaint, fine),
        "HARD_BOUNCE" => (3, SuppressionCause::HardBounce, Mailbox { bounced: true, ..fine }),
        "INVALID_EMAIL" => (3, SuppressionCause::HardBounce, Mailbox { invalid: true, ..fine }),
        "UNSUBSCRIBE" => (2, SuppressionCause::Unsubscribe, fine),
        "USER_SUPPRESSED" => (1, SuppressionCause::Manual, fine),
        _ => return None,
    })
}

/// Tells whether the address is suppressed, as one row under the address's pseudonym: the gravest cause counts.
fn suppress(
    block: &mut Fields<'_>,
    profile: Profile<'_>,
    rows: &mut Rows<'_>,
) -> Result<Mailbox, Invalid> {
    let mut mailbox = Mailbox::default();
    let all = match block.raw("suppression")? {
        Known::Absent => return Ok(mailbox),
        Known::Null => None,
        Known::Value(raw) => Some(raw),
    };
    let each = all.map(|raw| serde_json::from_str::<Vec<Fields<'_>>>(raw.get()));
    let Ok(each) = each.transpose() else {
        block.keep("suppression", all.unwrap_or(RawValue::NULL));
        rows.drifted(&["suppression"]);
        return Ok(mailbox);
    };
    let mut gravest: Option<(u8, SuppressionCause, Timestamp)> = None;
    for mut suppression in each.unwrap_or_default() {
        let (gravity, cause, says) =
            suppression.word("reason", cause)?.into_value().unwrap_or_default();
        mailbox.bounced |= says.bounced;
        mailbox.invalid |= says.invalid;
        let since = suppression.time("timestamp")?;
        let since = since.or(profile.created_at).unwrap_or(profile.changed_at);
        let graver = gravest
            .is_none_or(|(before, _, at)| gravity > before || (gravity == before && since < at));
        if graver {
            gravest = Some((gravity, cause, since));
        }
        suppression.report(rows);
    }
    let Some(email) = profile.email else { return Ok(mailbox) };
    let hmac = rows.pseudonym(Namespace::Email, email);
    let at = profile.changed_at;
    match (gravest, all) {
        (Some((_, cause, since)), Some(all)) => {
            let hmac = hmac?;
            let mut suppression = Suppression::new(hmac.clone(), cause, since);
            suppression.ext.insert(SUPPRESSION.into(), all.get().into());
            rows.push(Draft::new(SUPPRESSION, hmac, at, suppression, rows));
        }
        // Lifted, if there was one; nobody can tell without the deployment's secret.
        _ => {
            if let Ok(hmac) = hmac {
                let lifted = Suppression::new(hmac.clone(), SuppressionCause::Unknown, at);
                let tombstone = Draft::tombstone(SUPPRESSION, hmac, at, lifted, rows);
                rows.push(Draft { only_if_known: true, ..tombstone });
            }
        }
    }
    Ok(mailbox)
}
