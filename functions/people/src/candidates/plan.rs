//! What is compared with what, and how: all of it data.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::person::Field;

/// How alike two values are; a comparison lists its levels from the best down.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The same.
    Exact,
    /// The same date with day and month exchanged.
    DayAndMonthSwapped,
    /// Dates that agree as far as both are known.
    KnownPart,
    /// At most so many letters inserted, deleted, replaced or exchanged with their neighbour.
    Edits(u8),
    /// Jaro–Winkler similarity of at least this.
    JaroWinkler(f32),
    /// One is the first letter of the other.
    Initial,
    /// Email addresses alike up to the `@`.
    LocalPart,
    /// Anything else; always the last.
    Different,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact => f.write_str("exact"),
            Self::DayAndMonthSwapped => f.write_str("day and month swapped"),
            Self::KnownPart => f.write_str("known part"),
            Self::Edits(limit) => write!(f, "edits ≤ {limit}"),
            Self::JaroWinkler(least) => write!(f, "Jaro–Winkler ≥ {least}"),
            Self::Initial => f.write_str("initial"),
            Self::LocalPart => f.write_str("local part"),
            Self::Different => f.write_str("different"),
        }
    }
}

/// One field, or several whose values may have changed places, and the levels of their likeness.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Comparison {
    /// The fields; of several, each is compared with the one that fits best.
    pub fields: Vec<Field>,
    /// From the best down; the first is [`Level::Exact`], the last [`Level::Different`].
    pub levels: Vec<Level>,
}

/// What records must share to be compared at all.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// The whole value.
    Whole(Field),
    /// Its first letters; shorter values give no key.
    Prefix(Field, u8),
    /// Its Soundex.
    Sound(Field),
    /// A date's year.
    Year(Field),
    /// A date's month and day.
    MonthAndDay(Field),
}

/// Records that agree on every key are compared.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Rule {
    /// The keys.
    pub keys: Vec<Key>,
    /// Whether the keys may have changed places, as given and family names do.
    pub any_order: bool,
}

/// The whole plan.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Plan {
    /// Which records are compared: those that any rule brings together.
    pub rules: Vec<Rule>,
    /// On what.
    pub comparisons: Vec<Comparison>,
    /// A block of more records is not compared in full,
    pub largest_block: u32,
    /// but each of its records with so many that follow it by name and birth date.
    pub window: u32,
    /// Random pairs to learn from how often strangers agree.
    pub sample: u32,
    /// Compared pairs to learn from how often records of one person agree, at most.
    pub training_pairs: u32,
    /// Where the random pairs start.
    pub seed: u64,
    /// Pairs less probable than this are not reported.
    pub least_probability: f64,
}

/// A plan that cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A field is compared twice, which would count its evidence twice.
    #[error("the plan compares {} twice; name each field in one comparison only", .0.name())]
    FieldTwice(Field),
    /// A comparison of no field, or of more than can change places.
    #[error("comparison {0} of the plan has {1} fields; give it one to three")]
    Fields(usize, usize),
    /// Levels that do not run from the same to anything.
    #[error("the levels of comparison {0} of the plan do not run from `exact` to `different`")]
    Levels(usize),
}

impl Plan {
    pub(crate) fn check(&self) -> Result<(), PlanError> {
        let mut seen = BTreeSet::new();
        for (number, Comparison { fields, levels }) in self.comparisons.iter().enumerate() {
            if !(1..=3).contains(&fields.len()) {
                return Err(PlanError::Fields(number, fields.len()));
            }
            if let Some(field) = fields.iter().find(|field| !seen.insert(**field)) {
                return Err(PlanError::FieldTwice(*field));
            }
            let ends = (levels.first(), levels.last());
            if ends != (Some(&Level::Exact), Some(&Level::Different)) || levels.len() > 100 {
                return Err(PlanError::Levels(number));
            }
        }
        Ok(())
    }
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            rules: rules(),
            comparisons: comparisons(),
            largest_block: 300,
            window: 20,
            sample: 200_000,
            training_pairs: 1_000_000,
            seed: 0x7121_b07a,
            least_probability: 0.01,
        }
    }
}

fn rules() -> Vec<Rule> {
    use Field::{
        BirthDate, Email, Family, Given, HouseNumber, Locality, MoreAddress, Phone, PostalCode,
        Street,
    };
    use Key::{MonthAndDay, Prefix, Sound, Whole, Year};
    let all = |keys: &[Key]| Rule { keys: keys.to_vec(), any_order: false };
    let swappable = |keys: &[Key]| Rule { keys: keys.to_vec(), any_order: true };
    vec![
        all(&[Whole(Email)]),
        all(&[Whole(Phone)]),
        all(&[Whole(BirthDate)]),
        swappable(&[Prefix(Given, 3), Prefix(Family, 3)]),
        swappable(&[Sound(Given), Sound(Family)]),
        all(&[Sound(Family), Year(BirthDate)]),
        all(&[Sound(Given), Year(BirthDate)]),
        all(&[MonthAndDay(BirthDate), Prefix(Family, 2)]),
        all(&[MonthAndDay(BirthDate), Prefix(Given, 2)]),
        all(&[Whole(PostalCode), Whole(HouseNumber)]),
        all(&[Whole(PostalCode), Prefix(Family, 3)]),
        all(&[Whole(PostalCode), Prefix(Given, 3)]),
        all(&[Whole(PostalCode), Prefix(Street, 4)]),
        all(&[Whole(PostalCode), Prefix(Locality, 5)]),
        all(&[Whole(Locality), Whole(HouseNumber)]),
        all(&[Prefix(Locality, 5), Prefix(Family, 3)]),
        all(&[Prefix(Locality, 5), Prefix(Given, 3)]),
        all(&[Prefix(Street, 6), Whole(HouseNumber)]),
        all(&[Whole(Street)]),
        all(&[Whole(MoreAddress)]),
    ]
}

fn comparisons() -> Vec<Comparison> {
    use Level::{
        DayAndMonthSwapped, Different, Edits, Exact, Initial, JaroWinkler, KnownPart, LocalPart,
    };
    let compare = |fields: &[Field], levels: &[Level]| Comparison {
        fields: fields.to_vec(),
        levels: levels.to_vec(),
    };
    vec![
        compare(
            &[Field::Given, Field::Family],
            &[Exact, Edits(1), JaroWinkler(0.92), JaroWinkler(0.85), Initial, Different],
        ),
        compare(
            &[Field::BirthDate],
            &[Exact, DayAndMonthSwapped, Edits(1), KnownPart, Edits(2), Different],
        ),
        compare(&[Field::HouseNumber], &[Exact, Edits(1), Different]),
        compare(
            &[Field::Street, Field::MoreAddress, Field::Locality],
            &[Exact, Edits(1), Edits(2), JaroWinkler(0.92), JaroWinkler(0.85), Different],
        ),
        compare(&[Field::PostalCode], &[Exact, Edits(1), Edits(2), Different]),
        compare(&[Field::Region], &[Exact, Edits(1), Different]),
        compare(&[Field::Phone], &[Exact, Edits(1), Different]),
        compare(&[Field::Email], &[Exact, Edits(1), LocalPart, JaroWinkler(0.92), Different]),
    ]
}
