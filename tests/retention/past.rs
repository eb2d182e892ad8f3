//! A company with a past: PostgreSQL has no other clock than the real one, so what was just done is
//! moved back in time, hashes and all, before anything is sealed.

use std::path::PathBuf;

use postgres::{Client, Transaction};
use uuid::Uuid;
use wo_cluster_tests::signing::{Company, ROOT};
use wo_cluster_tests::{Cluster, Database, behind_the_back};
use wo_rules::audit::{Entry, GENESIS};
use wo_rules::ledger::key::SealingKey;
use wo_rules::time::{POSTGRES_EPOCH_SECONDS, utc};

/// The trail and the outbox stay for two months, the content of an ended work order for three.
const SETTINGS: [(&str, &str); 6] = [
    // A vacuum of a partition would put its archive off until the next run.
    ("autovacuum", "off"),
    ("wo_core.sealing_key_file", "../keys/%d.key"),
    ("wo_core.archive_directory", "../archives"),
    ("wo_core.retention", "2"),
    ("wo_core.event_retention", "2"),
    ("wo_core.record_retention", "3"),
];

pub fn cluster_with(more: &[(&str, &str)]) -> Cluster {
    let cluster = Cluster::own(&[&SETTINGS, more].concat());
    cluster.make_dir("keys");
    cluster.make_dir("archives");
    cluster
}

fn cluster() -> &'static Cluster {
    Cluster::shared_as("retention", || cluster_with(&[]))
}

pub struct Past {
    pub company: Company,
}

/// One row of `wo.verify_archive`.
#[derive(Debug)]
pub struct Verdict {
    pub archive: String,
    pub intact: bool,
    pub lines: i64,
    pub problem: Option<String>,
}

impl Past {
    pub fn found() -> Self {
        Self::found_in(cluster().database())
    }

    pub fn found_in(database: Database<'static>) -> Self {
        begin_earlier(&mut database.superuser());
        Self { company: Company::found_in(database) }
    }

    pub fn superuser(&self) -> Client {
        self.company.database.superuser()
    }

    /// The name of the partition of so many months ago.
    pub fn partition(&self, parent: &str, months: i32) -> String {
        let name = format!(
            "select '{parent}' || to_char(now() at time zone 'UTC' - interval '{months} months', '_YYYY_MM')"
        );
        self.company.one(ROOT, &name)
    }

    /// Lets everything that happened this month have happened so many months ago.
    pub fn happened(&self, months: i32) {
        let mut superuser = self.superuser();
        let mut transaction = superuser.transaction().unwrap();
        move_back(&mut transaction, months);
        transaction.commit().unwrap();
    }

    /// Gives the database a sealing key, and seals whatever there is, while nothing is archived.
    pub fn seal(&self) {
        let mut holder = self.superuser();
        // A month that somebody writes to stays.
        holder
            .batch_execute(
                "begin; do $$ declare held text; begin
                    for held in select inhrelid::regclass from pg_inherits
                        where inhparent in ('wo.audit_entry'::regclass, 'wo.event'::regclass)
                    loop execute 'lock table ' || held || ' in row exclusive mode'; end loop;
                 end $$",
            )
            .unwrap();
        let database = &self.company.database;
        let file = database.cluster().dir().join(format!("keys/{}.key", database.name()));
        if !file.exists() {
            let seed = wo_cli::new_key().unwrap().to_bytes();
            let key = SealingKey::new(&format!("acme.example/{}", database.name()), &seed).unwrap();
            write_as_server(&file, &key.text());
        }
        let seal = "select done from wo.tick() where job = 'entries_sealed'";
        while self.company.one::<i32>(ROOT, seal) > 0 {}
        holder.batch_execute("commit").unwrap();
    }

    /// One tick; how many months it archived or dropped.
    pub fn tick(&self) -> i32 {
        self.company.one(ROOT, "select done from wo.tick() where job = 'months_archived'")
    }

    /// Ticks until no month is left to be archived or dropped.
    pub fn archive_all(&self) {
        let mut ticks = 0;
        while self.tick() > 0 {
            ticks += 1;
            assert!(ticks < 50, "it never ends");
        }
    }

    /// The leaves of a table.
    pub fn leaves(&self, parent: &str) -> Vec<String> {
        self.company.all(
            ROOT,
            &format!(
                "select inhrelid::regclass::text from pg_inherits
                 where inhparent = 'wo.{parent}'::regclass order by 1"
            ),
        )
    }

