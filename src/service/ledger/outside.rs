//! The newest checkpoint that this server knows to have sealed, kept beside the key outside the
//! database, so that a restore of an older backup is noticed.

use super::key;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The longest note that is read, in bytes.
const LONGEST: u64 = 1 << 20;

fn beside(key: &Path, ending: &str) -> PathBuf {
    let mut name = key.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn of_file(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {}", path.display(), error.kind())
}

/// The note that is kept outside; nothing where none is.
///
/// # Errors
/// Why it cannot be read.
pub fn read() -> Result<Option<String>, String> {
    let Some(key) = key::path() else { return Ok(None) };
    let path = beside(&key, ".checkpoint");
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(of_file(&path, &error)),
    };
    let mut note = String::new();
    file.take(LONGEST).read_to_string(&mut note).map_err(|error| of_file(&path, &error))?;
    Ok(Some(note))
}

/// Puts a note into the place of the one that is kept outside, so that a crash leaves the one or the
/// other.
///
/// # Errors
/// Why it cannot be written.
pub fn replace(note: &str) -> Result<(), String> {
    let Some(key) = key::path() else { return Ok(()) };
    let (temporary, kept) = (beside(&key, ".checkpoint.new"), beside(&key, ".checkpoint"));
    let written = || -> std::io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(note.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&temporary, &kept)?;
        let directory = kept.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
    };
    written().map_err(|error| of_file(&kept, &error))
}
