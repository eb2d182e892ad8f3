//! Runs the blocks of one page as a reader types them: a psql session for each role, which stays open
//! through the page, and bash.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use wo_cluster_tests::{Cluster, wo_program};

/// The database that a reader creates for work orders.
const DATABASE: &str = "work";

/// The repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// A block of a page: its language, the line where it begins, and its text.
pub struct Block {
    pub language: String,
    pub line: usize,
    pub text: String,
}

/// The fenced blocks of a Markdown text.
pub fn blocks(text: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut open: Option<Block> = None;
    for (index, line) in text.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(language)) => {
                open = Some(Block {
                    language: language.trim().to_owned(),
                    line: index + 1,
                    text: String::new(),
                });
            }
            (Some(_), Some(_)) => found.extend(open.take()),
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    found
}

/// A psql session of one role.
struct Session {
    child: Child,
    input: ChildStdin,
    output: BufReader<std::process::ChildStdout>,
}

impl Session {
    fn open(cluster: &Cluster, role: &str, directory: &Path) -> Self {
        let psql = cluster.tool("psql", role);
        let mut command = Command::new("sh");
        command.args(["-c", r#"exec "$0" -X 2>&1"#]).arg(psql.get_program()).env_clear();
        command.envs(psql.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("PGDATABASE", DATABASE).current_dir(directory);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("psql starts");
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, input, output }
    }

    /// Types a text and returns what the session printed.
    fn type_in(&mut self, text: &str) -> String {
        const END: &str = "the-block-has-ended";
        write!(self.input, "{text}\n\\echo {END}\n").unwrap();
        self.input.flush().unwrap();
        let mut printed = String::new();
        loop {
            let mut line = String::new();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "psql ended:\n{printed}");
            if line.trim_end() == END {
                return printed;
            }
            printed.push_str(&line);
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The directory of the pages' keys. A test has one of its own in its place.
const KEYS: &str = "/etc/wo_core";

/// Where the pages' vault listens. A test has a port of its own in its place.
const VAULT: &str = "127.0.0.1:8200";

/// Ends what a page has started in the background, and removes its files: a program's id stands in a file `*.pid`.
struct Directory(PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        let files = std::fs::read_dir(&self.0).into_iter().flatten().flatten();
        for file in
            files.filter(|file| file.path().extension().is_some_and(|ending| ending == "pid"))
        {
            let id = std::fs::read_to_string(file.path()).unwrap_or_default();
            let _ = Command::new("kill").arg(id.trim()).stderr(Stdio::null()).status();
        }
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The settings in a block of `postgresql.conf`.
fn settings(text: &str) -> Vec<(String, String)> {
    let setting = |line: &str| {
        let (name, value) = line.split('#').next()?.split_once('=')?;
        Some((name.trim().to_owned(), value.trim().trim_matches('\'').to_owned()))
    };
    text.lines().filter_map(setting).collect()
}

/// Runs every block of a page; a statement that is refused, or a command that fails, fails the test. The server has
/// the settings of the page's blocks of `postgresql.conf` from its start.
pub fn run(page: &str) {
    let text = std::fs::read_to_string(repository().join(page)).unwrap();
    let configured: Vec<(String, String)> = blocks(&text)
        .iter()
        .filter(|block| block.language == "conf")
        .flat_map(|block| settings(&block.text))
        .collect();
    let configured: Vec<(&str, &str)> =
        configured.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let cluster = Cluster::own(&configured);
    let keys = cluster.make_dir("keys");
    let vault = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let text = text.replace(KEYS, keys.to_str().unwrap()).replace(VAULT, &vault.to_string());
    // Sessions that are open when a page has its database dropped.
    cluster.allow_in_log("terminating connection due to administrator command");
    cluster.superuser("postgres").batch_execute(&format!("create database {DATABASE}")).unwrap();
    let directory = PathBuf::from(format!("/tmp/wo.docs.{}", uuid::Uuid::now_v7()));
    std::fs::create_dir(&directory).unwrap();
    let directory = Directory(directory);
    let directory = &directory.0;
    let mut sessions: HashMap<String, Session> = HashMap::new();
    let mut typed = 0;
    for block in blocks(&text) {
        let at = format!("{page}:{}", block.line);
        match block.language.as_str() {
            "sql" => {
                let who = block.text.lines().next().and_then(|line| line.strip_prefix("-- as "));
                let who = who.unwrap_or_else(|| panic!("{at}: the block does not say who types"));
                let role = if who.starts_with("a superuser") { "postgres" } else { who };
                let session = sessions
                    .entry(role.to_owned())
                    .or_insert_with(|| Session::open(&cluster, role, directory));
                check(&at, &block.text, &session.type_in(&block.text));
            }
            "sh" => shell(&at, &cluster, directory, &block.text),
            "conf" | "text" => continue,
            other => panic!("{at}: {other:?} is none of sql, sh, conf, text"),
        }
        typed += 1;
    }
    assert!(typed > 0, "{page} has nothing to type");
}

/// Holds what psql printed against the refusals that a block announces.
fn check(at: &str, text: &str, printed: &str) {
    let expected: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("-- refused: ")).collect();
    let errors = printed.lines().filter(|line| line.starts_with("ERROR:")).count();
    assert_eq!(errors, expected.len(), "{at}:\n{printed}");
    for code in expected {
        assert!(printed.contains(&format!("\"code\":\"{code}\"")), "{at}: {code}\n{printed}");
    }
    for word in ["FATAL:", "WARNING:", "invalid command", "unterminated"] {
        assert!(!printed.contains(word), "{at}:\n{printed}");
    }
}

fn shell(at: &str, cluster: &Cluster, directory: &Path, text: &str) {
    let psql = cluster.tool("psql", "postgres");
    let bin = Path::new(psql.get_program()).parent().unwrap().to_owned();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("bash");
    command.args(["-euo", "pipefail", "-c", text]).env_clear();
    command.envs(psql.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
        .env("HOME", directory)
        .env(
            "PATH",
            format!("{}:{}:{path}", wo_program().parent().unwrap().display(), bin.display()),
        )
        .current_dir(directory);
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(
        output.status.success(),
        "{at}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
