//! Compares two records field by field: which level each field reaches.

use super::normalise::UNKNOWN;
use super::plan::{Comparison, Level, Plan};
use super::similarity::{edits, edits_at_least, jaro_winkler, may_reach};
use super::table::{ABSENT, CELLS, Table, Term};

/// Eleven fields, and at most five groups whose values may change places.
pub(crate) const SIGNALS: usize = 16;

/// The outcome of a signal that says nothing: a value is absent.
pub(crate) const SILENT: u8 = 0;

/// The outcomes of a group: its values in their places, or changed.
pub(crate) const IN_PLACE: u8 = 1;
pub(crate) const CHANGED_PLACES: u8 = 2;

/// Values less alike than this have not changed places.
const ALIKE: f32 = 0.88;

/// For each signal the level reached, from 1 for the best, or [`SILENT`]; and which terms agree.
#[derive(Clone, Copy, Default)]
pub(crate) struct Pattern {
    pub(crate) outcomes: [u8; SIGNALS],
    /// How rare the exactly agreeing values are, in bits, by signal.
    pub(crate) rarity: [f32; SIGNALS],
}

/// Compares by a plan.
pub(crate) struct Comparer<'t> {
    pub(crate) table: &'t Table<'t>,
    pub(crate) plan: &'t Plan,
    /// How rare each record's values are, from [`Table::rarity`]; empty while that is unknown.
    pub(crate) rarity: Vec<[f32; CELLS]>,
}

impl Comparer<'_> {
    /// The pattern of two records, the same from either; the signals are those of [`signals`].
    pub(crate) fn compare(&self, a: u32, b: u32) -> Pattern {
        let (a, b) = (a as usize, b as usize);
        let (of_a, of_b) = (&self.table.cells[a], &self.table.cells[b]);
        let mut pattern = Pattern::default();
        let mut signal = 0;
        for comparison in &self.plan.comparisons {
            let (order, places) = align(self.table, comparison, of_a, of_b);
            let first = signal;
            for (field, place) in comparison.fields.iter().zip(places) {
                let (field, other) = (field.cell(), comparison.fields[place].cell());
                let (x, y) = (of_a[field], of_b[other]);
                if x != ABSENT && x == y {
                    pattern.outcomes[signal] = 1;
                    if let Some((a, b)) = self.rarity.get(a).zip(self.rarity.get(b)) {
                        pattern.rarity[signal] = a[field].min(b[other]);
                    }
                } else if x != ABSENT && y != ABSENT {
                    let (x, y) = (self.table.term(x), self.table.term(y));
                    pattern.outcomes[signal] = level(&comparison.levels, x, y);
                }
                signal += 1;
            }
            if comparison.fields.len() > 1 {
                if order == CHANGED_PLACES {
                    pattern.settle(first, places);
                }
                pattern.outcomes[signal] = order;
                signal += 1;
            }
        }
        pattern
    }
}

impl Pattern {
    /// Two exchanged values belong to neither field more than to the other: the better outcome goes
    /// first, whichever record it was read from.
    fn settle(&mut self, first: usize, places: [usize; 3]) {
        for (i, j) in places.into_iter().enumerate().filter(|(i, j)| i < j) {
            let (i, j) = (first + i, first + j);
            let outcome =
                |at: usize| (self.outcomes[at], std::cmp::Reverse(self.rarity[at].to_bits()));
            if outcome(j) < outcome(i) {
                self.outcomes.swap(i, j);
                self.rarity.swap(i, j);
            }
        }
    }

    pub(crate) fn total_rarity(&self) -> f32 {
        self.rarity.iter().sum()
    }
}

/// The names of the signals, and of the outcomes of each after [`SILENT`].
pub(crate) fn signals(plan: &Plan) -> Vec<(String, Vec<String>)> {
    let mut signals = Vec::new();
    for comparison in &plan.comparisons {
        let names: Vec<_> = comparison.fields.iter().map(|field| field.name()).collect();
        for name in &names {
            let levels = comparison.levels.iter().map(ToString::to_string).collect();
            signals.push(((*name).to_owned(), levels));
        }
        if names.len() > 1 {
            let outcomes = ["in place", "changed places"].map(str::to_owned);
            signals.push((format!("order of {}", names.join(", ")), outcomes.into()));
        }
    }
    signals
}

