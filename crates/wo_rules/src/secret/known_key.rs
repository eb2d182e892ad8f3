//! Keys that are known by the prefix that their service gives them.

use super::{Kind, LONGEST_LOOK, Suspect, add, begins_word, each_place, length_of};

/// What may stand behind a prefix.
#[derive(Clone, Copy)]
enum Form {
    /// At least so many letters, digits, hyphens, underscores and dots.
    AtLeast(usize),
    /// So many letters and digits, and then none.
    Exactly(usize),
    /// So many capitals and digits, and then no letter or digit.
    Capitals(usize),
    /// So many letters and digits, of both cases and with a digit, and then none.
    Mixed(usize),
    /// At least so many, of both cases or with a digit.
    AtLeastMixed(usize),
}

use Form::{AtLeast, AtLeastMixed, Capitals, Exactly, Mixed};

/// The services, their prefixes and what stands behind them. Prefixes of identifiers that are public by
/// design (`pk_live_`) are not among them.
const KEYS: &[(&str, &[&str], Form)] = &[
    ("AWS", &["AKIA", "ASIA", "ABIA", "ACCA"], Capitals(16)),
    ("Google", &["AIza"], AtLeast(35)),
    ("Google", &["ya29.", "GOCSPX-"], AtLeast(20)),
    ("GitHub", &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], AtLeast(30)),
    ("GitHub", &["github_pat_"], AtLeast(22)),
    (
        "GitLab",
        &[
            "glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glft-", "glimt-", "glagent-",
            "gloas-", "glsoat-", "glffct-",
        ],
        AtLeast(16),
    ),
    (
        "Slack",
        &["xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe-", "xoxe.", "xoxc-", "xoxd-", "xapp-"],
        AtLeast(10),
    ),
    ("Stripe", &["sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_"], AtLeast(16)),
    ("npm", &["npm_"], Exactly(36)),
    ("PyPI", &["pypi-AgE"], AtLeast(16)),
    ("RubyGems", &["rubygems_"], AtLeast(40)),
    ("NuGet", &["oy2"], Exactly(43)),
    ("OpenAI", &["sk-proj-", "sk-svcacct-", "sk-admin-"], AtLeast(20)),
    ("Anthropic", &["sk-ant-"], AtLeast(20)),
    ("a service with the prefix sk-", &["sk-"], AtLeastMixed(20)),
    ("Groq", &["gsk_"], AtLeast(20)),
    ("xAI", &["xai-"], AtLeast(40)),
    ("Perplexity", &["pplx-"], AtLeast(40)),
    ("Replicate", &["r8_"], AtLeast(30)),
    ("Hugging Face", &["hf_"], Exactly(34)),
    ("Vault", &["hvs.", "hvb.", "hvr."], AtLeast(20)),
    ("Vault", &["s.", "b.", "r."], Mixed(24)),
    ("SendGrid", &["SG."], AtLeast(40)),
    ("Mailgun", &["key-"], Exactly(32)),
    ("DigitalOcean", &["dop_v1_", "doo_v1_", "dor_v1_"], AtLeast(40)),
    ("Shopify", &["shpat_", "shpss_", "shpca_", "shppa_"], AtLeast(32)),
    ("Square", &["sq0atp-", "sq0csp-"], AtLeast(20)),
    ("Databricks", &["dapi"], Exactly(32)),
    ("Grafana", &["glsa_", "glc_"], AtLeast(20)),
    ("Docker", &["dckr_pat_", "dckr_oat_"], AtLeast(20)),
    ("Atlassian", &["ATATT3", "ATBB", "ATCTT3"], AtLeast(24)),
    ("Linear", &["lin_api_"], AtLeast(32)),
    ("Notion", &["ntn_"], AtLeast(32)),
    ("Postman", &["PMAK-"], AtLeast(32)),
    ("New Relic", &["NRAK-"], AtLeast(20)),
    ("Sentry", &["sntrys_", "sntryu_"], AtLeast(32)),
    ("Doppler", &["dp.pt.", "dp.st.", "dp.ct."], AtLeast(32)),
    ("Fly", &["fo1_", "FlyV1_"], AtLeast(20)),
    ("Netlify", &["nfp_"], AtLeast(20)),
    ("Supabase", &["sbp_", "sb_secret_"], AtLeast(20)),
    ("PlanetScale", &["pscale_tkn_", "pscale_pw_", "pscale_oauth_"], AtLeast(20)),
    ("Pulumi", &["pul-"], Exactly(40)),
    ("Heroku", &["HRKU-"], AtLeast(20)),
    ("Dynatrace", &["dt0c01.", "dt0s01.", "dt0s16."], AtLeast(24)),
    ("Alibaba", &["LTAI"], Exactly(20)),
    ("Tailscale", &["tskey-"], AtLeast(16)),
    ("Artifactory", &["AKCp"], AtLeast(60)),
    ("crates.io", &["cio"], Exactly(32)),
    ("1Password", &["ops_eyJ"], AtLeast(40)),
    ("NATS", &["SUA", "SUB", "SUC", "SUD"], Capitals(55)),
    ("NATS", &["SAA", "SAB", "SAC", "SAD"], Capitals(55)),
    ("NATS", &["SOA", "SOB", "SOC", "SOD"], Capitals(55)),
];

