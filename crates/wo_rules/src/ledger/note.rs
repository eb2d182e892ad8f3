//! Signed notes (C2SP signed-note): a text and the signatures under it.

use super::key::{SealingKey, VerifierKey};
use base64ct::{Base64, Encoding};

/// The longest note that is looked at, in bytes.
const LONGEST: usize = 1 << 20;

/// The most signatures under a note.
const MOST_SIGNATURES: usize = 100;

const BEFORE_SIGNATURE: &str = "\u{2014} ";

/// A text with one line break at its end, as a note has, however many psql, an editor or a shell left there.
pub fn one_line_break(text: &str) -> String {
    format!("{}\n", text.trim_end_matches(['\n', '\r']))
}

/// One line under a note.
struct Signature<'n> {
    name: &'n str,
    id: [u8; 4],
    signature: Vec<u8>,
}

/// A note taken apart.
pub(super) struct Note<'n> {
    text: &'n str,
    signatures: Vec<Signature<'n>>,
}

/// A note of that text with the key's signature. The text ends with a line break.
pub(super) fn sign(text: &str, key: &SealingKey) -> String {
    let verifier = key.verifier();
    let mut signature = verifier.id().to_vec();
    signature.extend(key.sign(text.as_bytes()));
    let (name, signature) = (verifier.name(), Base64::encode_string(&signature));
    format!("{text}\n{BEFORE_SIGNATURE}{name} {signature}\n")
}

impl<'n> Note<'n> {
    /// Takes a note apart, with any signature.
    pub fn read(note: &'n str) -> Result<Self, String> {
        if note.len() > LONGEST {
            return Err(format!("the note is longer than {LONGEST} bytes"));
        }
        if note.bytes().any(|byte| byte < b' ' && byte != b'\n') {
            return Err("the note has a control character in it".to_owned());
        }
        let Some(end) = note.rfind("\n\n") else {
            return Err("the note has no empty line between its text and its signatures".to_owned());
        };
        let (text, signatures) = (&note[..=end], &note[end + 2..]);
        let signatures = signatures
            .strip_suffix('\n')
            .ok_or_else(|| "the note does not end with a line of a signature".to_owned())?;
        let signatures: Vec<_> = signatures.split('\n').map(signature).collect();
        if signatures.len() > MOST_SIGNATURES {
            return Err(format!("the note has more than {MOST_SIGNATURES} signatures"));
        }
        let signatures: Option<Vec<_>> = signatures.into_iter().collect();
        let signatures = signatures
            .ok_or_else(|| "a line under the note is no signature of a note".to_owned())?;
        Ok(Self { text, signatures })
    }

    /// The text, with the line break at its end.
    pub fn text(&self) -> &'n str {
        self.text
    }

    /// The text, if the key signed it. Signatures of others are passed over; one that claims to be
    /// the key's and is not spoils the note.
    pub fn text_signed_by(&self, key: &VerifierKey) -> Result<&'n str, String> {
        let mut own = self
            .signatures
            .iter()
            .filter(|signature| signature.name == key.name() && signature.id == key.id())
            .peekable();
        if own.peek().is_none() {
            return Err(format!("the note is not signed with the key {key}"));
        }
        if own.all(|own| key.verifies(self.text.as_bytes(), &own.signature)) {
            Ok(self.text)
        } else {
            Err(format!("the note's signature was not made with the key {key} over this text"))
        }
    }
}

fn signature(line: &str) -> Option<Signature<'_>> {
    let (name, encoded) = line.strip_prefix(BEFORE_SIGNATURE)?.split_once(' ')?;
    let is_name = !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '+');
    let bytes = Base64::decode_vec(encoded).ok()?;
    let (id, signature) = bytes.split_first_chunk::<4>()?;
    (is_name && !signature.is_empty()).then(|| Signature {
        name,
        id: *id,
        signature: signature.to_vec(),
    })
}
