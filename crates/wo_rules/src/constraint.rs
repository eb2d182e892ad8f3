//! What a violated constraint of the tables and domains of schema `wo` is answered with.
//!
//! PostgreSQL answers with the constraint's name and, where the caller may read it, the whole row. Here each
//! named CHECK has a sentence of its own, and a code that programs match on.

mod reference;

pub use reference::answers_reference;

use crate::refusal::{Refusal, SqlState};
use Class::{Malformed, NotPlain, OutOfOrder, OutOfRange, Reason, TooLong, Unknown, Whole};

/// What kind of rule a CHECK is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// The length of a text, a list or a document.
    TooLong,
    /// How a name is written.
    NotPlain,
    /// One of a few values.
    Unknown,
    /// A number or an interval.
    OutOfRange,
    /// Times that follow each other.
    OutOfOrder,
    /// The shape of a value.
    Malformed,
    /// A reason or a text that may not be left out.
    Reason,
    /// Columns that go together, and those that the enforcement layer fills.
    Whole,
}

/// The CHECKs of every table of definitions, by what follows its name.
const CHECKS_OF_DEFINITIONS: &[(&str, Class, &str)] = &[
    ("version_is_positive", OutOfRange, "the version of a definition must be above 0"),
    (
        "name_is_the_documents",
        Malformed,
        "the name of a definition must be the one in its document",
    ),
    (
        "is_effective_before_it_ends",
        OutOfOrder,
        "the days of a version must have an order: effective_from, effective_until",
    ),
    ("release_is_whole", Whole, "who released a version goes together with when"),
    ("retirement_has_a_reason", Whole, "a retirement goes together with its reason"),
];

