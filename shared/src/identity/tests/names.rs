//! Which names agree.

use super::super::{Agreement, Name};
use Agreement::{Agree, Disagree, Similar, Unknown};

const TABLE: &[(&str, &str, Agreement)] = &[
    ("Ann Holm", "ann  HOLM ", Agree),
    ("Ann Holm", "Holm, Ann", Agree),
    ("Ann Holm", "Holm Ann", Agree),
    ("Dr. Ann Holm", "Ann Holm", Agree),
    ("Jürgen Müller", "Juergen Mueller", Agree),
    ("Jürgen Müller", "Jurgen Muller", Agree),
    ("Søren Großmann", "Soren Grossmann", Agree),
    ("Łukasz Zając", "Lukasz Zajac", Agree),
    ("Anaïs Nguyễn", "Anais Nguyen", Agree),
    ("Rosie 🌸 O'Rourke", "rosie orourke", Agree),
    ("Ada van der Berg", "Ada Vanderberg", Agree),
    ("Ada van der Berg", "Ada Berg", Agree),
    ("Marie-Claire Quist", "Marie Claire Quist", Agree),
    ("Ann Maria Holm", "Ann Holm", Agree),
    ("Ann M. Holm", "Ann Maria Holm", Agree),
    ("Ann Lindqvist", "Ann Lindqivst", Agree),
    ("Ann Whitlock", "Ann Whittlock", Agree),
    ("Phillipp Holm", "Philip Holm", Agree),
    ("山田 花子", "花子 山田", Agree),
    ("annholm", "Ann Holm", Agree),
    ("A. Holm", "Ann Holm", Similar),
    ("Tom Holm", "Thomas Holm", Similar),
    ("Ann", "Ann Holm", Similar),
    ("Holm", "Ann Holm", Unknown),
    ("Ann", "Ann", Similar),
    ("Ann Holm", "Ann Quist", Unknown),
    ("Мария Петрова", "Maria Petrova", Unknown),
    ("", "Ann Holm", Unknown),
    ("n/a", "Ann Holm", Unknown),
    ("Guest", "Ann Holm", Unknown),
    ("Ann & Tom Holm", "Ann Holm", Unknown),
    ("Ann Holm", "Tom Holm", Disagree),
    ("Daniel Holm", "Daniela Holm", Disagree),
    ("Julian Holm", "Juliane Holm", Disagree),
    ("Maria Holm", "Marie Holm", Disagree),
    ("Мария Holm", "Ann Holm", Disagree),
    ("B. Holm", "Ann Holm", Disagree),
    ("Tom", "Ann Holm", Disagree),
    ("Ann Holm", "Bea Quist", Disagree),
];

#[test]
fn the_table_of_names() {
    for &(one, other, expected) in TABLE {
        let [a, b] = [one, other].map(Name::of_full);
        assert_eq!(a.agreement(&b), expected, "{one} and {other}: {a:?} {b:?}");
        assert_eq!(b.agreement(&a), expected, "{other} and {one}");
    }
}
