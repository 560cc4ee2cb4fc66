//! `samconfig.toml`, where the SAM CLI remembers how a stack is deployed.

use std::path::Path;

/// The file's name, beside `template.yaml`.
pub(crate) const FILE: &str = "samconfig.toml";

/// The stack's name and region as the file in this folder has them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct SamConfig {
    pub(crate) stack: Option<String>,
    pub(crate) region: Option<String>,
}

impl SamConfig {
    /// Reads the file; one that is missing or not understood says nothing.
    pub(crate) fn read(folder: &Path) -> Self {
        std::fs::read_to_string(folder.join(FILE)).map(|text| Self::of(&text)).unwrap_or_default()
    }

    fn of(text: &str) -> Self {
        let table: toml::Table = text.parse().unwrap_or_default();
        let find = |key: &str| {
            let of_command =
                |command| table.get("default")?.get(command)?.get("parameters")?.get(key);
            let found = of_command("deploy").or_else(|| of_command("global"));
            found.and_then(toml::Value::as_str).map(str::to_owned)
        };
        Self { stack: find("stack_name"), region: find("region") }
    }
}

/// A file for `sam build && sam deploy` that asks nothing.
pub(crate) fn write(stack: &str, region: Option<&str>, parameters: &[(String, String)]) -> String {
    let region = match region {
        Some(region) => format!("region = {region:?}\n"),
        None => "# region = \"eu-central-1\"\n".to_owned(),
    };
    let overrides: Vec<String> =
        parameters.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
    format!(
        "# How `sam deploy` deploys Tributary; docs/deploy.md lists the parameters.\n\
         version = 0.1\n\n\
         [default.deploy.parameters]\n\
         stack_name = {stack:?}\n\
         {region}\
         resolve_s3 = true\n\
         capabilities = \"CAPABILITY_IAM\"\n\
         confirm_changeset = true\n\
         parameter_overrides = '{}'\n",
        overrides.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let parameters = [("Helpdesk".to_owned(), "on".to_owned())];
        let text = write("acme", Some("eu-central-1"), &parameters);
        let read = SamConfig::of(&text);
        assert_eq!(
            (read.stack.as_deref(), read.region.as_deref()),
            (Some("acme"), Some("eu-central-1"))
        );
        assert!(text.contains("parameter_overrides = 'Helpdesk=\"on\"'"), "{text}");
        assert_eq!(SamConfig::of(&write("acme", None, &[])).region, None);
    }

    #[test]
    fn the_guided_deployments_file_is_read_too() {
        let text = "version = 0.1\n[default.global.parameters]\nstack_name = \"hub\"\n[default.deploy.parameters]\nregion = \"us-east-1\"";
        let read = SamConfig::of(text);
        assert_eq!(
            (read.stack.as_deref(), read.region.as_deref()),
            (Some("hub"), Some("us-east-1"))
        );
        assert_eq!(SamConfig::of("not toml ["), SamConfig::default());
    }
}
