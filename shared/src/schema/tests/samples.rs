//! Invented people, companies and events, one of each kind.

use uuid::Uuid;

use crate::schema::*;

pub(super) fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

pub(super) fn key(text: &str) -> RecordKey {
    text.parse().unwrap()
}

pub(super) fn provenance(key: &RecordKey) -> Provenance {
    Provenance {
        record_key: key.clone(),
        source: key.source().into(),
        connection_id: key.connection().into(),
        source_object: key.object().into(),
        source_id: key.id().into_owned(),
        source_version: 1_767_323_045_000_000,
        source_updated_at: Some(at("2026-01-02T03:04:05Z")),
        occurred_at: None,
        received_at: at("2026-01-02T03:05:00.25Z"),
        ingested_at: at("2026-01-02T03:05:01Z"),
        raw_key: format!("raw/{}/eu/2026/01/02/0f3a.zst#17", key.source()),
        mapper_version: 3,
        schema_version: SCHEMA_VERSION,
        content_sha256: Sha256::default(),
        deleted: false,
        subject_key: None,
    }
}

/// One entity per table, interactions aside.
pub(super) fn entities() -> Vec<(RecordKey, Entity)> {
    let ticket = key("zendesk/eu/ticket/35436");
    let order = key("square/shops/order/CAISENgvlJ6jLWAzERDzjyHVybY");
    let order_keys = (order.clone(), order.sibling("order_line", "CAISENgv-1"));
    vec![
        (key("zendesk/eu/user/20978392"), person().into()),
        (key("mailchimp/news/consent/c-77"), consent().into()),
        (
            key("mailchimp/news/suppression/s-1"),
            Suppression::new(
                "9f".repeat(32),
                SuppressionCause::Erasure,
                at("2026-01-01T00:00:00Z"),
            )
            .into(),
        ),
        (key("hubspot/crm/company/501"), account().into()),
        (key("hubspot/crm/deal/9001"), deal().into()),
        (ticket, self::ticket().into()),
        (order_keys.0, self::order().into()),
        (order_keys.1, order_line(order.clone()).into()),
        (order.sibling("payment", "bP9mAsEMYPUGjjGNaNO5ZDVyLhSZY"), payment(order).into()),
        (key("brandwatch/world/mention/1"), post().into()),
        (key("mailchimp/news/campaign/42694e9e57"), campaign().into()),
    ]
}

fn person() -> PersonRecord {
    let address = ContactPoint {
        r#type: ContactType::Address,
        lines: vec!["Lindenweg 7".into()],
        locality: "Musterstadt".into(),
        region: "DE-BE".into(),
        postal_code: "01234".into(),
        country: "de".parse::<Country>().ok().into(),
        ..ContactPoint::default()
    };
    PersonRecord {
        party_type: PartyType::Individual,
        name: PersonName {
            given: "Ada".into(),
            family: "Beispiel".into(),
            full: "Ada Beispiel".into(),
            prefix: Known::Null,
            suffix: "".into(),
        },
        birth_date: "--05-17".parse::<PartialDate>().ok().into(),
        language: "de_de".parse::<Language>().ok().into(),
        time_zone: "Europe/Berlin".into(),
        identifiers: vec![
            Identifier::new(Namespace::HelpdeskUser, "20978392"),
            Identifier::email("Ada@Beispiel.example").unwrap().verified(at("2025-03-01T12:00:00Z")),
        ],
        contact_points: vec![
            ContactPoint::email("Ada@Beispiel.example"),
            ContactPoint::phone("030 901820 ext. 12", Some("DE")),
            address,
        ],
        account_key: Some(key("zendesk/eu/organization/57542")),
        tags: vec!["vip".into()],
        created_at: Some(at("2025-02-28T08:00:00+01:00")),
        created_precision: Some(Precision::Second),
        source_tz_assumed: None,
        ext: Ext::from([("suspended".into(), "false".into())]),
    }
}

fn consent() -> Consent {
    let decided = at("2026-01-02T03:04:05.678Z");
    Consent {
        contact_point: Some("ada@beispiel.example".into()),
        contact_type: ContactType::Email,
        lawful_basis: Some(LawfulBasis::Consent),
        double_opt_in: Some(DoubleOptIn { requested_at: Some(decided), confirmed_at: None }),
        scope: ConsentScope::ContactPoint,
        expires_at: Some(at("2028-01-02T00:00:00Z")),
        reason: "signed up at the till".into(),
        ..Consent::new(Channel::Email, Purpose::Marketing, ConsentState::Pending, decided)
    }
}