/// The CHECKs by name, each with the sentence that says its rule.
const CHECKS: &[(&str, Class, &str)] = &[
    // Domains.
    ("short_text_is_short", TooLong, "a name or a label has at most 200 characters"),
    ("remark_is_short", TooLong, "a reason or a description has at most 10,000 characters"),
    ("document_is_at_most_one_megabyte", TooLong, "a text has at most 1,048,576 bytes"),
    ("json_document_is_at_most_one_megabyte", TooLong, "a JSON value has at most 1,048,576 bytes"),
    ("json_map_is_an_object", Malformed, "the value must be a JSON object"),
    ("json_map_is_at_most_one_megabyte", TooLong, "a JSON object has at most 1,048,576 bytes"),
    (
        "text_list_is_a_list",
        Malformed,
        "a list of texts has one dimension that begins at 1, and no NULL",
    ),
    (
        "text_list_is_at_most_one_megabyte",
        TooLong,
        "a list of texts has at most 10,000 elements and 1,048,576 bytes",
    ),
    (
        "date_list_is_a_list",
        Malformed,
        "a list of days has one dimension that begins at 1, and no NULL",
    ),
    ("date_list_is_short", TooLong, "a list of days has at most 10,000 elements"),
    ("order_number_is_short", TooLong, "a number of a work order has 1 to 64 characters"),
    ("title_is_short", TooLong, "a title has at most 500 characters"),
    ("work_source_is_known", Unknown, "the source must be automation, external or manual"),
    (
        "block_cause_is_known",
        Unknown,
        "the cause must be vendor, predecessor, resource, approval, agent_failure, budget, compliance, tool or other",
    ),
    ("hours_are_not_negative", OutOfRange, "hours must be at least 0 and below 1,000,000"),
    ("idempotency_key_is_short", TooLong, "an idempotency key has 1 to 200 characters"),
    ("ordinal_is_positive", OutOfRange, "a sequence number must be above 0"),
    ("sha256_has_32_bytes", Malformed, "a SHA-256 has 32 bytes"),
    // Identity.
    (
        "tenant_slug_is_plain",
        NotPlain,
        "a slug has 1 to 63 of a-z, 0-9, _ and -, and begins with a letter or a digit",
    ),
    ("tenant_name_is_short", TooLong, "the name of a tenant has 1 to 200 characters"),
    (
        "role_is_plain",
        NotPlain,
        "the name of a role has 1 to 63 of a-z, 0-9 and _, and begins with a letter",
    ),
    (
        "role_is_no_relation",
        NotPlain,
        "assignee, originator and requester are relations to a work order, and no names of roles",
    ),
    (
        "principal_id_is_short",
        NotPlain,
        "the id of a principal has 1 to 200 characters, no control characters, and no blanks around it",
    ),
    ("principal_name_is_short", TooLong, "the name of a principal has 1 to 200 characters"),
    ("principal_kind_is_known", Unknown, "the kind must be person, agent, vendor or system"),
    ("trusted_issuer_issuer_is_short", TooLong, "the name of an issuer has 1 to 500 characters"),
    ("trusted_issuer_key_id_is_short", TooLong, "the id of a key has 1 to 200 characters"),
    ("trusted_issuer_key_is_ed25519", Malformed, "a public key of Ed25519 has 32 bytes"),
    // Lifecycles.
    (
        "guard_function_name_is_plain",
        NotPlain,
        "the name of a guard has 1 to 63 of a-z, 0-9 and _, and begins with a letter",
    ),
    (
        "state_limit_is_positive",
        OutOfRange,
        "the hours in a state must be above 0 and below 1,000,000",
    ),
    // Definitions.
    (
        "definition_policy_release_is_known",
        Unknown,
        "a version is released by its publication, by a role or by a work_order",
    ),
    (
        "definition_policy_kind_is_plain",
        NotPlain,
        "the name of a kind has 1 to 63 of a-z, 0-9 and _, and begins with a letter",
    ),
    (
        "release_item_version_is_positive",
        OutOfRange,
        "the version of a release item must be above 0",
    ),
    // False alarms.
    ("false_alarm_has_a_reason", Reason, "a false alarm has a reason of 1 to 2,000 characters"),
    (
        "false_alarm_is_withdrawn_whole",
        Whole,
        "who withdrew a false alarm goes together with when and why",
    ),
    // Work orders.
    (
        "work_order_reason_is_a_mailbox",
        Whole,
        "a reason is in the audit trail, and never in the work order",
    ),
    (
        "work_order_ends_after_it_starts",
        OutOfOrder,
        "a work order cannot end before it starts: planned_end, actual_end",
    ),
    (
        "audit_chain_sequence_is_not_negative",
        OutOfRange,
        "the sequence of an audit chain must be at least 0",
    ),
    // Dispatch.
    (
        "task_type_is_plain",
        NotPlain,
        "the name of a type of task has 1 to 63 of a-z, 0-9 and _, and begins with a letter",
    ),
    ("task_type_cost_class_is_known", Unknown, "the cost class must be free, cheap or expensive"),
    (
        "engine_is_plain",
        NotPlain,
        "the name of an engine has 1 to 63 of a-z, 0-9, _, . and -, and begins with a letter",
    ),
    ("engine_cost_class_is_known", Unknown, "the cost class must be free, cheap or expensive"),
    ("engine_override_has_a_reason", Reason, "the choice of an engine needs a reason"),
    // Job plans.
    (
        "step_result_act_is_known",
        Unknown,
        "what is recorded of a step must be result, correction, witness, skip or disposition",
    ),
    (
        "step_result_verdict_fits",
        Unknown,
        "a result passes, warns or fails, a disposition is accepted or rejected, and nothing else has a verdict",
    ),
    (
        "step_result_names_what_it_is_about",
        Whole,
        "a correction names what it corrects, a witness and a disposition the result that they are about",
    ),
    ("step_result_has_a_reason", Reason, "a correction, a skip and a disposition need a reason"),
    // Deliverables.
    (
        "deliverable_kind_is_known",
        Unknown,
        "the kind of a deliverable must be iq, oq, pq, certificate, report, photo, document, golden_image, evidence or other",
    ),
    ("deliverable_has_a_name", Malformed, "a deliverable needs a name"),
    (
        "deliverable_uri_has_a_scheme",
        Malformed,
        "the uri of a deliverable begins with a scheme such as https:",
    ),
    (
        "deliverable_size_is_no_negative_number",
        Malformed,
        "the size of a deliverable is a number of bytes",
    ),
    ("deliverable_media_type_is_one", Malformed, "a media type is written like application/pdf"),
    (
        "deliverable_review_verdict_is_known",
        Unknown,
        "the review of a deliverable says accepted or rejected",
    ),
    ("registered_document_has_a_name", Malformed, "a registered document needs a name"),
    ("document_version_is_positive", OutOfRange, "the version of a document must be above 0"),
    (
        "document_version_change_is_known",
        Unknown,
        "what becomes of a document must be new_version or archive",
    ),
    (
        "document_version_has_its_bytes",
        Whole,
        "a version of a document has a uri and a sha256, and its end has neither",
    ),
    (
        "document_version_uri_has_a_scheme",
        Malformed,
        "the uri of a document begins with a scheme such as https:",
    ),
    // Hierarchy.
    ("dependency_is_not_on_itself", Malformed, "a work order cannot wait for itself"),
    ("dependency_kind_is_known", Unknown, "the kind of a dependency must be finish_to_start"),
    ("dependency_lag_is_not_negative", OutOfRange, "a lag must be between 0 and 100 years"),
    // Signers and approvals.
    ("signing_key_is_ed25519", Malformed, "a public key of Ed25519 has 32 bytes"),
    (
        "signing_key_is_verified_whole",
        Whole,
        "a verified key names who verified it, when, and on what evidence",
    ),
    ("signing_key_is_revoked_with_a_reason", Reason, "the revocation of a key needs a reason"),
    ("signing_key_expires_after_it_begins", OutOfOrder, "a key cannot expire before it begins"),
    ("delegation_is_to_another", Malformed, "a delegation must be to somebody else"),
    ("delegation_ends_after_it_starts", OutOfOrder, "a delegation cannot end before it starts"),
    ("delegation_has_a_reason", Reason, "a delegation needs a reason"),
    (
        "approval_requirement_is_plain",
        NotPlain,
        "the name of a requirement has 1 to 63 of a-z, 0-9 and _, and begins with a letter",
    ),
    (
        "approval_requirement_meaning_is_plain",
        NotPlain,
        "the meaning of a signature has 1 to 63 of a-z, 0-9 and _, and begins with a letter",
    ),
    (
        "approval_requirement_count_is_small",
        OutOfRange,
        "a requirement asks for 1 to 100 signatures",
    ),
    (
        "approval_requirement_ordinal_is_small",
        OutOfRange,
        "the ordinal of a requirement must be between 1 and 100",
    ),
    (
        "approval_requirement_covers_is_known",
        Unknown,
        "a requirement must cover the plan or the result",
    ),
    (
        "business_calendar_name_is_plain",
        NotPlain,
        "the name of a calendar has 1 to 63 of a-z, 0-9 and _, and begins with a letter",
    ),
    ("approval_decision_is_known", Unknown, "a decision must be approved or rejected"),
    ("approval_rejection_has_a_reason", Reason, "a rejection needs a reason"),
    ("approval_covers_is_known", Unknown, "a signature must cover the plan or the result"),
    ("approval_signature_is_ed25519", Malformed, "a signature of Ed25519 has 64 bytes"),
    ("approval_printed_name_is_there", Reason, "a signature needs the printed name of its signer"),
    ("approval_meaning_is_there", Reason, "a signature needs a meaning"),
    (
        "act_signature_meaning_is_known",
        Unknown,
        "the meaning must be disposition, extension, decision, override or acceptance",
    ),
    ("act_signature_is_ed25519", Malformed, "a signature of Ed25519 has 64 bytes"),
    (
        "act_signature_printed_name_is_there",
        Reason,
        "a signature needs the printed name of its signer",
    ),
    ("waiver_has_a_reason", Reason, "a waiver needs a reason"),
    // Findings.
    (
        "finding_source_is_known",
        Unknown,
        "the source of a finding must be approval_attempt, missing_edge_attempt, other_attempt, qa, system or other",
    ),
    (
        "finding_severity_is_known",
        Unknown,
        "the severity of a finding must be observation, minor, major or critical",
    ),
    (
        "finding_category_is_known",
        Unknown,
        "the category of a finding must be deviation, data_integrity, documentation, training, equipment, supplier, compliance or other",
    ),
    ("finding_has_one_subject", Reason, "a finding needs a work order that it is about"),
    ("finding_title_is_not_blank", Reason, "a finding needs a title"),
    (
        "finding_is_of_attempts_or_of_somebody",
        Whole,
        "a finding is of refused attempts, with the category refused_attempt, or of somebody who opened it",
    ),
    ("finding_attempts_are_positive", OutOfRange, "a finding counts at least one attempt"),
    (
        "finding_is_closed_whole",
        Whole,
        "a closed finding says who closed it, when, and with what resolution",
    ),
    ("finding_resolution_is_not_blank", Reason, "a finding is closed with a resolution"),
    ("finding_resolution_is_short", TooLong, "a resolution has at most 10,000 characters"),
    // What the enforcement layer alone writes.
    ("ledger_tile_stands_in_the_tree", OutOfRange, "a tile of the ledger must stand in its tree"),
    (
        "ledger_tile_is_a_row_of_hashes",
        Malformed,
        "a tile of the ledger must hold 1 to 256 hashes of 32 bytes",
    ),
    ("ledger_tile_names_its_leaves", Whole, "a tile of the ledger must name its leaves"),
    ("ledger_checkpoint_seals_something", OutOfRange, "a checkpoint must seal something"),
    (
        "archive_is_a_month_of_trail_or_outbox",
        Malformed,
        "an archive must be a month of the audit trail or of the outbox",
    ),
    (
        "archive_leaves_before_it_comes_back",
        Whole,
        "an archive that came back must have left before",
    ),
    (
        "event_consumer_is_plain",
        NotPlain,
        "the name of a consumer has 1 to 63 of a-z, 0-9, _, . and -, and begins with a letter or a digit",
    ),
    ("event_consumer_has_one_owner", Whole, "a consumer has one owner: a principal or a role"),
    (
        "event_consumer_positions_ascend",
        OutOfOrder,
        "a consumer cannot acknowledge what it has not fetched",
    ),
    ("rollup_cursor_is_of_the_outbox", Unknown, "a rollup must read the outbox"),
];

