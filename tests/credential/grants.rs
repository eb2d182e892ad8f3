//! Who is granted a credential, for what, and what is on record of it.

use std::os::unix::fs::PermissionsExt;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::Value;
use wo_cluster_tests::signing::{ADMIN, ROOT};
use wo_cluster_tests::{Cluster, db_error};

use crate::credential::bench::{Bench, LOGIN, claims, request};

/// What an operator sees before somebody waits for a credential.
fn health(bench: &Bench) -> (String, String) {
    let rows =
        bench.rows(ROOT, "select severity, detail from wo.health() where subject = 'credentials'");
    (rows[0].get(0), rows[0].get(1))
}

/// Otherwise nobody knows afterwards who could have had the secret, or the vault cannot tell what a token is for.
#[test]
fn the_one_who_does_a_step_has_its_credential_and_the_trail_says_so() {
    let bench = Bench::found();
    let order = bench.working();
    let id: String = bench
        .one("worker", &format!("select id::text from wo.work_order where wo_number = '{order}'"));
    let before: i64 = bench.one(ROOT, "select floor(extract(epoch from now()))::bigint");
    let granted = bench.granted("worker", &order, "patch", "login");
    let said = claims(&granted);
    let text = |name: &str| said[name].as_str().unwrap_or_default().to_owned();
    assert_eq!(granted["reference"], LOGIN);
    assert_eq!(granted.as_object().unwrap().len(), 3);
    for (claim, value) in [
        ("iss", "wo_core"),
        ("aud", "vault"),
        ("sub", "worker"),
        ("tenant", &bench.tenant.to_string()),
        ("work_order", &order),
        ("step", "patch"),
        ("credential", "login"),
        ("reference", LOGIN),
    ] {
        assert_eq!(text(claim), value, "{claim}");
    }
    let second = |name: &str| said[name].as_i64().unwrap();
    assert!((before..before + 60).contains(&second("iat")), "{said}");
    assert_eq!((second("nbf"), second("exp")), (second("iat"), second("iat") + 300));
    let expires: i64 =
        bench.one(ROOT, "select extract(epoch from expires_at)::bigint from wo.credential_grant");
    assert_eq!(expires, second("exp"));

    // The key outside the database made the signature.
    let token = granted["token"].as_str().unwrap();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let public = bench.key().public_bytes();
    let signature = Base64UrlUnpadded::decode_vec(signature).unwrap();
    assert!(wo_rules::approval::payload::verify(&public, message.as_bytes(), &signature));

    let [grant] = &bench.grants()[..] else { panic!("one grant") };
    assert_eq!(grant["jti"], said["jti"]);
    assert_eq!((&grant["principal"], &grant["reference"]), (&"worker".into(), &LOGIN.into()));
    let entry: String = bench.one(
        ROOT,
        &format!("select action || ' ' || actor from wo.audit_entry where subject_id = '{id}' order by sequence desc limit 1"),
    );
    assert_eq!(entry, "credential_granted worker");
    let event: Value =
        bench.one(ROOT, "select data::jsonb from wo.event where type = 'wo.credential_granted'");
    assert!(event["actor"] == "worker" && !event.to_string().contains("eyJ"));
    assert_eq!(bench.problems(), []);
}

/// Otherwise a credential reaches somebody who does not do that step now.
#[test]
fn nobody_else_has_it_and_not_at_another_time() {
    let bench = Bench::found();
    let order = bench.assigned();
    let refuses = |who: &str, step: &str, name: &str, sqlstate: &str, code: &str| {
        let tables = ["credential_grant", "work_order"];
        bench.refused_without_trace(&tables, who, &request(&order, step, name), sqlstate, code)
    };
    refuses("worker", "patch", "login", "55000", "work_not_under_way");
    bench.transition("worker", &order, "in_progress");
    refuses("worker_2", "patch", "login", "42501", "role_missing");
    refuses("planner", "patch", "login", "42501", "role_missing");
    refuses("worker", "patch", "master", "22023", "credential_unknown");
    refuses("worker", "note", "login", "22023", "credential_unknown");
    refuses("worker", "patch", "other", "22023", "credential_unknown");
    refuses("worker", "nothing", "login", "22023", "step_unknown");
    refuses("worker", "check", "master", "42501", "role_missing");
    refuses("qa", "check", "master", "23514", "step_out_of_order");
    refuses(ADMIN, "patch", "login", "42501", "role_missing");
    refuses(ROOT, "patch", "login", "42501", "no_identity");
    bench.run("worker", &format!("select wo.record_step('{order}', 'patch')"));
    refuses("worker", "patch", "login", "55000", "step_done_already");
    bench.granted("qa", &order, "check", "master");
    bench.transition("worker", &order, "blocked");
    refuses("qa", "check", "master", "55000", "work_not_under_way");
    let without: String =
        bench.one("planner", "select wo.create_work_order('Do it') ->> 'wo_number'");
    bench.refused("planner", &request(&without, "patch", "login"), "55000", "job_plan_missing");
    bench.refused("worker", &request("WO-1", "patch", "login"), "22023", "work_order_unknown");
    assert_eq!(bench.problems(), []);
}

