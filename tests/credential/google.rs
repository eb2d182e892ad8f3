//! Grants at Google Secret Manager, by a double: a small local server that is written after the REST references of
//! Google's Security Token Service (v1 `token`) and Secret Manager (v1 `projects.secrets.versions`). It is no proof
//! that Google accepts what it accepts.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{Signature, VerifyingKey};
use serde_json::{Value, json};
use wo_cluster_tests::signing::ROOT;
use wo_cluster_tests::{Cluster, Output, run_wo};

use crate::credential::bench::{Bench, plan};

const PROVIDER: &str =
    "projects/123/locations/global/workloadIdentityPools/plant/providers/wo-core";

const SECRET: &str = "Sm4rt-h0rse-battery-staple";

/// CRC-32C (Castagnoli), which comes with the data of a version.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82F6_3B78 } else { crc >> 1 };
        }
    }
    !crc
}

struct Version {
    secret: &'static str,
    state: &'static str,
}

/// What the double knows.
struct State {
    key: VerifyingKey,
    /// The secrets by name.
    secrets: BTreeMap<&'static str, Vec<Version>>,
    /// `TENANT/projects/P/secrets/S` of each access token that was given.
    tokens: BTreeMap<String, String>,
    /// Of which attribute each secret may be accessed.
    granted: BTreeMap<&'static str, String>,
    /// Whether the sums that come with secrets are wrong.
    damages: bool,
}

type Reply = (u16, Value);

fn denied(status: u16, name: &str, message: &str) -> Reply {
    (status, json!({ "error": { "code": status, "message": message, "status": name } }))
}

impl State {
    /// `POST /v1/token`: the token exchange of RFC 8693, as Google's service does it for workload identities.
    fn exchange(&mut self, body: &Value) -> Reply {
        let refused =
            |why: &str| (400, json!({ "error": "invalid_grant", "error_description": why }));
        let expected = json!({
            "audience": format!("//iam.googleapis.com/{PROVIDER}"),
            "grantType": "urn:ietf:params:oauth:grant-type:token-exchange",
            "requestedTokenType": "urn:ietf:params:oauth:token-type:access_token",
            "scope": "https://www.googleapis.com/auth/cloud-platform",
            "subjectTokenType": "urn:ietf:params:oauth:token-type:jwt",
            "subjectToken": body["subjectToken"],
        });
        if *body != expected {
            return refused("The request is not a token exchange for this provider.");
        }
        let token = body["subjectToken"].as_str().unwrap_or_default();
        let parts: Vec<&str> = token.split('.').collect();
        let [header, claims, signature] = parts[..] else {
            return refused("The subject token is no JWT.");
        };
        let read = |part: &str| -> Value {
            serde_json::from_slice(&Base64UrlUnpadded::decode_vec(part).unwrap()).unwrap()
        };
        let (header, claims) = (read(header), read(claims));
        // Google takes RS256 and ES256.
        if header["alg"] != "ES256" {
            return refused("The algorithm of the token is not supported.");
        }
        let signature = Base64UrlUnpadded::decode_vec(signature).unwrap();
        let message = token.rsplit_once('.').unwrap().0;
        let is_signed = Signature::from_slice(&signature)
            .is_ok_and(|signature| self.key.verify(message.as_bytes(), &signature).is_ok());
        let now = chrono::Utc::now().timestamp();
        if !is_signed || claims["iss"] != "https://wo.example" || claims["aud"] != "vault" {
            return refused("The token is not signed by the provider's key for this audience.");
        }
        if claims["exp"].as_i64().unwrap() <= now {
            return refused("The token has expired.");
        }
        // attribute.secret, as wo credential policy prints its mapping.
        let reference = claims["reference"].as_str().unwrap();
        let place =
            reference.strip_prefix("gcp-sm://").and_then(|rest| rest.split_once("/versions/"));
        let attribute = format!(
            "{}/{}",
            claims["tenant"].as_str().unwrap(),
            place.map_or("", |(place, _)| place)
        );
        let access = uuid::Uuid::now_v7().to_string();
        self.tokens.insert(access.clone(), attribute);
        let answer = json!({
            "access_token": access, "token_type": "Bearer", "expires_in": 3599,
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        });
        (200, answer)
    }

