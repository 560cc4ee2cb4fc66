//! `kill -9` at any moment: of a backfill fifty times, of the receiver of webhooks ten times.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use e2e::process::{Laptop, send};
use e2e::stand::{CONNECTION, settled};
use shared::landing::{Objects, decompress};
use shared::schema::Sha256;
use simulator::zendesk::Delivery;
use tokio::sync::watch;

const SEED: u64 = 0x7269_7665_7273;
const SIGKILL: Option<i32> = Some(9);

/// Numbers that look random, the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    fn some(&mut self, end: u64) -> usize {
        usize::try_from(self.below(end)).expect("a small number")
    }

    fn millis(&mut self, end: u64) -> Duration {
        Duration::from_millis(self.below(end))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_killed_fifty_times_lands_the_truth() {
    let company = simulator::Settings { people: 160, ..settled() };
    let laptop = Laptop::with(company, "export_page_size = 1").await;
    let mut dice = Dice(SEED);
    let mut progress = BTreeSet::new();
    for kill in 0..50 {
        let mut sync = laptop.tributary(&["sync"]).spawn().expect("sync starts");
        // Each fifth while it starts; the others somewhere in their work, told by the requests, however slow the machine.
        if kill % 5 > 0 {
            let until = laptop.desk().requests().len() + 1 + dice.some(30);
            while laptop.desk().requests().len() < until
                && sync.try_wait().expect("it is ours").is_none()
            {
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
        }
        tokio::time::sleep(dice.millis(if kill % 5 > 0 { 60 } else { 400 })).await;
        sync.start_kill().expect("it is ours");
        let ended = sync.wait_with_output().await.expect("it is ours");
        let signal = ended.status.signal();
        assert_eq!(signal, SIGKILL, "kill {kill} of seed {SEED:#x} came too late: {ended:?}");
        progress.insert(laptop.files().len());
    }
    assert!(progress.len() > 20, "the kills stood in the way of nearly all work: {progress:?}");
    let left = laptop.drain().await;
    // A backfill that goes on reads what no webhook could have brought.
    assert!(left.iter().all(|run| run["missed_by_webhook"] == 0), "{left:#?}");
    let pages: u64 = left.iter().filter_map(|run| run["pages"].as_u64()).sum();
    println!("{} times further in 50 runs, {pages} pages left for the last", progress.len());
    let landed = laptop.landed().await;
    landed.assert_is(&laptop.desk().truth());
    assert_objects_are_whole(&laptop).await;
    let again = laptop.drain().await;
    assert!(again.iter().all(|run| run["landed"] == 0), "{again:#?}");
}

/// Every file in the bucket is a listed object and the other way round, and raw pages have the digest that names them.
async fn assert_objects_are_whole(laptop: &Laptop) {
    let listed = laptop
        .look(async |stores| {
            let objects = Objects::new(&stores);
            let keys = objects.list("").await.expect("a listing");
            for key in keys.iter().filter(|key| key.starts_with("raw/")) {
                let (bytes, notes) = objects.read(key).await.expect("an object");
                let digest = Sha256::of(&decompress(&bytes).expect("whole")).to_string();
                assert!(key.contains(&digest), "{key} holds something else");
                assert!(notes.contains_key("received-at"), "{key} lost its notes");
            }
            keys
        })
        .await;
    assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), laptop.files());
    let drafts = laptop.folder.path().join("data/s3/.draft");
    assert_eq!(std::fs::read_dir(drafts).expect("a folder").count(), 0, "drafts are left over");
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_acknowledged_by_a_receiver_killed_ten_times_are_landed() {
    let laptop = Arc::new(Laptop::with(simulator::Settings { people: 30, ..settled() }, "").await);
    laptop.drain().await;
    laptop.desk().live(400);
    let deliveries = laptop.desk().deliveries();
    assert!(deliveries.len() > 200, "only {} deliveries", deliveries.len());
    let (address, addresses) = watch::channel(None);
    let sender = Arc::new(Sender {
        waiting: Mutex::new(deliveries.clone()),
        acknowledged: Mutex::default(),
        done: AtomicBool::new(false),
    });
    let senders: Vec<_> = (0..4)
        .map(|_| tokio::spawn(Arc::clone(&sender).run(Arc::clone(&laptop), addresses.clone())))
        .collect();
    let mut dice = Dice(SEED);
    for kill in 0..10 {
        let mut serving = laptop.serve(&["--no-sync"]).await;
        address.send_replace(Some(serving.webhooks()));
        let until = sender.acknowledged().len() + dice.some(20);
        while sender.acknowledged().len() < until {
            assert!(!sender.done(), "kill {kill} came too late");
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        tokio::time::sleep(dice.millis(30)).await;
        serving.child.start_kill().expect("it is ours");
        assert_eq!(serving.ended().await.signal(), SIGKILL);
    }
    let acknowledged = sender.acknowledged().clone();
    println!(
        "{} of {} deliveries acknowledged in ten short lives",
        acknowledged.len(),
        deliveries.len()
    );
    assert_deliveries_are_landed(&laptop, &deliveries, &acknowledged).await;
    let serving = laptop.serve(&["--no-sync"]).await;
    address.send_replace(Some(serving.webhooks()));
    for sender in senders {
        sender.await.expect("the sender ends");
    }
    assert!(serving.terminate().await.success());
    let all = deliveries.iter().map(|delivery| delivery.id.clone()).collect();
    assert_eq!(*sender.acknowledged(), all);
    assert_deliveries_are_landed(&laptop, &deliveries, &all).await;
    laptop.settle();
    laptop.drain().await;
    laptop.landed().await.assert_is(&laptop.desk().truth());
}

/// A sender that repeats each delivery until it is acknowledged.
struct Sender {
    waiting: Mutex<Vec<Delivery>>,
    acknowledged: Mutex<BTreeSet<String>>,
    done: AtomicBool,
}

impl Sender {
    async fn run(
        self: Arc<Self>,
        laptop: Arc<Laptop>,
        mut address: watch::Receiver<Option<String>>,
    ) {
        loop {
            let Some(delivery) = self.waiting.lock().expect("no panic before").pop() else { break };
            loop {
                let url = address.wait_for(Option::is_some).await.expect("a server").clone();
                match send(laptop.desk(), &delivery, &url.unwrap_or_default()).await {
                    Some(202) => break,
                    Some(status) => panic!("{}: {status}", delivery.kind),
                    None => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
            self.acknowledged().insert(delivery.id);
        }
        self.done.store(true, Ordering::SeqCst);
    }

    fn acknowledged(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.acknowledged.lock().expect("no panic before")
    }

    fn done(&self) -> bool {
        self.done.load(Ordering::SeqCst)
    }
}

/// A delivery that was acknowledged has its bytes in the raw zone, and its id is noted as landed.
async fn assert_deliveries_are_landed(
    laptop: &Laptop,
    deliveries: &[Delivery],
    acknowledged: &BTreeSet<String>,
) {
    let landed = laptop.landed().await;
    for delivery in deliveries.iter().filter(|delivery| acknowledged.contains(&delivery.id)) {
        let noted = landed.state.get(&(format!("DELIVERY#{CONNECTION}"), delivery.id.clone()));
        assert!(noted.is_some_and(|item| item.contains_key("done")), "{} is lost", delivery.id);
        let digest = Sha256::of(&delivery.body).to_string();
        let stored = |key: &String| key.contains("stream=webhook/") && key.contains(&digest);
        assert!(landed.keys.iter().any(stored), "the bytes of {} are lost", delivery.id);
    }
}
