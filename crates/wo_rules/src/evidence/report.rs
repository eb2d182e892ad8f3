//! The evidence package as one page for people: an inspector reads the whole story of a work order
//! in a browser or on paper, without the product, its database or a network.
//!
//! The page loads nothing and runs nothing, and instructs the browser so; it is the same, byte for
//! byte, for the same package, moment and reader. What people wrote cannot leave its place in it, nor hide there:
//! letters that would not be seen, or would turn others around, are shown by their number.

mod acts;
mod changes;
mod deliverables;
mod document;
mod findings;
mod keys;
mod ledger;
mod network;
mod page;
mod proof;
mod record;
mod related;
mod required;
mod signatures;
mod steps;
mod style;
mod text;
mod timeline;
mod trail;
mod value;

use sha2::{Digest, Sha256};

/// The format that this page is made from.
const FORMAT: &str = "wo_core.evidence.v1";

pub use crate::evidence::verify::Made;

/// An evidence package as one HTML page that needs nothing else: no script, no font, no picture
/// from elsewhere. It shows what the package says; whether that is true is for the verifier. The page says that
/// it was made at that time, a time as [`crate::time::utc`] writes it, by whom and with what.
///
/// # Errors
/// What keeps the text from being read as an evidence package.
pub fn render(package: &str, at: &str, made: &Made) -> Result<String, String> {
    let read: document::Package = serde_json::from_str(package)
        .map_err(|why| format!("this is not an evidence package: {why}"))?;
    if read.format != FORMAT {
        return Err(format!("the package's format is {:?}, not {FORMAT}", read.format));
    }
    let facts = document::Facts::of(&read.sections);
    let page = page::Page {
        package: &read,
        facts: &facts,
        package_sha256: &hex::encode(Sha256::digest(package)),
        at,
        made,
    };
    Ok(page.render().into_string())
}
