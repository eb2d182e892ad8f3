//! The rows of `wo.archive`: which months were written to files, and where their rows are.

use super::files;
use crate::kernel::identity::{self, memory};
use crate::pg::lock::{Lock, Purpose};
use crate::pg::run_as::as_trail;
use crate::pg::statement::{
    Argument, Mode, Rows, argument, bigint, bytes, optional_timestamp, statement, text, timestamp,
    uuid,
};
use serde_json::{Value, json};
use std::path::PathBuf;
use uuid::Uuid;
use wo_rules::time::utc;

statement!(
    ALL,
    "select made.name, made.source, made.from_time, made.to_time, made.lines, made.chains, made.first_leaf,
        made.last_leaf, made.first_position, made.last_position, made.data_sha256, made.proof_sha256,
        made.checkpoint_size, made.archived_at, made.detached_at, made.restored_at
     from wo.archive as made where made.tenant_id = $1 and ($2 is null or made.name = $2)
     order by made.source, made.from_time",
    [UUIDOID, TEXTOID]
);
statement!(
    ADD,
    "insert into wo.archive (tenant_id, name, source, from_time, to_time, lines, chains, first_leaf, last_leaf,
        first_position, last_position, data_sha256, proof_sha256, checkpoint_size, archived_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
    [
        UUIDOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID,
        INT8OID, BYTEAOID, BYTEAOID, INT8OID, TIMESTAMPTZOID
    ]
);
statement!(
    MARK,
    "update wo.archive set detached_at = coalesce(detached_at, $3), restored_at = $4
     where tenant_id = $1 and name = $2",
    [UUIDOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID]
);

/// Takes the lock under which archives are made, dropped and restored, until the transaction ends;
/// false where another process holds it.
pub fn alone() -> bool {
    Lock::new(Purpose::Archive, &[]).try_until_end()
}

/// Takes the same lock, and waits for it.
pub fn in_turn() {
    Lock::new(Purpose::Archive, &[]).until_end();
}

/// A month that was written to files.
pub struct Archive {
    /// Its name, which is that of its partition and of its files.
    pub name: String,
    /// The table.
    pub source: String,
    /// The first moment of the month.
    pub from: i64,
    /// The first moment after it.
    pub to: i64,
    /// How many rows it holds.
    pub lines: i64,
    /// How many chains have entries in it.
    pub chains: i64,
    /// The first and the last partition of the ledger.
    pub leaves: Option<(i64, i64)>,
    /// The first and the last position.
    pub positions: Option<(i64, i64)>,
    /// SHA-256 of the data file.
    pub data_sha256: Vec<u8>,
    /// SHA-256 of the proof file.
    pub proof_sha256: Vec<u8>,
    /// The checkpoint under which it is sealed.
    pub checkpoint_size: Option<i64>,
    /// When it was written.
    pub archived_at: i64,
    /// Since when its rows are in the files alone.
    pub detached_at: Option<i64>,
    /// Since when they are here again.
    pub restored_at: Option<i64>,
}

impl Archive {
    fn at(rows: &Rows, row: usize) -> Option<Self> {
        let time = |column| rows.timestamp(row, column);
        let pair = |first, second| Some((rows.get(row, first)?, rows.get(row, second)?));
        Some(Self {
            name: rows.get(row, 1)?,
            source: rows.get(row, 2)?,
            from: time(3)?,
            to: time(4)?,
            lines: rows.get(row, 5)?,
            chains: rows.get(row, 6)?,
            leaves: pair(7, 8),
            positions: pair(9, 10),
            data_sha256: rows.get(row, 11)?,
            proof_sha256: rows.get(row, 12)?,
            checkpoint_size: rows.get(row, 13),
            archived_at: time(14)?,
            detached_at: time(15),
            restored_at: time(16),
        })
    }

    /// Whether its rows have not left yet.
    pub fn is_still_here(&self) -> bool {
        self.detached_at.is_none()
    }

    /// Whether its rows are in the files alone.
    pub fn is_away(&self) -> bool {
        self.detached_at.is_some() && self.restored_at.is_none()
    }

    /// Where its data lies.
    ///
    /// # Errors
    /// One plain sentence.
    pub fn data_file(&self) -> Result<PathBuf, String> {
        data_file(&self.name)
    }

