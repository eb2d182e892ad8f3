//! The files of archives: written beside their place, read back, and only then put there.

use crate::pg::error::damaged;
use crate::pg::setting;
use sha2::{Digest, Sha256};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use wo_rules::refusal::Refusal;
use wo_rules::retention::name::file_name;

/// The ending of what is not finished yet.
const UNFINISHED: &str = "new";

fn sentence(path: &Path, error: &std::io::Error) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    format!("{name} cannot be read or written: {}", error.kind())
}

/// The directory of this database's archives.
///
/// # Errors
/// One plain sentence where none is set.
pub fn directory() -> Result<PathBuf, String> {
    let root = setting::archive_directory()
        .ok_or_else(|| "the setting wo_core.archive_directory is empty".to_owned())?;
    let database = crate::pg::server::own_database_name()
        .ok_or_else(|| "the database has no name".to_owned())?;
    Ok(Path::new(&root).join(file_name(&database)))
}

/// Makes a directory that only the server's user may enter, where it is not there yet.
fn make(directory: &Path) -> Result<(), String> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|error| sentence(directory, &error))
}

/// A file that is being written, and the SHA-256 of what it holds.
pub struct Writing {
    file: BufWriter<File>,
    hash: Sha256,
    path: PathBuf,
}

impl Writing {
    /// Begins the file that will have that path, beside it.
    ///
    /// # Errors
    /// One plain sentence.
    pub fn begin(path: &Path) -> Result<Self, String> {
        make(path.parent().unwrap_or(Path::new(".")))?;
        let unfinished = unfinished(path);
        // What an interrupted attempt left, with whatever rights it may have got since.
        match std::fs::remove_file(&unfinished) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(sentence(&unfinished, &error));
            }
            _ => {}
        }
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&unfinished)
            .map_err(|error| sentence(&unfinished, &error))?;
        Ok(Self { file: BufWriter::new(file), hash: Sha256::new(), path: path.to_owned() })
    }

    /// Writes what comes next.
    ///
    /// # Errors
    /// One plain sentence.
    pub fn write(&mut self, text: &str) -> Result<(), String> {
        self.hash.update(text);
        self.file.write_all(text.as_bytes()).map_err(|error| sentence(&self.path, &error))
    }

    /// Ends it on the disk, under its unfinished name, and gives its SHA-256.
    ///
    /// # Errors
    /// One plain sentence.
    pub fn end(self) -> Result<[u8; 32], String> {
        let Self { file, hash, path } = self;
        let file = file.into_inner().map_err(|error| sentence(&path, error.error()))?;
        file.sync_all().map_err(|error| sentence(&path, &error))?;
        Ok(hash.finalize().into())
    }
}

/// The path under which a file is written.
pub fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(UNFINISHED);
    PathBuf::from(name)
}

/// Puts finished files into their places, and the directory on the disk.
///
/// # Errors
/// One plain sentence.
pub fn put(paths: &[&Path]) -> Result<(), String> {
    for path in paths {
        std::fs::rename(unfinished(path), path).map_err(|error| sentence(path, &error))?;
    }
    for path in paths {
        let directory = path.parent().unwrap_or(Path::new("."));
        File::open(directory)
            .and_then(|directory| directory.sync_all())
            .map_err(|error| sentence(directory, &error))?;
    }
    Ok(())
}

/// Reads a file line by line, each without its end, and gives its SHA-256.
///
/// # Errors
/// One plain sentence, or what `read` says.
pub fn lines(
    path: &Path,
    mut read: impl FnMut(&str) -> Result<(), String>,
) -> Result<[u8; 32], String> {
    let mut file = BufReader::new(File::open(path).map_err(|error| sentence(path, &error))?);
    let (mut hash, mut line) = (Sha256::new(), Vec::new());
    loop {
        line.clear();
        let length = file.read_until(b'\n', &mut line).map_err(|error| sentence(path, &error))?;
        if length == 0 {
            return Ok(hash.finalize().into());
        }
        hash.update(&line);
        let text =
            line.strip_suffix(b"\n").and_then(|line| std::str::from_utf8(line).ok()).ok_or_else(
                || "the data file ends in the middle of a line, or is no text".to_owned(),
            )?;
        read(text)?;
        pgrx::check_for_interrupts!();
    }
}

/// The SHA-256 of a file.
///
/// # Errors
/// One plain sentence.
pub fn hash_of(path: &Path) -> Result<[u8; 32], String> {
    let mut file = File::open(path).map_err(|error| sentence(path, &error))?;
    let (mut hash, mut batch) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        let length = file.read(&mut batch).map_err(|error| sentence(path, &error))?;
        if length == 0 {
            return Ok(hash.finalize().into());
        }
        hash.update(&batch[..length]);
        pgrx::check_for_interrupts!();
    }
}

/// Reads a whole file, and gives its SHA-256 as well.
///
/// # Errors
/// One plain sentence.
pub fn whole(path: &Path) -> Result<(String, [u8; 32]), String> {
    let text = std::fs::read_to_string(path).map_err(|error| sentence(path, &error))?;
    let hash = Sha256::digest(text.as_bytes()).into();
    Ok((text, hash))
}

/// Writes a small file, reads it back, and puts it into its place. Gives its SHA-256.
///
/// # Errors
/// 55000 where that fails.
pub fn keep(path: &Path, text: &str) -> Result<[u8; 32], Refusal> {
    let kept = || -> Result<[u8; 32], String> {
        let mut writing = Writing::begin(path)?;
        writing.write(text)?;
        let hash = writing.end()?;
        if whole(&unfinished(path))?.1 != hash {
            return Err("what was written does not read back".to_owned());
        }
        put(&[path])?;
        Ok(hash)
    };
    kept().map_err(|why| damaged(&why))
}
