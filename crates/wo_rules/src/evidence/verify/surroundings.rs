//! What stands around the record: its lifecycle, master, parts, predecessors and the people named.

use super::Findings;
use super::sections::{
    Child, Delegation, Dependencies, Finding, Lifecycle, Master, Moment, Predecessor, Principal,
    RefusedAttempts, Texts, WorkOrder,
};
use crate::approval::payload::is_hash;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};

/// What signatures are held against.
#[derive(Default)]
pub struct Around {
    pub children: BTreeMap<String, Child>,
    pub principals: BTreeMap<String, Principal>,
    pub delegations: BTreeMap<String, Delegation>,
}

pub fn read(
    work_order: Option<&WorkOrder<'_>>,
    child_records: &Texts<'_>,
    findings: &mut Findings<'_>,
) -> Around {
    let mut around = Around::default();
    if let Some(lifecycle) = findings.section::<Lifecycle<'_>>("lifecycle") {
        check_lifecycle(&lifecycle, work_order, findings);
    }
    if let Some(master) = findings.section::<Option<Master>>("master") {
        let id = master.map(|master| master.id);
        if work_order.is_some_and(|held| held.record.text("master_id") != id) {
            findings.found_in("master", "", "the master is not the one that the record names");
        }
    }
    read_children(&mut around, child_records, findings);
    if let Some(dependencies) = findings.section::<Dependencies<'_>>("dependencies") {
        check_dependencies(&dependencies, child_records, findings);
    }
    for (place, principal) in findings.list::<Principal>("principals") {
        if !matches!(principal.kind.as_str(), "person" | "agent" | "vendor" | "system") {
            findings.found_at(&place, "kind", "there is no such kind of principal");
        }
        if around.principals.contains_key(&principal.id) {
            findings.found_at(&place, "id", format!("{} is named twice", principal.id));
        }
        around.principals.insert(principal.id.clone(), principal);
    }
    read_delegations(&mut around, findings);
    read_findings(work_order, findings);
    // What concepts add is theirs; each name stands once.
    let _: Option<Texts<'_>> = findings.section("concepts");
    let _: Option<String> = findings.section("how_to_verify");
    around
}

fn check_lifecycle(
    lifecycle: &Lifecycle<'_>,
    work_order: Option<&WorkOrder<'_>>,
    findings: &mut Findings<'_>,
) {
    let Some(WorkOrder { record, .. }) = work_order else { return };
    if record.text("lifecycle").as_ref() != Some(&lifecycle.name) {
        findings.found_in("lifecycle", "name", "the lifecycle is not the one that the record pins");
    }
    let pinned = record.get("lifecycle_version").map(RawValue::get);
    if pinned != Some(&lifecycle.version.to_string()) {
        let problem = "the lifecycle's version is not the one that the record pins";
        findings.found_in("lifecycle", "version", problem);
    }
}

fn read_children(around: &mut Around, child_records: &Texts<'_>, findings: &mut Findings<'_>) {
    for (place, child) in findings.list::<Child>("children") {
        let hashes = [
            ("content_sha256_plan", &child.content_sha256_plan),
            ("content_sha256_result", &child.content_sha256_result),
        ];
        for (member, hash) in hashes {
            if !is_hash(hash) {
                findings.found_at(&place, member, format!("the child's {member} is no SHA-256"));
            }
        }
        if child.waived && child_records.get(&format!("waiver:{}", child.id)).is_none() {
            let problem = format!("the trail holds no waiver of {}", child.wo_number);
            findings.found_at(&place, "waived", problem);
        }
        if around.children.contains_key(&child.id) {
            findings.found_at(&place, "id", format!("the child {} stands twice", child.id));
        }
        around.children.insert(child.id.clone(), child);
    }
}

/// The predecessors are those of the trail; who waits for this work order stands in their own.
fn check_dependencies<'a>(
    dependencies: &Dependencies<'a>,
    child_records: &Texts<'_>,
    findings: &mut Findings<'a>,
) {
    let mut shown = BTreeSet::new();
    for (index, part) in dependencies.waits_for.iter().enumerate() {
        let pointer = format!("/sections/dependencies/waits_for/{index}");
        let Some(edge) = findings.read::<Predecessor<'a>>(part, &pointer) else { continue };
        let name = format!("dependency:{}", edge.id);
        let kept = child_records.get(&name);
        let lag = kept
            .and_then(|kept| serde_json::from_str::<Texts<'_>>(kept.get()).ok())
            .and_then(|kept| kept.get("lag").map(|lag| lag.get().to_owned()));
        if kept.is_none() {
            findings.found(part, pointer, "the trail holds no such dependency");
        } else if lag.as_deref() != Some(edge.lag.get()) {
            findings.found(edge.lag, format!("{pointer}/lag"), "the lag is not that of the trail");
        }
        if !shown.insert(name) {
            let pointer = format!("/sections/dependencies/waits_for/{index}");
            findings.found(part, pointer, "the dependency stands twice");
        }
    }
    for (index, part) in dependencies.awaited_by.iter().enumerate() {
        let pointer = format!("/sections/dependencies/awaited_by/{index}");
        let _: Option<Master> = findings.read(part, &pointer);
    }
    let missing = |name: &&String| name.starts_with("dependency:") && !shown.contains(*name);
    for name in child_records.0.keys().filter(missing) {
        let problem = format!("{name} stands in the trail but is not shown");
        findings.found_in("dependencies", "waits_for", problem);
    }
}

/// Findings are about this work order, and each stands once; of the refused attempts there is a list, which says
/// how many are left out of it, or, where who made the package may not read them, nothing.
fn read_findings(work_order: Option<&WorkOrder<'_>>, findings: &mut Findings<'_>) {
    let mut known = BTreeSet::new();
    for (place, finding) in findings.list::<Finding>("findings") {
        if work_order.is_some_and(|held| held.id != finding.work_order_id) {
            let problem = format!("the finding {} is about another work order", finding.id);
            findings.found_at(&place, "work_order_id", problem);
        }
        if !known.insert(finding.id.clone()) {
            findings.found_at(&place, "id", format!("the finding {} stands twice", finding.id));
        }
    }
    let attempts: Option<Option<RefusedAttempts>> = findings.section("refused_attempts");
    if let Some(attempts) = attempts.flatten()
        && attempts.total.checked_sub(attempts.left_out) != Some(attempts.listed.len() as u64)
    {
        let problem =
            "the total is not the number of those that are listed and of those that are left out";
        findings.found_in("refused_attempts", "total", problem.to_owned());
    }
}

fn read_delegations(around: &mut Around, findings: &mut Findings<'_>) {
    for (place, delegation) in findings.list::<Delegation>("delegations") {
        let times = [
            ("starts_at", Some(&delegation.starts_at)),
            ("ends_at", Some(&delegation.ends_at)),
            ("revoked_at", delegation.revoked_at.as_ref()),
        ];
        for (member, time) in times {
            if time.is_some_and(|time| Moment::of(time).is_none()) {
                findings.found_at(&place, member, format!("the delegation's {member} is no time"));
            }
        }
        if around.delegations.contains_key(&delegation.id) {
            let problem = format!("the delegation {} stands twice", delegation.id);
            findings.found_at(&place, "id", problem);
        }
        around.delegations.insert(delegation.id.clone(), delegation);
    }
}
