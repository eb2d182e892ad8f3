//! A vault: OpenBao's own server in its development mode, which keeps everything in memory.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::cluster::patiently;
use crate::server::free_port;

/// The token of its administrator.
const ROOT: &str = "root-of-the-test";

/// Stops when it goes out of scope, or when the test is killed.
pub struct OpenBao {
    child: Child,
    dir: PathBuf,
    address: String,
}

impl OpenBao {
    /// `.ci/packages test` installs the program.
    pub fn start() -> Self {
        let port = free_port();
        let dir = PathBuf::from(format!("/tmp/wo.bao.{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&dir).unwrap();
        let log = std::fs::File::create(dir.join("log")).unwrap();
        let mut command = Command::new("bao");
        command
            .args(["server", "-dev", "-dev-no-store-token"])
            .arg(format!("-dev-root-token-id={ROOT}"))
            .arg(format!("-dev-listen-address=127.0.0.1:{port}"))
            .env("HOME", &dir)
            .current_dir(&dir)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        // SAFETY: prctl takes plain numbers, and may be called between fork and exec.
        unsafe {
            command.pre_exec(|| {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                Ok(())
            });
        }
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("bao: {error}; .ci/packages test installs it"));
        let bao = Self { child, dir, address: format!("http://127.0.0.1:{port}") };
        patiently("OpenBao", || bao.command(&["status"]).output().unwrap().status.success());
        bao
    }

    /// Its address.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The program `bao` as its administrator.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("bao");
        command.args(arguments);
        self.administer(&mut command);
        command
    }

    fn administer(&self, command: &mut Command) {
        command
            .env("HOME", &self.dir)
            .env("BAO_ADDR", &self.address)
            .env("BAO_TOKEN", ROOT)
            .env_remove("VAULT_ADDR");
    }

    /// Runs `bao` as its administrator; returns what it prints.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "bao {arguments:?}: {text}{error}");
        text
    }

    /// Runs commands of a shell as its administrator.
    #[track_caller]
    pub fn shell(&self, script: &str) -> String {
        let mut command = Command::new("bash");
        command.args(["-eu"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        self.administer(&mut command);
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}\n{text}{error}");
        text
    }

    /// What the server has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("log")).unwrap()
    }
}

impl Drop for OpenBao {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