    /// Where this database's archives lie.
    pub fn directory(&self) -> PathBuf {
        let database = &self.company.database;
        let name = wo_rules::retention::name::file_name(database.name());
        database.cluster().dir().join("archives").join(name)
    }

    /// The names of the archives, and of those whose rows are in their files alone.
    pub fn archives(&self, filter: &str) -> Vec<String> {
        self.company.all(ROOT, &format!("select name from wo.archive where {filter} order by name"))
    }

    pub fn verdicts(&self) -> Vec<Verdict> {
        let rows = self.company.rows(ROOT, "select * from wo.verify_archive()");
        rows.iter()
            .map(|row| Verdict {
                archive: row.get(0),
                intact: row.get(1),
                lines: row.get(2),
                problem: row.get(3),
            })
            .collect()
    }

    /// Archives, trail, ledger and every row against its trail.
    #[track_caller]
    pub fn assert_intact(&self) {
        for verdict in self.verdicts() {
            assert!(verdict.intact, "{verdict:?}");
        }
        self.company.assert_intact();
        for check in ["wo.verify_ledger()", "wo.reconcile()"] {
            let problems =
                self.company.all(ROOT, &format!("select problem from {check} where not intact"));
            assert_eq!(problems, [""; 0], "{check}");
        }
    }

    /// Every entry of the trail that is in the database, as text.
    pub fn trail(&self) -> Vec<String> {
        self.company.all(
            ROOT,
            "select told::text from wo.audit_entry as told order by position, subject_id, sequence",
        )
    }
}

