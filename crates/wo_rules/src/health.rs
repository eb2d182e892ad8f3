//! How things are, in words: what is good, and what to do where it is not.

use std::time::Duration;

/// How bad something is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// As it should be.
    Good,
    /// Somebody may want to know.
    Notice,
    /// Somebody should do something about it.
    Warning,
    /// Something is broken, or open to abuse.
    Bad,
}

impl Severity {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Bad => "bad",
        }
    }
}

/// One thing, and how it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// What.
    pub subject: &'static str,
    /// How it is.
    pub detail: String,
    /// What to do; empty where it is good.
    pub remedy: &'static str,
}

fn says(
    severity: Severity,
    subject: &'static str,
    detail: impl Into<String>,
    remedy: &'static str,
) -> Finding {
    Finding { severity, subject, detail: detail.into(), remedy }
}

/// What to do where the jobs have no worker.
const PRELOAD: &str = "Set shared_preload_libraries = 'wo_core' and wo_core.databases, and restart the server; or call wo.tick() every minute.";

/// Whether library, extension and records are of one version.
#[must_use]
pub fn versions(library: &str, extension: Option<&str>, records: Option<&str>) -> Finding {
    let shown = |version: Option<&str>| version.unwrap_or("none").to_owned();
    let detail =
        format!("library {library}, extension {}, records {}", shown(extension), shown(records));
    match (extension, records) {
        (Some(extension), _) if extension != library => says(
            Severity::Bad,
            "versions",
            detail,
            "alter extension wo_core update; or, where the library is the older one, restart the server.",
        ),
        (_, Some(records)) if records != library => {
            says(Severity::Bad, "versions", detail, "alter extension wo_core update;")
        }
        (Some(_), Some(_)) => says(Severity::Good, "versions", detail, ""),
        _ => {
            says(Severity::Bad, "versions", detail, "As a superuser: select wo_private.enforce();")
        }
    }
}

/// What the checks of the hierarchies found: `problems` in so many tenants.
#[must_use]
pub fn hierarchy(problems: usize, tenants: usize) -> Finding {
    match problems {
        0 => says(Severity::Good, "hierarchy", "no check found what cannot be", ""),
        _ => says(
            Severity::Bad,
            "hierarchy",
            format!(
                "{problems} things that no rule allows, in the hierarchies of {tenants} tenants"
            ),
            "Acting for a tenant: select * from wo.check_hierarchy(); says which, and what to do.",
        ),
    }
}

/// Whether credentials can be granted: whether a key file is named, and what is wrong with it and what to do.
#[must_use]
pub fn credentials(is_named: bool, key: Result<(), (String, &'static str)>) -> Finding {
    let subject = "credentials";
    match (is_named, key) {
        (false, _) => says(
            Severity::Good,
            subject,
            "no credential can be granted: wo_core.credential_key_file names no key",
            "",
        ),
        (true, Ok(())) => says(Severity::Good, subject, "grants can be signed", ""),
        (true, Err((why, remedy))) => {
            says(Severity::Bad, subject, format!("no credential can be granted: {why}"), remedy)
        }
    }
}

/// What is configured of approvals and reaches nobody: in the caller's tenant, or in so many `tenants`, and
/// then without saying what.
#[must_use]
pub fn approvals(problems: &[String], tenants: Option<usize>) -> Finding {
    let subject = "approvals";
    if problems.is_empty() {
        return says(Severity::Good, subject, "every escalation notifies somebody", "");
    }
    let detail = match tenants {
        None => problems.join("; "),
        Some(tenants) => {
            format!("{} rules that reach nobody, in {tenants} tenants", problems.len())
        }
    };
    says(
        Severity::Warning,
        subject,
        detail,
        "Acting for the tenant, wo.health() names them. Set wo.principal.manager, grant the role, or change wo.approval_sla or wo.approval_requirement.",
    )
}

/// How many findings are open, and how many of them are past their due date.
#[must_use]
pub fn findings(open: i64, overdue: i64) -> Finding {
    match overdue {
        0 => says(
            Severity::Good,
            "findings",
            format!("{open} findings are open, none of them past its due date"),
            "",
        ),
        _ => says(
            Severity::Warning,
            "findings",
            format!("{overdue} of {open} open findings are past their due date"),
            "Acting for a tenant: select * from wo.findings(overdue => true); lists them.",
        ),
    }
}

/// How the worker of a database stands.
pub struct Worker<'a> {
    /// Whether the server is a standby, where no worker runs.
    pub standby: bool,
    /// Whether the library was preloaded.
    pub preloaded: bool,
    /// Whether the database is listed.
    pub listed: bool,
    /// In words; nothing where there is none.
    pub state: Option<&'a str>,
    /// Whether it does the jobs.
    pub serves: bool,
    /// Why not.
    pub reason: &'a str,
}

