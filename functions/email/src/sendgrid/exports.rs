//! An export of all contacts: asked for, waited for, and downloaded file by file.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::error::Error;
use shared::page::{Next, Page, Response};
use shared::request::Request;
use url::Url;

use super::{ExportFormat, csv};

const PATH: &str = "/v3/marketing/contacts/exports";
/// So many exports in a row may fail before the stream does.
const FAILURES: u8 = 3;
const AFTER_FAILURE: Duration = Duration::from_mins(1);

/// Where an export stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Position {
    /// It has to be asked for.
    Ask {
        /// How many failed in a row.
        #[serde(default, skip_serializing_if = "is_zero")]
        failed: u8,
    },
    /// It is being made, or the link to one of its files is wanted.
    Wait {
        /// The export's id.
        job: String,
        /// The number of the file that comes next.
        file: usize,
        /// How many failed in a row before this one.
        #[serde(default, skip_serializing_if = "is_zero")]
        failed: u8,
    },
    /// One of its files is downloaded. Only one link at a time: they are long, and whoever has one needs no key.
    Fetch {
        /// The export's id.
        job: String,
        /// The number of the file.
        file: usize,
        /// How many files there are.
        files: usize,
        /// The signed link.
        link: String,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(number: &u8) -> bool {
    *number == 0
}

/// What is said of an export; of one that was just asked for, no more than its id.
#[derive(Deserialize)]
struct Export {
    id: String,
    #[serde(default = "pending")]
    status: String,
    #[serde(default)]
    urls: Vec<String>,
    contact_count: Option<u64>,
}

fn pending() -> String {
    "pending".to_owned()
}

/// What to ask for and how.
pub(super) struct Terms<'a> {
    pub(super) format: ExportFormat,
    pub(super) file_mb: u16,
    pub(super) poll: Duration,
    pub(super) base: &'a Url,
    pub(super) hosts: &'a [Cow<'static, str>],
}

impl Position {
    pub(super) const START: Self = Self::Ask { failed: 0 };

    /// Where a later run goes on: links expire, so it asks for a fresh one.
    pub(super) fn resume(self) -> Self {
        match self {
            Self::Ask { .. } => Self::START,
            Self::Wait { job, file, .. } | Self::Fetch { job, file, .. } => {
                Self::Wait { job, file, failed: 0 }
            }
        }
    }

    /// The position without its link.
    pub(super) fn without_link(&self) -> Self {
        match self {
            Self::Fetch { job, file, files, .. } => {
                Self::Fetch { job: job.clone(), file: *file, files: *files, link: String::new() }
            }
            other => other.clone(),
        }
    }

    pub(super) fn request(&self, terms: &Terms<'_>) -> Request {
        match self {
            Self::Ask { .. } => {
                let body = json!({ "file_type": terms.format, "max_file_size": terms.file_mb });
                Request::post(PATH, body)
            }
            Self::Wait { job, .. } => Request::get(format!("{PATH}/{job}")),
            Self::Fetch { link, .. } => Request::get(link.as_str()).without_credentials(),
        }
    }

    pub(super) fn page<'r>(
        &self,
        terms: &Terms<'_>,
        response: &'r Response,
    ) -> Result<Page<'r, Self>, Error> {
        match self {
            Self::Ask { failed } => waited(0, *failed, terms, response.json()?).map(Page::empty),
            Self::Wait { file, failed, .. } => {
                waited(*file, *failed, terms, response.json()?).map(Page::empty)
            }
            Self::Fetch { job, file, files, .. } => {
                let next = if file + 1 < *files {
                    Next::More(Self::Wait { job: job.clone(), file: file + 1, failed: 0 })
                } else {
                    Next::Done(Self::START)
                };
                let is_json = response.body.trim_ascii_start().starts_with(b"{");
                let records =
                    if is_json { response.lines()? } else { csv::records(&response.body)? };
                Ok(Page { records, next })
            }
        }
    }
}

fn waited(
    file: usize,
    failed: u8,
    terms: &Terms<'_>,
    export: Export,
) -> Result<Next<Position>, Error> {
    let job = export.id;
    // It becomes part of a path.
    if job.is_empty()
        || !job.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    {
        return Err(Error::Decode("the id of the export is none".to_owned()));
    }
    match export.status.as_str() {
        "pending" => Ok(Next::Later(Position::Wait { job, file, failed }, terms.poll)),
        "ready" => match export.urls.get(file) {
            Some(link) => {
                let link = permitted(link, terms)?;
                Ok(Next::More(Position::Fetch { job, file, files: export.urls.len(), link }))
            }
            None if file == 0 && export.contact_count.unwrap_or(0) > 0 => {
                Err(Error::Decode("the export is ready, but names no file".to_owned()))
            }
            None => Ok(Next::Done(Position::START)),
        },
        "failure" if failed + 1 < FAILURES => {
            Ok(Next::Later(Position::Ask { failed: failed + 1 }, AFTER_FAILURE))
        }
        "failure" => Err(Error::Unavailable(format!("{FAILURES} exports in a row failed"))),
        _ => Err(Error::Decode("status of the export is none that is documented".to_owned())),
    }
}

/// The link, if it leads where the operator allows it to.
fn permitted(link: &str, terms: &Terms<'_>) -> Result<String, Error> {
    let url = Url::parse(link).map_err(|_| Error::Decode("urls: is no address".to_owned()))?;
    let host = url.host_str().unwrap_or_default();
    let listed = url.scheme() == "https" && terms.hosts.iter().any(|known| known == host);
    if listed || url.origin() == terms.base.origin() {
        return Ok(link.to_owned());
    }
    Err(Error::Config(format!(
        "download_hosts: this account's exports are at {host}; add it if that is where SendGrid keeps its files"
    )))
}
