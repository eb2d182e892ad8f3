//! What administrators write is checked when it is written, and refused as everything else is.

use wo_cluster_tests::{db_error, race, refused};

use crate::scenario::company::{Company, create, one};

/// Asserts a refusal with a code, a JSON DETAIL and a hint; returns sentence and hint.
#[track_caller]
fn answered(company: &Company, sql: &str, sqlstate: &str, code: &str) -> (String, String) {
    println!("{sql}");
    let error = db_error(company.try_administer(sql));
    refused(company.try_administer(sql), sqlstate, code);
    let hint = error.hint().unwrap_or_default().to_owned();
    assert!(!hint.is_empty(), "{sql}: {error:?}");
    (error.message().to_owned(), hint)
}

/// Constraint errors came as PostgreSQL writes them: "violates check constraint", "violates foreign key
/// constraint", with the failing row and without a code.
#[test]
fn functions_of_administrators_answer_with_codes_and_hints() {
    let company = Company::found("fleet_task");
    let taken = "select wo.create_principal('second', db_role => 'almighty')";
    for (sql, sqlstate, code) in [
        ("select wo.create_tenant('Acme 2', 'x')", "23514", "name_invalid"),
        ("select wo.create_tenant('acme', 'x')", "23505", "tenant_exists"),
        ("select wo.create_tenant(null, 'x')", "23502", "fields_missing"),
        (
            "select wo.create_tenant('t3', 'x', default_lifecycle => 'nope')",
            "22023",
            "lifecycle_unknown",
        ),
        ("select wo.create_tenant('t3', 'x', number_format => 'WO')", "22023", "number_format"),
        ("select wo.create_role('Not Plain')", "23514", "name_invalid"),
        ("select wo.create_role(null)", "23502", "fields_missing"),
        ("select wo.create_role('qa')", "23505", "row_exists"),
        ("select wo.create_principal('zed', kind => 'human')", "23514", "value_unknown"),
        ("select wo.create_principal(null)", "23502", "fields_missing"),
        ("select wo.create_principal('almighty')", "23505", "row_exists"),
        ("select wo.create_principal('zed', roles => '{nobody}')", "23503", "reference_unknown"),
        (
            "select wo.create_principal('zed', roles => array[null]::text[])",
            "23502",
            "fields_missing",
        ),
        ("select wo.create_principal('zed', db_role => 'nosuchrole')", "22023", "login_unknown"),
        ("select wo.create_principal('zed', manager => 'nobody')", "22023", "manager_unknown"),
        (taken, "23505", "login_taken"),
        ("select wo.grant_role('nobody', 'qa')", "23503", "reference_unknown"),
        ("select wo.grant_role('almighty', 'nobody')", "23503", "reference_unknown"),
        ("select wo.trust_issuer('i', 'k', null)", "22023", "bad_public_key"),
        ("update wo.tenant set default_lifecycle = 'nope'", "22023", "lifecycle_unknown"),
        (
            "update wo.principal set db_role = 'nosuchrole' where id = 'colleague'",
            "22023",
            "login_unknown",
        ),
        (
            "update wo.principal set manager = 'nobody' where id = 'colleague'",
            "22023",
            "manager_unknown",
        ),
        (
            "insert into wo.principal_role (tenant_id, principal, role) values (wo.current_tenant(), 'almighty', 'x')",
            "23503",
            "reference_unknown",
        ),
        (
            "insert into wo.engine (engine, cost_class, capabilities) values ('e', 'free', '{resarch}')",
            "22023",
            "task_type_unknown",
        ),
        (
            "insert into wo.business_calendar (name, time_zone, working_hours) values ('c', 'Europe/Atlantis', '{}')",
            "22023",
            "calendar_invalid",
        ),
    ] {
        answered(&company, sql, sqlstate, code);
    }
    // Which tenant has the login is not in the answer.
    let error = db_error(company.try_administer(taken));
    assert!(!format!("{error:?}").contains("Key ("), "{error:?}");
    // Where another row names it, a row cannot be removed.
    company.administer(
        "insert into wo.business_calendar (name, time_zone, working_hours) values ('office', 'UTC', '{}');
         insert into wo.approval_sla (role, hours, calendar) values ('qa', 1, 'office')",
    );
    let (message, _) =
        answered(&company, "delete from wo.business_calendar", "23503", "row_in_use");
    assert_eq!(message, "a row of wo.approval_sla names this business calendar");
    company.assert_intact();
}

