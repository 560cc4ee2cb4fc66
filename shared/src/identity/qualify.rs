//! What a value is compared as: an id that one connection gave means nothing in another.

use std::fmt::Write as _;

use smol_str::SmolStr;

use super::{IdSpace, IdentityConfig};
use crate::schema::{Identifier, Namespace};

/// An identifier in the form that is equal for equal people, whichever record it comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Qualified {
    /// What kind of value it is.
    pub namespace: Namespace,
    /// The value, behind its connection or id space where it means something only there.
    pub value: String,
    /// The connection in which a person has at most one value of this namespace, if it is of that kind.
    pub exclusive_in: Option<SmolStr>,
}

/// Qualifies an identifier of a record of this connection.
///
/// Email addresses, phone numbers and handles are the same everywhere. `crm_contact`, `helpdesk_user`, `email_profile`,
/// `pos_customer` and `loyalty` are bare ids, which become `connection:value`. An `external` id belongs to the id space
/// that the settings name for its connection, else to its connection alone; if that space is the ids of another
/// connection, the external id becomes exactly the identifier that the other connection's records carry.
pub fn qualify(config: &IdentityConfig, connection: &str, identifier: &Identifier) -> Qualified {
    let namespace = identifier.namespace;
    let value = identifier.value.as_str();
    let exclusive = identifier.exclusive || namespace.exclusive();
    let (namespace, space) = match namespace {
        Namespace::Email
        | Namespace::Phone
        | Namespace::EmailFolded
        | Namespace::SocialHandle
        | Namespace::Unknown => {
            return Qualified { namespace, value: value.to_owned(), exclusive_in: None };
        }
        Namespace::External => match config.external.get(connection) {
            Some(IdSpace::Named(space)) => (namespace, space.as_str()),
            Some(IdSpace::Connection { space, namespace }) => (*namespace, space.as_str()),
            None => (namespace, connection),
        },
        _ => (namespace, connection),
    };
    let exclusive_in = (exclusive || namespace.exclusive()).then(|| space.into());
    Qualified { namespace, value: scoped(space, value), exclusive_in }
}

/// Escapes the colon in the space, so that no two pairs give one text.
fn scoped(space: &str, value: &str) -> String {
    let mut text = String::with_capacity(space.len() + value.len() + 1);
    for c in space.chars() {
        match c {
            ':' => text.push_str("%3A"),
            '%' => text.push_str("%25"),
            c => text.push(c),
        }
    }
    let _ = write!(text, ":{value}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn qualified(config: &IdentityConfig, connection: &str, namespace: Namespace) -> Qualified {
        qualify(config, connection, &Identifier::new(namespace, "123"))
    }

    #[test]
    fn ids_mean_something_in_their_connection_only() {
        let config = IdentityConfig::default();
        let [eu, us] = ["eu", "us"].map(|c| qualified(&config, c, Namespace::CrmContact));
        assert_eq!(eu.value, "eu:123");
        assert_eq!(eu.exclusive_in.as_deref(), Some("eu"));
        assert_ne!(eu, us);
        let [eu, us] = ["eu", "us"].map(|c| qualified(&config, c, Namespace::External));
        assert_eq!(eu.exclusive_in, None);
        assert_ne!(eu, us);
        let [eu, us] = ["eu", "us"].map(|c| qualified(&config, c, Namespace::Phone));
        assert_eq!(eu, us);
        assert_ne!(scoped("a:b", "c"), scoped("a", "b:c"));
    }

    #[test]
    fn external_ids_join_in_the_space_that_the_settings_name() {
        let crm =
            IdSpace::Connection { space: "crm-main".into(), namespace: Namespace::CrmContact };
        let shop = IdSpace::Named("shop".into());
        let external =
            [("desk".into(), crm), ("pos".into(), shop.clone()), ("mail".into(), shop)].into();
        let config = IdentityConfig { external, ..Default::default() };
        let desk = qualified(&config, "desk", Namespace::External);
        assert_eq!(desk, qualified(&config, "crm-main", Namespace::CrmContact));
        assert_eq!(desk.exclusive_in.as_deref(), Some("crm-main"));
        let [pos, mail] = ["pos", "mail"].map(|c| qualified(&config, c, Namespace::External));
        assert_eq!(pos, mail);
        assert_eq!(pos.value, "shop:123");
    }

    #[test]
    fn the_setting_reads_as_documented() {
        let text = r#"{"external": {"desk": {"space": "crm-main", "namespace": "crm_contact"}, "pos": "shop"}}"#;
        let config: IdentityConfig = serde_json::from_str(text).unwrap();
        assert_eq!(config.external["pos"], IdSpace::Named("shop".into()));
        assert!(matches!(config.external["desk"], IdSpace::Connection { .. }));
    }
}
