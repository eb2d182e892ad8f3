//! The server's log: what no test may leave in it unless it says so.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// `log_line_prefix`: when, process, role and database, SQLSTATE.
pub(crate) const PREFIX: &str = "%m [%p] %u@%d %e ";

/// One message of the log, with the lines that follow it up to the next one with a prefix.
struct Message<'l> {
    database: &'l str,
    sqlstate: &'l str,
    severity: &'l str,
    text: String,
}

impl<'l> Message<'l> {
    /// `2026-01-31 10:00:00.000 UTC [123] ann@db7 23514 ERROR:  text`
    fn begins(line: &'l str) -> Option<Self> {
        let (time, rest) = line.split_once(" UTC [")?;
        if time.len() != 23 || !time.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let (who, rest) = rest.split_once("] ")?.1.split_once(' ')?;
        let (sqlstate, rest) = rest.split_once(' ')?;
        let (severity, text) = rest.split_once(":  ")?;
        let (_, database) = who.rsplit_once('@')?;
        Some(Self { database, sqlstate, severity, text: text.to_owned() })
    }

    /// A warning that code of the server gave without a class of its own, as of a leak; an error inside the
    /// server; or the end of a process of it. Warnings with a class, such as that a ROLLBACK had no
    /// transaction, are about what the client did, and signal 9 is what tests send.
    fn is_unexpected(&self) -> bool {
        (self.severity == "WARNING" && self.sqlstate == "01000")
            || self.severity == "PANIC"
            || self.sqlstate.starts_with("XX")
            || (self.text.contains("was terminated by") && !self.text.contains("by signal 9:"))
    }
}

/// The unexpected messages from an offset of the log file on: those of one database and of the server
/// itself, or of all. A text in `allowed` is expected.
pub(crate) fn unexpected(
    file: &Path,
    from: u64,
    database: Option<&str>,
    allowed: &[String],
) -> Vec<String> {
    let mut bytes = Vec::new();
    if let Ok(mut log) = File::open(file) {
        let _ = log.seek(SeekFrom::Start(from)).and_then(|_| log.read_to_end(&mut bytes));
    }
    let log = String::from_utf8_lossy(&bytes);
    let mut found: Vec<Message<'_>> = Vec::new();
    let mut is_followed = false;
    let mut stray = Vec::new();
    for line in log.lines() {
        if let Some(message) = Message::begins(line) {
            let is_detail = matches!(
                message.severity,
                "DETAIL" | "HINT" | "CONTEXT" | "STATEMENT" | "QUERY" | "LOCATION" | "BACKTRACE"
            );
            if is_detail && is_followed {
                if let Some(last) = found.last_mut() {
                    last.text += &format!("\n    {}: {}", message.severity, message.text);
                }
            } else if !is_detail {
                let concerns = database.is_none_or(|name| {
                    message.database == name || matches!(message.database, "" | "[unknown]")
                });
                is_followed = concerns && message.is_unexpected();
                if is_followed {
                    found.push(message);
                }
            }
        } else if line.starts_with("TRAP: ") || line.contains("panicked at") {
            // An assertion of a server that was built with them, or a panic of the library.
            stray.push(line.to_owned());
        }
    }
    let messages = found
        .into_iter()
        .map(|message| format!("{} {}: {}", message.severity, message.sqlstate, message.text));
    let is_allowed = |text: &String| allowed.iter().any(|allowed| text.contains(allowed.as_str()));
    messages.chain(stray).filter(|text| !is_allowed(text)).collect()
}

#[cfg(test)]
mod tests {
    use super::unexpected;

    const LOG: &str = "\
2026-01-31 10:00:00.000 UTC [1] @ 00000 LOG:  database system is ready to accept connections
2026-01-31 10:00:00.001 UTC [2] ann@db1 23514 ERROR:  refused
2026-01-31 10:00:00.001 UTC [2] ann@db1 23514 DETAIL:  {\"code\": \"refused\"}
2026-01-31 10:00:00.002 UTC [2] ann@db1 01000 WARNING:  buffer refcount leak: [001]
2026-01-31 10:00:00.002 UTC [2] ann@db1 25P01 WARNING:  there is no transaction in progress
2026-01-31 10:00:00.003 UTC [3] bob@db2 XX000 ERROR:  could not open relation
\twith a second line
2026-01-31 10:00:00.003 UTC [3] bob@db2 XX000 STATEMENT:  select 1
2026-01-31 10:00:00.004 UTC [1] @ 00000 LOG:  server process (PID 3) was terminated by signal 11: Segmentation fault
";

    fn found(database: Option<&str>, allowed: &[&str]) -> Vec<String> {
        let file = std::env::temp_dir().join(format!(
            "wo_log_{}_{}",
            std::process::id(),
            std::thread::current().name().unwrap_or("").replace(':', "_")
        ));
        std::fs::write(&file, LOG).unwrap();
        let allowed: Vec<String> = allowed.iter().map(|text| (*text).to_owned()).collect();
        let found = unexpected(&file, 0, database, &allowed);
        std::fs::remove_file(file).unwrap();
        found
    }

    /// A test that does not look at its database's log would be green beside a leak or a crash.
    #[test]
    fn warnings_internal_errors_and_crashes_are_unexpected() {
        assert_eq!(found(None, &[]).len(), 3, "{:?}", found(None, &[]));
        let of_one = found(Some("db2"), &[]);
        assert!(of_one[0].contains("STATEMENT: select 1"), "{of_one:?}");
        assert!(of_one[1].contains("terminated by signal 11"), "{of_one:?}");
        assert_eq!(of_one.len(), 2, "a refusal and another database's messages are not of it");
        assert_eq!(found(Some("db1"), &["terminated"]).len(), 1, "what is allowed is left out");
    }
}
