//! What is stored of job plans: versions, compiled once in a backend for each content, the pinned one of a work
//! order, and what was recorded of its steps.

use super::{KIND, work_of};
use crate::kernel::definition::stored::{self, Version};
use crate::kernel::work_order::child_records::Owner;
use crate::pg::cache::Cached;
use crate::pg::error::damaged;
use crate::pg::jsonb::Document;
use crate::pg::lookup::{Key, at_once, find};
use crate::pg::row::Row;
use crate::pg::run_as::as_trail;
use crate::pg::statement::{Mode, statement, text, uuid as uuid_argument};
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use uuid::Uuid;
use wo_rules::job_plan::{Act, JobPlan, Recorded, Verdict, pinning, validate};
use wo_rules::refusal::Refusal;

/// How many different plans a backend keeps compiled.
const MOST_COMPILED: usize = 128;

thread_local! {
    /// By the SHA-256 of their documents, so that tenants with the same plan share it.
    static COMPILED: RefCell<Cached<Vec<u8>, Rc<Compiled>>> =
        RefCell::new(Cached::lasting(MOST_COMPILED));
    /// What was recorded, by work order.
    static RECORDED: RefCell<Cached<Uuid, Rc<Vec<Recorded>>>> =
        RefCell::new(Cached::lasting(MOST_RECORDED));
}

/// Of how many work orders a backend keeps what was recorded.
const MOST_RECORDED: usize = 32;

/// The index of results in their order.
const ORDER: &str = "step_result_tenant_id_work_order_id_ordinal_key";

statement!(
    PINNED,
    "select pinned.name, pinned.version, pinned.sha256, pinned.parameters
     from wo.work_order_job_plan as pinned
     where pinned.tenant_id = $1 and pinned.work_order_id = $2",
    [UUIDOID, UUIDOID]
);
statement!(
    GRANTED,
    "select array(select distinct granted.credential::pg_catalog.text from wo.credential_grant as granted
        where granted.tenant_id = $1 and granted.work_order_id = $2 and granted.step = $3 and granted.principal = $4
        order by 1)",
    [UUIDOID, UUIDOID, TEXTOID, TEXTOID]
);

statement!(
    NAMES,
    "select array(select known.role::pg_catalog.text from wo.role as known where known.tenant_id = $1),
        array(select known.task_type from wo.task_type as known where known.tenant_id = $1)",
    [UUIDOID]
);

/// The roles and the task types of a tenant.
pub fn names_of(tenant: Uuid) -> (BTreeSet<String>, BTreeSet<String>) {
    as_trail(|| {
        NAMES.with(|statement| {
            statement.run(Mode::Latest, &[uuid_argument(tenant)], |rows| {
                let names = |column| -> BTreeSet<String> {
                    rows.required::<Vec<String>>(0, column).into_iter().collect()
                };
                (names(1), names(2))
            })
        })
    })
}

/// A plan and its document.
pub struct Compiled {
    /// The plan.
    pub plan: JobPlan,
    /// The document.
    pub document: Value,
}

/// A version of a plan.
pub struct Known {
    /// As it is stored.
    pub stored: Version,
    /// The plan and its document.
    pub compiled: Rc<Compiled>,
}

/// What is read of a document: nothing where its content is kept compiled.
enum Read {
    Ready(Rc<Compiled>),
    Text(String),
}

fn read(sha256: &[u8], text: &dyn Fn() -> Option<String>) -> Option<Read> {
    match COMPILED.with_borrow_mut(|all| all.get(&sha256.to_vec())) {
        Some(ready) => Some(Read::Ready(ready)),
        None => text().map(Read::Text),
    }
}

fn known(name: &str, stored: Version, read: Read) -> Result<Known, Refusal> {
    let compiled = match read {
        Read::Ready(compiled) => compiled,
        Read::Text(text) => {
            let document = wo_rules::json::parse(&text)?;
            let plan = validate(&document, None).map_err(|_| {
                damaged(&format!("version {} of the job plan {name}", stored.version))
            })?;
            let compiled = Rc::new(Compiled { plan, document });
            let hash = stored.sha256.clone();
            COMPILED.with_borrow_mut(|all| all.insert(hash, Rc::clone(&compiled)));
            compiled
        }
    };
    Ok(Known { stored, compiled })
}

/// The version of a plan; without a number the newest that new work may use.
///
/// # Errors
/// 22023 `definition_unknown`; 55000 `definition_not_released`, `tables_damaged`.
pub fn version_of(tenant: Uuid, name: &str, version: Option<i32>) -> Result<Known, Refusal> {
    let (stored, document) = match version {
        Some(version) => stored::version(&KIND, tenant, name, version, read)?,
        None => stored::newest(&KIND, tenant, name, read)?,
    };
    known(name, stored, document)
}

/// What a work order has pinned.
pub struct Pinned {
    /// The plan.
    pub name: String,
    /// Its version.
    pub version: i32,
    /// The hash of its document.
    pub sha256: Vec<u8>,
    /// The values of its parameters.
    pub parameters: Map<String, Value>,
}

impl Pinned {
    /// The pinned version.
    ///
    /// # Errors
    /// 55000 `tables_damaged` where it is not what was pinned.
    pub fn known(&self, tenant: Uuid) -> Result<Known, Refusal> {
        let known = version_of(tenant, &self.name, Some(self.version))?;
        match known.stored.sha256 == self.sha256 {
            true => Ok(known),
            false => {
                Err(damaged(&format!("version {} of the job plan {}", self.version, self.name)))
            }
        }
    }

