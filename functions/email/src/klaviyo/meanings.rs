//! What metrics mean: the same word whether an event is pulled, with its metric's name, or pushed, with its topic.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// What an event says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    /// An email arrived.
    Delivered,
    /// An email was opened.
    Opened,
    /// A link in an email was followed.
    Clicked,
    /// An email came back.
    Bounced,
    /// An email was not sent, because the address is suppressed.
    Dropped,
    /// An email was reported as spam.
    Complained,
    /// The person wants no more marketing by email.
    Unsubscribed,
    /// The person wants marketing by email.
    Subscribed,
    /// The person wants marketing by text message.
    SubscribedSms,
    /// The person wants no more marketing by text message.
    UnsubscribedSms,
    /// The person joined a list.
    JoinedList,
    /// The person left a list.
    LeftList,
    /// Nothing that is kept.
    Nothing,
}

/// The words of Klaviyo's own metrics, as they stand in topics: `event:klaviyo.received_email`.
const OWN: &[(&str, Meaning)] = &[
    ("received_email", Meaning::Delivered),
    // The guide to system webhooks has both words for it.
    ("email_delivered", Meaning::Delivered),
    ("opened_email", Meaning::Opened),
    ("clicked_email", Meaning::Clicked),
    ("bounced_email", Meaning::Bounced),
    ("dropped_email", Meaning::Dropped),
    ("marked_email_as_spam", Meaning::Complained),
    // The metric's name until it was told apart from text messages.
    ("unsubscribed", Meaning::Unsubscribed),
    ("unsubscribed_from_email_marketing", Meaning::Unsubscribed),
    ("subscribed_to_email_marketing", Meaning::Subscribed),
    ("subscribed_to_sms_marketing", Meaning::SubscribedSms),
    ("unsubscribed_from_sms_marketing", Meaning::UnsubscribedSms),
    ("subscribed_to_list", Meaning::JoinedList),
    ("unsubscribed_from_list", Meaning::LeftList),
];

const TOPIC: &str = "event:klaviyo.";
/// The integration that Klaviyo's own metrics belong to; a shop may have a metric of the same name.
const KLAVIYO: &str = "Klaviyo";

/// What metrics mean in one account.
#[derive(Debug)]
pub(super) struct Meanings {
    /// By the words of the operator's names.
    told: BTreeMap<String, Meaning>,
}

impl Meanings {
    pub(super) fn new(told: &BTreeMap<String, Meaning>) -> Self {
        let told = told.iter().map(|(name, meaning)| (word(name), *meaning));
        Self { told: told.collect() }
    }

    /// What a metric means, by its name and the integration that it belongs to.
    pub(super) fn of_metric(&self, name: &str, integration: Option<&str>) -> Meaning {
        let word = word(name);
        match self.told.get(&word) {
            Some(meaning) => *meaning,
            None if integration.is_none_or(|name| name == KLAVIYO) => own(&word),
            None => Meaning::Nothing,
        }
    }

    /// What a webhook's topic means.
    pub(super) fn of_topic(&self, topic: &str) -> Meaning {
        let Some(topic) = topic.strip_prefix(TOPIC) else { return Meaning::Nothing };
        self.told.get(topic).copied().unwrap_or_else(|| own(topic))
    }
}

fn own(word: &str) -> Meaning {
    OWN.iter().find(|(known, _)| *known == word).map_or(Meaning::Nothing, |(_, meaning)| *meaning)
}

/// `Marked Email as Spam` is `marked_email_as_spam` in a topic.
fn word(name: &str) -> String {
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join("_")
}
