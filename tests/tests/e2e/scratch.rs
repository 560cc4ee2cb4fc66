use e2e::stand::Stand;
use std::collections::BTreeMap;
#[tokio::test(flavor = "multi_thread")]
async fn counts() {
    let stand = Stand::small().await;
    let t = stand.simulator.zendesk().truth();
    let mut by: BTreeMap<_, std::collections::BTreeSet<u64>> = BTreeMap::new();
    for e in &t.events { by.entry(e.at).or_default().insert(e.event_id); }
    let max = by.values().map(|s| s.len()).max();
    let shared = by.values().filter(|s| s.len() > 1).count();
    eprintln!("users {} tickets {} orgs {} events {} ratings {} max {max:?} shared {shared}", t.users.len(), t.tickets.len(), t.organizations.len(), t.events.len(), t.ratings.len());
    eprintln!("deleted users {} tickets {}", t.users.values().filter(|u| !matches!(u.deletion, simulator::zendesk::Deletion::No)).count(), t.tickets.values().filter(|u| matches!(u.deletion, simulator::zendesk::Deletion::Soft(_))).count());
    let s = std::time::Instant::now();
    for r in stand.sync().await { eprintln!("{} {:?} {:?} {}", r.stream, r.outcome, r.ledger, r.seconds); }
    eprintln!("sync {:?}", s.elapsed());
    let s = std::time::Instant::now();
    stand.recover().await;
    eprintln!("recover {:?}", s.elapsed());
}
