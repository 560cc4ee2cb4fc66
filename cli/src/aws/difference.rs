//! What is different between two settings files: connections and keys by their names, never a value.

use std::collections::BTreeSet;

use serde::Serialize;

/// How new settings differ from old ones.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Difference {
    /// Connections that are new.
    pub(crate) added: Vec<String>,
    /// Connections that are gone.
    pub(crate) removed: Vec<String>,
    /// Connections with other settings, and which those are.
    pub(crate) changed: Vec<Change>,
    /// Other sections with other settings, such as `identity`.
    pub(crate) sections: Vec<String>,
}

/// A connection that is set otherwise.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Change {
    pub(crate) connection: String,
    pub(crate) keys: Vec<String>,
}

impl Difference {
    /// Compares two settings files; one that is no TOML is taken for an empty one.
    pub(crate) fn between(old: &str, new: &str) -> Self {
        let [mut old, mut new] =
            [old, new].map(|text| text.parse::<toml::Table>().unwrap_or_default());
        let [before, after] =
            [&mut old, &mut new].map(|settings| match settings.remove("connections") {
                Some(toml::Value::Table(connections)) => connections,
                _ => toml::Table::new(),
            });
        let changed = before.iter().filter_map(|(name, was)| {
            let keys = other_keys(was.as_table()?, after.get(name)?.as_table()?);
            (!keys.is_empty()).then(|| Change { connection: name.clone(), keys })
        });
        Self {
            added: only_in(&after, &before),
            removed: only_in(&before, &after),
            changed: changed.collect(),
            sections: other_keys(&old, &new),
        }
    }

    /// Whether they say the same, however it is written.
    pub(crate) fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// In lines: `+ added`, `- removed`, `~ changed (keys)`.
    pub(crate) fn lines(&self) -> Vec<String> {
        let added = self.added.iter().map(|name| format!("+ {name}"));
        let removed = self.removed.iter().map(|name| format!("- {name}"));
        let changed = self
            .changed
            .iter()
            .map(|change| format!("~ {} ({})", change.connection, change.keys.join(", ")));
        let sections = self.sections.iter().map(|section| format!("~ [{section}]"));
        added.chain(removed).chain(changed).chain(sections).collect()
    }
}

fn only_in(table: &toml::Table, other: &toml::Table) -> Vec<String> {
    table.keys().filter(|key| !other.contains_key(*key)).cloned().collect()
}

/// The keys that only one table has, or that have other values.
fn other_keys(old: &toml::Table, new: &toml::Table) -> Vec<String> {
    let all: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    all.into_iter().filter(|key| old.get(*key) != new.get(*key)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = r#"
        identity_key = { secret = "a" }
        [connections.desk]
        source = "zendesk"
        email = "ann@acme.example"
        start = "2025-01-01"
        [connections.shop]
        source = "square"
    "#;

    #[test]
    fn differences_are_named_without_values() {
        let new = r#"
            identity_key = { secret = "b" }
            [connections.desk]
            source = "zendesk"
            email = "bob@acme.example"
            region = "GB"
            [connections.list]
            source = "klaviyo"
        "#;
        let difference = Difference::between(OLD, new);
        assert_eq!(
            difference.lines(),
            ["+ list", "- shop", "~ desk (email, region, start)", "~ [identity_key]"]
        );
    }

    #[test]
    fn comments_and_order_make_no_difference() {
        let rewritten = format!("# A word.\n{OLD}");
        assert!(Difference::between(OLD, &rewritten).is_none());
        assert_eq!(Difference::between("", OLD).added, ["desk", "shop"]);
    }
}
