//! The history: who signed up, which campaigns went out, and what became of them.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rand::RngExt as _;
use serde_json::json;

use super::account::{Account, before, of_campaign};
use super::records::{Campaign, Decision, METRICS, Profile, SUPPRESSIONS, metric};
use crate::world::{Company, mistyped_name, one_of, written_email};

const DAY: i64 = 86_400;
const DISHES: &[&str] = &["Quattro stagioni", "Calzone", "Margherita", "Tarte flambée", "Focaccia"];

pub(super) fn write(account: &mut Account, company: &Arc<Company>, days: u32, until: Timestamp) {
    let start = until - SignedDuration::from_hours(i64::from(days.max(7)) * 24);
    campaigns(account, start, until);
    let mut addresses = HashSet::new();
    for number in 0..company.people.len() {
        if let Some(profile) = profile(account, company, number, until, &mut addresses) {
            account.people.insert(profile.id.clone(), number);
            account.profiles.insert(profile.id.clone(), profile);
        }
    }
    pizza(account, company, until);
    mails(account, until);
}

/// One a week by email, some archived; few by text message and push; one that waits and one that never will go.
fn campaigns(account: &mut Account, start: Timestamp, until: Timestamp) {
    let weeks = (until.as_second() - start.as_second()) / (7 * DAY);
    for week in 0..weeks {
        let at = start + SignedDuration::from_secs(week * 7 * DAY + 9 * 3_600);
        let channel = match week % 8 {
            3 => "sms",
            7 => "mobile_push",
            _ => "email",
        };
        let dish = one_of(&mut account.dice, DISHES);
        let archived = week * 3 < weeks;
        add(account, format!("Week {week}: {dish}"), channel, "Sent", archived, Some(at), at);
    }
    let soon = until + SignedDuration::from_hours(48);
    add(account, "Next week".to_owned(), "email", "Scheduled", false, Some(soon), until);
    add(account, "An idea".to_owned(), "email", "Draft", false, None, until);
    let cancelled = "Cancelled: No Recipients";
    add(account, "For nobody".to_owned(), "sms", cancelled, true, None, before(until, DAY));
}

fn add(
    account: &mut Account,
    name: String,
    channel: &'static str,
    status: &'static str,
    archived: bool,
    send_time: Option<Timestamp>,
    updated: Timestamp,
) {
    let id = account.id();
    let subject = (channel == "email").then(|| format!("{name}, fresh from the oven"));
    let campaign = Campaign {
        id: id.clone(),
        name,
        channel,
        status,
        archived,
        subject,
        updated,
        send_time,
        deleted: false,
    };
    account.campaigns.insert(id, campaign);
}

/// Most people have a profile; whoever shares an address shares one.
fn profile(
    account: &mut Account,
    company: &Company,
    number: usize,
    until: Timestamp,
    addresses: &mut HashSet<String>,
) -> Option<Profile> {
    let person = &company.people[number];
    let in_pizza = person.household.is_some() && person.household == company.pizza.household;
    if !in_pizza && account.dice.random_ratio(1, 6) {
        return None;
    }
    let known = person.emails.first()?;
    if !addresses.insert(known.to_lowercase()) {
        return None;
    }
    let email = if in_pizza { known.clone() } else { written_email(&mut account.dice, known) };
    let name = mistyped_name(&mut account.dice, person);
    let (first, last) = name.split_once(' ').unwrap_or((name.as_str(), ""));
    let created = person.since.min(before(until, 3_600));
    let span = (until.as_second() - created.as_second() - 60).max(1);
    let later = |account: &mut Account| {
        created + SignedDuration::from_micros(account.dice.random_range(0..span * 1_000_000))
    };
    let decided = later(account);
    let (consent, suppressions) = match account.dice.random_range(0..10) {
        _ if in_pizza => ("SUBSCRIBED", Vec::new()),
        0..=5 => ("SUBSCRIBED", Vec::new()),
        6 => ("NEVER_SUBSCRIBED", Vec::new()),
        7 => ("UNSUBSCRIBED", vec![("UNSUBSCRIBE", decided)]),
        _ => {
            let reason = one_of(&mut account.dice, SUPPRESSIONS);
            ("UNSUBSCRIBED", vec![("UNSUBSCRIBE", decided), (reason, later(account))])
        }
    };
    let told =
        |consent| Decision { consent, at: (consent != "NEVER_SUBSCRIBED").then_some(decided) };
    let sms = if person.phone.is_some() && account.dice.random_ratio(1, 3) {
        "SUBSCRIBED"
    } else {
        "NEVER_SUBSCRIBED"
    };
    Some(Profile {
        id: account.id(),
        email: Some(email),
        phone: person.phone.clone(),
        external_id: number.is_multiple_of(9).then(|| format!("till-{number}")),
        first_name: first.to_owned(),
        last_name: Some(last.trim().to_owned()).filter(|last| !last.is_empty()),
        created,
        updated: suppressions.iter().map(|(_, at)| *at).fold(decided, Timestamp::max),
        email_marketing: told(consent),
        sms_marketing: told(sms),
        suppressions,
        deleted: false,
    })
}