/// Otherwise a grant is on record that nobody was given, with what its writer likes in it.
#[test]
fn a_grant_is_written_by_its_function_alone() {
    let bench = Bench::found();
    let order = bench.working();
    bench.granted("worker", &order, "patch", "login");
    let id: String = bench.one("worker", "select work_order_id::text from wo.credential_grant");
    let insert = format!(
        "insert into wo.credential_grant (work_order_id, jti, step, credential, reference, expires_at)
         values ('{id}', gen_random_uuid(), 'patch', 'login', 'vault://a/b#c', now())"
    );
    bench.refused("worker", &insert, "42501", "credential_grant_by_function");
    for sql in ["update wo.credential_grant set step = 'x'", "delete from wo.credential_grant"] {
        assert_eq!(
            db_error(bench.with("worker", |client| client.batch_execute(sql))).code().code(),
            "42501"
        );
        let by_root = db_error(bench.with(ROOT, |client| client.batch_execute(sql)));
        assert_eq!(by_root.code().code(), "42501", "{sql}");
    }
    assert_eq!(bench.grants().len(), 1);
}

/// Otherwise a grant is recorded that nobody can use, or is signed with a key that others can read.
#[test]
fn without_a_key_that_is_the_servers_own_nothing_is_granted() {
    let cluster = Cluster::own(&[]).kept();
    let bench = Bench::found_on(cluster);
    let order = bench.working();
    let file = cluster.credential_key();
    let refuses = |what: &str| {
        let ask = request(&order, "patch", "login");
        let error = bench.with("worker", |client| client.batch_execute(&ask)).unwrap_err();
        let error = error.as_db_error().unwrap();
        assert!(error.detail().unwrap().contains("credential_key_missing"), "{error:?}");
        assert!(error.message().contains(what), "{error:?}");
        assert_eq!(bench.grants().len(), 0);
        let (severity, detail) = health(&bench);
        assert_eq!(severity, "bad", "{detail}");
        assert!(detail.contains(what), "{detail}");
    };
    assert_eq!(health(&bench).0, "good");
    let mode =
        |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o644);
    refuses("can be read or written by others");
    mode(0o600);
    let pem = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, "swordfish").unwrap();
    refuses("holds no key");
    let reload = |name: &str, value: &str| {
        cluster.configure(&format!("wo_core.{name} = '{value}'\n"));
        bench.run(ROOT, "select pg_reload_conf()");
        let is_in_force = format!("select current_setting('wo_core.{name}') = '{value}'");
        bench.database.wait_until(&is_in_force);
        bench.forget_clients();
    };
    std::fs::write(&file, pem).unwrap();
    reload("credential_algorithm", "ES256");
    refuses("the key signs with EdDSA, and ES256 is configured");
    reload("credential_algorithm", "EdDSA");
    reload("credential_lifetime", "7s");
    reload("credential_issuer", "plant-1");
    let said = claims(&bench.granted("worker", &order, "patch", "login"));
    assert_eq!(said["exp"].as_i64().unwrap() - said["iat"].as_i64().unwrap(), 7);
    assert_eq!(said["iss"], "plant-1");
    reload("credential_key_file", "");
    assert!(health(&bench).1.contains("names no key"));
    let ask = request(&order, "patch", "login");
    bench.refused("worker", &ask, "55000", "credential_key_missing");
    // More than five minutes cannot be configured.
    bench.run(ROOT, "select wo.whoami()");
    let longer = db_error(bench.with(ROOT, |root| {
        root.batch_execute("alter system set wo_core.credential_lifetime = 301")
    }));
    assert_eq!(longer.code().code(), "22023");
    // Who may not read the server's files does not learn where the key is.
    let shown = db_error(
        bench.with("worker", |client| client.batch_execute("show wo_core.credential_key_file")),
    );
    assert_eq!(shown.code().code(), "42501");
}
