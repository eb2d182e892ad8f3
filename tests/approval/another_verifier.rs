//! An evidence package is verified by a program that was written from its own section how_to_verify, in
//! another language: what only wo_core can recompute is no evidence for anybody else.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::approval::firm::{AUDITOR, Firm, ROOT};

pub fn verify(package: &str) -> (bool, String) {
    let file: PathBuf = std::env::temp_dir().join(format!("wo-{}.json", uuid::Uuid::now_v7()));
    std::fs::write(&file, package).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/verify_evidence.py");
    let output = Command::new("python3").arg(script).arg(&file).output().unwrap();
    std::fs::remove_file(&file).unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), said)
}

fn package(firm: &Firm, order: &str) -> String {
    firm.one(AUDITOR, &format!("select wo.evidence_package('{order}')"))
}

/// Odd texts, a DBA's columns of odd types, signatures and a rejection are all recomputed.
#[test]
fn a_package_is_verified_by_a_program_in_another_language() {
    let firm = Firm::found();
    firm.run(
        ROOT,
        r#"alter table wo.work_order add "a""b" interval default '1 day -2 hours', add spots point[],
            add ratio double precision default 0.1"#,
    );
    firm.forget_clients();
    let closed = firm.reach("closed");
    let draft = firm.create("\u{2028}\u{7f}é小克\u{1F680}\"\\\t");
    for order in [&closed, &draft] {
        let (intact, said) = verify(&package(&firm, order));
        assert!(intact, "{said}");
        assert!(said.starts_with(&format!("INTACT: {order}, ")), "{said}");
        // As psql writes it into a file.
        assert!(verify(&format!("{}\n", package(&firm, order))).0);
    }
}

/// A change of any part is noticed by that program too.
#[test]
fn a_program_in_another_language_notices_every_forgery() {
    let firm = Firm::found();
    let order = firm.reach("closed");
    let honest = package(&firm, &order);
    let sections = serde_json::from_str::<Value>(&honest).unwrap()["sections"].take();
    let signature = sections["signatures"][0]["signature"].as_str().unwrap();
    let hash = sections["trail"][2]["entry_hash"].as_str().unwrap();
    for (from, to) in [
        ("Mend the pump", "Mend the pimp"),
        ("\"status\":\"closed\"", "\"status\":\"cloned\""),
        (signature, "AAAA"),
        (hash, "0000000000000000000000000000000000000000000000000000000000000000"),
        ("\"made_at\":\"2", "\"made_at\":\"3"),
        ("\"state\": \"valid\"", "\"state\": \"void\""),
        ("\"sections\":{", "\"sections\": {"),
    ] {
        let forged = honest.replacen(from, to, 1);
        if forged == honest {
            continue;
        }
        let (intact, said) = verify(&forged);
        assert!(!intact && said.contains("NOT INTACT"), "{from} -> {to}: {said}");
    }
}

/// The page in the package names the hashed members and formats that the program needs.
#[test]
fn the_package_says_how_it_is_verified() {
    let firm = Firm::found();
    let draft = firm.create("Read me");
    let sections =
        serde_json::from_str::<Value>(&package(&firm, &draft)).unwrap()["sections"].take();
    let page = sections["how_to_verify"].as_str().unwrap();
    for words in [
        wo_rules::audit::FORMAT,
        wo_rules::approval::content::FORMAT,
        "wo_core.signature.v1",
        "content_sha256",
        "manifest_sha256",
    ] {
        assert!(page.contains(words), "{words}");
    }
}

/// A table of child records that signatures cover would be unknown to those who verify without wo_core.
#[test]
fn every_covered_table_is_named_where_others_read_how_to_verify() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    let texts =
        [read("src/service/evidence/how_to_verify.txt"), read("examples/verify_evidence.py")];
    let mut count = 0;
    for table in wo_rules::schema::child_tables().filter(|table| table.child.covers.is_some()) {
        count += 1;
        for text in &texts {
            let name = match table.child.item {
                Some(_) => format!("{}:", table.name),
                None => table.name.to_owned(),
            };
            assert!(text.contains(&name), "{name}");
        }
    }
    assert!(count > 0);
}
