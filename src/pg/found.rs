//! Reading a relation from its relcache entry, as the value that the table registry is compared with.
//!
//! The entry may be rebuilt whenever a catalogue is read. Everything is therefore copied first, and
//! names and expressions are looked up after that.

use crate::pg::attribute::attribute;
use crate::pg::cache::{Cached, recall};
use crate::pg::domain::{base_type, domain_name};
use crate::pg::epoch::epoch;
use crate::pg::run_as::{role, with_pinned_path};
use crate::pg::trigger::{is_own_named, own_function};
use crate::pg::value::type_name;
use foldhash::HashMap;
use pgrx::pg_sys;
use std::cell::RefCell;
use std::ffi::CStr;
use std::rc::Rc;
use wo_rules::schema::compare::{
    Firing, Found, FoundColumn, FoundPolicy, FoundTrigger, FoundType, OWNER, RelationKind,
};
use wo_rules::schema::{Role, Type};

/// How many functions, and how many types, a backend keeps until anything is renamed or replaced.
const MOST: usize = 512;

/// How many expressions a backend keeps with their texts.
const EXPRESSIONS: usize = 32;

thread_local! {
    /// What was looked up, all of one epoch.
    static NAMES: RefCell<Names> = RefCell::default();
    /// The names of functions.
    static FUNCTIONS: RefCell<Cached<pg_sys::Oid, Option<Rc<str>>>> =
        RefCell::new(Cached::of(MOST, epoch));
    /// By name, whether the function is the library's own.
    static OWN: RefCell<Cached<Rc<str>, bool>> = RefCell::new(Cached::of(MOST, epoch));
    /// The types of columns.
    static TYPES: RefCell<Cached<pg_sys::Oid, FoundType>> = RefCell::new(Cached::of(MOST, epoch));
    /// Expressions that name no column but `tenant_id`, each with the number of that column, 0 where it
    /// names none, and its text. A tree refers to objects by their oids, so that its meaning never changes.
    static EXPRESSIONS_KNOWN: RefCell<Vec<(i16, *const std::ffi::c_void, Rc<str>)>> =
        const { RefCell::new(Vec::new()) };
}

/// The roles of wo_core.
#[derive(Default)]
struct Names {
    epoch: u64,
    roles: HashMap<pg_sys::Oid, Role>,
    owner: Option<Option<pg_sys::Oid>>,
}

/// What is known until anything is renamed or replaced.
fn with_names<T>(act: impl FnOnce(&mut Names) -> T) -> T {
    let now = epoch();
    NAMES.with_borrow_mut(|names| {
        if names.epoch != now {
            *names = Names { epoch: now, ..Names::default() };
        }
        act(names)
    })
}

/// Whether the function of schema `wo_private` of that name without parameters runs the library's own code.
pub fn is_own(function: &str) -> bool {
    recall(&OWN, Rc::from(function), |_| is_own_named(function))
}

/// The owner that every relation must have; nothing where there is no such role.
fn owner() -> Option<pg_sys::Oid> {
    with_names(|names| names.owner).unwrap_or_else(|| {
        let found = role(OWNER);
        NAMES.with_borrow_mut(|names| names.owner = Some(found));
        found
    })
}

/// Reads an open relation.
///
/// # Safety
/// The relation must be open.
pub unsafe fn read(relation: pg_sys::Relation) -> Found {
    // SAFETY: the relation is open. Nothing here reads a catalogue.
    let (oid, form, has_rules, columns, tenant, triggers, policies) = unsafe {
        let columns = copy_columns((*relation).rd_att);
        let tenant = columns.iter().find(|column| column.name == "tenant_id");
        // No column has the number 0.
        let tenant = tenant.and_then(|column| i16::try_from(column.position + 1).ok()).unwrap_or(0);
        (
            (*relation).rd_id,
            *(*relation).rd_rel,
            !(*relation).rd_rules.is_null(),
            columns,
            tenant,
            copy_triggers(relation),
            copy_policies(relation, tenant),
        )
    };
    let kind = match form.relkind as u8 {
        pg_sys::RELKIND_RELATION => RelationKind::Table,
        pg_sys::RELKIND_PARTITIONED_TABLE => RelationKind::Partitioned,
        pg_sys::RELKIND_VIEW => RelationKind::View,
        pg_sys::RELKIND_SEQUENCE => RelationKind::Sequence,
        _ => RelationKind::Other,
    };
    let is_owned = owner() == Some(form.relowner);
    let columns: Vec<FoundColumn> = columns.into_iter().map(Column::named).collect();
    let column_of = |number: i16| {
        let position = usize::try_from(number).ok()?.checked_sub(1)?;
        Some(columns.iter().find(|column| column.position == position)?.name.clone())
    };
    let triggers = triggers.into_iter().map(|trigger| trigger.named(column_of)).collect();
    Found {
        name: text_of(&form.relname),
        kind,
        other_owner: (!is_owned).then(|| role_name(form.relowner)),
        is_secured: form.relrowsecurity && form.relforcerowsecurity,
        has_rules,
        triggers,
        policies: policies.into_iter().map(|policy| policy.named(oid, &form, tenant)).collect(),
        columns,
    }
}

