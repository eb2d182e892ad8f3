//! Running the command.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a command left.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// The one line printed by a command that succeeded.
    #[track_caller]
    pub fn line(self) -> String {
        assert_eq!(self.code, 0, "{}", self.err);
        self.out.strip_suffix('\n').unwrap().to_owned()
    }

    /// What a command that failed says; it prints nothing.
    #[track_caller]
    pub fn refusal(self) -> String {
        assert_eq!((self.code, self.out.as_str()), (1, ""), "{}", self.err);
        self.err
    }
}

pub fn run(program: &str, arguments: &[&str], input: &[u8]) -> Ran {
    let mut child = Command::new(program)
        .args(arguments)
        .env_remove("WO_PASSPHRASE_FILE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses may not read its input to the end.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

pub fn wo(arguments: &[&str], input: &[u8]) -> Ran {
    run(env!("CARGO_BIN_EXE_wo"), arguments, input)
}

pub fn openssl(arguments: &[&str]) -> Ran {
    run("openssl", arguments, b"")
}

/// A directory of the test's own, removed with it.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(format!("wo_command.{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// A signing key with its passphrase: the two files, and the public half.
    pub fn signing_key(&self) -> (String, String, String) {
        let (key, passphrase) =
            (self.path("key.pem"), self.file("passphrase", "correct horse\nmore\n"));
        let public = wo(
            &["key", "new", "--for", "signer", "--out", &key, "--passphrase-file", &passphrase],
            b"",
        )
        .line();
        (key, passphrase, public)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn read(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(path).unwrap()
}