/// Whether the worker runs.
#[must_use]
pub fn worker(worker: &Worker<'_>) -> Finding {
    let subject = "worker";
    if !worker.preloaded {
        return says(
            Severity::Notice,
            subject,
            "none: the library is not preloaded, so jobs are done by wo.tick() alone",
            PRELOAD,
        );
    }
    if worker.standby {
        return says(
            Severity::Good,
            subject,
            "none: the server is a standby, and the worker starts when it is promoted",
            "",
        );
    }
    match worker.state {
        None if !worker.listed => says(
            Severity::Notice,
            subject,
            "none: the database is not listed in wo_core.databases, so jobs are done by wo.tick() alone",
            "alter system set wo_core.databases = '...'; select pg_reload_conf();",
        ),
        None => says(
            Severity::Warning,
            subject,
            "none, although the database is listed: it has just ended, or cannot start",
            "Look into the server's log; max_worker_processes may be too low.",
        ),
        Some(_) if worker.serves => says(Severity::Good, subject, "it serves the database", ""),
        Some(state) => says(
            Severity::Warning,
            subject,
            format!("{state}: {}", worker.reason),
            "Do what the reason asks for; the worker goes on by itself.",
        ),
    }
}

/// Whether each database in `wo_core.databases` is there: `missing` are those that are not.
#[must_use]
pub fn databases(listed: usize, missing: &[&str]) -> Finding {
    let subject = "databases";
    if !missing.is_empty() {
        return says(
            Severity::Warning,
            subject,
            format!(
                "wo_core.databases lists what is no database that can be connected to: {}",
                missing.join(", ")
            ),
            "Correct the list: alter system set wo_core.databases = '...'; select pg_reload_conf();",
        );
    }
    let detail = match listed {
        0 => "wo_core.databases lists none".to_owned(),
        1 => "the one in wo_core.databases is there".to_owned(),
        _ => format!("all {listed} in wo_core.databases are there"),
    };
    says(Severity::Good, subject, detail, "")
}

/// How the jobs go: each that fails, with how often in a row and why.
#[must_use]
pub fn jobs(failing: &[(&str, i64, &str)], longest_ago: Option<Duration>) -> Finding {
    if failing.is_empty() {
        let detail = match longest_ago {
            None => "no job has run yet".to_owned(),
            Some(ago) => {
                format!("none fails; the longest ago ran {} seconds ago", ago.as_secs())
            }
        };
        return says(Severity::Good, "jobs", detail, "");
    }
    let detail: Vec<String> = failing
        .iter()
        .map(|(name, times, why)| format!("{name} failed {times} times in a row: {why}"))
        .collect();
    says(
        Severity::Warning,
        "jobs",
        detail.join("; "),
        "Do away with the cause; the worker tries again by itself, after five minutes at most.",
    )
}

