//! The functions of each system: what is pulled, what is pushed, and what comes between.

use std::time::Duration;

use e2e::lambda_runtime::{Function, schedule_event};
use e2e::permissions::Asked;
use e2e::process::cloud::{Cloud, IDENTITY_KEY};
use e2e::stand::{oauth_keys, settled};
use jiff::Timestamp;
use serde_json::Value;
use simulator::hubspot::Kind;
use simulator::zendesk::NewTicket;
use simulator::{ConnectionKeys, Fault, Simulator, Vendor};

use super::deliveries::{LARGE, pushed_and_landed};
use super::{MINUTE, answered, ended_while, refuses_nonsense};

/// A deadline that leaves two seconds to work in.
const SHORT: Duration = Duration::from_secs(5);

/// One system, with a company that uses it.
pub(super) struct System {
    pub(super) name: &'static str,
    pub(super) cloud: Cloud,
    vendors: &'static [&'static str],
}

impl System {
    async fn start(name: &'static str, vendors: &'static [&'static str]) -> Self {
        let company = simulator::Settings { people: 8, days: 40, ..settled() };
        let simulator = Simulator::start(company).await.expect("the simulator starts");
        simulator.square().set_webhook_url("https://hooks.example/pos");
        simulator.hubspot().set_webhook_url("https://hooks.example/crm");
        let connections: Vec<_> =
            vendors.iter().map(|vendor| connection(&simulator, vendor)).collect();
        let cloud = Cloud::of(name, simulator, connections).await;
        Self { name, cloud, vendors }
    }

    /// Its vendors, with the names of their connections.
    pub(super) fn vendors(&self) -> impl Iterator<Item = (&'static str, &dyn Vendor)> {
        self.vendors.iter().map(|name| (*name, vendor(&self.cloud.simulator, name)))
    }

    fn sync(&self) -> (Function, Asked) {
        self.cloud.spawn_watched(&format!("{}-sync", self.name), &[])
    }

    fn door(&self) -> (Function, Asked) {
        self.cloud.spawn_watched(&format!("{}-webhook", self.name), &[])
    }

    /// Changes to everything, and to who somebody is.
    fn live(&self) {
        for (_, vendor) in self.vendors() {
            vendor.live(40);
        }
        // Somebody's address is another: what led from the old one to them has to go.
        let (simulator, now) = (&self.cloud.simulator, Timestamp::now().as_millisecond());
        for customer in simulator.square().truth().customers.keys() {
            simulator.square().change_email(customer, &format!("{customer}-{now}@example.org"));
        }
        for contact in simulator.hubspot().truth().objects[&Kind::Contact].keys() {
            let email = format!("moved-{contact}-{now}@example.org");
            simulator.hubspot().set((Kind::Contact, *contact), "email", Some(&email));
        }
        self.cloud.settle();
    }
}

fn vendor<'s>(simulator: &'s Simulator, name: &str) -> &'s dyn Vendor {
    match name {
        "klaviyo" => simulator.klaviyo(),
        "sendgrid" => simulator.sendgrid(),
        "zendesk" => simulator.zendesk(),
        "square" => simulator.square(),
        "hubspot" => simulator.hubspot(),
        "bluesky" => simulator.bluesky(),
        _ => simulator.brandwatch(),
    }
}

/// A connection that signs in as an app where the vendor has apps: renewed tokens have to be kept.
fn connection(simulator: &Simulator, vendor: &str) -> ConnectionKeys {
    match vendor {
        "klaviyo" => {
            let mut connection = simulator.klaviyo().connection_with_oauth();
            connection.keys += "webhook_secrets = [{ file = \"klaviyo-webhook\" }]\n";
            let secret = simulator.klaviyo().webhook_secret().to_owned();
            connection.secrets.push(("klaviyo-webhook", secret));
            connection
        }
        "sendgrid" => simulator.sendgrid().connection(),
        "zendesk" => {
            let desk = simulator.zendesk();
            let keys = format!(
                "base_url = {:?}\n{}\npace = \"unlimited\"\nregion = \"GB\"\n\
                 webhook_secrets = [{{ file = \"webhook\" }}]\n",
                desk.base_url(),
                oauth_keys(desk)
            );
            let oauth = desk.oauth();
            let secrets = vec![
                ("client-secret", oauth.client_secret),
                ("refresh-token", oauth.refresh_token),
                ("webhook", desk.webhook_secret().to_owned()),
            ];
            ConnectionKeys { source: "zendesk", keys, secrets }
        }
        "square" => simulator.square().oauth_connection(),
        "hubspot" => simulator.hubspot().oauth_connection(),
        "bluesky" => simulator.bluesky().connection(),
        _ => simulator.brandwatch().connection(),
    }
}

