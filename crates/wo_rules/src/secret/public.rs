//! Long texts that look random and are no secrets: certificates, public keys, pictures, documents, hashes.

use super::{each_place, length_of, place};
use std::ops::Range;

/// How the base64 of pictures and documents begins: PNG, JPEG, GIF, RIFF (WebP), SVG and XML, PDF, TIFF, ZIP
/// (Office), gzip, BMP, WOFF.
const PICTURES: &[&str] = &[
    "iVBORw0KGgo",
    "/9j/",
    "R0lGOD",
    "UklGR",
    "PHN2Zy",
    "PD94bWw",
    "JVBERi0",
    "SUkqA",
    "TU0AK",
    "UEsDB",
    "H4sI",
    "Qk0",
    "d09GM",
];

/// The shortest base64 that is taken for a picture.
const SHORTEST_PICTURE: usize = 60;

/// How public keys begin: OpenSSH, and the DER of SubjectPublicKeyInfo with its algorithms.
const PUBLIC_KEYS: &[&str] = &[
    "AAAAB3NzaC1yc2E",
    "AAAAC3NzaC1lZDI1NTE5",
    "AAAAE2VjZHNhLXNoYTIt",
    "MCowBQYDK2Vw",
    "MFkwEwYHKoZIzj0C",
    "MHYwEAYHKoZIzj0C",
    "MIIBIjANBgkqhkiG9w0BAQEF",
    "MIICIjANBgkqhkiG9w0BAQEF",
    "LS0tLS1CRUdJTi",
];

/// What names a hash before it, in lower case.
const HASHES: &[&str] = &[
    "sha1-", "sha256-", "sha384-", "sha512-", "sha1:", "sha256:", "sha384:", "sha512:", "md5:",
    "sha1=", "sha256=", "sha384=", "sha512=", "sha-256:", "sha-256=", "sha-512=",
];

/// How names of members end whose values are public, in lower case and without what separates their words.
const NAMES: &[&str] = &[
    "sha1",
    "sha256",
    "sha384",
    "sha512",
    "md5",
    "hash",
    "digest",
    "checksum",
    "fingerprint",
    "thumbprint",
    "signature",
    "publickey",
    "etag",
    "integrity",
    "certificate",
    "x5c",
    "keyid",
    "kid",
];

/// Whether random values of that name are no secrets.
pub(super) fn is_name(name: &str) -> bool {
    let name: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|letter| letter.to_ascii_lowercase())
        .collect();
    NAMES.iter().any(|ending| name.ends_with(ending))
}

const fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_')
}

/// The ranges in which random text is no secret.
pub(super) fn ranges(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut all = Vec::new();
    // Blocks of PEM; those of private keys were found already.
    each_place(bytes, b"-----begin ", |at| {
        let end = place(bytes, b"-----end ", at).unwrap_or(bytes.len());
        all.push(at..end);
        end
    });
    // Addresses: the path of a document is random, and no credential.
    each_place(bytes, b"://", |at| {
        let is_part = |byte: u8| !byte.is_ascii_whitespace() && !b"\"'<>`\\".contains(&byte);
        let end = at + length_of(bytes, at, is_part);
        all.push(at..end);
        end
    });
    for kind in [
        &b"data:image/"[..],
        b"data:application/pdf",
        b"data:font/",
        b"data:audio/",
        b"data:video/",
    ] {
        each_place(bytes, kind, |at| {
            let head = length_of(bytes, at, |byte| byte != b',' && !byte.is_ascii_whitespace());
            let end = lines_end(bytes, at + head + 1);
            all.push(at..end);
            end
        });
    }
    for hash in HASHES {
        each_place(bytes, hash.as_bytes(), |at| {
            let blank = length_of(bytes, at + hash.len(), |byte| byte == b' ');
            let start = at + hash.len() + blank;
            let end = start + length_of(bytes, start, is_base64);
            all.push(at..end);
            end
        });
    }
    let mut from = 0;
    while from < bytes.len() {
        let start = from + length_of(bytes, from, |byte| !is_base64(byte));
        let length = length_of(bytes, start, is_base64);
        from = start + length;
        let run = &text[start..from];
        let begins = |heads: &[&str]| heads.iter().any(|head| run.starts_with(head));
        if begins(PUBLIC_KEYS) {
            all.push(start..from);
        } else if length >= SHORTEST_PICTURE && begins(PICTURES) {
            from = lines_end(bytes, start);
            all.push(start..from);
        }
    }
    all
}

/// The end of base64 that may be broken into lines, the last of them shorter.
fn lines_end(bytes: &[u8], at: usize) -> usize {
    let mut end = at + length_of(bytes, at, is_base64);
    loop {
        let line = end + length_of(bytes, end, |byte| matches!(byte, b'\r' | b'\n'));
        let length = length_of(bytes, line, is_base64);
        let is_whole =
            bytes.get(line + length).is_none_or(|byte| matches!(byte, b'\r' | b'\n' | b'"'));
        if line == end || length == 0 || !is_whole {
            return end;
        }
        end = line + length;
    }
}
