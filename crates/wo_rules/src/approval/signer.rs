//! Who may sign: persons only, never their own work, and nobody in two roles (design §7).

use crate::lifecycle::{PrincipalKind, Record};
use crate::refusal::{Refusal, SqlState};

/// The role that assures quality: never the originator's own.
const QUALITY: &str = "qa";

/// A signature that counts already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The action that it is for.
    pub action: String,
    /// The role that was signed in.
    pub role: String,
    /// Who signed.
    pub signer: String,
    /// On whose behalf.
    pub on_behalf_of: Option<String>,
}

/// Who wants to sign, and as whom.
#[derive(Debug, Clone, Copy)]
pub struct Signer<'a> {
    /// The principal.
    pub id: &'a str,
    /// What it is.
    pub kind: PrincipalKind,
    /// On whose behalf.
    pub on_behalf_of: Option<&'a str>,
}

impl Signer<'_> {
    fn stands_for(&self, principal: &str) -> bool {
        self.id == principal || self.on_behalf_of == Some(principal)
    }
}

/// How many challenges of one person may wait for an answer: as many work orders as somebody has open side by side.
pub const MOST_UNANSWERED: i64 = 50;

/// Checks that a person may ask for one more challenge, where so many of theirs can still be answered.
///
/// # Errors
/// 55000 `too_many_challenges`.
pub fn check_unanswered(signer: &str, unanswered: i64) -> Result<(), Refusal> {
    if unanswered < MOST_UNANSWERED {
        return Ok(());
    }
    Err(Refusal::new(
        SqlState::WrongState,
        "too_many_challenges",
        format!("{unanswered} challenges of \"{signer}\" wait for an answer already"),
    )
    .with("signer", signer)
    .with("most", MOST_UNANSWERED)
    .hint("Answer them with wo.sign or wo.reject, or wait until they expire (wo_core.challenge_lifetime)."))
}

/// Checks that somebody may sign for an action in a role.
///
/// # Errors
/// 42501 `person_required`; 23514 `signer_is_assignee`, `signer_is_originator`, `signer_has_signed`.
pub fn check(
    signer: &Signer,
    record: &Record,
    action: &str,
    role: &str,
    signed: &[Signed],
) -> Result<(), Refusal> {
    let number = record.number;
    let refuse = |state, code, message: String, hint: &str| {
        Err(Refusal::new(state, code, message)
            .with("work_order_id", record.id)
            .with("principal", signer.id)
            .hint(hint))
    };
    if signer.kind != PrincipalKind::Person {
        return refuse(
            SqlState::NotPermitted,
            "person_required",
            format!("work order {number} is approved by persons, and {} is none", signer.id),
            "a human being has to sign",
        );
    }
    if record.assignee.is_some_and(|assignee| signer.stands_for(assignee)) {
        return refuse(
            SqlState::GateNotMet,
            "signer_is_assignee",
            format!(
                "nobody approves their own work: work order {number} is assigned to the signer"
            ),
            "somebody else in that role has to sign",
        );
    }
    if role == QUALITY && signer.stands_for(record.originator) {
        return refuse(
            SqlState::GateNotMet,
            "signer_is_originator",
            format!(
                "quality assurance does not approve what it asked for itself: the signer created work order {number}"
            ),
            "somebody else in that role has to sign",
        );
    }
    let is_same_person = |one: &&Signed| {
        one.action == action
            && (signer.stands_for(&one.signer)
                || one.on_behalf_of.as_deref().is_some_and(|other| signer.stands_for(other)))
    };
    if let Some(earlier) = signed.iter().find(is_same_person) {
        return refuse(
            SqlState::GateNotMet,
            "signer_has_signed",
            format!(
                "nobody signs twice: {} has signed work order {number} as {} already",
                earlier
                    .on_behalf_of
                    .as_deref()
                    .filter(|other| signer.id != *other && signer.id != earlier.signer)
                    .unwrap_or(&earlier.signer),
                earlier.role
            ),
            "somebody else in that role has to sign",
        );
    }
    Ok(())
}

/// The token with which somebody wants to sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SigningToken {
    /// When it was issued (seconds since 1970), where it says so.
    pub issued: Option<i64>,
    /// Whether it holds for the session rather than for this transaction.
    pub session: bool,
}

/// How far the issuer's clock may be ahead of the server's, in seconds.
const CLOCK_SKEW: i64 = 5;

/// Checks that a signer has authenticated anew (21 CFR 11.200(a)(1)): by a token, in this very
/// transaction, that was issued at most so many seconds ago.
///
/// # Errors
/// 42501 `token_required`, `token_too_old`.
pub fn check_token(token: Option<SigningToken>, now: i64, oldest: i64) -> Result<(), Refusal> {
    let Some(token) = token.filter(|token| !token.session) else {
        return Err(Refusal::new(
            SqlState::NotPermitted,
            "token_required",
            "signing needs a token that was presented in this very transaction",
        )
        .hint("call wo.authenticate(token) in this transaction"));
    };
    let age = token.issued.map(|issued| now.saturating_sub(issued));
    match age {
        Some(age) if (-CLOCK_SKEW..=oldest).contains(&age) => Ok(()),
        _ => Err(Refusal::new(
            SqlState::NotPermitted,
            "token_too_old",
            match age {
                Some(_) => {
                    format!("signing needs a token that was issued at most {oldest} seconds ago")
                }
                None => "signing needs a token that says when it was issued (iat)".to_owned(),
            },
        )
        .hint("authenticate anew, and sign with the new token")),
    }
}