/// The names of the CHECKs that have an answer.
pub fn checks() -> impl Iterator<Item = String> {
    let of_definitions = crate::definition::kinds().flat_map(|kind| {
        CHECKS_OF_DEFINITIONS.iter().map(move |(rule, ..)| format!("{kind}_{rule}"))
    });
    CHECKS.iter().map(|(name, ..)| (*name).to_owned()).chain(of_definitions)
}

/// The class and the sentence of a CHECK.
fn check(constraint: &str) -> Option<(Class, &'static str)> {
    let of_definition = || {
        let rule = crate::definition::kinds()
            .find_map(|kind| constraint.strip_prefix(kind)?.strip_prefix('_'))?;
        CHECKS_OF_DEFINITIONS.iter().find(|(name, ..)| *name == rule)
    };
    let found = CHECKS.iter().find(|(name, ..)| *name == constraint).or_else(of_definition)?;
    Some((found.1, found.2))
}

/// What kind of constraint was violated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A CHECK.
    Check,
    /// A primary key, a unique constraint or a unique index.
    Key,
    /// NOT NULL.
    NotNull,
    /// A foreign key, by a row that names what does not exist.
    Reference,
    /// A foreign key, by the removal of what another row names.
    Referenced,
}

/// A constraint that was violated, as PostgreSQL names it.
#[derive(Clone, Copy, Debug)]
pub struct Violated<'a> {
    /// The constraint; of NOT NULL the column.
    pub constraint: &'a str,
    /// The table or the domain that it belongs to, without the schema.
    pub of: &'a str,
    /// What it is.
    pub kind: Kind,
}