struct Column {
    name: String,
    position: usize,
    type_oid: pg_sys::Oid,
    is_plain: bool,
}

unsafe fn copy_columns(descriptor: pg_sys::TupleDesc) -> Vec<Column> {
    // SAFETY: the descriptor is that of an open relation, and names are NUL-terminated.
    unsafe {
        let all = (0..(*descriptor).natts as usize).filter_map(|position| {
            let column = &*attribute(descriptor, position)?;
            Some(Column {
                name: text_of(&column.attname),
                position,
                type_oid: column.atttypid,
                // A statement fills a generated column, numbers an identity, and cuts a value to the
                // length or the precision of its column.
                is_plain: column.attgenerated == 0
                    && column.attidentity == 0
                    && column.atttypmod == -1,
            })
        });
        all.collect()
    }
}

impl Column {
    fn named(self) -> FoundColumn {
        let Self { name, position, type_oid, is_plain } = self;
        let data_type = recall(&TYPES, type_oid, |_| type_of(type_oid));
        FoundColumn { name, position, data_type, is_plain }
    }
}

fn type_of(type_oid: pg_sys::Oid) -> FoundType {
    let plain = |oid: pg_sys::Oid| {
        Some(match oid {
            pg_sys::BOOLOID => Type::Boolean,
            pg_sys::INT2OID => Type::Smallint,
            pg_sys::INT4OID => Type::Integer,
            pg_sys::INT8OID => Type::Bigint,
            pg_sys::NUMERICOID => Type::Numeric,
            pg_sys::TEXTOID => Type::Text,
            pg_sys::UUIDOID => Type::Uuid,
            pg_sys::BYTEAOID => Type::Bytea,
            pg_sys::DATEOID => Type::Date,
            pg_sys::INTERVALOID => Type::Interval,
            pg_sys::TIMESTAMPTZOID => Type::TimestampTz,
            pg_sys::JSONOID => Type::Json,
            pg_sys::JSONBOID => Type::Jsonb,
            pg_sys::TEXTARRAYOID => Type::TextArray,
            pg_sys::DATEARRAYOID => Type::DateArray,
            _ => return None,
        })
    };
    match plain(type_oid) {
        Some(known) => FoundType { name: known.name().into(), base: Some(known) },
        None => FoundType {
            name: domain_name(type_oid)
                .unwrap_or_else(|| with_pinned_path(|| type_name(type_oid)))
                .into(),
            base: plain(base_type(type_oid)),
        },
    }
}

struct Trigger {
    trigger: FoundTrigger,
    function: pg_sys::Oid,
    columns: Vec<i16>,
}

unsafe fn copy_triggers(relation: pg_sys::Relation) -> Vec<Trigger> {
    // SAFETY: the relation is open; its triggers are numtriggers elements, with as many columns and
    // arguments as they say, and texts are NUL-terminated.
    unsafe {
        let all = (*relation).trigdesc;
        if all.is_null() {
            return Vec::new();
        }
        let all = std::slice::from_raw_parts((*all).triggers, (*all).numtriggers as usize);
        let all = all.iter().filter(|one| !(one.tgisinternal && is_of_constraint(one.tgfoid)));
        let copied = all.map(|one| {
            let arguments = match one.tgargs.is_null() {
                true => &[],
                false => std::slice::from_raw_parts(one.tgargs, one.tgnargs as usize),
            };
            let columns = match one.tgattr.is_null() {
                true => &[],
                false => std::slice::from_raw_parts(one.tgattr, one.tgnattr as usize),
            };
            let fires = |event: u32| one.tgtype as u32 & event != 0;
            Trigger {
                function: one.tgfoid,
                columns: columns.to_vec(),
                trigger: FoundTrigger {
                    name: CStr::from_ptr(one.tgname).to_string_lossy().into_owned(),
                    firing: Firing {
                        timing: match () {
                            () if fires(pg_sys::TRIGGER_TYPE_BEFORE) => "before",
                            () if fires(pg_sys::TRIGGER_TYPE_INSTEAD) => "instead of",
                            () => "after",
                        },
                        events: [
                            fires(pg_sys::TRIGGER_TYPE_INSERT),
                            fires(pg_sys::TRIGGER_TYPE_UPDATE),
                            fires(pg_sys::TRIGGER_TYPE_DELETE),
                            fires(pg_sys::TRIGGER_TYPE_TRUNCATE),
                        ],
                        columns: Vec::new(),
                    },
                    is_for_each_row: fires(pg_sys::TRIGGER_TYPE_ROW),
                    has_condition: !one.tgqual.is_null(),
                    has_transition_tables: !one.tgoldtable.is_null() || !one.tgnewtable.is_null(),
                    is_deferred: one.tgdeferrable && one.tginitdeferred,
                    function: None,
                    arguments: arguments
                        .iter()
                        .map(|text| CStr::from_ptr(*text).to_string_lossy().into_owned())
                        .collect(),
                    enabled: one.tgenabled as u8,
                },
            }
        });
        copied.collect()
    }
}

