//! Merges and splits of people as interactions: told by whoever changed something, or by the next one after a crash.

use std::collections::BTreeSet;

use serde_json::value::RawValue;

use super::{Attempt, Batch, Landing, Place};
use crate::crash::{Point, point};
use crate::error::Error;
use crate::identity::{News, Pending};
use crate::rows::{Draft, Mapped};
use crate::schema::Timestamp;

impl Landing {
    /// Lands what changes of records did to people, `identity.merged` and `identity.split`, and remembers that it is told.
    pub(super) async fn tell(
        &self,
        pending: Vec<Pending>,
        raw_key: &str,
        received_at: Timestamp,
    ) -> Result<(), Error> {
        if pending.is_empty() {
            return Ok(());
        }
        // What a ruling did is told as of the ruling, before something else is told of the same people.
        self.tell_of_rulings().await?;
        let news = self.people.news(pending).await?;
        self.land_news(news, raw_key, received_at).await
    }

    /// Lands what rulings did to people of which nobody has been told yet; once there is none, this costs a read.
    pub async fn tell_of_rulings(&self) -> Result<(), Error> {
        for ruling in self.people.untold_rulings().await? {
            let at = ruling.at;
            let news = self.people.news_of(ruling).await?;
            self.land_news(news, RULED, at).await?;
        }
        Ok(())
    }

    async fn land_news(
        &self,
        mut news: News,
        raw_key: &str,
        received_at: Timestamp,
    ) -> Result<(), Error> {
        if !news.events.is_empty() {
            let batch = Batch {
                place: Place { source: "tributary", connection: "identity", stream: "people" },
                raw_key,
                received_at,
                customers: true,
                expected: false,
                full_pass: false,
                kept: &BTreeSet::new(),
            };
            let events = std::mem::take(&mut news.events).into_iter().enumerate();
            let told = events.map(|(number, (id, event))| Attempt {
                number,
                record: RawValue::NULL,
                mapped: Ok(Mapped::one(Draft {
                    object: "person",
                    id,
                    version: event.occurred_at.as_micros(),
                    updated_at: None,
                    deleted: false,
                    only_if_known: false,
                    subject: Some(event.subject_key.clone()),
                    entity: event.into(),
                })),
            });
            // Events are no people's records, so this lands and tells nothing further.
            Box::pin(self.land(batch, told)).await?;
        }
        point(Point::AfterTold);
        self.people.remember(news).await
    }
}

/// In the place of raw bytes, for what comes of a ruling.
const RULED: &str = "rulings";
