//! Texts that look like secrets, and honest texts that resemble them. The secrets are made at run time: they open
//! nothing, and no scanner of source code takes them for a leak.

use base64ct::{Base64, Base64UrlUnpadded, Encoding};

pub const LETTERS_AND_DIGITS: &str =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
pub const CAPITALS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
pub const HEX: &str = "0123456789abcdef";

/// Numbers that look random and are the same in each run.
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 8
    }

    pub fn of(&mut self, alphabet: &str, length: usize) -> String {
        let letters: Vec<char> = alphabet.chars().collect();
        (0..length).map(|_| letters[self.next() as usize % letters.len()]).collect()
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }
}

/// The prefixes of services, and the length of what follows.
const KEYS: &[(&str, &str, usize)] = &[
    ("ghp", "_", 36),
    ("gho", "_", 36),
    ("ghs", "_", 36),
    ("github", "_pat_", 60),
    ("glpat", "-", 20),
    ("xoxb", "-", 40),
    ("xapp", "-", 40),
    ("sk", "_live_", 24),
    ("rk", "_test_", 24),
    ("whsec", "_", 32),
    ("npm", "_", 36),
    ("pypi", "-AgE", 60),
    ("AI", "za", 35),
    ("GOC", "SPX-", 28),
    ("ya", "29.", 60),
    ("sk", "-proj-", 48),
    ("sk", "-ant-", 48),
    ("sk", "-", 48),
    ("hvs", ".", 24),
    ("hvb", ".", 60),
    ("hf", "_", 34),
    ("dop", "_v1_", 64),
    ("shpat", "_", 32),
    ("glsa", "_", 32),
    ("dckr", "_pat_", 27),
    ("tskey", "-auth-", 30),
    ("SG", ".", 66),
    ("gsk", "_", 52),
    ("sntrys", "_", 60),
];

