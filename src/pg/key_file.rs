//! Private keys in files that only the server may read, never in the database.

use crate::pg::server::own_database_name;
use std::cell::RefCell;
use std::fmt;
use std::fs::{File, Metadata};
use std::io::{Error, Read};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::rc::Rc;
use std::thread::LocalKey;
use zeroize::Zeroizing;

/// The longest key file that is read, in bytes.
const LONGEST: u64 = 4_096;

/// What a key is for, in words, and what to do where there is none.
#[derive(Debug, PartialEq, Eq)]
pub struct Purpose {
    /// What the key is called.
    pub name: &'static str,
    /// What to do where no file is named.
    pub unset: &'static str,
    /// What to do where the file cannot be read.
    pub unreadable: &'static str,
    /// What to do where others may read or write the file.
    pub exposed: &'static str,
    /// What to do where the file holds no key.
    pub no_key: &'static str,
}

/// Why there is no key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// No file is named.
    Unset,
    /// The file cannot be read.
    Unreadable(String),
    /// Others than the server may read or write it: its path.
    Exposed(String),
    /// It holds no key.
    NoKey(String),
}

/// Which key there is not, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What the key is for.
    pub purpose: &'static Purpose,
    /// Why there is none.
    pub cause: Cause,
}

impl Trouble {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self.cause {
            Cause::Unset => self.purpose.unset,
            Cause::Unreadable(_) => self.purpose.unreadable,
            Cause::Exposed(_) => self.purpose.exposed,
            Cause::NoKey(_) => self.purpose.no_key,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.purpose.name;
        match &self.cause {
            Cause::Unset => write!(f, "no {name} is configured"),
            Cause::Unreadable(why) => write!(f, "the {name}'s file cannot be read: {why}"),
            Cause::Exposed(path) => {
                write!(f, "the {name}'s file can be read or written by others: {path}")
            }
            Cause::NoKey(why) => write!(f, "the {name}'s file holds no key: {why}"),
        }
    }
}

/// The file as it was when the key was read from it.
#[derive(PartialEq, Eq)]
pub struct Seen {
    path: PathBuf,
    inode: (u64, u64),
    changed: (i64, i64),
    length: u64,
}

/// The key that a backend has read last, with the file that it is from.
pub type Known<K> = RefCell<Option<(Seen, Rc<K>)>>;

/// Where the setting says that a key is; `%d` in it stands for the database's name, so that each database can have
/// a key of its own.
pub fn path(setting: Option<String>) -> Option<PathBuf> {
    let setting = setting?;
    if !setting.contains("%d") {
        return Some(PathBuf::from(setting));
    }
    let database = own_database_name()?;
    (!database.contains('/')).then(|| PathBuf::from(setting.replace("%d", &database)))
}

/// The key in a file, read again whenever its file is another one.
///
/// # Errors
/// Why there is none.
pub fn read<K: 'static>(
    purpose: &'static Purpose,
    path: Option<PathBuf>,
    known: &'static LocalKey<Known<K>>,
    parse: impl FnOnce(&str) -> Result<K, String>,
) -> Result<Rc<K>, Trouble> {
    let trouble = |cause| Trouble { purpose, cause };
    let path = path.ok_or_else(|| trouble(Cause::Unset))?;
    let named = path.display().to_string();
    let cannot = |why: Error| trouble(Cause::Unreadable(format!("{named}: {}", why.kind())));
    let no_key = |why: &str| trouble(Cause::NoKey(format!("{named}: {why}")));
    let file = File::open(&path).map_err(cannot)?;
    let held = file.metadata().map_err(cannot)?;
    if !held.is_file() || held.len() > LONGEST {
        return Err(no_key("it is no small plain file"));
    }
    if is_exposed(&held) {
        return Err(trouble(Cause::Exposed(named)));
    }
    let seen = Seen {
        path,
        inode: (held.dev(), held.ino()),
        changed: (held.ctime(), held.ctime_nsec()),
        length: held.len(),
    };
    let ready = known.with_borrow(|known| {
        known.as_ref().filter(|(before, _)| *before == seen).map(|(_, key)| Rc::clone(key))
    });
    if let Some(key) = ready {
        return Ok(key);
    }
    let mut text = Zeroizing::new(String::with_capacity(LONGEST as usize));
    file.take(LONGEST).read_to_string(&mut text).map_err(cannot)?;
    let key = Rc::new(parse(&text).map_err(|why| no_key(&why))?);
    known.with_borrow_mut(|known| *known = Some((seen, Rc::clone(&key))));
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
