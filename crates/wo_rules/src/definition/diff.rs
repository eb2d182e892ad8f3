//! The difference of two versions, place by place, for people.
//!
//! Objects are compared member by member. Lists of objects that all have a name of their own (`key`, `name`, `action`
//! or `id`) are compared by those names, so that a step that moved is not a step that changed; other lists are compared
//! place by place.

use serde_json::Value;
use std::collections::BTreeMap;

/// One place where two documents differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Its JSON pointer; an element of a list of named objects is shown by its name: `/steps/[torque]/limits`.
    pub pointer: String,
    /// `added`, `removed`, `changed` or `moved`.
    pub what: &'static str,
    /// The value before; nothing where it was added.
    pub before: Option<Value>,
    /// The value after; nothing where it was removed.
    pub after: Option<Value>,
}

/// The names by which the elements of a list are known, the first that all of them have.
const NAMES: [&str; 4] = ["key", "name", "action", "id"];

/// Every place where two documents differ, in the order of the first and then of what the second adds.
#[must_use]
pub fn diff(before: &Value, after: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare("", before, after, &mut found);
    found
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn compare(pointer: &str, before: &Value, after: &Value, found: &mut Vec<Difference>) {
    match (before, after) {
        _ if before == after => {}
        (Value::Object(one), Value::Object(other)) => {
            for (name, value) in one {
                let place = format!("{pointer}/{}", escaped(name));
                match other.get(name) {
                    Some(new) => compare(&place, value, new, found),
                    None => found.push(removed(place, value)),
                }
            }
            for (name, value) in other.iter().filter(|(name, _)| !one.contains_key(*name)) {
                found.push(added(format!("{pointer}/{}", escaped(name)), value));
            }
        }
        (Value::Array(one), Value::Array(other)) => match (names(one), names(other)) {
            (Some(old), Some(new)) => compare_named(pointer, (one, &old), (other, &new), found),
            _ => compare_places(pointer, one, other, found),
        },
        _ => found.push(Difference {
            pointer: pointer.to_owned(),
            what: "changed",
            before: Some(before.clone()),
            after: Some(after.clone()),
        }),
    }
}

fn removed(pointer: String, value: &Value) -> Difference {
    Difference { pointer, what: "removed", before: Some(value.clone()), after: None }
}

fn added(pointer: String, value: &Value) -> Difference {
    Difference { pointer, what: "added", before: None, after: Some(value.clone()) }
}

/// The names of the elements, where each is an object with a name that no other has.
fn names(list: &[Value]) -> Option<Vec<String>> {
    if list.is_empty() {
        return Some(Vec::new());
    }
    NAMES.into_iter().find_map(|member| {
        let names: Option<Vec<String>> = list
            .iter()
            .map(|one| one.as_object()?.get(member)?.as_str().map(str::to_owned))
            .collect();
        names.filter(|names| {
            let mut sorted: Vec<&String> = names.iter().collect();
            sorted.sort_unstable();
            sorted.windows(2).all(|pair| pair[0] != pair[1])
        })
    })
}

fn compare_places(pointer: &str, one: &[Value], other: &[Value], found: &mut Vec<Difference>) {
    for index in 0..one.len().max(other.len()) {
        let place = format!("{pointer}/{index}");
        match (one.get(index), other.get(index)) {
            (Some(before), Some(after)) => compare(&place, before, after, found),
            (Some(before), None) => found.push(removed(place, before)),
            (None, Some(after)) => found.push(added(place, after)),
            (None, None) => {}
        }
    }
}

fn compare_named(
    pointer: &str,
    (one, old): (&[Value], &[String]),
    (other, new): (&[Value], &[String]),
    found: &mut Vec<Difference>,
) {
    let place = |name: &str| format!("{pointer}/[{}]", escaped(name));
    let after: BTreeMap<&str, &Value> = new.iter().map(String::as_str).zip(other).collect();
    for (name, value) in old.iter().zip(one) {
        match after.get(name.as_str()) {
            Some(new) => compare(&place(name), value, new, found),
            None => found.push(removed(place(name), value)),
        }
    }
    for (name, value) in new.iter().zip(other).filter(|(name, _)| !old.contains(name)) {
        found.push(added(place(name), value));
    }
    let kept_of = |these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(|name| those.contains(name)).cloned().collect()
    };
    let (kept, now) = (kept_of(old, new), kept_of(new, old));
    if kept != now {
        found.push(Difference {
            pointer: pointer.to_owned(),
            what: "moved",
            before: Some(kept.into()),
            after: Some(now.into()),
        });
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown(before: &Value, after: &Value) -> Vec<(String, &'static str)> {
        diff(before, after).into_iter().map(|one| (one.pointer, one.what)).collect()
    }

    #[test]
    fn equal_documents_differ_nowhere() {
        let document = json!({"steps": [{"key": "a"}, {"key": "b"}], "n": 1});
        assert!(diff(&document, &document).is_empty());
    }

    #[test]
    fn members_are_shown_with_what_they_were() {
        let (before, after) = (json!({"a": 1, "b/c": 2, "d": 3}), json!({"a": 2, "d": 3, "e": 4}));
        let found = diff(&before, &after);
        assert_eq!(
            shown(&before, &after),
            [
                ("/a".to_owned(), "changed"),
                ("/b~1c".to_owned(), "removed"),
                ("/e".to_owned(), "added")
            ]
        );
        assert_eq!(
            (found[0].before.clone(), found[0].after.clone()),
            (Some(json!(1)), Some(json!(2)))
        );
    }

    #[test]
    fn elements_with_names_are_compared_by_them() {
        let before = json!({"steps": [{"key": "a", "n": 1}, {"key": "b"}, {"key": "c"}]});
        let after = json!({"steps": [{"key": "c"}, {"key": "a", "n": 2}, {"key": "d"}]});
        assert_eq!(
            shown(&before, &after),
            [
                ("/steps/[a]/n".to_owned(), "changed"),
                ("/steps/[b]".to_owned(), "removed"),
                ("/steps/[d]".to_owned(), "added"),
                ("/steps".to_owned(), "moved"),
            ]
        );
    }

    #[test]
    fn other_lists_are_compared_place_by_place() {
        let (before, after) = (json!(["a", "b"]), json!(["a", "c", "d"]));
        assert_eq!(
            shown(&before, &after),
            [("/1".to_owned(), "changed"), ("/2".to_owned(), "added")]
        );
        let same_key = json!([{"key": "a"}, {"key": "a"}]);
        assert_eq!(shown(&same_key, &json!([{"key": "a"}])), [("/1".to_owned(), "removed")]);
    }
}
