//! Refused attempts: which refusals are put on record, what of them, and what is reported of them.
//!
//! An attempt waits in memory that all backends share until somebody writes it down, because the
//! transaction that made it rolls back. So it has a fixed size: every text is cut, and nothing of
//! what was to be written, no token, no signature and no key is among them.

pub mod ring;

use crate::refusal::{Refusal, SqlState};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// A text of at most `N` bytes. Its zero bytes are the empty text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct Short<const N: usize> {
    length: u16,
    bytes: [u8; N],
}

impl<const N: usize> Default for Short<N> {
    fn default() -> Self {
        Self { length: 0, bytes: [0; N] }
    }
}

impl<const N: usize> Short<N> {
    /// The text, cut at a character's end with an ellipsis where it is longer.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut short = Self::default();
        let mut put = |text: &str| {
            let start = usize::from(short.length);
            let end = start + text.len();
            if let (Some(place), Ok(length)) = (short.bytes.get_mut(start..end), u16::try_from(end))
            {
                place.copy_from_slice(text.as_bytes());
                short.length = length;
            }
        };
        if text.len() <= N {
            put(text);
        } else {
            let ellipsis = "…";
            let room = N.saturating_sub(ellipsis.len());
            let end = (0..=room).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
            put(&text[..end]);
            put(ellipsis);
        }
        short
    }

    /// The same of a text that may be absent; absent is empty.
    #[must_use]
    pub fn of(text: Option<&str>) -> Self {
        Self::new(text.unwrap_or_default())
    }

    /// What was kept.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.length)).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// What was kept; nothing where it is empty.
    #[must_use]
    pub fn given(&self) -> Option<&str> {
        Some(self.as_str()).filter(|text| !text.is_empty())
    }
}

/// Who tried, and from where.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C)]
pub struct Source {
    /// The database, by its oid.
    pub database: u32,
    /// The tenant; zeros where nobody was acting.
    pub tenant: [u8; 16],
    /// The principal.
    pub principal: Short<200>,
    /// The role that logged in.
    pub login_role: Short<64>,
    /// The client's address.
    pub client_address: Short<46>,
    /// What the client calls itself.
    pub application: Short<64>,
    /// How the principal was proven.
    pub authenticated_by: Short<80>,
}

/// One refused attempt, or several that are the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C)]
pub struct Attempt {
    /// Who tried.
    pub source: Source,
    /// When first, in microseconds since 2000-01-01 UTC.
    pub first_at: i64,
    /// When last.
    pub last_at: i64,
    /// How often.
    pub attempts: u64,
    /// The work order; zeros where it was about none.
    pub work_order: [u8; 16],
    /// The refusal's SQLSTATE.
    pub sqlstate: Short<5>,
    /// The refusal's code.
    pub code: Short<48>,
    /// The refusal's sentence.
    pub sentence: Short<300>,
    /// What to do instead.
    pub hint: Short<200>,
    /// The guards that refused, with commas.
    pub guards: Short<160>,
    /// What was to be done.
    pub action: Short<64>,
    /// From which state.
    pub from_status: Short<64>,
    /// To which state.
    pub to_status: Short<64>,
}

/// Whether a refusal is an attempt at what somebody may not do, rather than a slip of the pen: by a
/// gate, a role, an identity or a state, or of a token or a signature whatever its class.
#[must_use]
pub fn counts(refusal: &Refusal) -> bool {
    let of_proof = ["token_", "signature_", "challenge_", "signing_key_"]
        .iter()
        .any(|prefix| refusal.code.starts_with(prefix));
    match refusal.sqlstate {
        SqlState::GateNotMet | SqlState::NotPermitted => true,
        // Nobody attempts anything where the records themselves cannot be used.
        SqlState::WrongState => refusal.code != "tables_damaged",
        SqlState::BadValue | SqlState::Duplicate => of_proof,
        SqlState::VersionConflict
        | SqlState::NotSupported
        | SqlState::ValueMissing
        | SqlState::ReferenceMissing => false,
    }
}