fn account() -> Account {
    Account {
        name: "Beispiel & Söhne".into(),
        domain: "beispiel.example".into(),
        industry: Known::Null,
        parent_key: Some(key("hubspot/crm/company/500")),
        country: "AT".parse::<Country>().ok().into(),
        ext: Ext::new(),
    }
}

fn deal() -> Deal {
    let amount = Money::parse_decimal("1250.5", "KWD".parse().unwrap()).unwrap();
    Deal {
        account_key: Some(key("hubspot/crm/company/501")),
        contact_keys: vec![key("hubspot/crm/contact/1")],
        name: "Forty chairs".into(),
        stage: "contractsent".into(),
        stage_category: StageCategory::Open,
        amount_minor: Some(amount.minor),
        currency: Some(amount.currency),
        minor_exponent: Some(amount.minor_exponent),
        close_date: "2026-03-31".parse::<PartialDate>().ok().into(),
        owner: "grace".into(),
        origin_ticket_key: Some(key("zendesk/eu/ticket/35436")),
        ext: Ext::new(),
    }
}

pub(super) fn ticket() -> Ticket {
    Ticket {
        subject: "My \"order\" is late – 3 days".into(),
        status: TicketStatus::Open,
        priority: Known::Null,
        channel: Channel::Email,
        opened_at: Some(at("2026-01-01T23:59:59.999999999Z")),
        opened_precision: Some(Precision::Nanosecond),
        first_reply_at: Some(at("2026-01-02T00:10:00Z")),
        solved_at: None,
        reopened_count: Some(1),
        tags: vec!["delivery".into(), "late".into()],
        topic: Some("delivery".into()),
        csat: Some(Csat { score: 4, scale_max: 5, comment: "quick".into() }),
        source_tz_assumed: Some("Europe/Berlin".into()),
        ext: Ext::from([("brand_id".into(), "360001".into())]),
    }
}

fn order() -> Order {
    Order {
        number: "A-1001".into(),
        status: OrderStatus::Completed,
        channel: Channel::Store,
        location_id: "L88917AVBK2S5".into(),
        placed_at: Some(at("2026-01-02T10:00:00Z")),
        placed_precision: Some(Precision::Minute),
        currency: "jpy".parse().ok(),
        minor_exponent: Some(0),
        subtotal_minor: Some(3000),
        discount_minor: Some(0),
        tax_minor: Some(300),
        shipping_minor: Some(0),
        tip_minor: None,
        total_minor: Some(3300),
        refunded_minor: Some(1100),
        source_tz_assumed: Some("Asia/Tokyo".into()),
        ext: Ext::new(),
    }
}

fn order_line(order_key: RecordKey) -> OrderLine {
    OrderLine {
        order_key: Some(order_key),
        line_no: 1,
        sku: "TEA-100".into(),
        product_id: "W62UWFY35CWMYGVWK6TWJDNI".into(),
        name: "Green tea".into(),
        quantity: "0.375".parse().ok(),
        unit_price_minor: Some(8000),
        discount_minor: Some(0),
        tax_minor: Some(300),
        currency: "JPY".parse().ok(),
        minor_exponent: Some(0),
        ext: Ext::new(),
    }
}

fn payment(order_key: RecordKey) -> Payment {
    Payment {
        refund_of: Some(order_key.sibling("payment", "first")),
        order_key: Some(order_key),
        tender: Tender::Card,
        amount_minor: Some(1100),
        currency: "JPY".parse().ok(),
        minor_exponent: Some(0),
        state: PaymentState::Completed,
        card_last4: "0042".parse().ok(),
        ext: Ext::new(),
    }
}

fn post() -> Post {
    Post {
        author_handle: "ada_b".into(),
        network: "mastodon".into(),
        author_followers: Some(120),
        text: "The tea is fine 🍵".into(),
        url: "https://social.example/@ada_b/1".into(),
        posted_at: Some(at("2026-01-02T00:00:00Z")),
        posted_precision: Some(Precision::Day),
        kind: PostKind::Review,
        rating: Some(4.5),
        reach: Some(3000),
        sentiment: Some(0.75),
        sentiment_model: Some("brandwatch".into()),
        language: "en".parse::<Language>().ok().into(),
        source_tz_assumed: Some("UTC".into()),
        ext: Ext::new(),
    }
}

