//! Which entries of the trail are sealed in the ledger, and in which checkpoint.

use super::document::Sections;
use super::text::{Shown, code, count, thousands};
use crate::evidence::ranges;
use crate::ledger::bundle::Bundle;
use crate::ledger::checkpoint::Checkpoint;
use crate::ledger::hash_text;
use maud::{Markup, html};
use std::collections::BTreeSet;

pub(super) fn sealing(sections: &Sections) -> Markup {
    let Some(ledger) = &sections.ledger else {
        return html! {
            p {
                "The package carries no proof from a ledger: its entries had not been sealed when it was \
                 made."
            }
        };
    };
    let read = Bundle::read(ledger.get())
        .and_then(|bundle| bundle.checkpoint(None).map(|checkpoint| (bundle, checkpoint)));
    html! {
        div.ledger {
            h3 { "Sealed in the ledger" }
            @match read {
                Ok((bundle, checkpoint)) => (sealed(sections, &bundle, &checkpoint)),
                Err(why) => p { "The package’s proofs from the ledger cannot be read: " (Shown(&why)) },
            }
        }
    }
}

fn sealed(sections: &Sections, bundle: &Bundle, checkpoint: &Checkpoint) -> Markup {
    let trail: BTreeSet<i64> = sections.trail.iter().map(|entry| entry.sequence).collect();
    let sealed: BTreeSet<i64> = bundle.entries.iter().map(|proven| proven.sequence).collect();
    let unsealed: Vec<i64> = trail.difference(&sealed).copied().collect();
    html! {
        p {
            @if unsealed.is_empty() {
                strong { "Every entry of the trail is sealed." }
            } @else {
                strong {
                    (thousands(trail.len() - unsealed.len())) " of "
                    (count(trail.len(), "entry", "entries")) " are sealed."
                }
            }
            " The ledger holds the hashes of all entries of the database in one tree. Its checkpoints are \
             signed with a key that is kept outside the database, and the keeper of a checkpoint can see \
             whether an entry below it was changed or taken away since, even by those who administer the \
             database."
        }
        table.hashes {
            caption { "The checkpoint that the package’s proofs lead to" }
            tbody {
                tr { th scope="row" { "Ledger" } td { (Shown(&checkpoint.origin)) } }
                tr { th scope="row" { "Entries sealed, of all work orders" } td { (checkpoint.size) } }
                tr {
                    th scope="row" { "Root of their tree, in base64" }
                    td { (code(&hash_text(&checkpoint.root))) }
                }
                tr {
                    th scope="row" { "Entries of this trail that are sealed" }
                    td { (Shown(&ranges_or_none(sealed))) }
                }
                tr {
                    th scope="row" { "Entries that were not yet sealed" }
                    td { (Shown(&ranges_or_none(unsealed))) }
                }
                @if let Some(recovery) = checkpoint.recovery() {
                    tr {
                        th scope="row" { "Recovery before it" }
                        td {
                            "number " (recovery.number) ", its statement’s SHA-256 in base64 "
                            (code(&hash_text(&recovery.statement)))
                        }
                    }
                }
            }
        }
        p {
            "Whether the checkpoint is genuine is shown by the ledger’s public key, which the keeper of the \
             ledger makes known, or by a witness’s checkpoint:"
        }
        pre.command {
            "wo verify evidence.json --sealing-key KEY\n\
             wo verify evidence.json --checkpoint CHECKPOINT --consistency PROOF"
        }
    }
}

fn ranges_or_none(numbers: impl IntoIterator<Item = i64>) -> String {
    let ranges = ranges(numbers);
    if ranges.is_empty() { "none".to_owned() } else { ranges }
}
