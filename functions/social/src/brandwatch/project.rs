//! The questions that a project answers, and how its answers are read.

use serde::Deserialize;
use serde_json::value::RawValue;
use shared::error::Error;
use shared::page::Response;
use shared::request::Request;
use shared::schema::Timestamp;

pub(super) const DAY_MILLIS: i64 = 86_400_000;

/// What to read of a project.
#[derive(Debug)]
pub(super) struct Project {
    pub(super) id: u64,
    /// The queries that the operator named.
    pub(super) queries: Option<Vec<u64>>,
    pub(super) page_size: usize,
    /// Queries per request.
    pub(super) at_once: usize,
    pub(super) lookback_days: i64,
}

/// Posts of these queries, written between two instants in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span<'a> {
    pub(super) queries: &'a [u64],
    pub(super) from: i64,
    pub(super) to: i64,
}

/// A page of mentions.
pub(super) struct Mentions<'r> {
    pub(super) records: Vec<&'r RawValue>,
    /// Where to read on, if there is more.
    pub(super) after: Option<String>,
}

#[derive(Deserialize)]
struct Envelope<'r> {
    #[serde(borrow)]
    results: Vec<&'r RawValue>,
    #[serde(rename = "resultsPageSize")]
    page_size: Option<i64>,
    #[serde(rename = "nextCursor")]
    next_cursor: Option<String>,
    #[serde(borrow)]
    errors: Option<&'r RawValue>,
}

#[derive(Deserialize)]
struct Count {
    #[serde(rename = "mentionsCount")]
    mentions: u64,
}

#[derive(Deserialize)]
struct Query {
    id: u64,
}

impl Project {
    /// Asks for the project's queries, all on one page unless it is told otherwise.
    pub(super) fn list_queries(&self) -> Request {
        Request::get(format!("/projects/{}/queries", self.id))
    }

    /// Asks for mentions in an order; with `page` alone the answer would end at mention 10,000.
    pub(super) fn list_mentions(
        &self,
        span: Span<'_>,
        order: &'static str,
        after: Option<&str>,
    ) -> Request {
        let request = self
            .ask("", span)
            .query("pageSize", self.page_size)
            .query("orderBy", order)
            .query("orderDirection", "desc");
        match after {
            Some(cursor) => request.query("cursor", cursor),
            None => request,
        }
    }

    /// Asks how many mentions there are.
    pub(super) fn count_mentions(&self, span: Span<'_>) -> Request {
        self.ask("/count", span)
    }

    fn ask(&self, what: &str, span: Span<'_>) -> Request {
        let request = Request::get(format!("/projects/{}/data/mentions{what}", self.id))
            .query("startDate", written(span.from))
            .query("endDate", written(span.to));
        span.queries.iter().fold(request, |request, query| request.query("queryId", query))
    }

    /// The mentions in the answer to a request at `cursor`.
    ///
    /// The end is a page with fewer rows than fit, or one without a cursor, as the vendor's own library has it;
    /// `resultsTotal` is no test of it.
    pub(super) fn mentions_in<'r>(
        &self,
        cursor: Option<&str>,
        response: &'r Response,
    ) -> Result<Mentions<'r>, Error> {
        let Envelope { results, page_size, next_cursor, .. } = open(response)?;
        // The source may give fewer rows than were asked for, and -1 where it does not page at all.
        let told = page_size.and_then(|size| usize::try_from(size).ok()).filter(|size| *size > 0);
        let fit = told.map_or(self.page_size, |size| size.min(self.page_size));
        let is_full = !results.is_empty() && results.len() >= fit;
        let after = next_cursor.filter(|after| is_full && !after.is_empty());
        if after.is_some() && after.as_deref() == cursor {
            return Err(Error::Stuck(
                "the source repeats the cursor that was asked for".to_owned(),
            ));
        }
        Ok(Mentions { records: results, after })
    }

    /// The queries in portions that fit a request.
    pub(super) fn portions<'q>(&self, queries: &'q [u64]) -> impl Iterator<Item = Vec<u64>> + 'q {
        queries.chunks(self.at_once.max(1)).map(<[u64]>::to_vec)
    }
}

/// The ids of the queries in the answer.
pub(super) fn queries_in(response: &Response) -> Result<Vec<u64>, Error> {
    let mut ids = Vec::new();
    for record in open(response)?.results {
        let Query { id } = serde_json::from_str(record.get())
            .map_err(|_| Error::Decode("a query has no id".to_owned()))?;
        ids.push(id);
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

/// The number in the answer to a count.
pub(super) fn count_in(response: &Response) -> Result<u64, Error> {
    Ok(response.json::<Count>()?.mentions)
}

/// The records of a list; errors come beside them, or in their place, with status 200 too.
fn open(response: &Response) -> Result<Envelope<'_>, Error> {
    let envelope: Envelope<'_> = response.json()?;
    match envelope.errors {
        Some(errors) if !matches!(errors.get(), "null" | "[]") => {
            Err(Error::Decode("the answer tells of errors".to_owned()))
        }
        _ => Ok(envelope),
    }
}

/// The records of a list that is not paged.
pub(super) fn records_in(response: &Response) -> Result<Vec<&RawValue>, Error> {
    Ok(open(response)?.results)
}

pub(super) fn millis(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(1_000)
}

/// `2026-03-02T11:40:22.000+0000`, as the documentation writes it; the plus sign is encoded when it is sent.
fn written(millis: i64) -> String {
    const TO_THE_MILLISECOND: usize = "2026-03-02T11:40:22.000".len();
    let text = Timestamp::from_millis(millis).unwrap_or(Timestamp::UNIX_EPOCH).to_string();
    format!("{}+0000", &text[..TO_THE_MILLISECOND])
}
