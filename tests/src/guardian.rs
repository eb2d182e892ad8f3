//! Removes what a test started, however the test ends.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

/// A process of its own that waits for the end of our life or of this value, whichever is first,
/// then stops the server whose pid file it was given and deletes the directory. It notices by the
/// pipe that closes, so that a panic, an abort or `kill -9` of the tests leaves nothing behind.
pub(crate) struct Guardian(Mutex<Option<Child>>);

const WATCH: &str = r#"
cat >/dev/null
if pid=$(head -n 1 "$2" 2>/dev/null) && [ -n "$pid" ]; then
    kill -"$3" "$pid" 2>/dev/null
    tries=0
    # The server removes its pid file last; one that was killed leaves it behind.
    while [ -e "$2" ] && kill -0 "$pid" 2>/dev/null && [ $tries -lt 500 ]; do
        sleep 0.02
        tries=$((tries + 1))
    done
fi
rm -rf "$1"
"#;

impl Guardian {
    pub(crate) fn over(dir: &Path, pid_file: &Path, signal: &str) -> Self {
        let child = Command::new("/bin/sh")
            .args(["-c", WATCH, "guardian"])
            .args([dir, pid_file])
            .arg(signal)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/")
            // Not in our group: Ctrl-C must not reach it.
            .process_group(0)
            .spawn()
            .unwrap();
        Self(Mutex::new(Some(child)))
    }

    /// Cleans up now, and returns when that is done.
    pub(crate) fn finish(&self) {
        let child = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        if let Some(mut child) = child {
            drop(child.stdin.take());
            let _ = child.wait();
        }
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        self.finish();
    }
}
