//! Whether two names can be one person's, across accents, spellings, initials, nicknames and swapped order.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, SmolStrBuilder};
use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

use crate::schema::PersonName;

mod nicknames;

use nicknames::same_nickname;

/// What two names say about two records being one person's.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Agreement {
    /// Given and family name are the same.
    Agree,
    /// One is a part of the other: `Ann` or `A. Holm` and `Ann Holm`, `Tom Holm` and `Thomas Holm`.
    Similar,
    /// A name is missing, only the family name is known, or the given names are the same and the family names are not.
    Unknown,
    /// Both given names are known, and they are different names.
    Disagree,
}

/// A name to compare: its words without case, accents and doubled letters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Name {
    /// The words of the given name.
    pub given: Vec<SmolStr>,
    /// The words of the family name.
    pub family: Vec<SmolStr>,
    /// Whether the source keeps the two apart; else the first word was taken for the given name.
    pub parted: bool,
}

/// Words around a name that are no part of it; these lists are written as names are compared.
const TITLES: &[&str] = &[
    "mr", "mrs", "ms", "mis", "mx", "dr", "prof", "sir", "dame", "her", "frau", "hr", "fr", "mag",
    "dipl", "ing", "med", "phd", "jr", "sr", "monsieur", "madame", "senor", "senora",
];

/// Bytes of the words of a name. What is longer is prose in the wrong field, and evidence has to fit into one item with
/// its record.
const LONGEST: usize = 500;

/// Words that stand where a name should.
const NOBODY: &[&str] = &[
    "unknown",
    "anonymous",
    "gust",
    "customer",
    "kunde",
    "gast",
    "test",
    "tester",
    "nul",
    "none",
    "na",
    "nobody",
    "user",
    "visitor",
    "default",
    "deleted",
    "kiosk",
    "undefined",
    "walkin",
];

/// Words that join two people's names into one.
const AND: &[&str] = &["and", "und", "et", "og", "och"];

impl Name {
    /// The comparable form; empty if it names nobody, or more than one person.
    pub fn new(name: &PersonName) -> Self {
        let part =
            |field: &crate::schema::Known<String>| words(field.value().map_or("", String::as_str));
        let (given, family) = (part(&name.given), part(&name.family));
        let parsed = match (given.is_empty(), family.is_empty(), name.full.value()) {
            (true, _, Some(full)) => Self::of_full(full),
            _ => Self { given, family, parted: true },
        };
        parsed.checked()
    }

    /// `Ann van Holm`, `van Holm, Ann` or a single word.
    pub fn of_full(full: &str) -> Self {
        if let Some((family, given)) = full.split_once(',') {
            let (given, family) = (words(given), words(family));
            if !given.is_empty() && !family.is_empty() {
                return Self { given, family, parted: true }.checked();
            }
        }
        let mut given = words(full);
        let family = given.split_off(given.len().min(1));
        Self { given, family, parted: false }.checked()
    }

    fn checked(self) -> Self {
        let is = |list: &[&str]| self.words().any(|word| list.contains(&word.as_str()));
        let is_prose = self.words().map(SmolStr::len).sum::<usize>() > LONGEST;
        if is_prose || is(NOBODY) || is(AND) { Self::default() } else { self }
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.given.is_empty() && self.family.is_empty()
    }

    fn words(&self) -> impl Iterator<Item = &SmolStr> {
        self.given.iter().chain(&self.family)
    }

    /// What the two names say; the order of the two does not matter.
    pub fn agreement(&self, other: &Self) -> Agreement {
        if self.is_empty() || other.is_empty() || !self.same_script(other) {
            return Agreement::Unknown;
        }
        if self.same_letters(other) {
            return Agreement::Agree;
        }
        let within = [self.within(other), other.within(self)].into_iter().flatten().min();
        if let Some(agreement) = within {
            return agreement;
        }
        if self.given.is_empty() || other.given.is_empty() || self.near(other) || other.near(self) {
            return Agreement::Unknown;
        }
        Agreement::Disagree
    }

    /// `vanderBerg` for `van der Berg`, `annholm` for `Ann Holm`; a lone given name is not enough.
    fn same_letters(&self, other: &Self) -> bool {
        let both = !self.given.is_empty() && !self.family.is_empty();
        let either = both || (!other.given.is_empty() && !other.family.is_empty());
        let joined = |name: &Self| squeezed(name.words().flat_map(|word| word.chars()));
        either && joined(self) == joined(other)
    }

    /// What it says that each of our words is one of theirs, if each is: two whole words agree, less is similar as long as
    /// the given name is among it.
    fn within(&self, other: &Self) -> Option<Agreement> {
        let mut free: Vec<(&SmolStr, bool)> = other.with_role().collect();
        let (mut same, mut given) = (0, false);
        let mut words: Vec<_> = self.with_role().collect();
        // Whole words choose first: an initial could take the word that one of them needs.
        words.sort_by_key(|(word, _)| std::cmp::Reverse(word.chars().count()));
        for (word, family) in words {
            let likeness = |&(theirs, their_role): &(&SmolStr, bool)| {
                likeness(word, theirs, family && their_role)
            };
            let ranked = free.iter().map(likeness).enumerate();
            let (at, how) = ranked.max_by_key(|&(at, how)| (how, free.len() - at))?;
            match how {
                Likeness::Same => same += 1,
                Likeness::Short => {}
                Likeness::Other => return None,
            }
            given |= !free.remove(at).1;
        }
        match same {
            2.. => Some(Agreement::Agree),
            1 if given => Some(Agreement::Similar),
            _ => None,
        }
    }

