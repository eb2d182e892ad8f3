//! The program `wo` as users run it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The path of `wo`, which is built on first use, with the profile that the tests have.
pub fn wo_program() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        // Together with this package, so that Cargo takes the libraries of the tests: for `wo` alone it would
        // compile them again with other features.
        let build = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--profile", "ci", "--package", "wo_cluster_tests"])
            .args(["--package", "wo_cli", "--bin", "wo"])
            .args(["--message-format", "json"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
        let messages = String::from_utf8(build.stdout).unwrap();
        let program = messages.lines().find_map(|line| {
            let message: serde_json::Value = serde_json::from_str(line).ok()?;
            message["executable"].as_str().map(PathBuf::from)
        });
        program.expect("cargo names the program that it has built")
    })
}
