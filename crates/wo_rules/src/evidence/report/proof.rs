//! How a reader of the page can verify it.

use super::document::{Facts, Package};
use super::ledger;
use super::text::{Section, Shown, code, dash, heading, lines};
use super::value::text;
use maud::{Markup, html};

pub(super) fn section(package: &Package, facts: &Facts, package_sha256: &str) -> Markup {
    let sections = facts.sections;
    let chain = &sections.work_order;
    html! {
        section aria-labelledby=(Section::Proof.anchor()) {
            (heading(Section::Proof))
            p {
                "This page is a reading copy. The evidence is the package that it was made from: one JSON \
                 document that is verified without the database and without trust in who handed it over. \
                 Verify the package with"
            }
            pre.command { "wo verify evidence.json" }
            p {
                "The verifier checks that the package is whole, that every entry of the trail follows the \
                 one before it, that the record is what its trail left, and that each signature was made \
                 with the signer’s key over the content that it names. Then compare these hashes with what \
                 it prints:"
            }
            table.hashes {
                caption { "SHA-256 hashes" }
                thead { tr { th scope="col" { "Of" } th scope="col" { "Hash" } } }
                tbody {
                    tr { th scope="row" { "the package, all of its bytes" } td { (code(package_sha256)) } }
                    tr { th scope="row" { "its manifest" } td { (code(&package.manifest_sha256)) } }
                    tr {
                        th scope="row" { "the chain’s head, entry " (chain.chain_sequence) }
                        td { (code(&chain.chain_hash)) }
                    }
                    @for (section, hash) in &package.manifest.0 {
                        tr {
                            th scope="row" { "section " (Shown(section)) }
                            td { (text(hash).as_deref().map_or_else(dash, code)) }
                        }
                    }
                }
            }
            (ledger::sealing(sections))
            @if !sections.how_to_verify.trim().is_empty() {
                h3 { "What the package itself says about it" }
                (lines(&sections.how_to_verify))
            }
        }
    }
}