/// A record that does not fit into an item, where it is pulled.
fn add_a_large_record(simulator: &Simulator) {
    let large = "Long ".repeat(LARGE / 5);
    simulator.bluesky().post(&format!("#emberoak {large}"), None);
    simulator.hubspot().import(Kind::Contact, 1, "firstname", &large);
    let desk = simulator.zendesk();
    desk.create_ticket(NewTicket {
        requester_id: *desk.truth().users.keys().next_back().expect("a user"),
        subject: large,
        description: "Short.".to_owned(),
        channel: "web",
        priority: None,
    });
}

fn expire_tokens(simulator: &Simulator) {
    simulator.klaviyo().expire_access_token();
    simulator.zendesk().expire_access_token();
    simulator.square().expire_access_token();
    simulator.hubspot().expire_access_token();
    simulator.bluesky().expire_access_tokens();
    simulator.brandwatch().expire_token();
}

/// Ticks until every stream is caught up.
async fn drained(sync: &Function) -> Vec<Value> {
    for _ in 0..20 {
        let answer = answered(sync, &schedule_event(), MINUTE).await;
        let runs = answer["runs"].as_array().expect("runs").clone();
        if runs.iter().all(|run| run["outcome"] == "caught_up") {
            return runs;
        }
    }
    panic!("the streams did not catch up in twenty ticks: {:#?}", sync.logs());
}

async fn lives_through_everything(system: System) {
    let cloud = &system.cloud;
    let (sync, asked) = system.sync();
    sync.first_next().await;
    add_a_large_record(&cloud.simulator);
    for (name, vendor) in system.vendors() {
        // HubSpot's searches and lists of ids are no records yet.
        let path = if name == "hubspot" { "/objects/contacts/batch/read" } else { "" };
        vendor.faults().inject_on(path, Fault::BadRecord, 1);
    }
    cloud.settle();
    drained(&sync).await;
    let landed = cloud.landed().await;
    landed.assert_consistent();
    assert!(!landed.rows.is_empty() && !landed.quarantined.is_empty());

    expire_tokens(&cloud.simulator);
    system.live();
    drained(&sync).await;
    near_the_deadline(&system, &sync).await;
    refuses_nonsense(&sync).await;
    if system.name != "social" {
        pushed_and_landed(&system, system.door(), &sync).await;
    }
    ended_at_work(&system).await;
    cloud.landed().await.assert_consistent();
    assert!(!sync.logs().join("\n").contains(IDENTITY_KEY), "the identity key is in the logs");
    assert!(asked.has("s3:PutObject", "Bucket/rows/"), "{:#?}", asked.all());
}

/// Every vendor hangs: the function gives up, and answers before it is ended.
async fn near_the_deadline(system: &System, sync: &Function) {
    system.live();
    for (_, vendor) in system.vendors() {
        vendor.faults().inject(Fault::SlowBody(MINUTE), 1000);
    }
    let answer = answered(sync, &schedule_event(), SHORT).await;
    let runs = answer["runs"].as_array().expect("runs");
    assert!(runs.iter().any(|run| run["outcome"] == "paused"), "{runs:#?}");
    for (_, vendor) in system.vendors() {
        vendor.faults().clear();
    }
    drained(sync).await;
}

/// SIGTERM between two pages: the next process goes on where this one was.
async fn ended_at_work(system: &System) {
    system.live();
    for (_, vendor) in system.vendors() {
        vendor.faults().inject(Fault::SlowBody(Duration::from_millis(300)), 1000);
    }
    let raw = ("s3:PutObject", "Bucket/raw/");
    ended_while(&system.sync(), &schedule_event(), SHORT, raw).await;
    for (_, vendor) in system.vendors() {
        vendor.faults().clear();
    }
    // Its leases end ten seconds after the time it had; a tick before that passes the streams by.
    let (next, _) = system.sync();
    answered(&next, &schedule_event(), MINUTE).await;
    tokio::time::sleep(Duration::from_secs(13)).await;
    drained(&next).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn email_lives_through_everything() {
    lives_through_everything(System::start("email", &["klaviyo", "sendgrid"]).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn helpdesk_lives_through_everything() {
    lives_through_everything(System::start("helpdesk", &["zendesk"]).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pos_lives_through_everything() {
    lives_through_everything(System::start("pos", &["square"]).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn crm_lives_through_everything() {
    lives_through_everything(System::start("crm", &["hubspot"]).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn social_lives_through_everything() {
    lives_through_everything(System::start("social", &["bluesky", "brandwatch"]).await).await;
}
