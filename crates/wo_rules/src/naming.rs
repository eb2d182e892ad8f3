//! What configuration names: checked when it is written, since nothing asks later for what nobody has.

use crate::refusal::{Refusal, SqlState};

/// How many managers are looked at above somebody.
const MOST_MANAGERS: usize = 1_000;

fn shown(name: &str) -> String {
    name.chars().take(100).collect()
}

/// The refusal of a name that nothing of the tenant has.
fn unknown(code: &'static str, member: &str, name: &str, sentence: String, hint: &str) -> Refusal {
    Refusal::new(SqlState::BadValue, code, sentence).with(member, shown(name)).hint(hint)
}

/// Checks the default lifecycle of a tenant that does not exist yet: it starts with the shipped ones.
///
/// # Errors
/// 22023 `lifecycle_unknown`.
pub fn check_first_lifecycle(name: &str) -> Result<(), Refusal> {
    let shipped: Vec<&str> =
        crate::lifecycle::SHIPPED.iter().map(|(shipped, _)| *shipped).collect();
    if shipped.contains(&name) {
        return Ok(());
    }
    Err(crate::lifecycle::unknown(Some(name)).with("lifecycles", shipped.clone()).hint(format!(
        "A new tenant has {}. Publish another lifecycle first, then: update wo.tenant set default_lifecycle = '...'.",
        shipped.join(", ")
    )))
}

/// Checks that a requirement waits for an action that there is. `actions` are those of its lifecycle, or of
/// all lifecycles where it names none.
///
/// # Errors
/// 22023 `action_unknown`.
pub fn check_action(
    action: &str,
    lifecycle: Option<&str>,
    actions: &[String],
) -> Result<(), Refusal> {
    if actions.iter().any(|known| known == action) {
        return Ok(());
    }
    let place = match lifecycle {
        Some(name) => format!("the lifecycle {} has", shown(name)),
        None => "no lifecycle of the tenant has".to_owned(),
    };
    let has = if lifecycle.is_some() { "no" } else { "an" };
    Err(unknown(
        "action_unknown",
        "action",
        action,
        format!("{place} {has} action \"{}\"", shown(action)),
        &format!("The actions are {}.", actions.join(", ")),
    )
    .with("actions", actions.to_vec()))
}

/// The refusal of a login role that the server does not have.
#[must_use]
pub fn login_unknown(login: &str) -> Refusal {
    unknown(
        "login_unknown",
        "db_role",
        login,
        format!("the server has no role \"{}\"", shown(login)),
        "Create it first: create role ... login; or leave db_role out for somebody who comes with a token.",
    )
}

/// Checks that the task types which an engine is for are known.
///
/// # Errors
/// 22023 `task_type_unknown`.
pub fn check_task_types(
    capabilities: &[String],
    is_known: impl Fn(&str) -> bool,
) -> Result<(), Refusal> {
    match capabilities.iter().find(|name| !is_known(name)) {
        None => Ok(()),
        Some(name) => Err(unknown(
            "task_type_unknown",
            "task_type",
            name,
            format!("the tenant has no task type \"{}\"", shown(name)),
            "Add it to wo.task_type first: select task_type from wo.task_type; lists them.",
        )),
    }
}

/// Checks a principal's manager: a principal of the tenant, who is nowhere below the principal. `manager_of`
/// says who somebody's manager is, and nothing where there is no such principal.
///
/// # Errors
/// 22023 `manager_unknown`; 23514 `manager_cycle`.
pub fn check_manager(
    id: &str,
    manager: &str,
    mut manager_of: impl FnMut(&str) -> Option<Option<String>>,
) -> Result<(), Refusal> {
    let mut chain = vec![shown(id)];
    let mut next = Some(manager.to_owned());
    while let Some(one) = next {
        chain.push(shown(&one));
        if one == id || chain.len() > MOST_MANAGERS {
            return Err(Refusal::new(
                SqlState::GateNotMet,
                "manager_cycle",
                format!("\"{}\" would be their own manager: {}", shown(id), chain.join(" → ")),
            )
            .with("chain", chain)
            .hint("Name a manager who is not below this principal."));
        }
        next = match manager_of(&one) {
            Some(above) => above,
            None => {
                return Err(unknown(
                    "manager_unknown",
                    "manager",
                    &one,
                    format!("the tenant has no principal \"{}\"", shown(&one)),
                    "Create the manager first: select wo.create_principal('...');",
                ));
            }
        };
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// ann → bea → cyd, and nobody above.
    fn above(id: &str) -> Option<Option<String>> {
        match id {
            "ann" => Some(Some("bea".to_owned())),
            "bea" => Some(Some("cyd".to_owned())),
            "cyd" | "new" => Some(None),
            _ => None,
        }
    }

    #[test]
    fn a_manager_is_known_and_not_below() {
        check_manager("new", "ann", above).unwrap();
        check_manager("ann", "cyd", above).unwrap();
        let unknown = check_manager("ann", "dot", above).unwrap_err();
        assert_eq!((unknown.sqlstate, unknown.code), (SqlState::BadValue, "manager_unknown"));
        for manager in ["cyd", "ann"] {
            let refusal = check_manager("cyd", manager, above).unwrap_err();
            assert_eq!((refusal.sqlstate, refusal.code), (SqlState::GateNotMet, "manager_cycle"));
        }
        let refusal = check_manager("cyd", "ann", above).unwrap_err();
        assert_eq!(refusal.detail["chain"], serde_json::json!(["cyd", "ann", "bea", "cyd"]));
    }

    /// A cycle above somebody, as a superuser can write one, must not be walked for ever.
    #[test]
    fn a_cycle_above_ends() {
        let cycle = |id: &str| Some(Some(if id == "x" { "y" } else { "x" }.to_owned()));
        assert_eq!(check_manager("new", "x", cycle).unwrap_err().code, "manager_cycle");
    }

    #[test]
    fn an_action_is_one_of_its_lifecycle() {
        let actions = ["assign".to_owned(), "close".to_owned()];
        check_action("assign", Some("regulated_change"), &actions).unwrap();
        let refusal = check_action("asign", Some("regulated_change"), &actions).unwrap_err();
        assert_eq!(refusal.message, "the lifecycle regulated_change has no action \"asign\"");
        assert!(refusal.hint.contains("assign, close"), "{}", refusal.hint);
        let refusal = check_action("asign", None, &actions).unwrap_err();
        assert_eq!(refusal.message, "no lifecycle of the tenant has an action \"asign\"");
    }

    #[test]
    fn a_new_tenant_starts_with_a_shipped_lifecycle() {
        check_first_lifecycle("fleet_task").unwrap();
        let refusal = check_first_lifecycle("nope").unwrap_err();
        assert_eq!(refusal.code, "lifecycle_unknown");
        assert!(refusal.hint.contains("regulated_change"), "{}", refusal.hint);
    }
}