/// The household's profile gets every one of its mails and clicks none.
fn pizza(account: &mut Account, company: &Company, until: Timestamp) {
    let Some(household) = company.pizza.household else { return };
    let mailbox = &company.households[household].mailbox;
    let members = &company.households[household].members;
    let addresses = members.iter().filter_map(|&member| company.people[member].emails.first());
    let addresses: HashSet<&String> = addresses.chain([mailbox]).collect();
    let profile = account
        .profiles
        .values()
        .find(|profile| profile.email.as_ref().is_some_and(|email| addresses.contains(email)));
    let Some(profile) = profile.map(|profile| profile.id.clone()) else { return };
    for at in company.pizza.mails.iter().filter(|at| **at < until) {
        let Some(campaign) = account.some_campaign() else { return };
        account.event(metric("Received Email"), &profile, *at, of_campaign(&campaign));
    }
    account.pizza = Some(profile);
}

/// What became of the campaigns with everybody else, and what else is measured.
fn mails(account: &mut Account, until: Timestamp) {
    let sent: Vec<Campaign> = account
        .campaigns
        .values()
        .filter(|campaign| campaign.channel == "email" && campaign.status == "Sent")
        .cloned()
        .collect();
    let others = account.profiles.values().filter(|it| account.pizza.as_ref() != Some(&it.id));
    let profiles: Vec<Profile> = others.cloned().collect();
    for profile in &profiles {
        for campaign in &sent {
            let at = campaign.send_time.unwrap_or(until);
            if at < profile.created || account.dice.random_ratio(2, 3) {
                continue;
            }
            one_mail(account, profile, campaign, at, until);
        }
        let at = before(until, account.dice.random_range(60..30 * DAY));
        match account.dice.random_range(0..6) {
            0 => drop(account.event(&METRICS[9], &profile.id, at, json!({"$value": 29.98}))),
            1 => drop(account.event(&METRICS[10], &profile.id, at, json!({}))),
            2 => {
                let list = json!({"List": "Newsletter"});
                account.event(metric("Subscribed to List"), &profile.id, at, list);
            }
            _ => {}
        }
    }
}

fn one_mail(
    account: &mut Account,
    profile: &Profile,
    campaign: &Campaign,
    at: Timestamp,
    until: Timestamp,
) {
    let soon = |account: &mut Account, at: Timestamp| {
        let at = at + SignedDuration::from_secs(account.dice.random_range(5..40_000));
        (at < before(until, 30)).then_some(at)
    };
    let Some(received) = soon(account, at) else { return };
    if account.dice.random_ratio(1, 40) {
        let mut bounced = of_campaign(campaign);
        bounced["Bounce Type"] = json!("Hard");
        account.event(metric("Bounced Email"), &profile.id, received, bounced);
        return;
    }
    account.event(metric("Received Email"), &profile.id, received, of_campaign(campaign));
    if account.dice.random_ratio(1, 2)
        && let Some(opened) = soon(account, received)
    {
        let mut properties = of_campaign(campaign);
        properties["machine_open"] = json!(account.dice.random_ratio(1, 3));
        account.event(metric("Opened Email"), &profile.id, opened, properties);
        if account.dice.random_ratio(1, 4)
            && let Some(clicked) = soon(account, opened)
        {
            let mut properties = of_campaign(campaign);
            properties["URL"] = json!("https://ember-oak.example/menu");
            account.event(metric("Clicked Email"), &profile.id, clicked, properties);
        }
    }
}