/// With which field of `b` each of `a` is compared: its own, unless others fit better.
fn align(
    table: &Table<'_>,
    comparison: &Comparison,
    a: &[u32; CELLS],
    b: &[u32; CELLS],
) -> (u8, [usize; 3]) {
    // As they are, or two exchanged: orders that read the same from either record.
    const ORDERS: [[usize; 3]; 4] = [[0, 1, 2], [1, 0, 2], [0, 2, 1], [2, 1, 0]];
    let fields = &comparison.fields;
    if fields.len() == 1 {
        return (SILENT, ORDERS[0]);
    }
    if fields.iter().all(|field| a[field.cell()] == b[field.cell()]) {
        let known = fields.iter().any(|field| a[field.cell()] != ABSENT);
        return (if known { IN_PLACE } else { SILENT }, ORDERS[0]);
    }
    let mut fit = [[0_u8; 3]; 3];
    let mut elsewhere = false;
    for (i, x) in fields.iter().enumerate() {
        for (j, y) in fields.iter().enumerate() {
            fit[i][j] = match (a[x.cell()], b[y.cell()]) {
                (ABSENT, _) | (_, ABSENT) => 0,
                (x, y) if x == y => 2,
                (x, y) => u8::from(alike(table.term(x), table.term(y))),
            };
            elsewhere |= i != j && fit[i][j] > 0;
        }
    }
    let score = |order: &[usize; 3]| (0..3).map(|i| fit[i][order[i]]).sum::<u8>();
    let mut best = (score(&ORDERS[0]), 0);
    if elsewhere {
        let orders = if fields.len() == 2 { 2 } else { 4 };
        for (place, order) in ORDERS.iter().enumerate().take(orders) {
            if score(order) > best.0 {
                best = (score(order), place);
            }
        }
    }
    let order = match best {
        (0, _) => SILENT,
        (_, 0) => IN_PLACE,
        _ => CHANGED_PLACES,
    };
    (order, ORDERS[best.1])
}

fn alike(x: &Term, y: &Term) -> bool {
    may_reach(x, y, ALIKE) && jaro_winkler(&x.letters, &y.letters) >= ALIKE
}

/// The level that two different values reach, from 1 for the best.
fn level(levels: &[Level], x: &Term, y: &Term) -> u8 {
    let (a, b) = (&*x.letters, &*y.letters);
    let mut distance = None;
    let mut likeness = None;
    let reached = levels.iter().position(|level| match *level {
        Level::Exact => false,
        Level::DayAndMonthSwapped => swapped(a, b),
        Level::KnownPart => known_part(a, b),
        Level::Edits(limit) => {
            let limit = usize::from(limit);
            edits_at_least(x, y) <= limit && *distance.get_or_insert_with(|| edits(a, b)) <= limit
        }
        Level::JaroWinkler(least) => {
            may_reach(x, y, least) && *likeness.get_or_insert_with(|| jaro_winkler(a, b)) >= least
        }
        Level::Initial => (a.len() == 1 || b.len() == 1) && a.first() == b.first(),
        Level::LocalPart => local_part(a) == local_part(b),
        Level::Different => true,
    });
    // A plan has far fewer than 255 levels.
    reached.map_or(SILENT, |place| place as u8 + 1)
}

fn swapped(a: &[char], b: &[char]) -> bool {
    let dates = a.len() == 8 && b.len() == 8;
    dates && a[..4] == b[..4] && a[4..6] == b[6..] && a[6..] == b[4..6]
}

fn known_part(a: &[char], b: &[char]) -> bool {
    let agree = |(a, b): (&char, &char)| a == b || *a == UNKNOWN || *b == UNKNOWN;
    (a.contains(&UNKNOWN) || b.contains(&UNKNOWN)) && a.iter().zip(b).all(agree)
}

fn local_part(address: &[char]) -> &[char] {
    address.split(|letter| *letter == '@').next().unwrap_or_default()
}