fn campaign() -> Campaign {
    Campaign {
        name: "January tea".into(),
        channel: Channel::Email,
        subject: "Tea, {{name}}?".into(),
        sent_at: Some(at("2026-01-02T09:00:00Z")),
        sent_precision: None,
        audience_key: Some(key("mailchimp/news/list/57afe96172")),
        status: CampaignStatus::Sent,
        source_tz_assumed: None,
        ext: Ext::new(),
    }
}

/// One interaction with every optional field.
pub(super) fn interaction(kind: InteractionKind) -> Interaction {
    let happened = at("2026-01-02T03:04:05.5Z");
    let subject = key("zendesk/eu/user/20978392");
    Interaction {
        occurred_precision: Some(Precision::Second),
        direction: Some(Direction::In),
        channel: Channel::Email,
        campaign_key: Some(key("mailchimp/news/campaign/42694e9e57")),
        message_id: Some("<1@mail.example>".into()),
        thread_key: Some(key("zendesk/eu/ticket/35436")),
        purpose: Purpose::Service,
        url: Some("https://shop.example/tea?a=1&b=2".into()),
        value_minor: Some(3300),
        currency: "JPY".parse().ok(),
        minor_exponent: Some(0),
        source_tz_assumed: Some("UTC".into()),
        ext: Ext::from([("via".into(), r#"{"channel":"email"}"#.into())]),
        ..Interaction::new(kind, subject, happened, Some("evt-1"))
    }
}

/// One of each type, in the order of [`InteractionKind::NAMES`].
pub(super) fn kinds() -> Vec<InteractionKind> {
    use InteractionKind::*;
    let nothing = Nothing {};
    let change = |from: &str, to: &str| Change { from: Some(from.into()), to: Some(to.into()) };
    let points = Points { points: 30, balance: Some(130) };
    let said = Said { network: Some("mastodon".into()) };
    let done = Activity { duration_seconds: Some(600), done: Answer::Yes };
    let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
    vec![
        EmailSent(nothing),
        EmailDelivered(nothing),
        EmailDeferred(nothing),
        EmailOpened(Opened { machine: Answer::Yes }),
        EmailClicked(Clicked { bot: Answer::Unknown }),
        EmailBounced(Bounced { bounce: Bounce::Hard, smtp_code: "5.1.1".into() }),
        EmailComplained(nothing),
        EmailUnsubscribed(nothing),
        EmailReplied(nothing),
        EmailSuppressed(nothing),
        TicketCreated(nothing),
        TicketMessage(Message { visibility: Visibility::Internal }),
        TicketStatusChanged(change("open", "solved")),
        TicketSolved(nothing),
        TicketCsat(Rating { score: 4, scale_max: 5 }),
        TicketNps(Nps { score: 9 }),
        OrderPlaced(nothing),
        OrderPaid(nothing),
        OrderFulfilled(nothing),
        OrderCancelled(nothing),
        OrderRefunded(nothing),
        LoyaltyEarned(points),
        LoyaltyRedeemed(points),
        DealCreated(nothing),
        DealStageChanged(change("appointment", "contractsent")),
        DealWon(nothing),
        DealLost(nothing),
        ActivityCall(done),
        ActivityMeeting(done),
        ActivityTask(done),
        ActivityNote(done),
        SocialMentioned(said.clone()),
        SocialReplied(said.clone()),
        SocialReviewed(said.clone()),
        SocialFollowed(said),
        ConsentChanged(ConsentChange {
            consent_key: Some(key("mailchimp/news/consent/c-77")),
            channel: Channel::Email,
            purpose: Purpose::Marketing,
            state: ConsentState::OptOut,
        }),
        IdentityMerged(Merge { person_id: one, merged_ids: vec![two] }),
        IdentitySplit(Split { person_id: one, split_ids: vec![two] }),
    ]
}

/// A sealed row of every table and of every type of interaction, with its line.
pub(super) fn rows() -> Vec<(Row, String)> {
    let entities = entities().into_iter();
    let interactions = kinds().into_iter().enumerate().map(|(index, kind)| {
        (key(&format!("zendesk/eu/event/{index}")), Entity::from(interaction(kind)))
    });
    entities.chain(interactions).map(|(key, entity)| sealed(provenance(&key), entity)).collect()
}

pub(super) fn sealed(provenance: Provenance, entity: Entity) -> (Row, String) {
    let (row, content) = Row::seal(provenance, entity);
    let mut line = Vec::new();
    row.write_line(&content.bytes, &mut line);
    (row, String::from_utf8(line).unwrap())
}
