//! Names for invented people and businesses, in several scripts.

use rand::RngExt as _;

use super::one_of;
use crate::Dice;

/// Given names with their spelling in an address.
pub(super) const GIVEN: &[(&str, &str)] = &[
    ("Ada", "ada"),
    ("Amara", "amara"),
    ("Anaïs", "anais"),
    ("Bram", "bram"),
    ("Chloé", "chloe"),
    ("Dafydd", "dafydd"),
    ("Elif", "elif"),
    ("Fatima", "fatima"),
    ("Grzegorz", "grzegorz"),
    ("Håkon", "hakon"),
    ("Imogen", "imogen"),
    ("Jürgen", "juergen"),
    ("José", "jose"),
    ("Katarzyna", "katarzyna"),
    ("Liam", "liam"),
    ("Łukasz", "lukasz"),
    ("Marie-Claire", "marie-claire"),
    ("Ngọc", "ngoc"),
    ("Olga", "olga"),
    ("Priya", "priya"),
    ("Quentin", "quentin"),
    ("Rosie 🌸", "rosie"),
    ("Søren", "soren"),
    ("Thomas", "thomas"),
    ("Tom", "tom"),
    ("Ümit", "umit"),
    ("Vera", "vera"),
    ("Wei", "wei"),
    ("Xander", "xander"),
    ("Yara", "yara"),
    ("Zoë", "zoe"),
    ("花子", "hanako"),
    ("𠮷郎", "yoshiro"),
    ("Мария", "maria"),
    ("Ελένη", "eleni"),
    ("Robert", "robert"),
];

/// Family names with their spelling in an address.
pub(super) const FAMILY: &[(&str, &str)] = &[
    ("Abara", "abara"),
    ("Bäcker", "baecker"),
    ("Calloway", "calloway"),
    ("D'Arcy", "darcy"),
    ("Eze", "eze"),
    ("Fairweather", "fairweather"),
    ("Großmann", "grossmann"),
    ("Holm", "holm"),
    ("İnce", "ince"),
    ("Jansen", "jansen"),
    ("Kowalczyk", "kowalczyk"),
    ("Lindqvist", "lindqvist"),
    ("Müller", "mueller"),
    ("Nguyễn", "nguyen"),
    ("O'Rourke", "orourke"),
    ("Patel", "patel"),
    ("Quist", "quist"),
    ("Rahman", "rahman"),
    ("Smythe-Jones", "smythe-jones"),
    ("Tanaka", "tanaka"),
    ("Ueda", "ueda"),
    ("van der Berg", "vanderberg"),
    ("Whitlock", "whitlock"),
    ("Yıldız", "yildiz"),
    ("Zając", "zajac"),
    ("山田", "yamada"),
    ("Петрова", "petrova"),
    ("Papadakis", "papadakis"),
];

/// Where people have their mail: reserved domains only.
pub(super) const MAIL_DOMAINS: &[&str] =
    &["example.com", "example.org", "example.net", "mail.example", "post.example"];

const TRADES: &[&str] = &[
    "Bakery",
    "Brewing",
    "Catering",
    "Dental",
    "Events",
    "Florists",
    "Garage",
    "Legal",
    "Logistics",
    "Studio",
];

/// The name and domain of the business with this number.
pub(super) fn organization(dice: &mut Dice, number: usize) -> (String, String) {
    let (founder, ascii) = one_of(dice, FAMILY);
    let trade = TRADES[dice.random_range(0..TRADES.len())];
    let domain = format!("{ascii}-{}{number}.example", trade.to_lowercase());
    (format!("{founder} {trade}"), domain)
}
