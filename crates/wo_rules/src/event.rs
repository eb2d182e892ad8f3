//! Events: the names that subscribers see, and where a position may be read up to.

mod tables;

pub use tables::SCHEMA;

use serde_json::{Map, Value};
use uuid::Uuid;

/// One row of the outbox.
pub struct Recorded<'a> {
    /// The tenant.
    pub tenant: Uuid,
    /// Its position.
    pub position: i64,
    /// Its timeline.
    pub timeline: i32,
    /// The CloudEvents type.
    pub kind: &'a str,
    /// The work order.
    pub subject: Uuid,
    /// When, in microseconds since 2000-01-01 UTC.
    pub recorded_at: i64,
    /// The trace context of the writer.
    pub traceparent: Option<&'a str>,
    /// What happened.
    pub data: Value,
}

/// The CloudEvents 1.0 envelope: `source` and `id` together name the event for ever, and the
/// `sequence` extension orders the events of one source.
pub fn cloudevent(recorded: Recorded<'_>) -> Value {
    let mut envelope = Map::new();
    let mut put = |name: &str, value: String| envelope.insert(name.to_owned(), value.into());
    put("specversion", "1.0".to_owned());
    put("id", format!("{}-{}", recorded.timeline, recorded.position));
    put("source", format!("/wo_core/tenants/{}", recorded.tenant));
    put("type", recorded.kind.to_owned());
    put("subject", recorded.subject.to_string());
    put("time", crate::time::utc(recorded.recorded_at));
    put("tenantid", recorded.tenant.to_string());
    put("sequence", format!("{:010}-{:019}", recorded.timeline, recorded.position));
    put("datacontenttype", "application/json".to_owned());
    if let Some(traceparent) = recorded.traceparent {
        put("traceparent", traceparent.to_owned());
    }
    envelope.insert("data".to_owned(), recorded.data);
    Value::Object(envelope)
}

/// The CloudEvents `type` of what happened to a work order (spec/2 §3.1, `wo.created`).
pub fn event_type(action: &str, moved: bool) -> &'static str {
    match (action, moved) {
        ("created", _) => "wo.created",
        ("migrated", _) => "wo.migrated",
        (_, true) => "wo.transitioned",
        (_, false) => "wo.updated",
    }
}

/// The CloudEvents `type` of what happened to something that belongs to a work order.
pub fn child_event_type(action: &str) -> &'static str {
    match action {
        "engine_overridden" | "engine_override_withdrawn" => "wo.engine_overridden",
        "job_plan_applied" | "job_plan_moved" => "wo.job_plan_applied",
        "step_recorded" => "wo.step_recorded",
        "credential_granted" => "wo.credential_granted",
        "deliverable_added" => "wo.deliverable_added",
        "document_version_added" => "wo.document_version_added",
        "deliverable_reviewed" => "wo.deliverable_reviewed",
        "dependency_added" | "dependency_changed" => "wo.dependency_added",
        "dependency_removed" => "wo.dependency_removed",
        "children_settled" => "wo.children_settled",
        "findings_closed" => "wo.findings_closed",
        "approval_requested" => "wo.approval_requested",
        "approval_closed" => "wo.approval_closed",
        "signed" => "wo.approval_signed",
        "rejected" => "wo.approval_rejected",
        "signature_withdrawn" => "wo.approval_withdrawn",
        "signatures_amended" => "wo.approval_amended",
        "signatures_voided" => "wo.approval_voided",
        "approval_escalated" => "wo.approval_escalated",
        "act_signed" => "wo.act_signed",
        "child_waived" => "wo.child_waived",
        "time_in_state_exceeded" => "wo.time_in_state_exceeded",
        "preflight_done" => "wo.preflight_done",
        "archived" => "wo.archived",
        _ => "wo.updated",
    }
}

/// The length of a `traceparent` of version 00.
const TRACEPARENT_LENGTH: usize = 55;

/// The longest `traceparent` of a later version that is read.
const LONGEST_TRACEPARENT: usize = 512;

/// Reads a W3C `traceparent` (Trace Context, §3.2): lower-case hexadecimal, no zero ids. Of a later version
/// than 00 the four fields that version 00 knows are taken and written as version 00 (§4.3), with the
/// flags that version 00 defines; version ff is invalid.
pub fn traceparent(text: &str) -> Option<String> {
    let is_hex = |part: &str, length: usize| {
        part.len() == length
            && part.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    if text.len() > LONGEST_TRACEPARENT {
        return None;
    }
    let mut parts = text.splitn(5, '-');
    let mut next = |length: usize| parts.next().filter(|part| is_hex(part, length));
    let (version, trace, span, flags) = (next(2)?, next(32)?, next(16)?, next(2)?);
    let is_known = version == "00" && text.len() == TRACEPARENT_LENGTH;
    let is_later = version != "00" && version != "ff";
    let is_valid = (is_known || is_later)
        && trace.bytes().any(|byte| byte != b'0')
        && span.bytes().any(|byte| byte != b'0');
    if !is_valid {
        return None;
    }
    let flags = match is_known {
        true => flags.to_owned(),
        // The lowest bit says whether the trace is sampled; the others belong to the later version.
        false => format!("{:02x}", u8::from_str_radix(flags, 16).ok()? & 1),
    };
    Some(format!("00-{trace}-{span}-{flags}"))
}

/// The last position that may be read: nothing at or below it can still appear. Each running writer
/// holds a lock that names a position below all of its own.
///
/// `last_position` must have been read *before* the locks: a writer that takes its lock later
/// gets positions above it.
pub fn horizon(last_position: i64, writers: impl IntoIterator<Item = i64>) -> i64 {
    writers.into_iter().fold(last_position, i64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_above_the_lowest_running_writer_is_read() {
        assert_eq!(horizon(100, []), 100);
        assert_eq!(horizon(100, [40, 70]), 40);
        assert_eq!(horizon(30, [40]), 30);
    }

    #[test]
    fn only_a_well_formed_trace_context_is_taken() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(traceparent(good).as_deref(), Some(good));
        let later =
            "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0f-what-the-future-brings";
        assert_eq!(traceparent(later).as_deref(), Some(good));
        for bad in [
            "",
            "garbage",
            &good.to_uppercase(),
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            &format!("{good}-more"),
            &format!("{good}\n"),
            &format!("{later}{}", "x".repeat(512)),
        ] {
            assert_eq!(traceparent(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_envelope_has_what_cloudevents_requires() {
        let envelope = cloudevent(Recorded {
            tenant: Uuid::nil(),
            position: 7,
            timeline: 1,
            kind: "wo.created",
            subject: Uuid::nil(),
            recorded_at: 0,
            traceparent: None,
            data: Value::Null,
        });
        for attribute in ["id", "source", "specversion", "type"] {
            assert!(envelope[attribute].as_str().is_some_and(|text| !text.is_empty()));
        }
        assert_eq!(envelope["time"], "2000-01-01T00:00:00.000000Z");
        assert!(envelope.get("traceparent").is_none());
    }

    #[test]
    fn the_event_names_are_the_specifications() {
        assert_eq!(event_type("created", false), "wo.created");
        assert_eq!(event_type("start", true), "wo.transitioned");
        assert_eq!(event_type("changed", false), "wo.updated");
    }
}
