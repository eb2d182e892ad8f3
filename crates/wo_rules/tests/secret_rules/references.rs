//! References to credentials.

use wo_rules::secret::reference::{is_reference, parse};

/// Otherwise a reference that no vault resolves is stored, or one reference has two spellings.
#[test]
fn a_reference_has_one_spelling() {
    for text in [
        "vault://kv/db#password",
        "vault://kv-v2/plant/line_4/db.prod#password?version=12",
        "gcp-sm://projects/plant-7/secrets/db_password/versions/latest",
        "gcp-sm://projects/123456789012/secrets/db/versions/3",
    ] {
        assert_eq!(parse(text).map(|parsed| parsed.to_string()).as_deref(), Some(text));
    }
    for text in [
        "",
        "vault://",
        "vault://kv",
        "vault://kv/db",
        "vault://kv/db#",
        "vault://kv#password",
        "vault:///db#password",
        "vault://kv/#password",
        "vault://kv//db#password",
        "vault://kv/../db#password",
        "vault://kv/db#pass word",
        "vault://kv/db#a#b",
        "vault://kv/db#a?version=0",
        "vault://kv/db#a?version=01",
        "vault://kv/db#a?version=",
        "vault://kv/db#a?version=-1",
        "vault://kv/db#a?version=latest",
        "vault://kv/db#a?v=1",
        "vault://kv/db?x=1#a",
        "vault://user:pass@kv/db#a",
        "Vault://kv/db#a",
        " vault://kv/db#a",
        "vault://kv/db#a\n",
        "vault://kv/dß#a",
        "gcp-sm://projects/p/secrets/s",
        "gcp-sm://projects/p/secrets/s/versions/",
        "gcp-sm://projects/p/secrets/s/versions/0",
        "gcp-sm://projects/P/secrets/s/versions/1",
        "gcp-sm://projects/p/secrets/s/versions/1/",
        "gcp-sm://p/s/1",
        "gcp-sm://projects//secrets/s/versions/1",
        "gcp-sm://projects/p/secrets/s/versions/99999999999999999999",
        "https://kv/db#password",
    ] {
        assert!(!is_reference(text), "{text:?}");
    }
    assert!(!is_reference(&format!("vault://kv/{}#a", "a".repeat(500))));
}
