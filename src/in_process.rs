//! In-process tests: parts of the shell that no SQL client reaches by themselves. Each runs in a
//! transaction that is rolled back; everything that needs a second connection is in `tests/`.

#[pgrx::pg_schema]
mod tests {
    use crate::kernel::identity::memory::{self, Identity, Proof};
    use crate::pg::lookup::{Key, find};
    use crate::pg::row::Row;
    use crate::pg::statement::{Mode, Statement};
    use pgrx::prelude::*;
    use uuid::Uuid;

    fn json_of(expression: &str) -> Option<String> {
        Statement::new(format!("select {expression}"), &[])
            .run(Mode::Caller, &[], |rows| Row::of_rows(rows, 0).and_then(|row| row.json(0)))
    }

    #[pg_test]
    fn the_trail_writes_each_type_of_value_in_one_spelling() {
        for (expression, json) in [
            ("'a\"b'::text", r#""a\"b""#),
            ("true", "true"),
            ("-7::bigint", "-7"),
            ("12345678901234567890.10::numeric", "12345678901234567890.10"),
            ("'2026-03-05 10:00:00.000001+01'::timestamptz", r#""2026-03-05T09:00:00.000001Z""#),
            ("'2026-03-05'::date", r#""2026-03-05""#),
            ("array['a', null]::text[]", r#"["a",null]"#),
            (r#"'{"b":1.50}'::jsonb"#, r#"{"b": 1.50}"#),
            (r"'\x00ff'::bytea", r#""00ff""#),
            ("3.5::wo.hours", "3.50"),
        ] {
            assert_eq!(json_of(expression).as_deref(), Some(json), "{expression}");
        }
        assert_eq!(json_of("null::text"), None);
    }

    #[pg_test]
    fn a_row_is_found_by_its_key_though_this_transaction_wrote_it() {
        let tenant: Option<pgrx::Uuid> =
            Spi::get_one("select wo.create_tenant('acme', 'Acme')").unwrap_or_default();
        let found = |slug: &str| {
            find("tenant", "tenant_slug_key", &[Key::Text("slug", slug)], |row| {
                row.named::<pgrx::Uuid>("tenant_id")
            })
        };
        assert!(tenant.is_some());
        assert_eq!(found("acme"), tenant);
        assert_eq!(found("acm"), None);
    }

    #[pg_test]
    fn one_transaction_acts_for_one_tenant() {
        let identity = |byte: u8| Identity {
            tenant: Uuid::from_bytes([byte; 16]),
            principal: None,
            kind: None,
            proof: Proof::Administration,
        };
        assert!(memory::bind(identity(1)).is_ok());
        assert!(memory::bind(identity(1)).is_ok());
        let code = memory::bind(identity(2)).err().map(|refusal| refusal.code);
        assert_eq!(code, Some("second_tenant"));
    }

    #[pg_test]
    fn new_ids_are_version_7_and_follow_the_clock() {
        let (earlier, later) =
            (crate::kernel::work_order::new_id(0), crate::kernel::work_order::new_id(1_000_000));
        assert_eq!(earlier.get_version_num(), 7);
        assert!(earlier < later);
    }

    #[pg_test(error = "nobody is acting: this session has no verified identity")]
    fn without_identity_nothing_is_made() {
        let _ = Spi::run("select wo.create_work_order('x')");
    }
}