    /// `GET /v1/projects/P/secrets/S/versions/V` and `…:access`.
    fn version(&self, bearer: &str, path: &str) -> Reply {
        let no_permission = || {
            denied(
                403,
                "PERMISSION_DENIED",
                "Permission 'secretmanager.versions.access' denied on the resource (or it may not exist).",
            )
        };
        let Some((secret, wanted)) = path.split_once("/versions/") else {
            return denied(404, "NOT_FOUND", "Not found.");
        };
        let attribute = self.tokens.get(bearer);
        if attribute.is_none() || self.granted.get(secret) != attribute {
            return no_permission();
        }
        let (wanted, is_access) = match wanted.split_once(':') {
            Some((wanted, "access")) => (wanted, true),
            _ => (wanted, false),
        };
        let versions = &self.secrets[secret];
        let number = if wanted == "latest" { versions.len() } else { wanted.parse().unwrap() };
        let name =
            format!("{}/versions/{number}", secret.replace("projects/plant/", "projects/123/"));
        let Some(version) = number.checked_sub(1).and_then(|index| versions.get(index)) else {
            return denied(404, "NOT_FOUND", &format!("Secret Version [{name}] not found."));
        };
        if !is_access {
            return (200, json!({ "name": name, "state": version.state }));
        }
        if version.state != "ENABLED" {
            let message = format!("Secret Version [{name}] is in {} state.", version.state);
            return denied(400, "FAILED_PRECONDITION", &message);
        }
        let sum = crc32c(version.secret.as_bytes()) + u32::from(self.damages);
        let data = Base64::encode_string(version.secret.as_bytes());
        (200, json!({ "name": name, "payload": { "data": data, "dataCrc32c": sum.to_string() } }))
    }

    fn answer(&mut self, method: &str, path: &str, bearer: &str, body: &Value) -> Reply {
        match (method, path) {
            ("POST", "/v1/token") => self.exchange(body),
            ("GET", path) if path.starts_with("/v1/") => self.version(bearer, &path[4..]),
            _ => denied(404, "NOT_FOUND", "Not found."),
        }
    }
}

/// The double, which answers until the test ends.
struct Double {
    address: String,
    state: Arc<Mutex<State>>,
}

impl Double {
    fn start(state: State) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                serve(stream.unwrap(), &shared);
            }
        });
        Self { address, state }
    }

    fn get(&self, grant: &Value) -> Output {
        let arguments = [
            "credential",
            "get",
            "--google-provider",
            PROVIDER,
            "--google-sts",
            &self.address,
            "--google-secret-manager",
            &self.address,
        ];
        run_wo(&arguments, &[], &grant.to_string())
    }
}

/// Answers one request of HTTP/1.1, and closes the connection.
fn serve(mut stream: TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (mut length, mut bearer) = (0, String::new());
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        let Some((name, value)) = header.trim().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "authorization" => bearer = value.trim_start_matches("Bearer ").to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let (status, answer) = state.lock().unwrap().answer(&method, &path, &bearer, &body);
    let answer = answer.to_string();
    let _ = write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{answer}",
        answer.len()
    );
}