    /// Whether a word of our given name could be one of theirs: of their given name, or of any if it is not kept apart.
    fn near(&self, other: &Self) -> bool {
        let theirs = |parted: bool| other.with_role().filter(move |(_, family)| !parted || !family);
        self.given.iter().any(|word| {
            theirs(other.parted && self.parted)
                .any(|(theirs, _)| likeness(word, theirs, false) != Likeness::Other)
        })
    }

    /// Each word, and whether it is part of the family name.
    fn with_role(&self) -> impl Iterator<Item = (&SmolStr, bool)> {
        let given = self.given.iter().map(|word| (word, false));
        given.chain(self.family.iter().map(|word| (word, true)))
    }

    /// `Мария Петрова` and `Maria Petrova` cannot be compared letter by letter; `Мария Holm` and `Ann Holm` can, for
    /// nobody changes the script of one half.
    fn same_script(&self, other: &Self) -> bool {
        let scripts = |name: &Self| -> Vec<u32> {
            name.words().filter_map(|word| word.chars().next()).map(script).collect()
        };
        let theirs = scripts(other);
        scripts(self).iter().any(|ours| theirs.contains(ours))
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Likeness {
    Other,
    /// An initial or a nickname: possible, and no proof.
    Short,
    Same,
}

/// From here on two family names count as one misspelt.
const FAMILY_SIMILARITY: f64 = 0.94;

/// Shorter words have neighbours that are names themselves.
const SHORTEST_MISSPELT: usize = 4;

fn likeness(one: &str, other: &str, family: bool) -> Likeness {
    if one == other {
        return if one.chars().nth(1).is_some() { Likeness::Same } else { Likeness::Short };
    }
    let [a, b] = [one, other].map(|word| word.chars().count());
    if a.min(b) == 1 {
        let same = one.chars().next() == other.chars().next();
        return if same { Likeness::Short } else { Likeness::Other };
    }
    if is_misspelt(one, other, a.min(b), family) {
        Likeness::Same
    } else if same_nickname(one, other) {
        Likeness::Short
    } else {
        Likeness::Other
    }
}

/// One slip inside the word. The first and the last letter must stand: `Daniel` and `Daniela` are two people, as are
/// `Marta` and `Maria`, so that another letter counts as a slip only in a longer word.
fn is_misspelt(one: &str, other: &str, shortest: usize, family: bool) -> bool {
    let ends = |word: &str| (word.chars().next(), word.chars().last());
    if strsim::osa_distance(one, other) == 1 {
        let same_length = one.chars().count() == other.chars().count();
        let swapped = same_length && sorted(one) == sorted(other);
        let longer = if same_length { SHORTEST_MISSPELT + 2 } else { SHORTEST_MISSPELT };
        if swapped && (family || shortest >= SHORTEST_MISSPELT) {
            return true;
        }
        if shortest >= longer && ends(one) == ends(other) {
            return true;
        }
    }
    family && shortest >= SHORTEST_MISSPELT && strsim::jaro_winkler(one, other) >= FAMILY_SIMILARITY
}

fn sorted(word: &str) -> Vec<char> {
    let mut letters: Vec<char> = word.chars().collect();
    letters.sort_unstable();
    letters
}

/// 1 for Latin letters, else a number per block of letters.
fn script(c: char) -> u32 {
    match u32::from(c) {
        0..0x250 => 1,
        0x370..0x400 => 2,
        0x400..0x530 => 3,
        0x590..0x600 => 4,
        0x600..0x780 => 5,
        0x3040..0x3100 => 6,
        code => 7 + code / 0x4000,
    }
}

/// The words of a name in the form that is compared, without titles and whatever is no letter.
fn words(text: &str) -> Vec<SmolStr> {
    let parts = text.split(|c: char| c.is_whitespace() || "-‐‑–_./,&+()\"".contains(c));
    let words = parts.map(word).filter(|word| !word.is_empty() && !TITLES.contains(&word.as_str()));
    let joined = text.contains(['&', '+']).then(|| SmolStr::new_static("and"));
    words.chain(joined).collect()
}

fn word(text: &str) -> SmolStr {
    let lower = text.to_lowercase();
    let letters = lower.nfkd().filter(|&c| !is_combining_mark(c)).filter(|c| c.is_alphabetic());
    let mut plain = String::with_capacity(text.len());
    for letter in letters {
        match letter {
            'ß' => plain.push_str("ss"),
            'æ' => plain.push('a'),
            'œ' | 'ø' => plain.push('o'),
            'ł' => plain.push('l'),
            'đ' | 'ð' => plain.push('d'),
            'þ' => plain.push_str("th"),
            'ı' => plain.push('i'),
            letter => plain.push(letter),
        }
    }
    // The two spellings of an umlaut meet here: Müller, Mueller, Muller.
    for (pair, vowel) in [("ae", "a"), ("oe", "o"), ("ue", "u")] {
        if plain.contains(pair) {
            plain = plain.replace(pair, vowel);
        }
    }
    squeezed(plain.chars())
}

/// One letter for each run of it: Philipp and Philip, Ana and Anna.
fn squeezed(letters: impl Iterator<Item = char>) -> SmolStr {
    let mut out = SmolStrBuilder::new();
    let mut last = None;
    for letter in letters {
        if last != Some(letter) {
            out.push(letter);
        }
        last = Some(letter);
    }
    out.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_in_the_place_of_a_name_is_none() {
        let many = |words: usize| Name::of_full(&"Anna ".repeat(words));
        assert!(!many(20).is_empty());
        assert!(many(200).is_empty());
    }

    #[test]
    fn the_lists_are_written_as_names_are_compared() {
        let lists = [TITLES, NOBODY, AND].concat();
        for listed in lists.into_iter().chain(nicknames::all()) {
            assert_eq!(word(listed), listed);
        }
    }
}
