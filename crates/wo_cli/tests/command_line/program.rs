//! What the program says about itself.

use crate::support::*;

/// An operator sees from the version whether this program fits the server.
#[test]
fn the_version_names_the_extension_and_the_packages_that_it_understands() {
    let version = wo(&["--version"], b"");
    assert_eq!(version.code, 0);
    let own = env!("CARGO_PKG_VERSION");
    assert!(version.out.starts_with(&format!("wo {own}\n")), "{}", version.out);
    assert!(version.out.contains(&format!("the extension wo_core {own}")), "{}", version.out);
    assert!(version.out.contains(wo_rules::evidence::package::FORMAT), "{}", version.out);
}

/// A script that acts on an exit code finds what it means in the help.
#[test]
fn the_help_says_what_the_exit_codes_mean() {
    let help = wo(&["--help"], b"").out;
    for code in ["0  done", "1  refused", "2  it could not be decided"] {
        assert!(help.contains(code), "{help}");
    }
    let help = wo(&["verify", "--help"], b"").out;
    assert!(help.contains("with 2 if that could not be decided"), "{help}");
}

/// Completions that the shell refuses would break each new session of who loads them.
#[test]
fn completions_are_printed_for_each_shell_and_bash_accepts_them() {
    for shell in ["bash", "zsh", "fish"] {
        let script = wo(&["completions", shell], b"");
        assert_eq!((script.code, script.err.as_str()), (0, ""));
        assert!(script.out.contains("witness"), "{shell}");
    }
    let script = wo(&["completions", "bash"], b"").out
        + "\nCOMP_WORDS=(wo key n); COMP_CWORD=2; _wo wo n key; echo \"${COMPREPLY[@]}\"";
    let answer = run("bash", &["-euc", &script], b"");
    assert_eq!((answer.code, answer.out.trim()), (0, "new"), "{}", answer.err);
}
