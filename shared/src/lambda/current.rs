//! What is made of the settings, and made anew once they have changed: an upload reaches functions that already run.

use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use tokio::sync::Mutex;
use tracing::{error, info, warn};

use crate::error::Error;

/// How long what was made is used before the settings are looked at again.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// Which settings something was made of: an object and its `ETag`.
#[derive(Debug, Clone)]
pub struct Version {
    pub(super) client: aws_sdk_s3::Client,
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) etag: String,
}

impl Version {
    /// Whether the object is still this one.
    async fn is_latest(&self) -> Result<bool, Error> {
        let Self { client, bucket, key, etag } = self;
        let head = client.head_object().bucket(bucket).key(key).send().await;
        let head = head.map_err(|error| {
            Error::landing(format!("looking at the settings s3://{bucket}/{key}"), error)
        })?;
        Ok(head.e_tag() == Some(etag))
    }
}

/// Something made of the settings, and of which version; settings in a file have none and never change.
pub type Made<T> = (T, Option<Version>);

type Make<T> = Box<dyn Fn() -> BoxFuture<'static, Result<Made<T>, Error>> + Send + Sync>;

/// Something made of the settings, as they are now.
pub struct Current<T> {
    make: Make<T>,
    held: Mutex<Held<T>>,
}

struct Held<T> {
    made: Made<T>,
    looked_at: Instant,
}

impl<T: Clone> Current<T> {
    /// Makes it for the first time.
    pub async fn new(
        make: impl Fn() -> BoxFuture<'static, Result<Made<T>, Error>> + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let held = Held { made: make().await?, looked_at: Instant::now() };
        Ok(Self { make: Box::new(make), held: Mutex::new(held) })
    }

    /// What it is now. At most once a minute the settings are looked at; once they have changed it is made anew. If that
    /// fails, what there was goes on: one wrong upload stops nothing.
    pub async fn get(&self) -> T {
        let mut held = self.held.lock().await;
        if held.looked_at.elapsed() >= look_every() {
            held.looked_at = Instant::now();
            self.look(&mut held.made).await;
        }
        held.made.0.clone()
    }

    async fn look(&self, made: &mut Made<T>) {
        let Some(version) = &made.1 else { return };
        match version.is_latest().await {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => {
                warn!(kind = error.kind(), error = error.chain(), "settings not looked at");
                return;
            }
        }
        match (self.make)().await {
            Ok(new) => {
                *made = new;
                info!("new settings taken up");
            }
            Err(error) => {
                error!(
                    kind = error.kind(),
                    error = error.chain(),
                    "new settings refused; those from before go on"
                );
            }
        }
    }
}

/// Debug builds only: `TRIBUTARY_SETTINGS=watched` looks each time, for tests.
fn look_every() -> Duration {
    let watched = cfg!(debug_assertions)
        && std::env::var_os("TRIBUTARY_SETTINGS").is_some_and(|value| value == "watched");
    if watched { Duration::ZERO } else { LOOK_EVERY }
}
