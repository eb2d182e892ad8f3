//! The job plans that wo_core brings along: ordinary documents, with no privilege over those that a tenant
//! publishes.

/// Name and text of each shipped plan: Win10 → Win11 (spec/3 §3.1) with the plans of its six children, and an
/// installation qualification.
pub const SHIPPED: &[(&str, &str)] = &[
    ("win10_to_win11", include_str!("../../job_plans/win10_to_win11.json")),
    ("remove_from_production", include_str!("../../job_plans/remove_from_production.json")),
    ("workstation_build", include_str!("../../job_plans/workstation_build.json")),
    ("instrument_software", include_str!("../../job_plans/instrument_software.json")),
    ("system_configuration", include_str!("../../job_plans/system_configuration.json")),
    ("user_accounts", include_str!("../../job_plans/user_accounts.json")),
    ("workstation_disposal", include_str!("../../job_plans/workstation_disposal.json")),
    ("installation_qualification", include_str!("../../job_plans/installation_qualification.json")),
];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::{expanded, take, validate};
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn every_shipped_plan_is_valid_and_carries_its_own_name() {
        for (name, text) in SHIPPED {
            let document: Value = serde_json::from_str(text).unwrap();
            assert_eq!(validate(&document, None).map(|plan| plan.name).as_deref(), Ok(*name));
        }
    }

    /// spec/3 §3.1: six children; the third waits for the second, the fourth for the third, the fifth runs beside the
    /// fourth, and the sixth waits for both. Each has a shipped job plan of its own, whose parameters it gives.
    #[test]
    fn the_upgrade_has_the_six_children_of_the_specification() {
        let document: Value = serde_json::from_str(SHIPPED[0].1).unwrap();
        let plan = validate(&document, None).unwrap();
        let given = json!({ "asset": "WS-7", "instrument": "HPLC-2", "vendor": "Acme" });
        let values = plan.values(&given).unwrap();
        let request =
            json!({ "job_plan": "win10_to_win11", "master": { "title": "Upgrade WS-7" } });
        let mut made = expanded(&request, &plan, &values).unwrap();
        let (applications, problems) = take(&mut made);
        assert_eq!(problems, []);
        assert_eq!(applications.len(), 6);
        for application in &applications {
            let text = SHIPPED.iter().find(|(name, _)| *name == application.job_plan).unwrap().1;
            let own = validate(&serde_json::from_str(text).unwrap(), None).unwrap();
            assert!(own.values(&application.parameters).is_ok(), "{application:?}");
        }
        let tree = crate::hierarchy::plan::read(&made).unwrap();
        let edges: Vec<(usize, usize)> =
            tree.edges.iter().map(|edge| (edge.successor, edge.predecessor)).collect();
        assert_eq!(edges, [(3, 2), (4, 3), (5, 3), (6, 4), (6, 5)]);
        assert!(made.to_string().contains("WS-7") && !made.to_string().contains("{{"));
    }
}