/// The answer to a violated constraint of schema `wo`; nothing for one that is not of wo_core.
#[must_use]
pub fn refusal(violated: &Violated<'_>) -> Option<Refusal> {
    let Violated { constraint, of, kind } = *violated;
    let refusal = match kind {
        Kind::Check => {
            let (class, sentence) = check(constraint)?;
            of_check(class, sentence)
        }
        Kind::Key => of_key(constraint, of),
        Kind::NotNull => return Some(of_column(constraint, of)),
        Kind::Reference | Kind::Referenced => reference::of_reference(constraint, kind)?,
    };
    Some(refusal.with("constraint", constraint).with("of", of))
}

fn of_column(column: &str, table: &str) -> Refusal {
    Refusal::new(
        SqlState::ValueMissing,
        "fields_missing",
        format!("wo.{table} needs a value of {column}"),
    )
    .with("missing_fields", vec![column])
    .with("of", table)
    .hint("Give it.")
}

fn of_check(class: Class, sentence: &str) -> Refusal {
    let hint = |refusal: Refusal, hint: &str| refusal.hint(hint);
    match class {
        TooLong => hint(
            Refusal::new(SqlState::GateNotMet, "value_too_long", sentence),
            "Keep to that length. A longer document is kept elsewhere, and its SHA-256 here.",
        ),
        NotPlain => hint(
            Refusal::new(SqlState::GateNotMet, "name_invalid", sentence),
            "Choose another name.",
        ),
        Unknown => hint(
            Refusal::new(SqlState::GateNotMet, "value_unknown", sentence),
            "Choose one of these values.",
        ),
        OutOfRange => hint(
            Refusal::new(SqlState::GateNotMet, "value_out_of_range", sentence),
            "Give a value inside these bounds.",
        ),
        OutOfOrder => hint(
            Refusal::new(SqlState::GateNotMet, "values_out_of_order", sentence),
            "Give the earlier one first.",
        ),
        Malformed => hint(
            Refusal::new(SqlState::GateNotMet, "value_malformed", sentence),
            "Give a value of that form.",
        ),
        Reason => hint(Refusal::new(SqlState::GateNotMet, "fields_missing", sentence), "Give it."),
        Whole => hint(
            Refusal::new(SqlState::GateNotMet, "row_inconsistent", sentence),
            "Leave these columns to the functions of wo_core.",
        ),
    }
}