/// The shortest key, its prefix included.
const SHORTEST: usize = 16;

const fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

pub(super) fn find(text: &str, found: &mut Vec<Suspect>) {
    let bytes = text.as_bytes();
    let mut from = 0;
    while from < bytes.len() {
        let start = from + length_of(bytes, from, |byte| !is_part(byte));
        let length = length_of(bytes, start, is_part);
        from = start + length;
        if length < SHORTEST {
            continue;
        }
        let mut at = start;
        while at + SHORTEST <= from {
            let end = match begins_word(bytes, at) {
                true => key_at(&text[at..from]),
                false => None,
            };
            match end {
                Some((kind, length)) => {
                    add(found, kind, at..at + length);
                    at += length;
                }
                None => at += 1,
            }
        }
    }
    webhooks(bytes, found);
}

fn key_at(text: &str) -> Option<(Kind, usize)> {
    KEYS.iter().find_map(|(service, prefixes, form)| {
        let prefix = prefixes.iter().find(|prefix| text.starts_with(**prefix))?;
        let length = length_behind(&text.as_bytes()[prefix.len()..], *form)?;
        Some((Kind::KnownKey(service), prefix.len() + length))
    })
}

fn length_behind(rest: &[u8], form: Form) -> Option<usize> {
    let look = &rest[..rest.len().min(LONGEST_LOOK)];
    let alphanumeric = length_of(look, 0, |byte| byte.is_ascii_alphanumeric());
    let has = |condition: fn(&u8) -> bool| look.iter().any(condition);
    let is_mixed =
        has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_digit);
    match form {
        AtLeast(least) => (rest.len() >= least).then_some(rest.len()),
        AtLeastMixed(least) => {
            let is_mixed = has(u8::is_ascii_digit) || has(u8::is_ascii_uppercase);
            (alphanumeric >= least && is_mixed).then_some(rest.len())
        }
        Exactly(length) => (alphanumeric == length).then_some(length),
        Mixed(length) => (alphanumeric == length && is_mixed).then_some(length),
        Capitals(length) => {
            let is_capital = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
            (alphanumeric == length && length_of(rest, 0, is_capital) == length).then_some(length)
        }
    }
}

/// Addresses that let anybody who knows them write.
fn webhooks(bytes: &[u8], found: &mut Vec<Suspect>) {
    let addresses = [
        ("Slack", &b"hooks.slack.com/services/"[..]),
        ("Discord", b"discord.com/api/webhooks/"),
        ("Microsoft Teams", b"webhook.office.com/webhookb2/"),
    ];
    for (service, address) in addresses {
        each_place(bytes, address, |at| {
            let start = at + address.len();
            let length = length_of(bytes, start, |byte| is_part(byte) || byte == b'/');
            if length >= SHORTEST {
                add(found, Kind::KnownKey(service), start..start + length);
            }
            start + length
        });
    }
}