/// Otherwise work whose secrets are at Google cannot be done by the same door, or a version that was disabled,
/// destroyed or rotated is not told.
#[test]
fn a_secret_at_google_is_had_by_the_same_grant() {
    let cluster = Cluster::own(&[]).kept();
    let file = cluster.credential_key();
    let key = cluster.dir().join("es256.pem");
    let made = run_wo(
        &[
            "key",
            "new",
            "--for",
            "credential",
            "--algorithm",
            "ES256",
            "--out",
            key.to_str().unwrap(),
        ],
        &[],
        "",
    );
    assert_eq!(made.code, 0, "{made:?}");
    std::fs::write(&file, std::fs::read(&key).unwrap()).unwrap();
    cluster.configure("wo_core.credential_algorithm = 'ES256'\nwo_core.credential_issuer = 'https://wo.example'\n");
    cluster.superuser("postgres").execute("select pg_reload_conf()", &[]).unwrap();
    let bench = Bench::found_on(cluster);
    bench.database.wait_until("select current_setting('wo_core.credential_algorithm') = 'ES256'");
    let mut document = plan();
    document["credentials"] = json!({
        "login": "gcp-sm://projects/plant/secrets/plc/versions/latest",
        "master": "gcp-sm://projects/plant/secrets/plc/versions/1",
        "other": "gcp-sm://projects/plant/secrets/hmi/versions/1",
    });
    document["steps"][0]["credentials"] = json!(["login", "master", "other"]);
    bench.publish(&document);
    let order = bench.working();
    let public = VerifyingKey::from_sec1_bytes(&bench.key().public_bytes()).unwrap();
    let tenant = bench.tenant.to_string();
    let double = Double::start(State {
        key: public,
        secrets: BTreeMap::from([
            (
                "projects/plant/secrets/plc",
                vec![
                    Version { secret: "older-secret", state: "ENABLED" },
                    Version { secret: SECRET, state: "ENABLED" },
                ],
            ),
            ("projects/plant/secrets/hmi", vec![Version { secret: SECRET, state: "ENABLED" }]),
        ]),
        tokens: BTreeMap::new(),
        granted: BTreeMap::new(),
        damages: false,
    });
    // What wo credential policy prints is what the double has.
    let policy = run_wo(
        &[
            "credential",
            "policy",
            "gcp-sm://projects/plant/secrets/plc/versions/latest",
            "--tenant",
            &tenant,
            "--google-provider",
            PROVIDER,
            "--json",
        ],
        &[],
        "",
    );
    let policy: Value = serde_json::from_str(&policy.out).unwrap();
    double
        .state
        .lock()
        .unwrap()
        .granted
        .insert("projects/plant/secrets/plc", policy["attribute"].as_str().unwrap().to_owned());

    let grant = |name: &str| bench.granted("worker", &order, "patch", name);
    let got = double.get(&grant("login"));
    assert_eq!((got.code, got.out.as_str()), (0, SECRET), "{}", got.err);
    assert!(got.err.contains("login: version 2 of"), "{}", got.err);
    let older = double.get(&grant("master"));
    assert_eq!((older.code, older.out.as_str()), (0, "older-secret"), "{}", older.err);
    assert!(older.err.contains("version 1 is not the newest: 2 is"), "{}", older.err);

    let refused = |grant: &Value, why: &str| {
        let refused = double.get(grant);
        assert_eq!((refused.code, refused.out.as_str()), (1, ""), "{refused:?}");
        assert!(refused.err.contains(why), "{refused:?}");
    };
    refused(&grant("other"), "Permission 'secretmanager.versions.access' denied");
    for state in ["DISABLED", "DESTROYED"] {
        double.state.lock().unwrap().secrets.get_mut("projects/plant/secrets/plc").unwrap()[0]
            .state = state;
        refused(&grant("master"), &format!("is in {state} state"));
    }
    double.state.lock().unwrap().damages = true;
    let damaged = double.get(&grant("login"));
    assert_eq!((damaged.code, damaged.out.as_str()), (2, ""));
    assert!(damaged.err.contains("was damaged on its way"), "{damaged:?}");
    double.state.lock().unwrap().damages = false;

    // A grant with another signature or of another time is refused by the exchange.
    let good = grant("login");
    let mut claims =
        wo_rules::credential::grant::claims_of(good["token"].as_str().unwrap()).unwrap();
    claims.exp = claims.iat - 1;
    let expired = bench.key().sign(&claims).unwrap();
    refused(&json!({ "reference": good["reference"], "token": expired.as_str() }), "has expired");
    let eddsa = wo_rules::credential::grant::GrantKey::read(
        &wo_cli::pem(&wo_cli::new_key().unwrap()).unwrap(),
    )
    .unwrap();
    claims.exp = claims.iat + 300;
    let other = eddsa.sign(&claims).unwrap();
    refused(&json!({ "reference": good["reference"], "token": other.as_str() }), "algorithm");
    // Google does not know which grants were used: it is good until it expires.
    assert_eq!(double.get(&good).out, SECRET);
    assert_eq!(double.get(&good).out, SECRET);

    let record = |used: &str| {
        format!("select wo.record_step('{order}', 'patch', credentials => '{used}') ->> 'verdict'")
    };
    let used = r#"{"login": 2, "master": null, "other": null}"#;
    assert_eq!(bench.one::<String>("worker", &record(used)), "pass");
    let stored: String = bench.one(ROOT, "select credentials::text from wo.step_result");
    assert!(stored.contains(r#""login": 2"#));
    assert_eq!(bench.problems(), []);
}
