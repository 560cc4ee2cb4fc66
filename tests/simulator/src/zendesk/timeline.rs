//! Records in the order of their last change: what an incremental export walks along.

use std::collections::{BTreeMap, HashMap};

/// A place on the timeline: Unix second, then id.
pub(crate) type Place = (i64, u64);

/// What stands at a place.
#[derive(Clone, Debug)]
pub(crate) enum Row {
    /// The record with the place's id.
    Record,
    /// A malformed record, as JSON text.
    Raw(String),
}

#[derive(Default)]
pub(crate) struct Timeline {
    rows: BTreeMap<Place, Row>,
    seconds: HashMap<u64, i64>,
}

impl Timeline {
    /// Moves a record to a second.
    pub(crate) fn touch(&mut self, id: u64, second: i64) {
        if let Some(before) = self.seconds.insert(id, second) {
            self.rows.remove(&(before, id));
        }
        self.rows.insert((second, id), Row::Record);
    }

    /// Adds a malformed record.
    pub(crate) fn add_raw(&mut self, id: u64, second: i64, json: String) {
        self.rows.insert((second, id), Row::Raw(json));
    }

    /// The rows from a place on, until before a second.
    pub(crate) fn from(&self, place: Place, end: i64) -> impl Iterator<Item = (Place, &Row)> {
        self.rows
            .range(place..(end.max(place.0), u64::MIN).max(place))
            .map(|(place, row)| (*place, row))
    }

    /// The row at a place.
    pub(crate) fn at(&self, place: Place) -> Option<&Row> {
        self.rows.get(&place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(timeline: &Timeline, place: Place, end: i64) -> Vec<u64> {
        timeline.from(place, end).map(|((_, id), _)| id).collect()
    }

    #[test]
    fn a_changed_record_moves_to_the_end() {
        let mut timeline = Timeline::default();
        timeline.touch(1, 10);
        timeline.touch(2, 11);
        timeline.touch(1, 12);
        assert_eq!(ids(&timeline, (0, 0), 100), [2, 1]);
        assert_eq!(ids(&timeline, (0, 0), 12), [2]);
        assert_eq!(ids(&timeline, (12, 0), 5), [0_u64; 0]);
    }
}
