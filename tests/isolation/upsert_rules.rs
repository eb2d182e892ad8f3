//! Functions that insert or update, on a table that has a rule of an administrator: PostgreSQL refuses ON
//! CONFLICT there with a plain 0A000, which says nothing of what to do.

use super::stage::{Stage, pending};
use wo_cluster_tests::{Cluster, refused};

/// Without the check the answer is a bare 0A000 without code and hint.
#[test]
fn a_function_that_upserts_into_a_table_with_a_rule_is_refused_with_a_code() {
    let stage = Stage::new(Cluster::shared());
    let mut root = stage.db.superuser();
    let mut captain = stage.captain();
    let (one, other) = (pending(&mut captain), pending(&mut captain));
    let many = format!(r#"[{{"successor": "{one}", "predecessor": "{other}"}}]"#);
    for (table, administers, call) in [
        ("guard_function", true, "wo.register_guard('g', 'wo.current_tenant()')".to_owned()),
        ("engine_override", false, format!("wo.override_engine('{one}', 'e', 'r')")),
        ("dependency", false, format!("wo.add_dependency('{one}', '{other}')")),
        ("dependency", false, format!("wo.add_dependencies('{many}')")),
    ] {
        root.batch_execute(&format!(
            "CREATE RULE dba AS ON UPDATE TO wo.{table} WHERE false DO INSTEAD NOTHING"
        ))
        .unwrap();
        let mut client = if administers { stage.admin() } else { stage.captain() };
        if administers {
            client.batch_execute("BEGIN; SELECT wo.administer('acme')").unwrap();
        }
        let detail =
            refused(client.query(&format!("SELECT {call}"), &[]), "55000", "write_suppressed");
        assert_eq!(detail["table"], *table, "{call}");
        root.batch_execute(&format!("DROP RULE dba ON wo.{table}")).unwrap();
    }
    // Without the rule they work, twice: the second call updates.
    for _ in 0..2 {
        captain.query(&format!("SELECT wo.add_dependency('{one}', '{other}')"), &[]).unwrap();
        let added: i32 = captain
            .query_one(&format!("SELECT wo.add_dependencies('{many}')"), &[])
            .unwrap()
            .get(0);
        assert_eq!(added, 1);
    }
}
