//! Companies.

use shared::error::Invalid;
use shared::rows::{Draft, Rows};
use shared::schema::{Account, Country};

use super::objects::{Object, word};

pub(super) fn map(mut object: Object<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
    let properties = &mut object.properties;
    let parent = properties.id("hs_parent_company_id")?;
    let mut account = Account {
        name: properties.text("name")?,
        domain: properties.text("domain")?,
        industry: properties.text("industry")?,
        parent_key: parent.map(|id| rows.key("company", &id)),
        // Free text: "Germany" stays in `ext`.
        country: word(properties, "country", |text| text.parse::<Country>().ok())?,
        ..Account::default()
    };
    let (id, changed_at, kind) = (object.id.clone(), object.changed_at, object.kind);
    account.ext = object.into_ext(rows);
    rows.push(Draft::new(kind.object, id, changed_at, account, rows));
    Ok(())
}