impl Trigger {
    fn named(self, column_of: impl Fn(i16) -> Option<String>) -> FoundTrigger {
        let Self { mut trigger, function, columns } = self;
        let name = |_: &pg_sys::Oid| own_function(function).map(Rc::from);
        trigger.function = recall(&FUNCTIONS, function, name);
        // The number of a column is one of the table; a name that is none differs from all.
        let names = columns.into_iter().map(|number| column_of(number).unwrap_or_default());
        trigger.firing.columns = names.collect();
        trigger.firing.columns.sort_unstable();
        trigger
    }
}

/// Whether a trigger's function is one of those that PostgreSQL itself makes triggers of: the checks of
/// foreign keys and of deferrable unique constraints.
fn is_of_constraint(function: pg_sys::Oid) -> bool {
    [
        pg_sys::F_RI_FKEY_CHECK_INS,
        pg_sys::F_RI_FKEY_CHECK_UPD,
        pg_sys::F_RI_FKEY_CASCADE_DEL,
        pg_sys::F_RI_FKEY_CASCADE_UPD,
        pg_sys::F_RI_FKEY_RESTRICT_DEL,
        pg_sys::F_RI_FKEY_RESTRICT_UPD,
        pg_sys::F_RI_FKEY_SETNULL_DEL,
        pg_sys::F_RI_FKEY_SETNULL_UPD,
        pg_sys::F_RI_FKEY_SETDEFAULT_DEL,
        pg_sys::F_RI_FKEY_SETDEFAULT_UPD,
        pg_sys::F_RI_FKEY_NOACTION_DEL,
        pg_sys::F_RI_FKEY_NOACTION_UPD,
        pg_sys::F_UNIQUE_KEY_RECHECK,
    ]
    .map(pg_sys::Oid::from)
    .contains(&function)
}

struct Policy {
    name: String,
    is_restrictive: bool,
    command: &'static str,
    roles: Vec<pg_sys::Oid>,
    using: Option<Expression>,
    check: Option<Expression>,
}

/// An expression of a policy.
enum Expression {
    /// Its text is remembered.
    Known(Rc<str>),
    /// A copy of its tree.
    Copied(*mut std::ffi::c_void),
}

unsafe fn copy_policies(relation: pg_sys::Relation, tenant: i16) -> Vec<Policy> {
    // SAFETY: the relation is open; the list holds policies, their names are NUL-terminated, and their
    // roles are an array of oids that are never NULL.
    unsafe {
        let all = (*relation).rd_rsdesc;
        if all.is_null() || (*all).policies.is_null() {
            return Vec::new();
        }
        let list = (*all).policies;
        let cells = std::slice::from_raw_parts((*list).elements, (*list).length as usize);
        let copied = cells.iter().map(|cell| {
            let policy = &*cell.ptr_value.cast::<pg_sys::RowSecurityPolicy>();
            Policy {
                name: CStr::from_ptr(policy.policy_name).to_string_lossy().into_owned(),
                is_restrictive: !policy.permissive,
                command: match policy.polcmd as u8 {
                    b'r' => "select",
                    b'a' => "insert",
                    b'w' => "update",
                    b'd' => "delete",
                    _ => "all",
                },
                roles: oids(policy.roles),
                using: Expression::of(policy.qual, tenant),
                check: Expression::of(policy.with_check_qual, tenant),
            }
        });
        copied.collect()
    }
}

