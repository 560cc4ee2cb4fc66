//! Every source of every system, and an example of its settings.

use shared::config::{AnySource, Connection, Foreign, Settings};
use shared::connector::AnyStream;
use shared::error::Error;
use shared::facts::SourceFacts;

use crate::failure::Failure;

/// Every source that Tributary reads: the systems' lists, one after the other.
pub fn sources() -> Vec<&'static dyn AnySource> {
    [email::SOURCES, helpdesk::SOURCES, pos::SOURCES, crm::SOURCES, social::SOURCES].concat()
}

/// A source by name; the error lists the names there are.
pub(crate) fn source(name: &str) -> Result<&'static dyn AnySource, Failure> {
    let all = sources();
    all.iter().find(|source| source.facts().name == name).copied().ok_or_else(|| {
        let known: Vec<&str> = all.iter().map(|source| source.facts().name).collect();
        Failure::misuse(
            format!("there is no source {name:?}"),
            format!("one of {}", known.join(", ")),
        )
    })
}

/// An example connection as it stands in the settings file.
pub(crate) fn example(facts: &SourceFacts) -> &'static str {
    match facts.name {
        "bluesky" => include_str!("examples/bluesky.toml"),
        "brandwatch" => include_str!("examples/brandwatch.toml"),
        "hubspot" => include_str!("examples/hubspot.toml"),
        "klaviyo" => include_str!("examples/klaviyo.toml"),
        "sendgrid" => include_str!("examples/sendgrid.toml"),
        "square" => include_str!("examples/square.toml"),
        "zendesk" => include_str!("examples/zendesk.toml"),
        _ => "",
    }
}

/// The example connection of a source, as `tributary init` writes it.
pub fn example_connection(source: &'static dyn AnySource) -> Result<Connection, Error> {
    let settings = Settings::parse(example(source.facts()), "", &[source], Foreign::Refuse)?;
    let connection = settings.connections.into_values().next();
    connection.ok_or_else(|| Error::Invariant("the source has no example".to_owned()))
}

/// The streams of a source, as its example connection has them.
pub(crate) fn streams(source: &'static dyn AnySource) -> Result<Vec<Box<dyn AnyStream>>, Failure> {
    Ok(example_connection(source)?.connector.streams)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_has_an_example_that_connects() {
        for source in sources() {
            let streams = streams(source).expect("the example is valid");
            assert!(!streams.is_empty(), "{}", source.facts().name);
        }
    }
}
