//! The SQL that takes the columns of a work order out of a JSON object.

use wo_rules::field::{Field, FieldKind};

/// The SQL that takes a field out of a JSON object.
pub fn expression(field: Field, given: &str) -> String {
    let name = field.name();
    match field.kind() {
        FieldKind::Text => format!("{given} ->> '{name}'"),
        FieldKind::Hours => format!("({given} ->> '{name}')::numeric"),
        FieldKind::Flag => format!("({given} ->> '{name}')::boolean"),
        FieldKind::Date => format!("({given} ->> '{name}')::date"),
        FieldKind::Time => format!("({given} ->> '{name}')::timestamptz"),
        FieldKind::List => format!(
            "array(select pg_catalog.jsonb_array_elements_text(
                case pg_catalog.jsonb_typeof({given} -> '{name}') when 'array' then {given} -> '{name}' else '[]' end))"
        ),
        FieldKind::Object => format!("coalesce(nullif({given} -> '{name}', 'null'), '{{}}')"),
    }
}

/// The columns that place a new work order under a master.
pub const LINK_COLUMNS: &str = "master_id, required, hierarchy_policy";

/// Their values, taken out of a JSON object.
pub fn link_values(given: &str) -> String {
    format!(
        "case when {given} ->> 'master' is not null then wo_private.work_order_id_or_refuse({given} ->> 'master') end,
            coalesce(({given} ->> 'required')::boolean, true), nullif({given} -> 'hierarchy_policy', 'null')"
    )
}