/// The names of the guards that refused: those that the refusal names, `approvals_missing` first where signatures
/// are missing, or its code.
fn guards_of(refusal: &Refusal) -> String {
    let mut named: Vec<&str> = refusal
        .detail
        .get("guards")
        .and_then(Value::as_array)
        .map(|guards| guards.iter().filter_map(name_of).collect())
        .unwrap_or_default();
    let approvals = refusal.detail.get("approvals").and_then(Value::as_array);
    if approvals.is_some_and(|approvals| !approvals.is_empty()) {
        named.insert(0, "approvals_missing");
    }
    if named.is_empty() { refusal.code.to_owned() } else { named.join(",") }
}

fn name_of(guard: &Value) -> Option<&str> {
    guard.as_str().or_else(|| guard.get("guard").or_else(|| guard.get("name"))?.as_str())
}

impl Attempt {
    /// What is kept of a refusal.
    #[must_use]
    pub fn new(refusal: &Refusal, source: Source, at: i64) -> Self {
        let text = |name: &str| refusal.detail.get(name).and_then(Value::as_str);
        let work_order = text("work_order_id").and_then(|id| Uuid::parse_str(id).ok());
        Self {
            source,
            first_at: at,
            last_at: at,
            attempts: 1,
            work_order: *work_order.unwrap_or_default().as_bytes(),
            sqlstate: Short::new(refusal.sqlstate.code()),
            code: Short::new(refusal.code),
            sentence: Short::new(&refusal.message),
            hint: Short::new(&refusal.hint),
            guards: Short::new(&guards_of(refusal)),
            action: Short::of(text("action")),
            from_status: Short::of(text("from_status")),
            to_status: Short::of(text("to_status")),
        }
    }

    /// The tenant; nil where nobody was acting.
    #[must_use]
    pub fn tenant(&self) -> Uuid {
        Uuid::from_bytes(self.source.tenant)
    }

    /// The work order that it was about, if any.
    #[must_use]
    pub fn work_order(&self) -> Option<Uuid> {
        Some(Uuid::from_bytes(self.work_order)).filter(|id| !id.is_nil())
    }

    fn guards(&self) -> Vec<&str> {
        self.guards.as_str().split(',').filter(|name| !name.is_empty()).collect()
    }

    /// What the trail keeps of it, beside who and why: the text of a JSON object.
    #[must_use]
    pub fn changes(&self, number: Option<&str>) -> String {
        let mut object = Map::new();
        let mut put = |name: &str, value: Value| {
            if !value.is_null() {
                object.insert(name.to_owned(), value);
            }
        };
        put("attempts", self.attempts.into());
        put("first_at", crate::time::utc(self.first_at).into());
        put("last_at", crate::time::utc(self.last_at).into());
        put("sqlstate", self.sqlstate.as_str().into());
        put("work_order_id", self.work_order().map(|id| id.to_string()).into());
        put("wo_number", number.into());
        put("guards", self.guards().into());
        put("action", self.action.given().into());
        put("from_status", self.from_status.given().into());
        put("to_status", self.to_status.given().into());
        put("hint", self.hint.given().into());
        put("login_role", self.source.login_role.as_str().into());
        put("client_address", self.source.client_address.given().into());
        put("application", self.source.application.given().into());
        put("authenticated_by", self.source.authenticated_by.given().into());
        Value::Object(object).to_string()
    }

    /// The `data` of `wo.guard_violation`: the fields of spec/3's GuardViolation, and who and how often.
    #[must_use]
    pub fn violation(&self, number: Option<&str>) -> Value {
        json!({
            "type": "GUARD_VIOLATION",
            "work_order_id": self.work_order().map(|id| id.to_string()),
            "guard_name": self.guards.as_str(),
            "violation_detail": self.sentence.as_str(),
            "blocking": true,
            "suggested_resolution": self.hint.given(),
            "wo_number": number,
            "code": self.code.as_str(),
            "actor": self.source.principal.given(),
            "attempts": self.attempts,
            "at": crate::time::utc(self.last_at),
        })
    }
}

