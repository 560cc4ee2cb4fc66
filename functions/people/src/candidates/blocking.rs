//! Which records are compared: those that a rule brings together, each pair once.

use std::ops::Range;

use rayon::prelude::*;
use twox_hash::XxHash3_64;

use super::normalise::UNKNOWN;
use super::person::Field;
use super::plan::{Key, Plan, Rule};
use super::table::{ABSENT, Table};

const NO_BLOCK: u32 = u32::MAX;

/// The blocks of every rule.
pub(crate) struct Blocks<'t> {
    table: &'t Table<'t>,
    rules: Vec<RuleBlocks>,
    largest: u32,
    window: u32,
}

struct RuleBlocks {
    /// Records that have a key, block after block.
    order: Vec<u32>,
    blocks: Vec<Range<u32>>,
    /// For each record its block and its place in `order`.
    places: Vec<(u32, u32)>,
}

impl<'t> Blocks<'t> {
    pub(crate) fn new(table: &'t Table<'t>, plan: &Plan) -> Self {
        let rules = plan.rules.par_iter().map(|rule| group(table, rule, plan.largest_block));
        Self { table, rules: rules.collect(), largest: plan.largest_block, window: plan.window }
    }

    /// What `visit` makes of each pair to compare, in an order that depends on the table alone.
    pub(crate) fn visit<T: Send>(&self, visit: impl Fn(u32, u32) -> Option<T> + Sync) -> Vec<T> {
        let mut found = Vec::new();
        for (number, rule) in self.rules.iter().enumerate() {
            let earlier = &self.rules[..number];
            found.par_extend(rule.blocks.par_iter().flat_map_iter(|block| {
                let members = &rule.order[block.start as usize..block.end as usize];
                let reach = self.reach(block) as usize;
                let pairs = members.iter().enumerate().flat_map(move |(i, a)| {
                    members[i + 1..].iter().take(reach).map(move |b| (*a.min(b), *a.max(b)))
                });
                pairs.filter_map(|(a, b)| {
                    let compared = self.table.comparable(a, b)
                        && !earlier.iter().any(|rule| self.brings_together(rule, a, b));
                    if compared { visit(a, b) } else { None }
                })
            }));
        }
        found
    }

    /// How many pairs there are to compare.
    pub(crate) fn pairs(&self) -> u64 {
        self.visit(|_, _| Some(())).len() as u64
    }

    /// How many blocks were too large to be compared in full.
    pub(crate) fn bounded(&self) -> u64 {
        let blocks = self.rules.iter().flat_map(|rule| &rule.blocks);
        blocks.filter(|block| block.len() > self.largest as usize).count() as u64
    }

    fn reach(&self, block: &Range<u32>) -> u32 {
        if block.len() > self.largest as usize { self.window } else { self.largest }
    }

    fn brings_together(&self, rule: &RuleBlocks, a: u32, b: u32) -> bool {
        let ((block, x), (other, y)) = (rule.places[a as usize], rule.places[b as usize]);
        block == other
            && block != NO_BLOCK
            && x.abs_diff(y) <= self.reach(&rule.blocks[block as usize])
    }
}

fn group(table: &Table<'_>, rule: &Rule, largest: u32) -> RuleBlocks {
    let all = 0..table.len() as u32;
    let mut keyed: Vec<(u64, u32)> =
        all.filter_map(|record| key(table, rule, record).map(|key| (key, record))).collect();
    keyed.sort_unstable();
    let mut order: Vec<u32> = keyed.iter().map(|(_, record)| *record).collect();
    let mut places = vec![(NO_BLOCK, 0); table.len()];
    let mut blocks = Vec::new();
    let mut start = 0;
    for block in keyed.chunk_by(|a, b| a.0 == b.0).filter(|block| !block.is_empty()) {
        let end = start + block.len();
        let members = &mut order[start..end];
        if members.len() > largest as usize {
            members.sort_by_cached_key(|record| (neighbourhood(table, *record), *record));
        }
        for (place, record) in (start..end).zip(members) {
            places[*record as usize] = (blocks.len() as u32, place as u32);
        }
        blocks.push(start as u32..end as u32);
        start = end;
    }
    RuleBlocks { order, blocks, places }
}

/// What brings likely pairs near each other in a block that is too large.
fn neighbourhood(table: &Table<'_>, record: u32) -> Vec<char> {
    let cells = &table.cells[record as usize];
    let letters = [Field::Family, Field::Given, Field::BirthDate, Field::Street]
        .map(|field| &table.term(cells[field.cell()]).letters[..]);
    letters.join(&' ')
}

/// The rule's key of a record, unless some part of it is missing.
fn key(table: &Table<'_>, rule: &Rule, record: u32) -> Option<u64> {
    let mut text = String::new();
    let mut parts = Vec::with_capacity(rule.keys.len());
    for key in &rule.keys {
        text.clear();
        let (Key::Whole(field)
        | Key::Prefix(field, _)
        | Key::Sound(field)
        | Key::Year(field)
        | Key::MonthAndDay(field)) = *key;
        let term = table.cells[record as usize][field.cell()];
        let letters = &table.term(term).letters;
        match *key {
            _ if term == ABSENT => return None,
            Key::Whole(Field::BirthDate) if letters.contains(&UNKNOWN) => return None,
            Key::Whole(_) => text.extend(letters.iter()),
            Key::Prefix(_, length) => text.extend(letters.get(..usize::from(length))?),
            Key::Sound(_) => text.push_str(&soundex(letters)),
            Key::Year(_) => text.extend(known(letters.get(..4)?)?),
            Key::MonthAndDay(_) => text.extend(known(letters.get(4..8)?)?),
        }
        parts.push(XxHash3_64::oneshot(text.as_bytes()));
    }
    if rule.any_order {
        parts.sort_unstable();
    }
    let bytes: Vec<u8> = parts.iter().flat_map(|part| part.to_le_bytes()).collect();
    Some(XxHash3_64::oneshot(&bytes))
}

fn known(letters: &[char]) -> Option<&[char]> {
    (!letters.contains(&UNKNOWN)).then_some(letters)
}

/// American Soundex; of words in other scripts, their first letters.
fn soundex(letters: &[char]) -> String {
    let code = |letter: char| match letter {
        'b' | 'f' | 'p' | 'v' => Some('1'),
        'c' | 'g' | 'j' | 'k' | 'q' | 's' | 'x' | 'z' => Some('2'),
        'd' | 't' => Some('3'),
        'l' => Some('4'),
        'm' | 'n' => Some('5'),
        'r' => Some('6'),
        letter if letter.is_ascii() => None,
        letter => Some(letter),
    };
    let mut sound = String::new();
    let mut last = None;
    for letter in letters {
        let sounds = code(*letter);
        if sound.is_empty() {
            sound.push(*letter);
        } else if let Some(digit) = sounds.filter(|_| sounds != last) {
            sound.push(digit);
        }
        // Letters on either side of a silent one sound as one.
        if !matches!(letter, 'h' | 'w') {
            last = sounds;
        }
        if sound.chars().nth(3).is_some() {
            return sound;
        }
    }
    sound
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soundex_of_the_textbook() {
        for (word, expected) in [
            ("robert", "r163"),
            ("rupert", "r163"),
            ("ashcraft", "a261"),
            ("tymczak", "t522"),
            ("pfister", "p236"),
            ("lee", "l"),
        ] {
            assert_eq!(soundex(&word.chars().collect::<Vec<_>>()), expected, "{word}");
        }
    }
}