/// NULL for an argument with a default is the default: it was a bare 23502.
#[test]
fn an_argument_of_null_is_the_default() {
    let company = Company::found("fleet_task");
    company.administer(
        "select wo.create_tenant('other', 'Other', default_lifecycle => null, number_format => null, template => null);
         select wo.create_role('safety', null);
         select wo.create_principal('zed', kind => null, name => null, roles => null, db_role => null, assignable => null, manager => null);
         select wo.trust_issuer('i', 'k', 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', null)",
    );
    let made: String = one(
        &mut company.root(),
        "select kind || name || assignable from wo.principal where id = 'zed'",
    );
    assert_eq!(made, "personzedtrue");
}

/// The first stumble of every administrator in psql: outside a transaction block, `wo.administer` ends with its
/// own statement. The hint named a token.
#[test]
fn a_forgotten_administer_is_named_in_the_hint() {
    let company = Company::found("fleet_task");
    let mut admin = company.bare_superuser();
    admin.batch_execute("select wo.administer('acme')").unwrap();
    for sql in [
        "select wo.create_principal('zz')",
        "select wo.create_role('zz')",
        "select wo.grant_role('almighty', 'qa')",
        "select wo.publish_lifecycle('{}')",
        "select wo.trust_issuer('i', 'k', 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a')",
        "insert into wo.approval_sla (tenant_id, role, hours) select tenant_id, 'qa', 1 from wo.tenant",
    ] {
        refused(admin.batch_execute(sql), "42501", "no_identity");
        let hint = db_error(admin.batch_execute(sql)).hint().unwrap().to_owned();
        assert!(hint.contains("begin; select wo.administer('tenant');"), "{sql}: {hint}");
    }
    // Somebody who cannot administer is not sent there.
    company.database.login("nobody_here", &["wo_user"]);
    let mut nobody = company.connect("nobody_here");
    let error = db_error(nobody.batch_execute("select wo.create_work_order('x')"));
    assert!(!error.hint().unwrap().contains("administer"), "{error:?}");
}

/// A lifecycle is validated before there is a tenant to publish it for.
#[test]
fn a_function_that_needs_no_tenant_asks_for_none() {
    let company = Company::found("fleet_task");
    let mut admin = company.bare_superuser();
    let good: i64 = one(
        &mut admin,
        "select count(*) from wo.validate_lifecycle((select definition from wo.lifecycle where name = 'fleet_task' limit 1))",
    );
    assert_eq!(good, 0);
    let bad: i64 = one(&mut admin, "select count(*) from wo.validate_lifecycle('{\"name\": 1}')");
    assert!(bad > 0);
    for sql in ["select * from wo.health()", "select * from wo.metrics()", "select wo.whoami()"] {
        admin.batch_execute(sql).unwrap();
    }
}

/// A circle of managers never ends for who walks up.
#[test]
fn nobody_is_their_own_manager_through_others_either() {
    let company = Company::found("fleet_task");
    company.administer(
        "update wo.principal set manager = 'almighty' where id = 'colleague';
         update wo.principal set manager = 'colleague' where id = 'stranger'",
    );
    let set = |id: &str, manager: &str| {
        format!("update wo.principal set manager = '{manager}' where id = '{id}'")
    };
    answered(&company, &set("almighty", "stranger"), "23514", "manager_cycle");
    answered(&company, &set("almighty", "almighty"), "23514", "manager_cycle");
    let chain = "select wo.create_principal('own', manager => 'own')";
    answered(&company, chain, "23514", "manager_cycle");
    // The trail has it, and another tenant's principals are none.
    let entries: i64 = one(
        &mut company.root(),
        "select count(*) from wo.audit_entry where subject = 'principal' and changes::jsonb ? 'manager'
            and action = 'changed'",
    );
    assert_eq!(entries, 2);
    company.assert_intact();
}

/// Two administrators who each see no circle could close one together.
#[test]
fn two_administrators_at_once_close_no_circle() {
    let company = Company::found("fleet_task");
    for _ in 0..8 {
        company.administer("update wo.principal set manager = null");
        let clients = (0..2).map(|_| company.root()).collect();
        let done = race(clients, |number, client| {
            let (id, manager) =
                if number == 0 { ("stranger", "colleague") } else { ("colleague", "stranger") };
            let mut transaction = client.transaction().unwrap();
            transaction.batch_execute("select wo.administer('acme')").unwrap();
            let set = format!("update wo.principal set manager = '{manager}' where id = '{id}'");
            match transaction.batch_execute(&set) {
                Ok(()) => transaction.commit().is_ok(),
                Err(error) => {
                    refused::<()>(Err(error), "23514", "manager_cycle");
                    false
                }
            }
        });
        assert_eq!(done.iter().filter(|done| **done).count(), 1, "{done:?}");
    }
}

/// Drivers hold a tenant's id as a UUID: `function wo.administer(uuid) does not exist`.
#[test]
fn a_tenant_is_administered_by_its_uuid_as_a_driver_holds_it() {
    let company = Company::found("fleet_task");
    let mut root = company.root();
    let mut transaction = root.transaction().unwrap();
    let called = "select wo.administer($1::uuid)";
    let tenant: uuid::Uuid = transaction.query_one(called, &[&company.tenant]).unwrap().get(0);
    assert_eq!(tenant, company.tenant);
    transaction.query_one("select wo.administer($1)", &[&"acme"]).unwrap();
    transaction.batch_execute("select wo.create_role('safety')").unwrap();
    transaction.commit().unwrap();
}

/// What is given when something exists already changes that alone: a lag that was left out became 0.
#[test]
fn what_is_left_out_of_a_change_is_unchanged() {
    let company = Company::found("fleet_task");
    let mut almighty = company.connect("almighty");
    let (a, b) = (create(&mut almighty, "[A-B] a"), create(&mut almighty, "[A-B] b"));
    let lag = "select lag::text || kind from wo.dependency";
    let mut add = |more: &str| -> String {
        almighty.batch_execute(&format!("select wo.add_dependency('{b}', '{a}'{more})")).unwrap();
        one(&mut almighty, lag)
    };
    assert_eq!(add(", null, null"), "00:00:00finish_to_start");
    assert_eq!(add(", '2 hours'"), "02:00:00finish_to_start");
    assert_eq!(add(""), "02:00:00finish_to_start");
    assert_eq!(add(", null"), "02:00:00finish_to_start");
    assert_eq!(add(", '0'"), "00:00:00finish_to_start");
    // A guard keeps its description.
    company
        .root()
        .batch_execute(
            "create schema guards; grant usage on schema guards to public;
         create function guards.always(uuid, uuid) returns boolean language sql as 'select true'",
        )
        .unwrap();
    let register = "select wo.register_guard('always', 'guards.always(uuid,uuid)'";
    company.administer(&format!("{register}, 'says yes')"));
    company.administer(&format!("{register})"));
    let kept: String = one(&mut company.root(), "select description from wo.guard_function");
    assert_eq!(kept, "says yes");
    company.assert_intact();
}

/// Times without a unit: `challenge_lifetime` was 300.
#[test]
fn settings_that_are_times_have_units() {
    let company = Company::found("fleet_task");
    let mut root = company.root();
    // The first function of ours loads the library of a server that does not preload it.
    root.batch_execute("select wo.whoami()").unwrap();
    for (name, shown) in
        [("challenge_lifetime", "5min"), ("signing_token_age", "5min"), ("token_lifetime", "1d")]
    {
        let said: String = one(&mut root, &format!("select current_setting('wo_core.{name}')"));
        assert_eq!(said, shown, "{name}");
    }
}