/// Whether refused attempts get on record.
#[must_use]
pub fn refused_attempts(preloaded: bool, waiting: u64, dropped: u64) -> Finding {
    let subject = "refused attempts";
    if !preloaded {
        return says(
            Severity::Warning,
            subject,
            "they are not recorded: the library is not preloaded",
            "Set shared_preload_libraries = 'wo_core' and restart the server; wo.tick() cannot record what no memory keeps.",
        );
    }
    let detail = format!("{waiting} wait to be written, {dropped} more found no room");
    if dropped > 0 {
        return says(
            Severity::Warning,
            subject,
            detail,
            "Find out who floods: select * from wo.refused_attempt; wo_core.refused_attempts_kept makes more room.",
        );
    }
    says(Severity::Good, subject, detail, "")
}

/// How far subscribers are behind.
#[must_use]
pub fn consumers(count: i64, furthest_behind: i64) -> Finding {
    let detail = match count {
        0 => "nobody consumes events".to_owned(),
        _ => format!(
            "{count} consume events; the last of them is {furthest_behind} positions behind"
        ),
    };
    if furthest_behind > 100_000 {
        return says(
            Severity::Warning,
            "event consumers",
            detail,
            "Wake that consumer, or drop it (wo.drop_consumer): what is not acknowledged is kept.",
        );
    }
    says(Severity::Good, "event consumers", detail, "")
}

/// Who wakes subscribers.
#[must_use]
pub fn waking(setting: &str, standby: bool, worker_serves: bool, unannounced: i64) -> Finding {
    let subject = "waking";
    match setting {
        _ if standby => says(
            Severity::Good,
            subject,
            "the server is a standby: nobody can listen for notifications here",
            "",
        ),
        "off" => says(
            Severity::Notice,
            subject,
            "wo_core.notify is off: subscribers poll",
            "alter database ... set wo_core.notify = auto;",
        ),
        "worker" if !worker_serves => says(
            Severity::Warning,
            subject,
            "wo_core.notify is worker, but no worker serves the database: nobody wakes subscribers",
            "alter database ... set wo_core.notify = auto; or start a worker.",
        ),
        "worker" | "auto" if worker_serves => says(
            Severity::Good,
            subject,
            format!(
                "the worker wakes subscribers; {unannounced} positions are still to be announced"
            ),
            "",
        ),
        _ => says(Severity::Good, subject, "each commit wakes subscribers itself", ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_good_says_what_to_do() {
        let state = |preloaded, listed, state, serves| {
            worker(&Worker { standby: false, preloaded, listed, state, serves, reason: "why" })
        };
        let standby = Worker {
            standby: true,
            preloaded: true,
            listed: true,
            state: None,
            serves: false,
            reason: "",
        };
        let all = [
            versions("1", Some("1"), Some("1")),
            versions("1", Some("2"), Some("2")),
            versions("2", Some("2"), Some("1")),
            versions("1", None, None),
            state(false, false, None, false),
            state(true, false, None, false),
            state(true, true, None, false),
            state(true, true, Some("idle"), false),
            state(true, true, Some("serving"), true),
            jobs(&[], None),
            jobs(&[("a", 2, "why")], None),
            refused_attempts(false, 0, 0),
            refused_attempts(true, 5, 0),
            refused_attempts(true, 5, 1),
            consumers(0, 0),
            consumers(2, 1_000_000),
            waking("off", false, true, 0),
            waking("auto", false, true, 0),
            waking("auto", false, false, 0),
            waking("worker", false, false, 0),
            waking("worker", true, false, 0),
            worker(&standby),
            databases(0, &[]),
            databases(1, &[]),
            databases(2, &["there_is_none"]),
        ];
        for said in all {
            assert_eq!(said.severity == Severity::Good, said.remedy.is_empty(), "{said:?}");
            assert!(!said.detail.is_empty(), "{said:?}");
        }
    }

    #[test]
    fn what_nobody_records_is_a_warning() {
        assert_eq!(refused_attempts(false, 0, 0).severity, Severity::Warning);
        assert_eq!(
            worker(&Worker {
                standby: false,
                preloaded: true,
                listed: true,
                state: Some("idle"),
                serves: false,
                reason: "the extension is not here",
            })
            .detail,
            "idle: the extension is not here"
        );
    }
}
