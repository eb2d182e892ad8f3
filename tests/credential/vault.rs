//! Grants at a real vault: OpenBao, set up by what `wo credential policy` prints. Each test says who refuses: the
//! database (us), or the vault.

use std::ops::Deref;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wo_cluster_tests::signing::ROOT;
use wo_cluster_tests::{Cluster, OpenBao, Output, run_wo};
use wo_rules::credential::grant::{Claims, GrantKey, claims_of};

use crate::credential::bench::{Bench, LOGIN, MASTER, request};
use crate::credential::nowhere::{dump_of, everything_stored};

const SECRET: &str = "Corr3ct-h0rse-battery-staple";

/// The company and a vault that knows its key.
struct Plant {
    bench: Bench,
    bao: OpenBao,
}

impl Deref for Plant {
    type Target = Bench;

    fn deref(&self) -> &Bench {
        &self.bench
    }
}

impl Plant {
    fn found() -> Self {
        Self::found_on(Cluster::shared())
    }

    fn found_on(cluster: &'static Cluster) -> Self {
        let plant = Self { bench: Bench::found_on(cluster), bao: OpenBao::start() };
        plant.bao.run(&["secrets", "enable", "-path=plant", "-version=2", "kv"]);
        let key = plant.bench.database.cluster().credential_key();
        let public = run_wo(&["key", "public", "--pem", key.to_str().unwrap()], &[], "");
        let file = std::env::temp_dir().join(format!("wo.{}.pem", uuid::Uuid::now_v7()));
        std::fs::write(&file, &public.out).unwrap();
        plant.install(LOGIN, &["--public-key", file.to_str().unwrap()]);
        plant.install(MASTER, &[]);
        std::fs::remove_file(file).unwrap();
        plant
    }

    /// Installs what `wo credential policy` prints for a secret.
    fn install(&self, reference: &str, more: &[&str]) {
        let tenant = self.tenant.to_string();
        let arguments = [&["credential", "policy", reference, "--tenant", &tenant], more].concat();
        let printed = run_wo(&arguments, &[], "");
        assert_eq!(printed.code, 0, "{printed:?}");
        self.bao.shell(&printed.out);
    }

    /// Puts a secret there as its next version.
    fn put(&self, path: &str, secret: &str) {
        self.bao.run(&["kv", "put", "-mount=plant", path, &format!("password={secret}")]);
    }

    fn get_with(&self, grant: &Value, more: &[&str]) -> Output {
        let address = [("BAO_ADDR", self.bao.address())];
        run_wo(&[&["credential", "get"], more].concat(), &address, &grant.to_string())
    }

    fn get(&self, grant: &Value) -> Output {
        self.get_with(grant, &[])
    }

    /// The vault refuses the grant itself.
    #[track_caller]
    fn refused_by_the_vault(&self, grant: &Value, more: &[&str], why: &str) {
        let refused = self.get_with(grant, more);
        assert_eq!((refused.code, refused.out.as_str()), (1, ""), "{refused:?}");
        assert!(refused.err.contains("the vault does not accept the grant"), "{refused:?}");
        assert!(refused.err.contains(why), "{refused:?}");
    }

    /// A grant with other claims, signed with a key.
    fn forged(&self, key: &GrantKey, grant: &Value, change: impl FnOnce(&mut Claims)) -> Value {
        let mut claims = claims_of(grant["token"].as_str().unwrap()).unwrap();
        change(&mut claims);
        let token = key.sign(&claims).unwrap();
        json!({ "reference": claims.reference, "token": token.as_str() })
    }
}

/// Everything that can bring a statement into the log.
const TALKATIVE: &[(&str, &str)] = &[
    ("shared_preload_libraries", "wo_core"),
    ("log_statement", "all"),
    ("log_parameter_max_length_on_error", "-1"),
];