    /// Where its proof lies.
    ///
    /// # Errors
    /// One plain sentence.
    pub fn proof_file(&self) -> Result<PathBuf, String> {
        proof_file(&self.name)
    }

    /// What the installation's trail says of it.
    pub fn details(&self) -> Value {
        json!({
            "archive": self.name,
            "from": (self.from != i64::MIN).then(|| utc(self.from)),
            "to": utc(self.to),
            "lines": self.lines,
            "chains": self.chains,
            "leaves": self.leaves.map(|(first, last)| [first, last]),
            "positions": self.positions.map(|(first, last)| [first, last]),
            "checkpoint_size": self.checkpoint_size,
            "data_sha256": hex::encode(&self.data_sha256),
            "proof_sha256": hex::encode(&self.proof_sha256),
        })
    }

    /// Puts it on record, and into the installation's trail together with what it left of the
    /// installation's own chains.
    pub fn add(&self, own: Value) {
        let arguments = [
            uuid(Uuid::nil()),
            text(&self.name),
            text(&self.source),
            timestamp(self.from),
            timestamp(self.to),
            bigint(self.lines),
            bigint(self.chains),
            argument(self.leaves.map(|it| it.0)),
            argument(self.leaves.map(|it| it.1)),
            argument(self.positions.map(|it| it.0)),
            argument(self.positions.map(|it| it.1)),
            bytes(&self.data_sha256),
            bytes(&self.proof_sha256),
            argument(self.checkpoint_size),
            timestamp(self.archived_at),
        ];
        memory::as_enforcement(|| {
            as_trail(|| ADD.with(|statement| statement.store(&arguments)));
        });
        let mut details = self.details();
        // Its own chains are recorded for the installation as for every tenant; the figures of the whole
        // month go before.
        if let (Some(details), Value::Object(own)) = (details.as_object_mut(), own) {
            for (name, value) in own {
                details.entry(name).or_insert(value);
            }
        }
        record(Uuid::nil(), "archived", &details);
    }

    /// Puts on record that its rows left, or came back.
    pub fn mark(&self, action: &str, is_here: bool) {
        let now = identity::now();
        let arguments: [Argument; 4] = [
            uuid(Uuid::nil()),
            text(&self.name),
            timestamp(now),
            optional_timestamp(is_here.then_some(now)),
        ];
        memory::as_enforcement(|| {
            as_trail(|| MARK.with(|statement| statement.store(&arguments)));
        });
        record(Uuid::nil(), action, &self.details());
    }
}

/// Where the data of an archive of that name lies.
///
/// # Errors
/// One plain sentence.
pub fn data_file(name: &str) -> Result<PathBuf, String> {
    Ok(files::directory()?.join(format!("{name}.jsonl")))
}

/// Where the proof of an archive of that name lies.
///
/// # Errors
/// One plain sentence.
pub fn proof_file(name: &str) -> Result<PathBuf, String> {
    Ok(files::directory()?.join(format!("{name}.proof.json")))
}

/// The chain in which a tenant's trail, or the installation's, records archives.
const KEY: &str = r#"["archives"]"#;

/// Writes into that chain.
pub fn record(tenant: Uuid, action: &str, changes: &Value) {
    let acting = identity::administrator(tenant);
    memory::during(acting.clone(), || {
        as_trail(|| {
            crate::kernel::configuration::record(
                &acting,
                "archive",
                KEY,
                action,
                None,
                changes.to_string(),
            );
        });
    });
}

fn read(name: Option<&str>) -> Vec<Archive> {
    let arguments = [uuid(Uuid::nil()), crate::pg::statement::optional_text(name)];
    as_trail(|| {
        ALL.with(|statement| {
            statement.run(Mode::Latest, &arguments, |rows| {
                (0..rows.count()).filter_map(|row| Archive::at(rows, row)).collect()
            })
        })
    })
}

/// Every archive. Call it as the installation.
pub fn all() -> Vec<Archive> {
    read(None)
}

/// The archive of that name. Call it as the installation.
pub fn of(name: &str) -> Option<Archive> {
    read(Some(name)).into_iter().next()
}