    /// The plan and its document; the version is read only where none of that content is kept.
    ///
    /// # Errors
    /// 55000 `tables_damaged` where the version is not what was pinned.
    pub fn compiled(&self, tenant: Uuid) -> Result<Rc<Compiled>, Refusal> {
        match COMPILED.with_borrow_mut(|all| all.get(&self.sha256)) {
            Some(compiled) => Ok(compiled),
            None => Ok(self.known(tenant)?.compiled),
        }
    }
}

/// The plan that a work order has pinned, as it is committed now or written by this transaction; nothing where it
/// has none.
pub fn latest(tenant: Uuid, work_order: Uuid) -> Option<Pinned> {
    let key = [Key::Uuid("tenant_id", tenant), Key::Uuid("work_order_id", work_order)];
    find("work_order_job_plan", "work_order_job_plan_pkey", &key, |row| {
        Some(Pinned {
            name: row.required_named("name"),
            version: row.required_named("version"),
            sha256: row.required_named("sha256"),
            parameters: values_of(row.required_named::<Document>("parameters").0),
        })
    })
}

fn values_of(parameters: Value) -> Map<String, Value> {
    match parameters {
        Value::Object(values) => values,
        _ => Map::new(),
    }
}

/// The plan that a work order has pinned; nothing where it has none.
pub fn pinned(mode: Mode, tenant: Uuid, work_order: Uuid) -> Option<Pinned> {
    let place = [uuid_argument(tenant), uuid_argument(work_order)];
    PINNED.with(|statement| {
        statement.run(mode, &place, |rows| {
            (rows.count() > 0).then(|| Pinned {
                name: rows.required(0, 1),
                version: rows.required(0, 2),
                sha256: rows.required(0, 3),
                parameters: values_of(rows.required::<Document>(0, 4).0),
            })
        })
    })
}

/// The plan that a work order has pinned, and what was recorded of its steps.
///
/// # Errors
/// 55000 `job_plan_missing`, `tables_damaged`.
pub fn pinned_plan(owner: &Owner) -> Result<(Rc<Compiled>, Rc<Vec<Recorded>>), Refusal> {
    let pinned = latest(owner.tenant, owner.id);
    let pinned = pinned.ok_or_else(|| pinning::missing(&work_of(owner)))?;
    Ok((pinned.compiled(owner.tenant)?, recorded(owner.tenant, owner.id)?))
}

/// The names of the credentials that a principal was granted for a step.
pub fn granted(tenant: Uuid, work_order: Uuid, step: &str, principal: &str) -> Vec<String> {
    let place = [uuid_argument(tenant), uuid_argument(work_order), text(step), text(principal)];
    as_trail(|| {
        GRANTED.with(|statement| statement.run(Mode::Latest, &place, |rows| rows.required(0, 1)))
    })
}

/// What was recorded of the steps of a work order, in its order, as it is committed now or written by this
/// transaction. Rows never change, so only those are read that came since this backend read them last: what is kept
/// is right up to the row whose id is still the one at its place.
///
/// # Errors
/// 55000 `tables_damaged`.
pub fn recorded(tenant: Uuid, work_order: Uuid) -> Result<Rc<Vec<Recorded>>, Refusal> {
    let kept = RECORDED.with_borrow_mut(|all| all.get(&work_order)).unwrap_or_default();
    let key = [Key::Uuid("tenant_id", tenant), Key::Uuid("work_order_id", work_order)];
    let mut newer = Vec::new();
    // The newest comes first: how many of the kept ones are still there, or nothing where a row is damaged.
    let read = |row: &Row| {
        let Some(recorded) = recorded_in(row) else { return Some(None) };
        let place = usize::try_from(row.required_named::<i64>("ordinal")).unwrap_or(0);
        if place
            .checked_sub(1)
            .and_then(|place| kept.get(place))
            .is_some_and(|one| one.id == recorded.id)
        {
            return Some(Some(place));
        }
        newer.push(recorded);
        None
    };
    let still = at_once(|latest| latest.find_last("step_result", ORDER, &key, read));
    let still = still.unwrap_or(Some(0)).ok_or_else(|| damaged("a result of a step"))?;
    if newer.is_empty() && still == kept.len() {
        return Ok(kept);
    }
    // While nobody else has them, what is kept is added to in its place.
    RECORDED.with_borrow_mut(|known| known.insert(work_order, Rc::default()));
    let mut all = kept;
    let rows = Rc::make_mut(&mut all);
    rows.truncate(still);
    rows.extend(newer.into_iter().rev());
    RECORDED.with_borrow_mut(|known| known.insert(work_order, Rc::clone(&all)));
    Ok(all)
}

fn recorded_in(row: &Row) -> Option<Recorded> {
    let id = |name: &str| row.named::<pgrx::Uuid>(name).map(|id| id.to_string());
    let verdict = match row.named::<String>("verdict") {
        Some(name) => Some(Verdict::parse(&name)?),
        None => None,
    };
    Some(Recorded {
        id: row.required_uuid("id").to_string(),
        step: row.required_named("step"),
        act: Act::parse(&row.required_named::<String>("act"))?,
        verdict,
        concerns: id("corrects").or_else(|| id("concerns")),
        performed_by: row.required_named("performed_by"),
    })
}
