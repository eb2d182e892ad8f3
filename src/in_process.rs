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

    /// Otherwise a deadline is an hour from what SQL says of the same local time, in zones whose rules one of two
    /// databases has not learned yet.
    #[pg_test]
    fn a_calendar_and_sql_have_one_database_of_time_zones() {
        const DAYS: [&str; 7] =
            ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
        let week = DAYS.map(|day| (day.to_owned(), serde_json::json!([["09:00", "17:00"]])));
        let week = serde_json::Value::Object(week.into_iter().collect());
        let zones: Vec<String> = Statement::new(
            "select zone.name from pg_catalog.pg_timezone_names as zone where zone.name ~ '^[A-Z][a-z]+/' order by 1",
            &[],
        )
        .run(Mode::Caller, &[], |rows| (0..rows.count()).map(|row| rows.required(row, 1)).collect());
        assert!(zones.len() > 300, "{}", zones.len());
        for zone in zones {
            let data = crate::pg::time_zone::data_of(&zone);
            let calendar = wo_rules::calendar::Calendar::read(&zone, data.as_deref(), &week, &[]);
            let Ok(calendar) = calendar else { panic!("{zone} cannot be read") };
            // Nine in the morning of a day in each month, in microseconds since 2000-01-01 UTC.
            let mornings = Statement::new(
                format!(
                    "select (extract(epoch from (day + time '09:00') at time zone '{zone}') * 1000000)::bigint
                        - 946684800000000
                     from pg_catalog.generate_series(timestamp '2024-01-15', '2038-12-15', interval '1 month') as day"
                ),
                &[],
            )
            .run(Mode::Caller, &[], |rows| {
                (0..rows.count()).map(|row| rows.required(row, 1)).collect::<Vec<i64>>()
            });
            for nine in mornings {
                // The work of the next day begins at nine: a microsecond of it has passed one later.
                let next = calendar.add(nine - 6 * 3_600_000_000, 1);
                assert_eq!(next, Some(nine + 1), "{zone}");
            }
        }
    }

    #[pg_test]
    fn a_name_that_is_no_file_of_the_database_is_no_time_zone() {
        for name in [
            "",
            "Mars/Olympus",
            "../../../etc/passwd",
            "/etc/passwd",
            "EST5EDT4,M3.2.0,M11.1.0",
            "<+03>-3",
        ] {
            assert_eq!(crate::pg::time_zone::data_of(name), None, "{name}");
        }
        assert!(crate::pg::time_zone::data_of("Europe/Berlin").is_some());
    }

    #[pg_test(error = "nobody is acting: this session has no verified identity")]
    fn without_identity_nothing_is_made() {
        let _ = Spi::run("select wo.create_work_order('x')");
    }
}