pub fn write_as_server(path: &std::path::Path, text: &str) {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
    std::fs::write(path, text).unwrap();
    let owner = std::fs::metadata(path.parent().unwrap()).unwrap();
    chown(path, Some(owner.uid()), Some(owner.gid())).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// The leaves of a database that was made seven months ago; nothing has been written to it.
fn begin_earlier(superuser: &mut Client) {
    superuser
        .batch_execute(
            "set role wo_owner;
             do $$
             declare
                parent text;
                month date;
                this_month date := date_trunc('month', now() at time zone 'UTC');
                partition text;
             begin
                foreach parent in array array['audit_entry', 'event'] loop
                    partition := parent || to_char(this_month, '_YYYY_MM');
                    execute format('alter table wo.%I detach partition wo.%I', parent, partition);
                    execute format('drop table wo.%I', partition);
                    for back in reverse 7 .. 0 loop
                        month := this_month - back * interval '1 month';
                        partition := parent || to_char(month, '_YYYY_MM');
                        execute format('create table wo.%I (like wo.%I including all)', partition, parent);
                        execute format('alter table wo.%I enable row level security', partition);
                        execute format('alter table wo.%I force row level security', partition);
                        execute format('alter table wo.%I attach partition wo.%I for values from (%s) to (%L)', parent, partition,
                            case when back = 7 then 'minvalue' else quote_literal(month::text || ' 00:00:00+00') end,
                            (month + interval '1 month')::date::text || ' 00:00:00+00');
                    end loop;
                end loop;
                perform wo.make_partitions(0);
             end
             $$;
             reset role",
        )
        .unwrap();
}

fn move_back(transaction: &mut Transaction<'_>, months: i32) {
    let this_month = "date_trunc('month', now() at time zone 'UTC') at time zone 'UTC'";
    let back = format!("interval '{months} months'");
    let rows = transaction
        .query(
            &format!(
                "select tenant_id, subject_id, subject, sequence::bigint,
                    (extract(epoch from recorded_at) * 1000000)::bigint, action, actor, reason, from_status, to_status,
                    record_version, changes::text, client_address, application, login_role, authenticated_by,
                    transaction_id,
                    case when recorded_at >= {this_month}
                        then (extract(epoch from (recorded_at at time zone 'UTC' - {back}) at time zone 'UTC') * 1000000)::bigint end
                 from wo.audit_entry order by tenant_id, subject_id, sequence"
            ),
            &[],
        )
        .unwrap();
    let text = |epoch: i64| utc(epoch - POSTGRES_EPOCH_SECONDS * 1_000_000);
    let mut links = Vec::new();
    let mut heads = Vec::new();
    let mut previous = GENESIS;
    for (place, row) in rows.iter().enumerate() {
        let (tenant, subject): (Uuid, Uuid) = (row.get(0), row.get(1));
        let sequence: i64 = row.get(3);
        if sequence == 1 {
            previous = GENESIS;
        }
        let (was, now): (i64, Option<i64>) = (row.get(4), row.get(17));
        let now = now.unwrap_or(was);
        let mut changes: String = row.get(11);
        for column in ["created_at", "locked_at"] {
            let said = |at| format!("\"{column}\":{{\"new\":\"{}\"}}", text(at));
            changes = changes.replace(&said(was), &said(now));
        }
        let entry = Entry {
            tenant_id: tenant.to_string(),
            subject: row.get(2),
            subject_id: subject.to_string(),
            sequence,
            recorded_at: text(now),
            action: row.get(5),
            actor: row.get(6),
            reason: row.get(7),
            from_status: row.get(8),
            to_status: row.get(9),
            record_version: row.get(10),
            changes: changes.clone(),
            client_address: row.get(12),
            application: row.get(13),
            login_role: row.get(14),
            authenticated_by: row.get(15),
            transaction_id: row.get(16),
        };
        let hash = entry.hash(&previous);
        links.push(format!(
            "('{tenant}'::uuid, '{subject}'::uuid, {sequence}, '{}'::timestamptz, '{}'::json, '\\x{}'::bytea, '\\x{}'::bytea)",
            text(now),
            changes.replace('\'', "''"),
            hex::encode(previous),
            hex::encode(hash)
        ));
        let is_last = rows.get(place + 1).is_none_or(|next| next.get::<_, Uuid>(1) != subject);
        if is_last {
            heads.push(format!("('{subject}'::uuid, '\\x{}'::bytea)", hex::encode(hash)));
        }
        previous = hash;
    }
    behind_the_back(
        transaction,
        "wo.audit_entry",
        &format!(
            "update wo.audit_entry as told set recorded_at = moved.at, changes = moved.changes,
                previous_hash = moved.previous, entry_hash = moved.hash
             from (values {}) as moved (tenant_id, subject_id, sequence, at, changes, previous, hash)
             where told.tenant_id = moved.tenant_id and told.subject_id = moved.subject_id and told.sequence = moved.sequence",
            links.join(",")
        ),
    );
    behind_the_back(
        transaction,
        "wo.event",
        &format!(
            "update wo.event set recorded_at = (recorded_at at time zone 'UTC' - {back}) at time zone 'UTC'
             where recorded_at >= {this_month}"
        ),
    );
    let heads = format!("(values {}) as head (subject_id, hash)", heads.join(","));
    behind_the_back(
        transaction,
        "wo.audit_chain",
        &format!(
            "update wo.audit_chain as chain set chain_hash = head.hash from {heads}
             where chain.subject_id = head.subject_id"
        ),
    );
    let moved = |column: &str| {
        format!(
            "{column} = case when {column} >= {this_month}
                then ({column} at time zone 'UTC' - {back}) at time zone 'UTC' else {column} end"
        )
    };
    let count: i64 =
        transaction.query_one("select count(*) from wo.work_order", &[]).unwrap().get(0);
    if count > 0 {
        behind_the_back(
            transaction,
            "wo.work_order",
            &format!(
                "update wo.work_order as held set chain_hash = head.hash, {}, {}, {} from {heads} where held.id = head.subject_id",
                moved("created_at"),
                moved("updated_at"),
                moved("locked_at")
            ),
        );
    }
    // The packages that were kept are of the trail as it was.
    let kept = "create temporary table kept on commit drop as table wo.evidence";
    if transaction.execute(kept, &[]).unwrap() > 0 {
        behind_the_back(transaction, "wo.evidence", "delete from wo.evidence");
        transaction
            .batch_execute(
                "select wo.administer('acme');
                 create temporary table remade on commit drop as
                 select kept.tenant_id, kept.work_order_id, kept.made_at, made.package
                 from kept cross join lateral wo_private.evidence_package(kept.work_order_id::text) as made (package)",
            )
            .unwrap();
        behind_the_back(
            transaction,
            "wo.evidence",
            "insert into wo.evidence (tenant_id, work_order_id, made_at, package, sha256)
             select tenant_id, work_order_id, made_at, package, sha256(convert_to(package, 'UTF8')) from remade",
        );
    }
}
