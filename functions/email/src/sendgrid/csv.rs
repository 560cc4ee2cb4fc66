//! Contacts in a CSV file (RFC 4180), as the objects that the JSON file would have.

use std::borrow::Cow;

use serde_json::value::RawValue;
use shared::error::Error;
use shared::page::Record;

/// The fields that every contact has, as JSON names them; columns have the same names in capitals.
const RESERVED: &[&str] = &[
    "email",
    "first_name",
    "last_name",
    "address_line_1",
    "address_line_2",
    "city",
    "state_province_region",
    "postal_code",
    "country",
    "alternate_emails",
    "phone_number",
    "phone_number_id",
    "external_id",
    "anonymous_id",
    "whatsapp",
    "line",
    "facebook",
    "unique_name",
    "created_at",
    "updated_at",
    "contact_id",
];

const BOM: char = '\u{feff}';

/// A record for each line behind the first, which has the names.
///
/// A line with another number of cells becomes a list of its cells: that maps to nothing and ends in quarantine.
pub(super) fn records(body: &[u8]) -> Result<Vec<Record<'static>>, Error> {
    let text = std::str::from_utf8(body)
        .map_err(|_| Error::Decode("the file is not UTF-8".to_owned()))?
        .trim_start_matches(BOM);
    // The last line break may be missing, the end of the last line may not.
    let is_whole = text.ends_with(['\n', '\r']) || text.is_empty();
    let broken = || Error::Decode("the file ends in the middle of a line".to_owned());
    if text.ends_with(',') {
        return Err(broken());
    }
    let mut lines = Lines { rest: text };
    let Some(names) = lines.next().transpose()? else { return Ok(Vec::new()) };
    let names: Vec<String> = names.into_iter().map(name).collect();
    if !names.iter().any(|name| name == "contact_id") {
        return Err(Error::Decode("the file has no column CONTACT_ID".to_owned()));
    }
    let mut records = Vec::new();
    while let Some(cells) = lines.next().transpose()? {
        if cells.len() < names.len() && lines.rest.is_empty() && !is_whole {
            return Err(broken());
        }
        records.push(Cow::Owned(record(&names, &cells)?));
    }
    Ok(records)
}

fn name(column: Cow<'_, str>) -> String {
    let lower = column.to_ascii_lowercase();
    if RESERVED.contains(&lower.as_str()) { lower } else { column.into_owned() }
}

fn record(names: &[String], cells: &[Cow<'_, str>]) -> Result<Box<RawValue>, Error> {
    if cells.len() != names.len() {
        return raw(serde_json::to_string(cells));
    }
    let object: std::collections::BTreeMap<&str, &str> =
        names.iter().map(String::as_str).zip(cells.iter().map(AsRef::as_ref)).collect();
    raw(serde_json::to_string(&object))
}

fn raw(json: Result<String, serde_json::Error>) -> Result<Box<RawValue>, Error> {
    json.and_then(RawValue::from_string)
        .map_err(|_| Error::Decode("a line of the file does not become JSON".to_owned()))
}

/// The lines of a file, each as its cells; blank lines count for nothing.
struct Lines<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Lines<'a> {
    type Item = Result<Vec<Cow<'a, str>>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.rest = self.rest.trim_start_matches(['\r', '\n']);
        if self.rest.is_empty() {
            return None;
        }
        let mut cells = Vec::new();
        loop {
            let (cell, ends) = match self.cell() {
                Ok(cell) => cell,
                Err(error) => {
                    self.rest = "";
                    return Some(Err(error));
                }
            };
            cells.push(cell);
            if ends {
                return Some(Ok(cells));
            }
        }
    }
}

impl<'a> Lines<'a> {
    /// The next cell, and whether it is the last of its line.
    fn cell(&mut self) -> Result<(Cow<'a, str>, bool), Error> {
        let cell = if let Some(quoted) = self.rest.strip_prefix('"') {
            self.quoted(quoted)?
        } else {
            let end = self.rest.find([',', '\r', '\n']).unwrap_or(self.rest.len());
            let (cell, rest) = self.rest.split_at(end);
            self.rest = rest;
            Cow::Borrowed(cell)
        };
        if let Some(rest) = self.rest.strip_prefix(',') {
            self.rest = rest;
            return Ok((cell, false));
        }
        let is_end = self.rest.is_empty() || self.rest.starts_with(['\r', '\n']);
        if !is_end {
            return Err(Error::Decode(
                "a quoted cell of the file goes on behind its end".to_owned(),
            ));
        }
        Ok((cell, true))
    }

    /// A cell in quotes, in which two quotes stand for one.
    fn quoted(&mut self, text: &'a str) -> Result<Cow<'a, str>, Error> {
        let mut from = 0;
        loop {
            let Some(at) = text[from..].find('"').map(|at| from + at) else {
                return Err(Error::Decode("a quoted cell of the file has no end".to_owned()));
            };
            if text[at + 1..].starts_with('"') {
                from = at + 2;
                continue;
            }
            self.rest = &text[at + 1..];
            let cell = &text[..at];
            let has_quotes = cell.contains('"');
            return Ok(if has_quotes {
                Cow::Owned(cell.replace("\"\"", "\""))
            } else {
                cell.into()
            });
        }
    }
}
