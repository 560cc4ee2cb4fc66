//! Amounts as Square writes them: whole numbers of the currency's smallest unit.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use shared::error::Invalid;
use shared::fields::Fields;
use shared::schema::{Currency, Known, Money};

#[derive(Deserialize)]
struct Amount<'a> {
    amount: Option<i64>,
    #[serde(borrow)]
    currency: Option<Cow<'a, str>>,
}

/// Takes amounts of one currency, the first one's: a record has one, and so have our rows.
#[derive(Default)]
pub(super) struct Till {
    currency: Option<Currency>,
}

impl Till {
    /// Takes an amount; one of another currency, or none that can be read, stays in `ext`.
    pub(super) fn take(
        &mut self,
        fields: &mut Fields<'_>,
        name: &'static str,
    ) -> Result<Option<i64>, Invalid> {
        let Known::Value(raw) = fields.raw(name)? else { return Ok(None) };
        match read(raw) {
            Known::Null => Ok(None),
            Known::Value(money)
                if *self.currency.get_or_insert(money.currency) == money.currency =>
            {
                Ok(Some(money.minor))
            }
            Known::Value(_) | Known::Absent => {
                fields.drift(name, raw);
                Ok(None)
            }
        }
    }

    pub(super) fn currency(&self) -> Option<Currency> {
        self.currency
    }

    pub(super) fn exponent(&self) -> Option<u8> {
        self.currency.map(Currency::exponent)
    }
}

/// The amount of a money field: null if Square says that there is none, absent if it cannot be read.
fn read(raw: &RawValue) -> Known<Money> {
    let Ok(Amount { amount, currency }) = serde_json::from_str(raw.get()) else {
        return Known::Absent;
    };
    let Some(amount) = amount else { return Known::Null };
    let currency = currency.and_then(|code| code.parse::<Currency>().ok());
    currency.map(|currency| Money::from_minor(amount, currency)).into()
}
