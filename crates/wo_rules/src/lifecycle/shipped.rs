//! The lifecycles that wo_core brings along: ordinary documents, with no privilege over those
//! that a tenant publishes.

/// Name and text of each shipped definition (spec/1 and spec/2; spec/3; spec/4 and spec/5).
pub const SHIPPED: &[(&str, &str)] = &[
    ("regulated_change", include_str!("../../lifecycles/regulated_change.json")),
    ("agent_change", include_str!("../../lifecycles/agent_change.json")),
    ("fleet_task", include_str!("../../lifecycles/fleet_task.json")),
];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::lifecycle::validate;

    #[test]
    fn every_shipped_definition_is_valid_and_carries_its_own_name() {
        for (name, text) in SHIPPED {
            let document = serde_json::from_str(text).unwrap();
            assert_eq!(validate(&document, None).unwrap().name(), *name);
        }
    }
}
