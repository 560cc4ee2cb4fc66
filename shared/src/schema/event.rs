//! What can happen: the types of interactions and what each of them tells.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

use super::{
    Answer, Channel, ConsentState, Known, Purpose, RecordKey, identifier::UuidText,
    vocabulary::vocabulary,
};

/// Declares the types of interactions: their stored names and what each of them tells.
macro_rules! interactions {
    ($($(#[$meaning:meta])* $variant:ident($told:ty) = $name:literal,)+) => {
        /// What happened, with what is told about it.
        #[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
        #[serde(tag = "type", content = "data")]
        pub enum InteractionKind {
            $($(#[$meaning])* #[serde(rename = $name)] $variant($told),)+
        }

        impl InteractionKind {
            /// Every type, in the order of the reference page.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// The type as it is stored, such as `ticket.message`.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $name,)+
                }
            }

            pub(super) fn serialize_told<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$variant(told) => told.serialize(to),)+
                }
            }
        }
    };
}

interactions! {
    /// An email was handed to the sender.
    EmailSent(Nothing) = "email.sent",
    /// The receiving server accepted it.
    EmailDelivered(Nothing) = "email.delivered",
    /// The receiving server asked to try again later.
    EmailDeferred(Nothing) = "email.deferred",
    /// Its images were loaded.
    EmailOpened(Opened) = "email.opened",
    /// A link in it was followed.
    EmailClicked(Clicked) = "email.clicked",
    /// It could not be delivered.
    EmailBounced(Bounced) = "email.bounced",
    /// The person reported it as spam.
    EmailComplained(Nothing) = "email.complained",
    /// The person unsubscribed through it.
    EmailUnsubscribed(Nothing) = "email.unsubscribed",
    /// The person answered it.
    EmailReplied(Nothing) = "email.replied",
    /// It was not sent, because the address is suppressed.
    EmailSuppressed(Nothing) = "email.suppressed",
    /// A ticket was opened.
    TicketCreated(Nothing) = "ticket.created",
    /// Somebody wrote in a ticket.
    TicketMessage(Message) = "ticket.message",
    /// A ticket changed its status.
    TicketStatusChanged(Change) = "ticket.status_changed",
    /// A ticket was solved.
    TicketSolved(Nothing) = "ticket.solved",
    /// The person rated a ticket.
    TicketCsat(Rating) = "ticket.csat",
    /// The person said how likely they are to recommend us.
    TicketNps(Nps) = "ticket.nps",
    /// An order was placed; the value is its total.
    OrderPlaced(Nothing) = "order.placed",
    /// An order was paid; the value is the payment.
    OrderPaid(Nothing) = "order.paid",
    /// An order was handed over or shipped.
    OrderFulfilled(Nothing) = "order.fulfilled",
    /// An order was called off.
    OrderCancelled(Nothing) = "order.cancelled",
    /// Money was paid back; the value is the refund, positive.
    OrderRefunded(Nothing) = "order.refunded",
    /// Loyalty points were earned.
    LoyaltyEarned(Points) = "loyalty.earned",
    /// Loyalty points were spent.
    LoyaltyRedeemed(Points) = "loyalty.redeemed",
    /// A deal was opened.
    DealCreated(Nothing) = "deal.created",
    /// A deal moved to another stage.
    DealStageChanged(Change) = "deal.stage_changed",
    /// A deal was won; the value is its amount.
    DealWon(Nothing) = "deal.won",
    /// A deal was lost; the value is its amount.
    DealLost(Nothing) = "deal.lost",
    /// A telephone call.
    ActivityCall(Activity) = "activity.call",
    /// A meeting.
    ActivityMeeting(Activity) = "activity.meeting",
    /// Something a colleague was to do about the person.
    ActivityTask(Activity) = "activity.task",
    /// Something a colleague wrote down about the person.
    ActivityNote(Activity) = "activity.note",
    /// The person named us in a post.
    SocialMentioned(Said) = "social.mentioned",
    /// The person answered one of our posts.
    SocialReplied(Said) = "social.replied",
    /// The person reviewed us.
    SocialReviewed(Said) = "social.reviewed",
    /// The person began to follow us.
    SocialFollowed(Said) = "social.followed",
    /// The person decided about being contacted.
    ConsentChanged(ConsentChange) = "consent.changed",
    /// Two people were recognised as one.
    IdentityMerged(Merge) = "identity.merged",
    /// What was held for one person was recognised as several.
    IdentitySplit(Split) = "identity.split",
}

/// Nothing beyond the fields that every interaction has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Nothing {}

/// About the opening of an email; opens are not people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Opened {
    /// Whether a machine loaded the images, such as Apple's prefetch; count those with `no` only.
    pub machine: Answer,
}

/// About the following of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Clicked {
    /// Whether a program followed it, such as a virus scanner.
    pub bot: Answer,
}

vocabulary! {
    /// How final a bounce is.
    Bounce {
        /// For good: no such mailbox.
        Hard = "hard",
        /// For now: a full mailbox.
        Soft = "soft",
    }
}

/// About an email that came back.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Bounced {
    /// How final it is.
    pub bounce: Bounce,
    /// The reply of the receiving server: `550`, or enhanced, `5.1.1`.
    #[serde(skip_serializing_if = "Known::is_absent")]
    pub smtp_code: Known<String>,
}

vocabulary! {
    /// Who can read a message.
    Visibility {
        /// The person and the colleagues.
        Public = "public",
        /// The colleagues only.
        Internal = "internal",
    }
}

/// About a message in a ticket; its text stays in the raw zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Message {
    /// Who can read it.
    pub visibility: Visibility,
}

/// About a change of status or stage.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Change {
    /// The status or stage before, as the entity has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The status or stage since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// About a rating of how satisfied the person is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Rating {
    /// The score given.
    pub score: u32,
    /// The best possible score.
    pub scale_max: u32,
}

/// About the answer to how likely the person is to recommend us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Nps {
    /// From 0 (never) to 10 (surely).
    #[schemars(range(min = 0, max = 10))]
    pub score: u8,
}

/// About loyalty points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Points {
    /// How many, always positive.
    pub points: i64,
    /// How many there were afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub balance: Option<i64>,
}

/// About something a colleague did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Activity {
    /// How long it took, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<u32>,
    /// Whether it is done.
    pub done: Answer,
}

/// About something said in public; the post itself is the `thread_key`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Said {
    /// The network or review site, in lower case, such as `mastodon`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
}

/// About a decision on being contacted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ConsentChange {
    /// The consent row that says it in full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent_key: Option<RecordKey>,
    /// The channel decided about.
    pub channel: Channel,
    /// The purpose decided about.
    pub purpose: Purpose,
    /// What was decided.
    pub state: ConsentState,
}

/// About people who were recognised as one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Merge {
    /// The person who remains.
    #[schemars(with = "UuidText")]
    pub person_id: Uuid,
    /// The ids that became aliases.
    #[schemars(with = "Vec<UuidText>")]
    pub merged_ids: Vec<Uuid>,
}

/// About a person who was recognised as several.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Split {
    /// The person who keeps the id.
    #[schemars(with = "UuidText")]
    pub person_id: Uuid,
    /// The people split off.
    #[schemars(with = "Vec<UuidText>")]
    pub split_ids: Vec<Uuid>,
}
