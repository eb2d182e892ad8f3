//! In-process tests: parts of the shell that no SQL client reaches by themselves. Each runs in a
//! transaction that is rolled back; everything that needs a second connection is in `tests/`.

#[pgrx::pg_schema]
mod tests {
    use crate::kernel::identity::memory::{self, Identity, Proof};
    use crate::pg::lookup::{Key, find};
    use crate::pg::row::Row;
    use crate::pg::statement::{Mode, Statement, argument};
    use crate::pg::storage::{Tid, update};
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

    /// Whatever is said of where the row lay last, the row with that key is updated, and no other.
    #[pg_test]
    fn a_row_is_updated_wherever_it_was_said_to_lie() {
        Spi::run(
            "create table public.spot (id uuid primary key, count bigint);
             insert into public.spot select md5(n::text)::uuid, 0 from generate_series(1, 3) as n",
        )
        .unwrap_or_else(|error| error!("{error}"));
        let oid = |name: &str| -> pg_sys::Oid {
            let found = Spi::get_one(&format!("select '{name}'::regclass::oid"));
            found.unwrap_or_default().unwrap_or(pg_sys::Oid::INVALID)
        };
        let (table, index) = (oid("public.spot"), oid("public.spot_pkey"));
        let id: Option<pgrx::Uuid> = Spi::get_one("select md5('2')::uuid").unwrap_or_default();
        let key = [(0, argument(id))];
        let place = |block: u32, item: u16| {
            let mut place = Tid::default();
            pgrx::itemptr::item_pointer_set_all(&mut place, block, item);
            Some(place)
        };
        let mut times = 0;
        let mut goes = |last: Option<Tid>| {
            times += 1;
            let now = update(table, index, &key, last, &[(1, argument(times))]);
            let counts: Option<Vec<i64>> = Spi::get_one(
                "select array_agg(count order by id = md5('2')::uuid, id) from public.spot",
            )
            .unwrap_or_default();
            assert_eq!(counts, Some(vec![0, 0, times]), "{last:?}");
            assert!(now.is_some());
            now
        };
        let first = goes(None);
        let second = goes(first);
        // A version that counts no more, other rows, nobody's place, no page, and where it is.
        for last in [first, place(0, 1), place(0, 3), place(0, 200), place(999, 1), second] {
            goes(last);
        }
        let stranger = [(0, argument(pgrx::Uuid::from_bytes([7; 16])))];
        assert!(update(table, index, &stranger, second, &[(1, argument(0i64))]).is_none());
    }

    #[pg_test(error = "nobody is acting: this session has no verified identity")]
    fn without_identity_nothing_is_made() {
        let _ = Spi::run("select wo.create_work_order('x')");
    }
}