/// The elements of an array of oids that has one dimension and no NULL.
unsafe fn oids(array: *const pg_sys::ArrayType) -> Vec<pg_sys::Oid> {
    // SAFETY: the length follows the header, the lower bound that, and the elements both.
    unsafe {
        let length = *array.add(1).cast::<i32>();
        let elements = array.add(1).cast::<i32>().add(2).cast::<pg_sys::Oid>();
        std::slice::from_raw_parts(elements, usize::try_from(length).unwrap_or(0)).to_vec()
    }
}

impl Expression {
    unsafe fn of(tree: *mut pg_sys::Expr, tenant: i16) -> Option<Self> {
        if tree.is_null() {
            return None;
        }
        // SAFETY: both are trees of expressions; comparing and copying them reads no catalogue.
        unsafe {
            let known = EXPRESSIONS_KNOWN.with_borrow(|all| {
                let is_it = |(of, one, _): &&(i16, _, _)| {
                    (*of == tenant || *of == 0) && pg_sys::equal(*one, tree.cast())
                };
                all.iter().find(is_it).map(|(_, _, text)| Rc::clone(text))
            });
            Some(match known {
                Some(text) => Self::Known(text),
                None => Self::Copied(pg_sys::copyObjectImpl(tree.cast())),
            })
        }
    }

    /// Its text.
    fn deparsed(
        self,
        table: pg_sys::Oid,
        form: &pg_sys::FormData_pg_class,
        tenant: i16,
    ) -> Rc<str> {
        let tree = match self {
            Self::Known(text) => return text,
            Self::Copied(tree) => tree,
        };
        // SAFETY: the expression is one of the table's, and the function gives a NUL-terminated text.
        let text: Rc<str> = with_pinned_path(|| unsafe {
            let context = pg_sys::deparse_context_for(form.relname.data.as_ptr(), table);
            let text = pg_sys::deparse_expression(tree.cast(), context, false, false);
            CStr::from_ptr(text).to_string_lossy().into()
        });
        if let Some(names_tenant) = wo_rules::schema::compare::names_tenant_alone(&text) {
            let tenant = if names_tenant { tenant } else { 0 };
            EXPRESSIONS_KNOWN.with_borrow_mut(|all| {
                if all.len() < EXPRESSIONS {
                    // SAFETY: the copy lives as long as the backend.
                    let kept = unsafe {
                        let before = pg_sys::MemoryContextSwitchTo(pg_sys::TopMemoryContext);
                        let kept = pg_sys::copyObjectImpl(tree.cast_const());
                        pg_sys::MemoryContextSwitchTo(before);
                        kept
                    };
                    all.push((tenant, kept.cast_const(), Rc::clone(&text)));
                }
            });
        }
        text
    }
}

impl Policy {
    fn named(
        self,
        table: pg_sys::Oid,
        form: &pg_sys::FormData_pg_class,
        tenant: i16,
    ) -> FoundPolicy {
        let text = |expression: Option<Expression>| {
            expression.map(|expression| expression.deparsed(table, form, tenant))
        };
        let mut roles: Option<Vec<Role>> = self.roles.iter().map(|oid| role_of(*oid)).collect();
        if let Some(roles) = &mut roles {
            roles.sort_unstable();
        }
        FoundPolicy {
            name: self.name,
            is_restrictive: self.is_restrictive,
            command: self.command,
            roles,
            using: text(self.using),
            check: text(self.check),
        }
    }
}

/// The role of wo_core that has the oid, if one has.
fn role_of(oid: pg_sys::Oid) -> Option<Role> {
    let known = with_names(|names| names.roles.get(&oid).copied());
    known.or_else(|| {
        // Each role is looked up once: what was asked before has the others.
        Role::ALL.into_iter().find(|one| {
            let is_known = || with_names(|names| names.roles.values().any(|known| known == one));
            if is_known() {
                return false;
            }
            let Some(of) = role(one.name()) else { return false };
            NAMES.with_borrow_mut(|names| names.roles.insert(of, *one));
            of == oid
        })
    })
}

/// The name of a role; `unknown` where it was dropped.
fn role_name(oid: pg_sys::Oid) -> String {
    // SAFETY: the name is palloc'ed and NUL-terminated; a role that was dropped gives null.
    unsafe {
        let name = pg_sys::GetUserNameFromId(oid, true);
        match name.is_null() {
            true => "unknown".to_owned(),
            false => CStr::from_ptr(name).to_string_lossy().into_owned(),
        }
    }
}

fn text_of(data: &pg_sys::NameData) -> String {
    // SAFETY: a NameData is a NUL-terminated string.
    unsafe { CStr::from_ptr(data.data.as_ptr()) }.to_string_lossy().into_owned()
}
