//! The sealing key: read from a file that only the server may read, never from the database.

use crate::pg::setting;
use std::cell::RefCell;
use std::fmt;
use std::fs::{File, Metadata};
use std::io::{Error, Read};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::rc::Rc;
use wo_rules::ledger::key::SealingKey;
use zeroize::Zeroizing;

/// The longest key file that is read, in bytes.
const LONGEST: u64 = 4_096;

/// Why there is no key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// No file is named.
    Unset,
    /// The file cannot be read.
    Unreadable(String),
    /// Others than the server may read or write it: its path.
    Exposed(String),
    /// It holds no key.
    NoKey(String),
}

impl Trouble {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Unset => {
                "Make a key with wo key new --for ledger, and name its file in wo_core.sealing_key_file (postgresql.conf)."
            }
            Self::Unreadable(_) => {
                "Name a file in wo_core.sealing_key_file that the server's user can read."
            }
            Self::Exposed(_) => {
                "The file must belong to the server's user with mode 0600 or 0400, or to root with 0640. Who could read the key could seal: consider a new one."
            }
            Self::NoKey(_) => "Make a key with wo key new --for ledger.",
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unset => f.write_str("no sealing key is configured"),
            Self::Unreadable(why) => write!(f, "the sealing key's file cannot be read: {why}"),
            Self::Exposed(path) => {
                write!(f, "the sealing key's file can be read or written by others: {path}")
            }
            Self::NoKey(why) => write!(f, "the sealing key's file holds no key: {why}"),
        }
    }
}

/// The file as it was when the key was read from it.
#[derive(PartialEq, Eq)]
struct Seen {
    path: PathBuf,
    inode: (u64, u64),
    changed: (i64, i64),
    length: u64,
}

thread_local! {
    static KEY: RefCell<Option<(Seen, Rc<SealingKey>)>> = const { RefCell::new(None) };
}

/// Where the key is; `%d` in the setting stands for the database's name, because each database has
/// a ledger, and so a key, of its own.
pub fn path() -> Option<PathBuf> {
    let setting = setting::sealing_key_file()?;
    if !setting.contains("%d") {
        return Some(PathBuf::from(setting));
    }
    let database = crate::pg::server::own_database_name()?;
    (!database.contains('/')).then(|| PathBuf::from(setting.replace("%d", &database)))
}

/// The key, read again whenever its file is another one.
///
/// # Errors
/// Why there is none.
pub fn read() -> Result<Rc<SealingKey>, Trouble> {
    let path = path().ok_or(Trouble::Unset)?;
    let named = path.display().to_string();
    let cannot = |why: Error| Trouble::Unreadable(format!("{named}: {}", why.kind()));
    let no_key = |why: &str| Trouble::NoKey(format!("{named}: {why}"));
    let file = File::open(&path).map_err(cannot)?;
    let held = file.metadata().map_err(cannot)?;
    if !held.is_file() || held.len() > LONGEST {
        return Err(no_key("it is no small plain file"));
    }
    if is_exposed(&held) {
        return Err(Trouble::Exposed(named));
    }
    let seen = Seen {
        path,
        inode: (held.dev(), held.ino()),
        changed: (held.ctime(), held.ctime_nsec()),
        length: held.len(),
    };
    let known = KEY.with_borrow(|known| {
        known.as_ref().filter(|(before, _)| *before == seen).map(|(_, key)| Rc::clone(key))
    });
    if let Some(key) = known {
        return Ok(key);
    }
    let mut text = Zeroizing::new(String::with_capacity(LONGEST as usize));
    file.take(LONGEST).read_to_string(&mut text).map_err(cannot)?;
    let key = Rc::new(SealingKey::read(&text).map_err(|why| no_key(&why))?);
    KEY.with_borrow_mut(|known| *known = Some((seen, Rc::clone(&key))));
    Ok(key)
}

/// Whether others than the server's user, whose the data directory is, can read or write the file.
/// As for the keys of TLS: a file of root's may be readable by its group.
fn is_exposed(held: &Metadata) -> bool {
    let mode = held.mode() & 0o7777;
    let server = std::fs::metadata(".").map(|data| data.uid());
    match held.uid() {
        0 if !server.as_ref().is_ok_and(|server| *server == 0) => mode & 0o037 != 0,
        owner => !server.is_ok_and(|server| server == owner) || mode & 0o077 != 0,
    }
}