fn of_key(constraint: &str, table: &str) -> Refusal {
    // While an index is rebuilt, its copy has a name of its own; those of partitions begin with theirs.
    let name = constraint.split_once("_cc").map_or(constraint, |(name, _)| name);
    let is_of_work_order =
        |column: &str| name.strip_prefix("work_order_").is_some_and(|rest| rest.ends_with(column));
    match () {
        () if is_of_work_order("idempotency_key_key") => Refusal::new(
            SqlState::Duplicate,
            "idempotency_key_reused",
            "the idempotency key has made a work order already",
        )
        .hint("wo.create_work_order returns that work order where the request is the same; another request needs a key of its own."),
        () if table == "login_directory" => Refusal::new(
            SqlState::Duplicate,
            "login_taken",
            "the login role is another principal already, of this tenant or of another one",
        )
        .hint("A login role is one principal in the whole database: create a login role for each."),
        () if name == "tenant_slug_key" => Refusal::new(
            SqlState::Duplicate,
            "tenant_exists",
            "another tenant has that slug",
        )
        .hint("Choose another slug."),
        () if is_of_work_order("wo_number_key") => Refusal::new(
            SqlState::Duplicate,
            "number_taken",
            "another work order has that number",
        )
        .hint("Run the transaction again."),
        () => Refusal::new(
            SqlState::Duplicate,
            "row_exists",
            format!("wo.{table} has a row of that key already"),
        )
        .hint("Change that row, or choose another key."),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_check_has_a_code_a_sentence_and_a_hint() {
        for constraint in checks() {
            let (_, sentence) = check(&constraint).unwrap();
            let violated =
                Violated { constraint: &constraint, of: "work_order", kind: Kind::Check };
            let refusal = refusal(&violated).unwrap();
            assert_eq!(refusal.sqlstate, SqlState::GateNotMet);
            assert_eq!(refusal.message, sentence);
            assert!(!refusal.hint.is_empty(), "{constraint}");
            assert_eq!(refusal.detail["constraint"], *constraint);
        }
    }

    #[test]
    fn no_check_is_listed_twice() {
        let mut names: Vec<String> = checks().collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn a_check_of_somebody_else_has_no_answer_of_ours() {
        let violated = Violated { constraint: "dbas_own", of: "work_order", kind: Kind::Check };
        assert_eq!(refusal(&violated), None);
    }

    #[test]
    fn an_index_of_a_partition_or_one_that_is_being_rebuilt_is_the_constraint() {
        for constraint in [
            "work_order_idempotency_key_key",
            "work_order_idempotency_key_key_ccnew1",
            "work_order_p3_tenant_id_idempotency_key_key",
        ] {
            let violated = Violated { constraint, of: "work_order", kind: Kind::Key };
            assert_eq!(refusal(&violated).unwrap().code, "idempotency_key_reused");
        }
    }

    #[test]
    fn a_missing_value_is_named() {
        let violated = Violated { constraint: "id", of: "principal", kind: Kind::NotNull };
        let refusal = refusal(&violated).unwrap();
        assert_eq!(refusal.message, "wo.principal needs a value of id");
        assert_eq!(refusal.detail["missing_fields"], serde_json::json!(["id"]));
    }
}