/// Texts that look like secrets, each with the kind that is to be found.
pub fn secrets() -> Vec<(&'static str, String)> {
    let mut chance = Chance::new(16);
    let mut all: Vec<(&'static str, String)> = Vec::new();
    let dashes = "-".repeat(5);
    for label in ["", "RSA ", "EC ", "DSA ", "OPENSSH ", "ENCRYPTED ", "ANY "] {
        let label = format!("{label}PRIVATE KEY");
        let body = Base64::encode_string(&chance.bytes(96));
        all.push((
            "private_key",
            format!("{dashes}BEGIN {label}{dashes}\n{body}\n{dashes}END {label}{dashes}\n"),
        ));
    }
    let pgp = "PGP PRIVATE KEY BLOCK";
    all.push((
        "private_key",
        format!("{dashes}BEGIN {pgp}{dashes}\n\nlQOY\n{dashes}END {pgp}{dashes}"),
    ));
    all.push((
        "private_key",
        format!("---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n{}", chance.of(HEX, 40)),
    ));
    all.push(("private_key", format!("PuTTY-User-Key-{}-3: ssh-ed25519", "File")));
    all.push(("private_key", format!("AGE-SECRET-{}-1{}", "KEY", chance.of(CAPITALS, 58))));
    let pem = format!("{dashes}BEGIN PRIVATE KEY{dashes}\n{}", chance.of(LETTERS_AND_DIGITS, 64));
    all.push(("private_key", Base64::encode_string(pem.as_bytes())));
    // PKCS #8 of an Ed25519 key, PKCS #1 of an RSA key.
    let mut pkcs8 = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    pkcs8.extend(chance.bytes(32));
    all.push(("private_key", Base64::encode_string(&pkcs8)));
    let mut pkcs1 = vec![0x30, 0x82, 4, 0xa4, 2, 1, 0, 2, 0x82, 1, 1, 0];
    pkcs1.extend(chance.bytes(256));
    all.push(("private_key", Base64::encode_string(&pkcs1)));

    let part = |json: &str| Base64UrlUnpadded::encode_string(json.as_bytes());
    let header = part(r#"{"alg":"EdDSA","typ":"JWT"}"#);
    let claims = part(r#"{"sub":"ann","exp":1}"#);
    let signature = Base64UrlUnpadded::encode_string(&chance.bytes(64));
    all.push(("token", format!("{header}.{claims}.{signature}")));
    all.push((
        "token",
        format!("curl -H 'Authorization: Bearer {}'", chance.of(LETTERS_AND_DIGITS, 32)),
    ));
    all.push(("token", format!("Authorization: Basic {}", Base64::encode_string(b"ann:hunter2"))));

    for (begin, prefix, length) in KEYS {
        let key = format!("{begin}{prefix}{}", chance.of(LETTERS_AND_DIGITS, *length));
        all.push(("known_key", key));
    }
    for prefix in ["AKI", "ASI"] {
        all.push(("known_key", format!("{prefix}A{}", chance.of(CAPITALS, 16))));
    }
    all.push(("known_key", format!("s.{}a9Z", chance.of(LETTERS_AND_DIGITS, 21))));
    all.push(("known_key", format!("SUAC{}", chance.of(CAPITALS, 54))));
    all.push((
        "known_key",
        format!("https://hooks.slack.com/{}/T0/B0/{}", "services", chance.of(HEX, 24)),
    ));

    for address in [
        "postgres://app:hunter2@db.example.com:5432/app",
        "postgresql+asyncpg://app:hunter2@db/app?sslmode=require",
        "amqp://guest:guest@mq:5672/%2f",
        "mongodb+srv://root:s3cr3t@cluster0.example.net/test",
        "redis://:hunter2@cache:6379/0",
        "https://ann:hunter2@git.example.com/pump.git",
        "smtp://robot:p%40ss@mail.example.com",
    ] {
        all.push(("connection_password", address.to_owned()));
    }
    for line in [
        "password: hunter2",
        "password=hunter2",
        "Password = hunter2",
        "PGPASSWORD=hunter2 psql -h db",
        "the DB_PASSWORD: 'hunter2' is in the file",
        "Server=db;User Id=app;Password=hunter2;Encrypt=true",
        "jdbc:sqlserver://db;user=app;password=hunter2;",
        "passwd: hunter2!",
        "pwd=hunter2",
        "Passwort: hunter2",
        "client_secret=4711-ab",
        "{\"password\": \"hunter2\"}",
        "{'api_key': 'abc123'}",
        "parameters: $1 = '{''api_key'': ''abc123''}'",
        "{\\\"token\\\": \\\"abc123\\\"}",
        "api-key: abc123",
        "aws_secret_access_key = abc123",
        "X-Auth-Token: abc123",
        "AccountKey=abc123==;EndpointSuffix=core.windows.net",
        "mysql --password=hunter2 -u root",
        "login --password hunter2",
        "create role app login password 'hunter2'",
        "alter user app identified by 'hunter2'",
        "<password>hunter2</password>",
        "otpauth://totp/x?secret=JBSWY3DPEHPK3PXP&issuer=x",
        "password: 12345",
        "password := \"correct horse battery staple\"",
        "passphrase => 'open sesame'",
        "password: vault://kv/no-field",
        "**Password:** hunter2",
    ] {
        all.push(("assigned", line.to_owned()));
    }

    for _ in 0..4 {
        all.push(("random", Base64::encode_string(&chance.bytes(32))));
        all.push(("random", Base64UrlUnpadded::encode_string(&chance.bytes(32))));
        all.push(("random", format!("use {} for it", Base64::encode_string(&chance.bytes(64)))));
    }
    all.push(("random", chance.of("abcdefghijklmnopqrstuvwxyz0123456789", 48)));
    all.push(("random", chance.of(HEX, 80)));
    all
}

/// Values of JSON members that are secrets by their name alone.
pub fn members() -> Vec<serde_json::Value> {
    use serde_json::json;
    vec![
        json!({"password": "hunter2"}),
        json!({"db": {"Password": "hunter2"}}),
        json!({"list": [{"token": "abc123"}]}),
        json!({"apiKey": "abc123"}),
        json!({"client-secret": "abc 123"}),
        json!({"secrets": {"api_token": ["abc123"]}}),
        json!({"password": 12345}),
        json!({"private_key": "vault://kv"}),
    ]
}

/// Honest texts.
pub fn honest() -> Vec<String> {
    let mut chance = Chance::new(61);
    let picture = |head: &[u8], chance: &mut Chance| {
        let mut bytes = head.to_vec();
        bytes.extend(chance.bytes(400));
        Base64::encode_string(&bytes)
    };
    let png = picture(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", &mut chance);
    let lines: Vec<&str> =
        (0..png.len()).step_by(76).map(|at| &png[at..png.len().min(at + 76)]).collect();
    let dashes = "-".repeat(5);
    let certificate = Base64::encode_string(&chance.bytes(600));
    let mut all: Vec<String> = [
        "", "x", "Replace the seal of pump P-101", "Calibrated; pressure 3.2 bar at 20 °C.",
        "Serial number: SN-2026-00471-AB12-XK99", "S/N 4FTZX91K0M3", "part 6ES7512-1DM03-0AB0",
        "GTIN 04012345678901, GRAI (8003)04012345678901ABC123",
        "0109506000134352171409001021ABC123",
        "018f3c1e-7d5a-7c3b-9d2e-1f0a2b3c4d5e", "{018F3C1E-7D5A-7C3B-9D2E-1F0A2B3C4D5E}",
        "see https://docs.example.com/Guides/Install/PostgreSQL15/Replication-Setup?page=2#Step-4",
        "https://docs.google.com/document/d/1aBcD9eFgHiJ2kLmNoPqR3sTuVwXyZ4AbCdEfGhIjK5l/edit",
        "postgres://app@db.example.com:5432/app", "postgres://app:${PGPASSWORD}@db/app",
        "postgres://app:***@db/app", "mailto:ann@example.com", "at 10:30:15, ratio 1:2, x=3",
        "Reset the password: the user had forgotten it.", "Password: see the vault", "password: ********",
        "password: $PASSWORD", "password = ?", "where password = $1", "Passwords expire after 90 days",
        "password policy: at least 12 characters", "Token: returned to the front desk",
        "token_count: 5000, max_tokens=4096", "tokens: 12", "token: 5", "secret: none", "api_key: <your key>",
        "password: vault://kv/plant/db#password", "token=gcp-sm://projects/plant-7/secrets/db/versions/latest",
        "vault://kv/plant/db#password?version=7", "--no-password", "use --password-file /run/secrets/db",
        "The word \"secret\": what is it?", "the compass: north", "first pass: 12 of 12",
        "/Sites/Berlin/Line4/PLC7/Rack2/Slot5/IO/AI3.csv", "src/kernel/work_order/triggers/validate.rs:120",
        "C:\\Program Files\\Siemens\\Automation\\TIA Portal V19\\Bin\\Siemens.Automation.Portal.exe",
        "com.example.manufacturing.execution.WorkOrderServiceImplV2.createWorkOrder",
        "DocumentTitleVersion2FinalReleaseCandidate2026ForReviewByQualityAssurance",
        "thequickbrownfoxjumpsoverthelazydogandrunsawayfromthebear",
        "ABC-DEF-GHI-JKL-MNO-PQR-STU-VWX-YZ0-123-456-789", "************************************************",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "==========================================",
        "IBAN DE89370400440532013000", "ISO 13485:2016, 21 CFR 11.10(a)", "EURUSD=1.08", "sk-learn 1.5",
        "s.a.s. Rossi", "hf_radio", "key-value store", "sk_SK.UTF-8", "npm_config_cache", "basic training", 
        "Bearer of this letter", "Basic information", "eyJ", "BEGIN PRIVATE", "private key: kept by the owner",
        "The PRIVATE KEY stays on the card", "lot 2026-11-30/A7 expires 2027-05-31", "+49 30 901820",
        "traceparent 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "wo_rules-0.1.0-x86_64-unknown-linux-gnu.tar.gz", "arn:aws:iam::123456789012:role/Technician",
        "docker.io/library/postgres@sha256:", "größer als früher: ja", "日本語の作業指示書：パスワードを変更する", 
        "select wo.transition('WO-20261130-0001', 'in_progress', reason => 'go')",
        "pump\u{0}", "C₁₂H₂₂O₁₁", "Ω=R·I", "a:b:c:d:e:f", "<token>", "<Password></Password>", "password",
    ]
    .map(str::to_owned)
    .to_vec();
    all.push(chance.of(HEX, 64));
    all.push(chance.of(HEX, 40).to_uppercase());
    all.push(format!("sha256:{}", chance.of(HEX, 64)));
    all.push(format!("MD5 {} of the image", chance.of(HEX, 32)));
    all.push(chance.of(HEX, 128));
    all.push(format!("sha256-{}", Base64::encode_string(&chance.bytes(32))));
    all.push(format!(
        "SHA256:{} ann@plant (ED25519)",
        Base64UrlUnpadded::encode_string(&chance.bytes(32))
    ));
    all.push(format!("data:image/png;base64,{png}"));
    all.push(png.clone());
    all.push(lines.join("\r\n"));
    all.push(picture(b"\xff\xd8\xff\xe0\0\x10JFIF", &mut chance));
    all.push(picture(b"%PDF-1.7\n", &mut chance));
    all.push(format!(
        "{dashes}BEGIN CERTIFICATE{dashes}\n{certificate}\n{dashes}END CERTIFICATE{dashes}"
    ));
    all.push(format!(
        "{dashes}BEGIN PUBLIC KEY{dashes}\n{certificate}\n{dashes}END PUBLIC KEY{dashes}"
    ));
    let mut ssh = b"\0\0\0\x0bssh-ed25519\0\0\0 ".to_vec();
    ssh.extend(chance.bytes(32));
    all.push(format!("ssh-ed25519 {} ann@plant", Base64::encode_string(&ssh)));
    all
}

/// Honest JSON.
pub fn honest_members() -> Vec<serde_json::Value> {
    use serde_json::json;
    let mut chance = Chance::new(7);
    let hash = Base64::encode_string(&chance.bytes(32));
    let key = Base64UrlUnpadded::encode_string(&chance.bytes(32));
    vec![
        json!({}),
        json!({"serial": "SN-1", "reading": 3.2, "tokens": 5000, "token": 5, "budget": {"tokens": 1}}),
        json!({"password": null, "secret": true, "token": ""}),
        json!({"credentials": {"db_password": "vault://kv/plant/db#password?version=3"}}),
        json!({"credentials": ["db_password"], "required": ["password", "token"]}),
        json!({"password": {"type": "string"}, "token": "${TOKEN}"}),
        json!({"api_key": "gcp-sm://projects/plant-7/secrets/api/versions/4"}),
        json!({"sha256": hash, "public_key": key, "signature": [key]}),
        json!({"token_url": "https://login.example.com/token", "secret_name": "db"}),
    ]
}
