//! How a person's true name and address get written down.

use rand::RngExt as _;

use super::Person;
use crate::Dice;

/// The person's name as one system has it: usually right.
pub(crate) fn mistyped_name(dice: &mut Dice, person: &Person) -> String {
    let (given, family) = (person.given_name, person.family_name);
    match dice.random_range(0..30) {
        0 => format!("{family}, {given}"),
        1 => format!("{given}  {family} "),
        2 => format!("{given} {family}").to_lowercase(),
        3 => format!("{given} {family}").to_uppercase(),
        4 => given.to_owned(),
        5 => format!("{}. {family}", given.chars().next().unwrap_or('X')),
        6 => format!("{given} {}", swapped(dice, family)),
        7 => format!("{given} {}", doubled(dice, family)),
        _ => format!("{given} {family}"),
    }
}

/// An address as one system has it: usually as it is, at times in capitals or with a tag.
pub(crate) fn written_email(dice: &mut Dice, email: &str) -> String {
    let (local, domain) = email.split_once('@').unwrap_or((email, "example.com"));
    match dice.random_range(0..20) {
        0 => email.to_uppercase(),
        1 => format!("{local}+pizza@{domain}"),
        2 => format!("{local}@{}", domain.to_uppercase()),
        _ => email.to_owned(),
    }
}

/// Two neighbouring letters in the wrong order.
fn swapped(dice: &mut Dice, word: &str) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    if letters.len() > 2 {
        let at = dice.random_range(1..letters.len() - 1);
        letters.swap(at, at + 1);
    }
    letters.into_iter().collect()
}

/// One letter too many.
fn doubled(dice: &mut Dice, word: &str) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    let at = dice.random_range(0..letters.len());
    letters.insert(at, letters[at]);
    letters.into_iter().collect()
}
