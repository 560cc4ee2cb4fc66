//! The connectors' functions gain nothing from the lake: neither Arrow nor Delta is in them.

use std::process::Command;

#[test]
fn no_connector_depends_on_arrow_or_delta() {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    for system in ["crm", "email", "helpdesk", "pos", "social"] {
        let tree = Command::new(&cargo)
            .args([
                "tree",
                "--offline",
                "--edges",
                "normal",
                "--prefix",
                "none",
                "--package",
                system,
            ])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
        let tree = String::from_utf8_lossy(&tree.stdout);
        assert!(
            tree.contains("aws-sdk-s3"),
            "{system}: the tree is not what it should be:\n{tree}"
        );
        let heavy =
            ["arrow", "parquet", "deltalake", "buoyant_kernel", "object_store", "datafusion"];
        let found: Vec<&str> =
            tree.lines().filter(|line| heavy.iter().any(|name| line.starts_with(name))).collect();
        assert!(found.is_empty(), "{system} has {found:?}");
    }
}
