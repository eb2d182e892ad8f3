//! What a witness keeps, in a directory of its own:
//!
//! - `checkpoint`: the newest checkpoint that it accepted,
//! - `history/<size>.txt`: each that it accepted, of the history that `checkpoint` is of,
//! - `recovery/<hash>.txt`: the recovery statements that it accepted, by the beginning of their
//!   hash, and in `recovery/<hash>/` what it had kept before and is no part of the history since,
//! - `refused/<time>.txt`: the evidence of what it refused,
//! - `lock`: held while it is at work.

use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use chrono::Utc;
use wo_rules::ledger::checkpoint::Checkpoint;
use wo_rules::ledger::recovery::Statement;

use super::{Agreed, Case};
use crate::{Error, failed, one_line_break, read_text};

/// The longest note that is kept as evidence, in bytes.
const LONGEST_EVIDENCE: usize = 1 << 20;

/// A checkpoint that is kept.
pub struct Held {
    pub note: String,
    pub checkpoint: Checkpoint,
}

/// The directory.
pub struct State {
    directory: PathBuf,
    lock: File,
}

/// Closing the file would not do: a process that is being started from another thread may hold a copy of the
/// descriptor for a moment, and the lock with it.
impl Drop for State {
    fn drop(&mut self) {
        // Where that fails, closing the file still unlocks it.
        let _ = self.lock.unlock();
    }
}

impl State {
    pub fn open(directory: &Path) -> Result<Self, Error> {
        let doing = || format!("cannot make {}", directory.display());
        for name in ["history", "recovery", "refused"] {
            std::fs::create_dir_all(directory.join(name)).map_err(failed(doing()))?;
        }
        let path = directory.join("lock");
        let lock =
            File::create(&path).map_err(failed(format!("cannot open {}", path.display())))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { directory: directory.to_owned(), lock }),
            Err(TryLockError::WouldBlock) => {
                Err(Error::new(format!("another witness is at work in {}", directory.display())))
            }
            Err(TryLockError::Error(error)) => {
                Err(failed(format!("cannot lock {}", path.display()))(error))
            }
        }
    }

    /// The checkpoint that is kept. Its signature was verified when it was accepted, perhaps with a
    /// key that the ledger has replaced since.
    pub fn held(&self) -> Result<Option<Held>, Error> {
        let path = self.directory.join("checkpoint");
        if !path.try_exists().map_err(failed(format!("cannot read {}", path.display())))? {
            return Ok(None);
        }
        let note = read_text(&path)?;
        let checkpoint = Checkpoint::read_unverified(&note).map_err(failed(path.display()))?;
        Ok(Some(Held { note, checkpoint }))
    }

    /// Keeps a checkpoint as the newest.
    pub fn keep(&self, note: &str, checkpoint: &Checkpoint) -> Result<(), Error> {
        let note = one_line_break(note);
        self.write(&self.history_file(checkpoint.size), &note)?;
        self.write(&self.directory.join("checkpoint"), &note)
    }

    /// The sizes of the history, in rising order.
    pub fn history(&self) -> Result<Vec<u64>, Error> {
        let directory = self.directory.join("history");
        let doing = || format!("cannot read {}", directory.display());
        let mut sizes = Vec::new();
        for entry in std::fs::read_dir(&directory).map_err(failed(doing()))? {
            let name = entry.map_err(failed(doing()))?.file_name();
            let size = name.to_str().and_then(|name| name.strip_suffix(".txt"));
            sizes.extend(size.and_then(|size| size.parse::<u64>().ok()));
        }
        sizes.sort_unstable();
        Ok(sizes)
    }

    /// The checkpoint of that size in the history.
    pub fn seen(&self, size: u64) -> Result<Checkpoint, Error> {
        let path = self.history_file(size);
        Checkpoint::read_unverified(&read_text(&path)?).map_err(failed(path.display()))
    }

    /// Keeps a recovery statement, and sets aside what is no part of the history any more.
    pub fn set_aside(
        &self,
        agreed: Agreed,
        note: &str,
        statement: &Statement,
    ) -> Result<(), Error> {
        let name: String =
            statement.hash().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let recovery = self.directory.join("recovery");
        self.write(&recovery.join(format!("{name}.txt")), &one_line_break(note))?;
        let aside = recovery.join(name);
        let doing = || format!("cannot write {}", aside.display());
        std::fs::create_dir_all(&aside).map_err(failed(doing()))?;
        let kept = match agreed {
            Agreed::UpTo(size) => Some(size),
            Agreed::Unknown | Agreed::Nothing => None,
        };
        for size in self.history()? {
            if kept.is_none_or(|kept| size > kept) {
                let to = aside.join(format!("{size}.txt"));
                std::fs::rename(self.history_file(size), to).map_err(failed(doing()))?;
            }
        }
        sync(&aside)?;
        sync(&self.directory.join("history"))
    }

    /// Keeps what was refused, unless it is what was refused last.
    pub fn keep_evidence(&self, case: &Case<'_>, line: &str) -> Result<PathBuf, Error> {
        let directory = self.directory.join("refused");
        let none = || "nothing".to_owned();
        let proof = case.proof.as_ref().map(serde_json::to_string);
        let proof = proof.transpose().map_err(failed("cannot write the proof"))?;
        let note = case.note.get(..LONGEST_EVIDENCE).unwrap_or(case.note);
        let parts = [
            ("refused", line.to_owned()),
            ("kept", case.held.map_or_else(none, |held| held.note.clone())),
            ("offered", note.to_owned()),
            ("proof", proof.unwrap_or_else(none)),
            ("recovery statement", case.statement.map_or_else(none, str::to_owned)),
        ];
        let text: String = parts
            .iter()
            .map(|(title, text)| format!("== {title}\n{}", one_line_break(text)))
            .collect();
        let doing = || format!("cannot read {}", directory.display());
        let files = std::fs::read_dir(&directory).map_err(failed(doing()))?;
        let last = files.filter_map(|file| file.ok().map(|file| file.path())).max();
        if let Some(last) = last
            && std::fs::read(&last).is_ok_and(|bytes| bytes == text.as_bytes())
        {
            return Ok(last);
        }
        let file = directory.join(format!("{}.txt", Utc::now().format("%Y-%m-%dT%H-%M-%S%.6fZ")));
        self.write(&file, &text)?;
        Ok(file)
    }

    fn history_file(&self, size: u64) -> PathBuf {
        self.directory.join("history").join(format!("{size}.txt"))
    }

    /// Writes a file so that it is there as a whole or not at all, whatever happens meanwhile.
    fn write(&self, path: &Path, text: &str) -> Result<(), Error> {
        let doing = || format!("cannot write {}", path.display());
        let unfinished = self.directory.join("unfinished");
        let mut file = File::create(&unfinished).map_err(failed(doing()))?;
        file.write_all(text.as_bytes()).map_err(failed(doing()))?;
        file.sync_all().map_err(failed(doing()))?;
        std::fs::rename(&unfinished, path).map_err(failed(doing()))?;
        path.parent().map_or(Ok(()), sync)
    }
}

/// Makes sure that the names in a directory are on disk.
fn sync(directory: &Path) -> Result<(), Error> {
    let doing = || format!("cannot write {}", directory.display());
    File::open(directory).and_then(|file| file.sync_all()).map_err(failed(doing()))
}
