//! The people to compare: a table of what each record says, field by field.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// A field that two records can be compared on.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// Given name.
    Given,
    /// Family name.
    Family,
    /// Birth date, perhaps in part.
    BirthDate,
    /// House number, as given or as found in the first address line.
    HouseNumber,
    /// First address line, without its house number.
    Street,
    /// What the other address lines say.
    MoreAddress,
    /// Town or suburb.
    Locality,
    /// Postal code.
    PostalCode,
    /// State, province, canton.
    Region,
    /// Phone number.
    Phone,
    /// Email address.
    Email,
}

impl Field {
    /// All fields, in the order of their cells.
    pub const ALL: [Self; 11] = [
        Self::Given,
        Self::Family,
        Self::BirthDate,
        Self::HouseNumber,
        Self::Street,
        Self::MoreAddress,
        Self::Locality,
        Self::PostalCode,
        Self::Region,
        Self::Phone,
        Self::Email,
    ];

    /// The name as in the serialised form.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Family => "family",
            Self::BirthDate => "birth_date",
            Self::HouseNumber => "house_number",
            Self::Street => "street",
            Self::MoreAddress => "more_address",
            Self::Locality => "locality",
            Self::PostalCode => "postal_code",
            Self::Region => "region",
            Self::Phone => "phone",
            Self::Email => "email",
        }
    }

    pub(crate) const fn cell(self) -> usize {
        self as usize
    }
}

/// A person as one record knows them; whatever is absent is no evidence.
// No `Debug` outside tests: values are people's data.
#[cfg_attr(test, derive(Debug))]
#[derive(Clone, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(default)]
pub struct Person {
    /// The record's key, unique in the table.
    pub key: SmolStr,
    /// The connection that the record came through.
    pub source: SmolStr,
    /// Given name.
    pub given: Option<SmolStr>,
    /// Family name.
    pub family: Option<SmolStr>,
    /// `1990-05-17`, `19900517`, or in part: `1990-05`, `1990`, `--05-17`.
    pub birth_date: Option<SmolStr>,
    /// House number, where the source keeps it apart.
    pub house_number: Option<SmolStr>,
    /// Address lines, the street first.
    pub lines: Vec<SmolStr>,
    /// Town or suburb.
    pub locality: Option<SmolStr>,
    /// Postal code.
    pub postal_code: Option<SmolStr>,
    /// State, province, canton.
    pub region: Option<SmolStr>,
    /// Phone number, best as E.164.
    pub phone: Option<SmolStr>,
    /// Email address.
    pub email: Option<SmolStr>,
}

/// The table: records, and which of their sources hold nobody twice.
// No `Debug` outside tests: values are people's data.
#[cfg_attr(test, derive(Debug))]
#[derive(Clone, Default, Deserialize, Serialize)]
pub struct People {
    /// The records, in any order. A key that occurs twice counts once.
    pub records: Vec<Person>,
    /// Sources without duplicates in themselves: no pair inside one, and one to one between two.
    pub without_duplicates: BTreeSet<SmolStr>,
}
