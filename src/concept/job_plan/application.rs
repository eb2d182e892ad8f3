//! Pinning plans: one to a work order, and those that a plan of work orders names.

use super::stored::latest;
use crate::kernel::work_order::{
    self,
    direct::{self, Addition},
};
use crate::pg::jsonb::Document;
use crate::pg::statement::{
    Mode, argument, jsonb, optional_text, statement, text, uuid as uuid_argument,
};
use serde_json::Value;
use uuid::Uuid;
use wo_rules::job_plan::same_values;
use wo_rules::reference;
use wo_rules::refusal::Refusal;
use wo_rules::request::key_reused;
use wo_rules::schema::Table;
use wo_rules::work_order::write_suppressed;

statement!(
    APPLY,
    "insert into wo.work_order_job_plan (tenant_id, work_order_id, name, version, parameters, reason)
     values ($1, $2, $3, $4, $5, $6)
     returning version, parameters",
    [UUIDOID, UUIDOID, TEXTOID, INT4OID, JSONBOID, TEXTOID]
);

/// The table of the plans that work orders have.
const PINNED: &Table = Table::named("work_order_job_plan");

/// Why a plan was applied, where nobody says so.
const APPLIED: &str = "the job plan was applied";

/// A plan that is asked for.
pub struct Application<'a> {
    /// The plan.
    pub name: Option<&'a str>,
    /// Its version; without one the newest that is released.
    pub version: Option<i32>,
    /// The values of its parameters: a JSON object.
    pub parameters: Option<&'a str>,
    /// Why.
    pub reason: Option<&'a str>,
}

/// What was pinned.
pub struct Applied {
    /// The work order.
    pub id: Uuid,
    /// The version.
    pub version: i32,
    /// The values of all parameters.
    pub parameters: Value,
}

impl Application<'_> {
    /// Pins it to a work order: without a statement where a statement would meet nothing else.
    ///
    /// # Errors
    /// 22023 `work_order_unknown`; 55000 `write_suppressed`.
    pub fn apply(&self, tenant: Uuid, work_order: &str) -> Result<Applied, Refusal> {
        let parameters = self.parameters.unwrap_or("{}");
        let reason = self.reason.unwrap_or(APPLIED);
        let addition = Addition {
            table: PINNED,
            inserters: &["wo_user"],
            owner: "work_order_id",
            texts: &[
                ("name", self.name),
                ("parameters", Some(parameters)),
                ("reason", Some(reason)),
            ],
            values: &[("version", argument(self.version))],
        };
        let reference = reference::parse(work_order)?;
        let added = direct::add(tenant, &reference, &addition, |row| Applied {
            id: row.required_uuid("work_order_id"),
            version: row.required_named("version"),
            parameters: row.required_named::<Document>("parameters").0,
        });
        if let Some(added) = added {
            return Ok(added);
        }
        let id = work_order::find(tenant, work_order)?;
        let arguments = [
            uuid_argument(tenant),
            uuid_argument(id),
            optional_text(self.name),
            argument(self.version),
            jsonb(parameters),
            text(reason),
        ];
        let stored = APPLY.with(|statement| {
            statement.run(Mode::Write, &arguments, |rows| {
                (rows.count() > 0).then(|| Applied {
                    id,
                    version: rows.required(0, 1),
                    parameters: rows.required::<Document>(0, 2).0,
                })
            })
        });
        stored.ok_or_else(|| write_suppressed("work_order_job_plan"))
    }
}

/// A plan that a request asks for beside the work order that it makes.
pub struct Asked<'a> {
    /// The plan.
    pub name: &'a str,
    /// Its version; without one the newest that is released.
    pub version: Option<i32>,
    /// The values of its parameters: a JSON object, or null.
    pub parameters: &'a Value,
}

impl<'a> Asked<'a> {
    /// What an element of the applications of a plan of work orders asks for.
    fn of(application: &'a Value) -> Self {
        let version = application.get("plan_version").and_then(Value::as_i64);
        Self {
            name: application["job_plan"].as_str().unwrap_or_default(),
            version: version.and_then(|version| i32::try_from(version).ok()),
            parameters: &application["parameters"],
        }
    }

    /// Pins it, and gives the version.
    ///
    /// # Errors
    /// As [`Application::apply`].
    pub fn apply(&self, tenant: Uuid, id: Uuid) -> Result<i32, Refusal> {
        let parameters = match self.parameters {
            Value::Null => None,
            given => Some(given.to_string()),
        };
        let (name, parameters) = (Some(self.name), parameters.as_deref());
        let application = Application { name, version: self.version, parameters, reason: None };
        Ok(application.apply(tenant, &id.to_string())?.version)
    }

    /// Checks that a work order which an earlier request made has what this one asks for, and gives the version.
    ///
    /// # Errors
    /// 23505 `idempotency_key_reused`; 22023 `job_plan_parameters_invalid`; 55000 `tables_damaged`.
    pub fn check_same(&self, tenant: Uuid, id: Uuid, number: &str) -> Result<i32, Refusal> {
        let differs = |what: &str| Err(key_reused(number, &id.to_string(), &[what.to_owned()]));
        let has = match latest(tenant, id) {
            Some(has) if has.name == self.name => has,
            _ => return differs("job_plan"),
        };
        if self.version.is_some_and(|version| version != has.version) {
            return differs("plan_version");
        }
        let values = has.known(tenant)?.compiled.plan.values(self.parameters)?;
        match same_values(&values, &has.parameters) {
            true => Ok(has.version),
            false => differs("parameters"),
        }
    }
}

/// Applies the job plans to what was made now; what was made before must have them.
///
/// # Errors
/// As [`Asked::apply`] and [`Asked::check_same`].
pub fn apply_all(tenant: Uuid, made: &Value, applications: &Value) -> Result<(), Refusal> {
    let is_new = made.get("created") == Some(&Value::Bool(true));
    for application in applications.as_array().into_iter().flatten() {
        let number = match application["work_order"].as_str().unwrap_or_default() {
            "" => made.get("wo_number"),
            child => made.get("work_orders").and_then(|children| children.get(child)),
        };
        let number = number.and_then(Value::as_str).unwrap_or_default();
        let id = work_order::find(tenant, number)?;
        let asked = Asked::of(application);
        match is_new {
            true => asked.apply(tenant, id)?,
            false => asked.check_same(tenant, id, number)?,
        };
    }
    Ok(())
}