/// What the trail says of attempts that found no room.
#[must_use]
pub fn dropped_changes(dropped: u64, first_at: i64, last_at: i64, login_role: &str) -> String {
    json!({
        "dropped": dropped,
        "first_at": crate::time::utc(first_at),
        "last_at": crate::time::utc(last_at),
        "login_role": login_role,
    })
    .to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn gate() -> Refusal {
        Refusal::new(SqlState::GateNotMet, "guards_not_met", "no: children are open")
            .with("work_order_id", "0192f0c1-0000-7000-8000-000000000001")
            .with("guards", vec!["children_settled", "steps_done"])
            .with("to_status", "completed")
            .with("values", "secret")
            .hint("finish them")
    }

    #[test]
    fn a_text_is_cut_at_a_characters_end() {
        assert_eq!(Short::<8>::new("ab").as_str(), "ab");
        assert_eq!(Short::<8>::new("éééé").as_str(), "éééé");
        assert_eq!(Short::<8>::new("ééééé").as_str(), "éé…");
        assert_eq!(Short::<2>::new("abc").as_str(), "");
        assert_eq!(Short::<4>::of(None).given(), None);
    }

    #[test]
    fn what_somebody_may_not_do_counts_and_a_slip_does_not() {
        let counted = |state, code| counts(&Refusal::new(state, code, "x"));
        assert!(counted(SqlState::GateNotMet, "fields_missing"));
        assert!(counted(SqlState::NotPermitted, "no_identity"));
        assert!(counted(SqlState::WrongState, "record_locked"));
        assert!(counted(SqlState::BadValue, "signature_malformed"));
        assert!(counted(SqlState::Duplicate, "signing_key_known"));
        assert!(!counted(SqlState::WrongState, "tables_damaged"));
        assert!(!counted(SqlState::BadValue, "bad_value"));
        assert!(!counted(SqlState::VersionConflict, "version_conflict"));
        assert!(!counted(SqlState::NotSupported, "prepared_transaction"));
    }

    #[test]
    fn a_violation_has_the_fields_of_the_specification() {
        let source = Source { principal: Short::new("ann"), ..Source::default() };
        let described = Attempt::new(&gate(), source, 0).violation(Some("WO-1"));
        assert_eq!(described["type"], "GUARD_VIOLATION");
        assert_eq!(described["work_order_id"], "0192f0c1-0000-7000-8000-000000000001");
        assert_eq!(described["guard_name"], "children_settled,steps_done");
        assert_eq!(described["violation_detail"], "no: children are open");
        assert_eq!(described["blocking"], true);
        assert_eq!(described["suggested_resolution"], "Finish them.");
        assert_eq!(described["actor"], "ann");
    }

    #[test]
    fn nothing_is_kept_of_what_was_to_be_written() {
        let attempt = Attempt::new(&gate(), Source::default(), 0);
        assert!(!attempt.changes(None).contains("secret"));
        assert!(!format!("{:?}", attempt.violation(None)).contains("secret"));
    }

    /// A finding of it would otherwise not block: see [`crate::finding::Source::of_attempt`].
    #[test]
    fn a_refusal_names_the_missing_approvals_among_its_guards() {
        let refusal = gate().with("approvals", vec!["qa"]);
        let attempt = Attempt::new(&refusal, Source::default(), 0);
        assert_eq!(attempt.guards.as_str(), "approvals_missing,children_settled,steps_done");
    }

    #[test]
    fn a_refusal_without_guards_is_known_by_its_code() {
        let refusal = Refusal::new(SqlState::NotPermitted, "role_missing", "no");
        let attempt = Attempt::new(&refusal, Source::default(), 0);
        assert_eq!(attempt.violation(None)["guard_name"], "role_missing");
        assert!(attempt.work_order().is_none());
    }
}
