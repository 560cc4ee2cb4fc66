//! Without faults: what lands is the truth, and landing it again changes nothing.

use e2e::stand::Stand;
use shared::ledger::Outcome;

#[tokio::test(flavor = "multi_thread")]
async fn a_first_sync_lands_the_truth_and_a_second_changes_nothing() {
    let stand = Stand::start().await;
    let runs = stand.sync().await;
    for run in &runs {
        assert_eq!(run.outcome, Outcome::CaughtUp, "{run:?}");
        run.ledger.check().expect("the count adds up");
    }
    let landed = stand.landed().await;
    landed.assert_is(&stand.simulator.zendesk().truth());
    let again = stand.sync().await;
    for run in &again {
        assert_eq!(run.ledger.landed, 0, "{run:?}");
        assert_eq!(run.ledger.missed_by_webhook, 0, "{run:?}");
    }
    assert_eq!(stand.landed().await.rows.len(), landed.rows.len());
}
