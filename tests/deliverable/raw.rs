//! Raw SQL meets the checks of the functions.

use base64ct::{Base64, Encoding};
use wo_cluster_tests::signing::ROOT;

use crate::deliverable::stand::{Stand, review};

/// Without checks on the rows, an INSERT or a COPY could accept what nobody reviewed, in somebody else's name; UPDATE
/// and DELETE would lose what was received.
#[test]
fn rows_are_checked_by_any_writer() {
    let stand = Stand::found();
    let order = stand.surveying(true);
    let id = stand.id(&order);
    let refused = |who: &str, sql: &str, sqlstate: &str, code: &str| {
        stand.refused_without_trace(
            &["deliverable", "deliverable_review", "work_order"],
            who,
            sql,
            sqlstate,
            code,
        )
    };
    let version = |columns: &str, values: &str| {
        format!(
            "insert into wo.deliverable (work_order_id, name, kind, uri, sha256{columns})
             values ('{id}', 'certificate', 'certificate', 'https://files/c', sha256('c'){values})"
        )
    };
    refused("stranger", &version("", ""), "42501", "role_missing");
    refused("worker", &version(", ordinal", ", 7"), "42501", "column_not_writable");
    refused("worker", &version(", received_from", ", 'qa'"), "42501", "column_not_writable");
    refused("worker", &version(", received_at", ", now()"), "42501", "column_not_writable");
    refused(
        "worker",
        &version(", required", ", false"),
        "22023",
        "deliverable_requirement_differs",
    );
    refused(
        "worker",
        &version(", supersedes", ", gen_random_uuid()"),
        "55000",
        "deliverable_superseded",
    );
    refused("worker", &version(", size", ", -1"), "23514", "value_malformed");
    refused("worker", &version(", media_type", ", 'pdf'"), "23514", "value_malformed");
    refused(ROOT, &version("", ""), "42501", "no_identity");
    let bare = version("", "").replace("https://files/c", "files/c");
    refused("worker", &bare, "23514", "value_malformed");
    let secret = version("", "").replace("https://", "https://ann:correct-horse-battery@");
    refused("worker", &secret, "22023", "secret_in_the_open");
    stand.run("worker", &version(", size, media_type", ", 12, 'application/pdf'"));
    let newest = stand.newest(&order, "certificate");
    // A connection of its own: a refused COPY leaves the client without an answer.
    let copied = |who: &str, table: &str, line: &str| {
        let mut client = stand.connect(who);
        let mut writer = client.copy_in(&format!("copy wo.{table} from stdin csv"))?;
        std::io::Write::write_all(&mut writer, line.as_bytes()).unwrap();
        writer.finish()
    };
    let line = format!("{id},{newest},accepted,copied\n");
    let columns = "deliverable_review (work_order_id, deliverable_id, verdict, reason)";
    // PostgreSQL lets nobody COPY past row security, and a superuser acts for nobody.
    copied("worker", columns, &line).unwrap_err();
    wo_cluster_tests::refused(copied(ROOT, columns, &line), "42501", "no_identity");

    let said = |columns: &str, values: &str| {
        format!(
            "insert into wo.deliverable_review (work_order_id, deliverable_id, verdict, reason{columns})
             values ('{id}', '{newest}', 'accepted', 'r'{values})"
        )
    };
    refused("worker", &said("", ""), "42501", "deliverable_of_ones_own");
    refused("qa", &said(", reviewed_by", ", 'qa_2'"), "42501", "column_not_writable");
    refused("qa", &said(", ordinal", ", 1"), "42501", "column_not_writable");
    let both = said("", "") + &format!(", ('{id}', '{newest}', 'accepted', 'r')");
    refused("qa", &both, "55000", "deliverable_reviewed_already");
    stand.run("qa", &said("", ""));

    let stored = |table: &str| -> String {
        stand.one(ROOT, &format!("select string_agg(line::text, '|') from wo.{table} as line"))
    };
    let before = (stored("deliverable"), stored("deliverable_review"));
    for sql in [
        "update wo.deliverable set sha256 = sha256('other')",
        "update wo.deliverable set required = false",
        "delete from wo.deliverable",
        "truncate wo.deliverable cascade",
        "update wo.deliverable_review set verdict = 'rejected'",
        "delete from wo.deliverable_review",
        "truncate wo.deliverable_review",
    ] {
        for who in ["worker", "qa", ROOT] {
            stand.with(who, |client| client.batch_execute(sql)).unwrap_err();
        }
    }
    assert_eq!((stored("deliverable"), stored("deliverable_review")), before);
    assert_eq!(stand.problems(), []);
}

/// A picture inside the URI is no secret; what looks like one is.
#[test]
fn a_picture_in_a_uri_passes() {
    let stand = Stand::found();
    let order = stand.surveying(false);
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    bytes.extend(
        (0..400_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes().into_iter().take(1)),
    );
    let picture = Base64::encode_string(&bytes);
    let sql = format!(
        "select wo.add_deliverable('{order}', 'photo', 'photo', 'data:image/png;base64,{picture}',
            sha256(decode('{picture}', 'base64')), media_type => 'image/png')"
    );
    stand.run("worker", &sql);
    stand.run("qa", &review(&order, &stand.newest(&order, "photo"), "accepted"));
    assert_eq!(stand.problems(), []);
}