/// Otherwise the work cannot be done, or its result does not say with what, or the secret is where it is kept for ever.
#[test]
fn work_is_done_with_a_secret_that_the_database_never_sees() {
    let cluster = Cluster::own(TALKATIVE).kept();
    let plant = Plant::found_on(cluster);
    plant.put("line-4/plc", "older-secret");
    plant.put("line-4/plc", SECRET);
    let order = plant.working();
    let grant = plant.granted("worker", &order, "patch", "login");
    let got = plant.get_with(&grant, &["--json"]);
    assert_eq!((got.code, got.out.as_str()), (0, SECRET), "{}", got.err);
    let said: Value = serde_json::from_str(&got.err).unwrap();
    assert_eq!((&said["version"], &said["newest_version"]), (&json!(2), &json!(2)), "{said}");
    assert_eq!(said["warnings"], json!([]));
    let used = &said["credentials"];
    plant.run(
        "worker",
        &format!("select wo.record_step('{order}', 'patch', credentials => '{used}')"),
    );
    let recorded: String = plant.one(ROOT, "select credentials::text from wo.step_result");
    assert_eq!(recorded, r#"{"login": 2}"#);

    // A command has it in its environment, and the program exits as the command does.
    let other = plant.working();
    let grant = plant.granted("worker", &other, "patch", "login");
    let script = format!("test \"$PLC\" = {SECRET} && exit 7");
    let run = plant.get_with(&grant, &["--env", "PLC", "--", "sh", "-c", &script]);
    assert_eq!((run.code, run.out.as_str()), (7, ""), "{}", run.err);

    assert!(!cluster.log().contains(SECRET), "the secret is in the log");

    // Putting the secret on record after all is refused, and it stands nowhere.
    let told = format!(
        "select wo.record_step('{other}', 'patch', 'password: {SECRET}', credentials => '{{\"login\": 2}}')"
    );
    plant.refused("worker", &told, "22023", "secret_in_the_open");
    let as_version = format!(
        "select wo.record_step('{other}', 'patch', credentials => '{{\"login\": \"{SECRET}\"}}')"
    );
    assert!(plant.with("worker", |client| client.batch_execute(&as_version)).is_err());
    plant.run(ROOT, "select wo.tick()");
    let token = grant["token"].as_str().unwrap().rsplit('.').next().unwrap();
    let (stored, dump) = (everything_stored(&plant), dump_of(&plant));
    assert!(stored.contains("vault://plant/line-4/plc#password"));
    for (place, text) in
        [("a table", &stored), ("the dump", &dump), ("the vault's log", &plant.bao.log())]
    {
        assert!(!text.contains(SECRET) && !text.contains(token), "{place}");
    }
    assert!(!cluster.log().contains(token), "the token is in the log");
    assert_eq!(plant.problems(), []);
}

/// Otherwise who finds a grant that was used has the secret too. The vault refuses it.
#[test]
fn a_grant_that_was_used_is_refused_by_the_vault() {
    let plant = Plant::found();
    plant.put("line-4/plc", SECRET);
    let order = plant.working();
    let grant = plant.granted("worker", &order, "patch", "login");
    assert_eq!(plant.get(&grant).out, SECRET);
    plant.refused_by_the_vault(&grant, &[], "permission denied");
    // One that found no secret is used up too.
    plant.bao.run(&["kv", "metadata", "delete", "-mount=plant", "line-4/plc"]);
    let grant = plant.granted("worker", &order, "patch", "login");
    let refused = plant.get(&grant);
    assert_eq!((refused.code, refused.out.as_str()), (1, ""));
    assert!(refused.err.contains("has no secret at"), "{refused:?}");
    plant.put("line-4/plc", SECRET);
    plant.refused_by_the_vault(&grant, &[], "permission denied");
}

/// Otherwise the credential of one step or work order serves another one. We refuse who asks; the vault refuses a
/// grant for what it is not bound to.
#[test]
fn a_grant_is_for_its_step_and_its_work_order() {
    let plant = Plant::found();
    plant.put("line-4/plc", SECRET);
    plant.put("line-4/hmi", SECRET);
    let (order, other) = (plant.working(), plant.working());
    // By us: the step does not use it.
    plant.refused("worker", &request(&order, "note", "login"), "22023", "credential_unknown");
    // By the vault: the grant of one secret at the role of another one.
    let tenant = plant.tenant;
    let role = |reference: &str| {
        wo_cli::role_name(tenant, &wo_rules::secret::reference::parse(reference).unwrap())
    };
    let grant = plant.granted("worker", &order, "patch", "login");
    plant.refused_by_the_vault(&grant, &["--role", &role(MASTER)], "reference");
    // By the vault: the policy is for one step, or for one work order.
    plant.install(LOGIN, &["--step", "check"]);
    plant.refused_by_the_vault(&grant, &[], "step");
    plant.install(LOGIN, &["--work-order", &other]);
    plant.refused_by_the_vault(&grant, &[], "work_order");
    let grant = plant.granted("worker", &other, "patch", "login");
    assert_eq!(plant.get(&grant).out, SECRET);
    // The vault's token reads that one secret.
    let reads = plant.bao.run(&["policy", "read", &role(LOGIN)]);
    assert_eq!(reads.matches("path ").count(), 3, "{reads}");
}

/// Otherwise a token serves for longer than five minutes, or anybody makes one. The vault refuses it.
#[test]
fn what_is_expired_or_not_signed_by_the_database_is_refused_by_the_vault() {
    let plant = Plant::found();
    plant.put("line-4/plc", SECRET);
    let order = plant.working();
    let grant = plant.granted("worker", &order, "patch", "login");
    let (own, another) =
        (plant.key(), GrantKey::read(&wo_cli::pem(&wo_cli::new_key().unwrap()).unwrap()).unwrap());
    let refused = |what: &str, grant: Value| {
        let refused = plant.get(&grant);
        assert_eq!((refused.code, refused.out.as_str()), (1, ""), "{what}: {refused:?}");
        assert!(refused.err.contains("the vault does not accept the grant"), "{what}: {refused:?}");
    };
    let past = |claims: &mut Claims| {
        (claims.iat, claims.nbf, claims.exp) =
            (claims.iat - 310, claims.nbf - 310, claims.exp - 310);
    };
    refused("expired", plant.forged(&own, &grant, past));
    refused("not yet", plant.forged(&own, &grant, |claims| claims.nbf += 60));
    refused("issuer", plant.forged(&own, &grant, |claims| claims.iss = "other".into()));
    refused("audience", plant.forged(&own, &grant, |claims| claims.aud = "other".into()));
    refused("key", plant.forged(&another, &grant, |_| ()));
    let other_tenant = plant.forged(&own, &grant, |claims| claims.tenant = uuid::Uuid::nil());
    let name = wo_cli::role_name(plant.tenant, &wo_rules::secret::reference::parse(LOGIN).unwrap());
    plant.refused_by_the_vault(&other_tenant, &["--role", &name], "tenant");
    let reference = plant.forged(&own, &grant, |claims| claims.reference = format!("{LOGIN}2"));
    plant.refused_by_the_vault(&reference, &["--role", &name], "reference");
    // The same claims, signed by the database, are accepted.
    assert_eq!(plant.get(&plant.forged(&own, &grant, |_| ())).out, SECRET);
}

/// Otherwise the lifetime that is configured means nothing at the vault, which allows for other clocks by minutes
/// unless its role says less.
#[test]
fn a_grant_expires_at_the_vault() {
    let plant = Plant::found();
    plant.put("line-4/plc", SECRET);
    let order = plant.working();
    let grant = plant.granted("worker", &order, "patch", "login");
    let short = plant.forged(&plant.key(), &grant, |claims| claims.exp = claims.iat + 1);
    let begun = Instant::now();
    // The clocks may be five seconds apart.
    while begun.elapsed() < Duration::from_secs(8) {
        std::thread::sleep(Duration::from_millis(100));
    }
    plant.refused_by_the_vault(&short, &[], "expired");
}

/// Otherwise a credential is had for work that nobody does. We refuse who asks; a token that was had before is good
/// until it expires.
#[test]
fn a_work_order_that_is_no_longer_in_progress_has_no_grant() {
    let plant = Plant::found();
    plant.put("line-4/plc", SECRET);
    let order = plant.working();
    let before = plant.granted("worker", &order, "patch", "login");
    plant.transition("worker", &order, "blocked");
    plant.refused("worker", &request(&order, "patch", "login"), "55000", "work_not_under_way");
    assert_eq!(plant.get(&before).out, SECRET, "for at most five minutes");
}

/// Otherwise work is done with a version that was withdrawn, or nobody notices that a secret was rotated.
#[test]
fn a_version_that_was_rotated_deleted_or_destroyed_is_told() {
    let plant = Plant::found();
    let order = plant.working();
    plant.run("worker", &format!("select wo.record_step('{order}', 'patch')"));
    let get = || plant.get(&plant.granted("qa", &order, "check", "master"));
    plant.put("line-4/hmi", SECRET);
    assert_eq!(get().out, SECRET);
    plant.put("line-4/hmi", "newer-secret");
    let rotated = get();
    assert_eq!((rotated.code, rotated.out.as_str()), (0, SECRET));
    assert!(rotated.err.contains("version 1 is not the newest: 2 is"), "{}", rotated.err);
    for (command, why) in [
        (
            &["kv", "delete", "-mount=plant", "-versions=1", "line-4/hmi"][..],
            "version 1 of vault://plant/line-4/hmi#password?version=1 was deleted at",
        ),
        (
            &["kv", "destroy", "-mount=plant", "-versions=1", "line-4/hmi"],
            "was destroyed; the newest is 2",
        ),
        (&["kv", "metadata", "delete", "-mount=plant", "line-4/hmi"], "has no secret at"),
    ] {
        plant.bao.run(command);
        let refused = get();
        assert_eq!((refused.code, refused.out.as_str()), (1, ""), "{refused:?}");
        assert!(refused.err.contains(why), "{refused:?}");
    }
    plant.bao.run(&["kv", "put", "-mount=plant", "line-4/hmi", "user=plc"]);
    let refused = get();
    assert!(refused.err.contains("has no such field"), "{refused:?}");
}

/// Otherwise a vault that is down looks like a refusal, or a token travels in the open.
#[test]
fn a_vault_that_cannot_be_asked_is_told_apart_from_a_refusal() {
    let bench = Bench::found();
    let order = bench.working();
    let grant = bench.granted("worker", &order, "patch", "login");
    let token = grant["token"].as_str().unwrap().to_owned();
    let asks = |address: &[(&str, &str)], input: &str, why: &str| {
        let failed = run_wo(&["credential", "get"], address, input);
        assert_eq!((failed.code, failed.out.as_str()), (2, ""), "{failed:?}");
        assert!(failed.err.contains(why), "{failed:?}");
        assert!(!failed.err.contains(&token), "{failed:?}");
    };
    let grant = grant.to_string();
    asks(&[("VAULT_ADDR", "http://127.0.0.1:9")], &grant, "cannot ask http://127.0.0.1:9");
    asks(&[("VAULT_ADDR", "http://vault.example")], &grant, "over https only");
    asks(&[], &grant, "where is the vault?");
    let address = [("VAULT_ADDR", "http://127.0.0.1:9")];
    asks(&address, &token, "not what wo.request_credential returns");
    let other = grant.replace("line-4/plc#", "line-4/hmi#");
    asks(&address, &other, "for another reference");
}
