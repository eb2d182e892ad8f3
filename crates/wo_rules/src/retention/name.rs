//! Names of archives and of their files.

/// The tables whose months are archived.
pub const SOURCES: [&str; 2] = ["audit_entry", "event"];

/// The table that an archive of that name comes from; nothing where it is no archive's name, which
/// is that of a leaf: `audit_entry_2026_01`.
pub fn source_of(name: &str) -> Option<&'static str> {
    let source = SOURCES.iter().find(|source| {
        name.strip_prefix(**source).and_then(|rest| rest.strip_prefix('_')).is_some_and(is_month)
    })?;
    Some(source)
}

fn is_month(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 7
        && bytes.iter().enumerate().all(|(index, byte)| match index {
            4 => *byte == b'_',
            _ => byte.is_ascii_digit(),
        })
}

/// A name that is safe as the name of a file: everything but letters, digits, `-` and `_` is written
/// as `%` and two hexadecimal digits, a dot too.
pub fn file_name(name: &str) -> String {
    let mut safe = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => safe.push(byte as char),
            _ => safe.push_str(&format!("%{byte:02X}")),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_named_as_its_leaf() {
        assert_eq!(source_of("audit_entry_2026_01"), Some("audit_entry"));
        assert_eq!(source_of("event_2026_12"), Some("event"));
        for name in ["", "event", "event_", "event_2026_1", "work_order_2026_01", "event_2026_01x"]
        {
            assert_eq!(source_of(name), None, "{name}");
        }
        assert_eq!(source_of("event_2026_01/../../x"), None);
        assert_eq!(source_of("event_20é_01"), None);
    }

    #[test]
    fn no_name_leads_out_of_its_directory() {
        assert_eq!(file_name("../etc/passwd"), "%2E%2E%2Fetc%2Fpasswd");
        assert_eq!(file_name("WO-2026-0305-001"), "WO-2026-0305-001");
        assert_eq!(file_name("夏"), "%E5%A4%8F");
    }
}
