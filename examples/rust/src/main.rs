//! Work orders from Rust with the crate postgres; tokio-postgres has the same calls with `.await`.

use std::env::var;
use std::error::Error;
use std::fs::read_to_string;
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64ct::{Base64UrlUnpadded, Encoding};
use ed25519_dalek::pkcs8::DecodePrivateKey;
use ed25519_dalek::{Signer, SigningKey};
use postgres::fallible_iterator::FallibleIterator;
use postgres::types::ToSql;
use postgres::{Client, Config, NoTls, Row};
use serde_json::{Value, json};
use uuid::Uuid;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const PAUSES: [u64; 6] = [100, 200, 400, 800, 1600, 3200];

/// The signature of the UTF-8 text, as base64url without padding.
fn sign(who: &str, text: &str) -> Result<String> {
    let key = SigningKey::read_pkcs8_pem_file(format!("{}/{who}.pem", var("WO_KEYS")?))?;
    Ok(Base64UrlUnpadded::encode_string(&key.sign(text.as_bytes()).to_bytes()))
}

/// A JSON Web Token of the issuer, good for a minute.
fn token(who: &str) -> Result<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let tenant = read_to_string(format!("{}/tenant", var("WO_KEYS")?))?;
    let header = json!({"alg": "EdDSA", "typ": "JWT", "kid": "k1"});
    let claims = json!({
        "iss": "https://login.example", "sub": who, "aud": "wo_core", "tenant": tenant.trim(),
        "iat": now, "exp": now + 60, "jti": Uuid::new_v4(),
    });
    let encoded = |part: &Value| Base64UrlUnpadded::encode_string(part.to_string().as_bytes());
    let signed = format!("{}.{}", encoded(&header), encoded(&claims));
    let signature = sign("issuer", &signed)?;
    Ok(format!("{signed}.{signature}"))
}

/// The rows of one statement in a transaction of somebody's, which is run again while others are in the way.
fn act(
    client: &mut Client,
    who: &str,
    sql: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>> {
    let mut pauses = PAUSES.into_iter();
    loop {
        let token = token(who)?;
        let mut tried = || {
            let mut transaction = client.transaction()?;
            transaction.execute("select wo.authenticate($1)", &[&token])?;
            let rows = transaction.query(sql, values)?;
            transaction.commit()?;
            Ok(rows)
        };
        let error: postgres::Error = match tried() {
            Ok(rows) => return Ok(rows),
            Err(error) => error,
        };
        let state = error.code().map_or("", |state| state.code());
        match pauses.next() {
            Some(pause) if matches!(state, "40001" | "40P01" | "55P03") => {
                println!("{state}, once more");
                sleep(Duration::from_millis(pause));
            }
            _ => return Err(error.into()),
        }
    }
}

fn transition(client: &mut Client, number: &str, status: &str, reason: &str) -> Result<()> {
    let sql = "select wo.transition($1::text, $2, $3) ->> 'status'";
    let rows = act(client, "robot", sql, &[&number, &status, &reason])?;
    println!("moved to {}", rows[0].get::<_, String>(0));
    Ok(())
}

fn sign_plan(client: &mut Client, number: &str, who: &str, role: &str) -> Result<()> {
    let ask = "select challenge, payload from wo.request_signature($1::text, $2, 'plan')";
    let asked = act(client, who, ask, &[&number, &role])?;
    let (challenge, payload): (Uuid, String) = (asked[0].get(0), asked[0].get(1));
    let signature = sign(who, &payload)?;
    let give = "select given ->> 'role', given ->> 'meaning' from wo.sign($1, $2) as given";
    let given = act(client, who, give, &[&challenge, &signature])?;
    let (role, meaning): (String, String) = (given[0].get(0), given[0].get(1));
    println!("{role} signed as {meaning}");
    Ok(())
}

fn process_events(client: &mut Client) -> Result<()> {
    act(client, "robot", "select wo.create_consumer('rust')", &[])?;
    client.batch_execute("listen wo_event")?;
    let fetch = "select position, event from wo.fetch_events('rust', 100) order by position";
    loop {
        let events = act(client, "robot", fetch, &[])?;
        if let Some(last) = events.last() {
            // Here they are processed. What is acknowledged does not come again.
            let last: i64 = last.get(0);
            act(client, "robot", "select wo.acknowledge('rust', $1)", &[&last])?;
            println!("processed {} events", events.len());
            continue;
        }
        // A service waits for ever; the example ends when nothing happens for a second.
        let notified = client.notifications().timeout_iter(Duration::from_secs(1)).next()?;
        if notified.is_none() {
            return Ok(());
        }
    }
}

fn main() -> Result<()> {
    let mut config = Config::new();
    config.options("-c lock_timeout=500ms").user(&var("PGUSER")?).dbname(&var("PGDATABASE")?);
    config.host(&var("PGHOST").unwrap_or_else(|_| "/var/run/postgresql".to_owned()));
    config.port(var("PGPORT").map_or(Ok(5432), |port| port.parse())?);
    let mut client = config.connect(NoTls)?;

    // The key is made before the first try: another try returns the same work order.
    let key = Uuid::new_v4().to_string();
    let created = act(
        &mut client,
        "robot",
        "select wo.create_work_order('Update the workstation', 'Windows 10 to 11', assignee => 'mira',
            regulatory => true, idempotency_key => $1) ->> 'wo_number'",
        &[&key],
    )?;
    let number: String = created[0].get(0);
    println!("created {number}");
    transition(&mut client, &number, "pending_approval", "Windows 10 has ended")?;
    sign_plan(&mut client, &number, "olga", "system_owner")?;
    sign_plan(&mut client, &number, "quinn", "qa")?;
    transition(&mut client, &number, "assigned", "let us start")?;

    let orders = json!([{"title": "Check the printer"}, {"title": "Check the scanner"}, {"titel": "Check the fax"}]);
    let many = "select coalesce(error ->> 'message', 'created') from wo.create_work_orders($1) order by ordinal";
    for row in act(&mut client, "robot", many, &[&orders])? {
        println!("bulk: {}", row.get::<_, String>(0));
    }
    process_events(&mut client)
}
