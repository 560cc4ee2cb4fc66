//! Whom objects are linked to, in an order of ours: nobody promises one.
//!
//! Written as one text, `7001:512*,613;7002:512`, because cursors are noted where room is scarce.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde::{Deserialize, Serialize};

/// The other end of a link; the primary one goes first, then by age.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Link {
    secondary: bool,
    /// Ids are numbers written as text: the shorter one is the smaller one.
    digits: usize,
    id: String,
}

/// The links of some objects to objects of one type.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(super) struct Linked(BTreeMap<String, Vec<Link>>);

/// Whether this is an id of HubSpot's: digits.
pub(super) fn is_id(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())
}

impl Link {
    pub(super) fn new(id: String, primary: bool) -> Self {
        Self { secondary: !primary, digits: id.len(), id }
    }
}

/// The ids of links in their order, each once.
pub(super) fn ids(mut links: Vec<Link>) -> Vec<String> {
    sort(&mut links);
    links.into_iter().map(|link| link.id).collect()
}

/// The primary mark of a link that is told twice counts.
fn sort(links: &mut Vec<Link>) {
    links.sort_unstable_by(|one, other| {
        (&one.digits, &one.id, one.secondary).cmp(&(&other.digits, &other.id, other.secondary))
    });
    links.dedup_by(|later, one| later.id == one.id);
    links.sort_unstable();
}

impl Linked {
    /// Adds links of an object.
    pub(super) fn add(&mut self, from: String, to: Vec<Link>) {
        let links = match self.0.entry(from) {
            Entry::Occupied(known) => {
                let links = known.into_mut();
                links.extend(to);
                links
            }
            Entry::Vacant(new) => new.insert(to),
        };
        sort(links);
    }

    /// The ids that an object is linked to.
    pub(super) fn of(&self, id: &str) -> Vec<&str> {
        self.0.get(id).into_iter().flatten().map(|link| link.id.as_str()).collect()
    }
}

impl From<Linked> for String {
    fn from(linked: Linked) -> Self {
        let write = |link: &Link| format!("{}{}", link.id, if link.secondary { "" } else { "*" });
        let write = |(from, to): (&Self, &Vec<Link>)| {
            let to: Vec<Self> = to.iter().map(write).collect();
            format!("{from}:{}", to.join(","))
        };
        linked.0.iter().map(write).collect::<Vec<_>>().join(";")
    }
}

impl TryFrom<String> for Linked {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const WRONG: &str = "links are written otherwise";
        let read = |text: &str| {
            let id = text.strip_suffix('*').unwrap_or(text);
            is_id(id).then(|| Link::new(id.to_owned(), id.len() < text.len())).ok_or(WRONG)
        };
        let mut linked = Self::default();
        for links in text.split(';').filter(|links| !links.is_empty()) {
            let (from, to) = links.split_once(':').ok_or(WRONG)?;
            if !is_id(from) {
                return Err(WRONG);
            }
            let to = to.split(',').filter(|to| !to.is_empty()).map(read);
            linked.add(from.to_owned(), to.collect::<Result<_, _>>()?);
        }
        Ok(linked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_written_as_one_text_and_read_again() {
        let mut linked = Linked::default();
        let link = |id: &str, primary| Link::new(id.to_owned(), primary);
        linked.add("7001".to_owned(), vec![link("1000", false), link("22", false)]);
        linked
            .add("7001".to_owned(), vec![link("613", true), link("22", false), link("613", false)]);
        linked.add("7002".to_owned(), Vec::new());
        let text = String::from(linked.clone());
        assert_eq!(text, "7001:613*,22,1000;7002:");
        assert_eq!(Linked::try_from(text).as_ref(), Ok(&linked));
        assert_eq!(linked.of("7001"), ["613", "22", "1000"]);
        for wrong in ["7001", "a:1", "1:a", ":", "1:2:3", "1:2*3"] {
            assert!(Linked::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
