//! The price table: dated data, by region.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Charge;
use crate::failure::Failure;

const TABLE: &str = include_str!("prices.toml");
/// The region whose prices hold when nothing else is said.
pub const REGION: &str = "us-east-1";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    as_of: String,
    sources: Vec<String>,
    regions: BTreeMap<String, BTreeMap<Charge, Price>>,
}

/// A list price: so many dollars for so many.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// In USD.
    pub usd: f64,
    /// For so many.
    pub per: f64,
}

/// The prices of one region.
#[derive(Debug, Clone)]
pub struct Prices {
    /// The region, as AWS calls it.
    pub region: String,
    /// The month in which they were looked up.
    pub as_of: String,
    /// Where AWS says what holds now.
    pub sources: Vec<String>,
    of: BTreeMap<Charge, Price>,
}

impl Prices {
    /// The prices of a region.
    pub(crate) fn of_region(region: &str) -> Result<Self, Failure> {
        let mut table: Table = toml::from_str(TABLE).map_err(|error| {
            Failure::failed(format!("the price table is wrong: {error}"), "report this as a bug")
        })?;
        let Some(of) = table.regions.remove(region) else {
            let known: Vec<&str> = table.regions.keys().map(String::as_str).collect();
            return Err(Failure::misuse(
                format!("the price table has no region {region:?}"),
                format!(
                    "one of {}; others are up to a third dearer than {REGION}",
                    known.join(", ")
                ),
            ));
        };
        Ok(Self { region: region.to_owned(), as_of: table.as_of, sources: table.sources, of })
    }

    /// The list price of something.
    pub fn of(&self, charge: Charge) -> Price {
        self.of.get(&charge).copied().unwrap_or(Price { usd: 0.0, per: 1.0 })
    }

    /// What one of it costs, in USD.
    pub fn one(&self, charge: Charge) -> f64 {
        let Price { usd, per } = self.of(charge);
        usd / per
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_region_has_a_price_for_everything() {
        let table: Table = toml::from_str(TABLE).unwrap();
        assert!(table.regions.len() >= 2 && table.regions.contains_key(REGION));
        for (region, prices) in table.regions {
            for charge in Charge::ALL {
                let price = prices[&charge];
                assert!(price.usd > 0.0 && price.per >= 1.0, "{region} {charge:?}");
            }
        }
    }

    #[test]
    fn a_region_without_prices_is_said_with_those_that_have_some() {
        let failure = Prices::of_region("mars-north-1").unwrap_err().to_string();
        assert!(failure.contains("mars-north-1") && failure.contains("eu-central-1"), "{failure}");
    }
}
