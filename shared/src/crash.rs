//! Named places where a test may kill the process, to prove that whatever was written until then is enough to go on.
//!
//! Debug builds only: `TRIBUTARY_CRASH_AT=after_landing` aborts there, `after_landing:3` at the third passage.

/// The places, in the order of the writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// The lease is taken, nothing is asked yet.
    AfterLease,
    /// The raw page is in S3.
    AfterRaw,
    /// The page's rows are in S3.
    AfterLanding,
    /// The page's unmapped records are in S3.
    AfterQuarantine,
    /// Some of the page's records are in DynamoDB.
    BetweenRecords,
    /// All of the page's records are in DynamoDB.
    AfterRecords,
    /// What changes did to people has landed, and is not remembered.
    AfterTold,
    /// The cursor is saved.
    AfterCursor,
    /// The ledger is stored, the lease not yet given back.
    AfterLedger,
    /// A delivery's bytes are in S3.
    AfterDeliveryStored,
    /// A delivery's rows are landed, its id is not yet remembered.
    AfterDeliveryLanded,
    /// A delivery's id is remembered, the sender not yet answered.
    AfterDeliveryDone,
    /// The source gave a new pair of tokens, which is not yet saved.
    AfterTokenRefresh,
    /// The manifest of a batch names its landing objects, nothing is built yet.
    AfterManifest,
    /// Some of the files of a table are written, no log names them yet.
    AfterSomeFiles,
    /// All files of a table are written, no log names them yet.
    AfterFiles,
    /// The batch is in one table, perhaps not in the others.
    AfterTableCommit,
    /// The batch is in all tables, its landing objects are still there.
    BeforeLandingRemoved,
}

impl Point {
    /// Every point.
    pub const ALL: &'static [Self] = &[
        Self::AfterLease,
        Self::AfterRaw,
        Self::AfterLanding,
        Self::AfterQuarantine,
        Self::BetweenRecords,
        Self::AfterRecords,
        Self::AfterTold,
        Self::AfterCursor,
        Self::AfterLedger,
        Self::AfterDeliveryStored,
        Self::AfterDeliveryLanded,
        Self::AfterDeliveryDone,
        Self::AfterTokenRefresh,
        Self::AfterManifest,
        Self::AfterSomeFiles,
        Self::AfterFiles,
        Self::AfterTableCommit,
        Self::BeforeLandingRemoved,
    ];

    /// The name for `TRIBUTARY_CRASH_AT`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AfterLease => "after_lease",
            Self::AfterRaw => "after_raw",
            Self::AfterLanding => "after_landing",
            Self::AfterQuarantine => "after_quarantine",
            Self::BetweenRecords => "between_records",
            Self::AfterRecords => "after_records",
            Self::AfterTold => "after_told",
            Self::AfterCursor => "after_cursor",
            Self::AfterLedger => "after_ledger",
            Self::AfterDeliveryStored => "after_delivery_stored",
            Self::AfterDeliveryLanded => "after_delivery_landed",
            Self::AfterDeliveryDone => "after_delivery_done",
            Self::AfterTokenRefresh => "after_token_refresh",
            Self::AfterManifest => "after_manifest",
            Self::AfterSomeFiles => "after_some_files",
            Self::AfterFiles => "after_files",
            Self::AfterTableCommit => "after_table_commit",
            Self::BeforeLandingRemoved => "before_landing_removed",
        }
    }
}

/// Passes a point; a release build does nothing here.
#[inline]
pub fn point(at: Point) {
    #[cfg(debug_assertions)]
    armed::pass(at);
    #[cfg(not(debug_assertions))]
    let _ = at;
}

#[cfg(debug_assertions)]
mod armed {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::Point;

    struct Armed {
        name: String,
        passages: AtomicU64,
    }

    static ARMED: LazyLock<Option<Armed>> = LazyLock::new(|| {
        let setting = std::env::var("TRIBUTARY_CRASH_AT").ok()?;
        let (name, passages) = setting.split_once(':').unwrap_or((&setting, "1"));
        Some(Armed {
            name: name.to_owned(),
            passages: AtomicU64::new(passages.parse().unwrap_or(1)),
        })
    });

    pub(super) fn pass(at: Point) {
        if let Some(armed) = &*ARMED
            && armed.name == at.name()
            && armed.passages.fetch_sub(1, Ordering::SeqCst) == 1
        {
            std::process::abort();
        }
    }
}