/// Checks that somebody who signed is not put to the work that they approved.
///
/// # Errors
/// 23514 `assignee_has_signed`.
pub fn check_assignee(assignee: &str, record: &Record, signed: &[Signed]) -> Result<(), Refusal> {
    let approved =
        |one: &Signed| one.signer == assignee || one.on_behalf_of.as_deref() == Some(assignee);
    match signed.iter().any(approved) {
        true => Err(Refusal::new(
            SqlState::GateNotMet,
            "assignee_has_signed",
            format!("work order {} cannot be assigned to {assignee}, who approved it", record.number),
        )
        .with("work_order_id", record.id)
        .with("assignee", assignee)
        .hint("nobody approves their own work: assign it to somebody else, or have the signature withdrawn")),
        false => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn record<'a>() -> Record<'a> {
        Record {
            id: "w",
            number: "WO-1",
            status: "completed",
            originator: "olga",
            requester: None,
            assignee: Some("ben"),
            regulatory: true,
            locked: false,
        }
    }

    fn person<'a>(id: &'a str, on_behalf_of: Option<&'a str>) -> Signer<'a> {
        Signer { id, kind: PrincipalKind::Person, on_behalf_of }
    }

    fn code(signer: Signer, role: &str, signed: &[Signed]) -> &'static str {
        check(&signer, &record(), "close", role, signed).err().map_or("", |refusal| refusal.code)
    }

    fn by(signer: &str, on_behalf_of: Option<&str>, role: &str) -> Signed {
        Signed {
            action: "close".to_owned(),
            role: role.to_owned(),
            signer: signer.to_owned(),
            on_behalf_of: on_behalf_of.map(str::to_owned),
        }
    }

    #[test]
    fn only_persons_sign() {
        for kind in [PrincipalKind::Agent, PrincipalKind::Vendor, PrincipalKind::System] {
            let signer = Signer { id: "robot", kind, on_behalf_of: None };
            assert_eq!(code(signer, "qa", &[]), "person_required");
        }
        assert_eq!(code(person("quinn", None), "qa", &[]), "");
    }

    #[test]
    fn nobody_approves_their_own_work_not_even_through_another() {
        assert_eq!(code(person("ben", None), "qa", &[]), "signer_is_assignee");
        assert_eq!(code(person("quinn", Some("ben")), "qa", &[]), "signer_is_assignee");
        assert_eq!(code(person("olga", None), "qa", &[]), "signer_is_originator");
        assert_eq!(code(person("quinn", Some("olga")), "qa", &[]), "signer_is_originator");
        assert_eq!(code(person("olga", None), "system_owner", &[]), "");
    }

    #[test]
    fn nobody_fills_two_roles_of_one_action() {
        let signed = [by("sam", None, "system_owner"), by("dora", Some("quinn"), "qa")];
        for (signer, on_behalf_of) in [
            ("sam", None),
            ("dora", None),
            ("quinn", None),
            ("eve", Some("quinn")),
            ("eve", Some("sam")),
        ] {
            let code = code(person(signer, on_behalf_of), "qa", &signed);
            assert_eq!(code, "signer_has_signed", "{signer} {on_behalf_of:?}");
        }
        assert_eq!(code(person("eve", None), "qa", &signed), "");
        let other = [Signed { action: "assign".to_owned(), ..by("sam", None, "system_owner") }];
        assert_eq!(code(person("sam", None), "qa", &other), "");
    }

    #[test]
    fn a_signer_has_authenticated_anew() {
        let token = |issued, session| Some(SigningToken { issued, session });
        let code = |token| check_token(token, 1_000, 300).err().map_or("", |refusal| refusal.code);
        assert_eq!(code(None), "token_required");
        assert_eq!(code(token(Some(1_000), true)), "token_required");
        for (issued, expected) in [
            (Some(1_000), ""),
            (Some(700), ""),
            (Some(1_005), ""),
            (Some(699), "token_too_old"),
            (Some(1_006), "token_too_old"),
            (Some(i64::MIN), "token_too_old"),
            (None, "token_too_old"),
        ] {
            assert_eq!(code(token(issued, false)), expected, "{issued:?}");
        }
    }

    #[test]
    fn who_approved_is_not_assigned() {
        let signed = [by("dora", Some("quinn"), "qa")];
        for (assignee, refused) in [("dora", true), ("quinn", true), ("ben", false)] {
            assert_eq!(check_assignee(assignee, &record(), &signed).is_err(), refused);
        }
    }
}
