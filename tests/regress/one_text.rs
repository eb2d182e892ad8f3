//! One SQL text reads a work order by its id.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// A second text would read under other locks, rights or snapshots than the first one, and would be
/// planned and kept in each backend beside it.
#[test]
fn a_work_order_is_read_by_its_id_in_one_place() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 50, "{} has only {} files", root.display(), files.len());
    let mut places = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let read = "from wo.work_order as held where held.tenant_id = $1 and held.id = $2";
        // Other texts go on with a condition, or join something.
        let plain = words.match_indices(read).filter(|(at, _)| {
            let rest = words[at + read.len()..].trim_start();
            rest.starts_with(['"', ',']) || rest.starts_with("for ")
        });
        if plain.count() > 0 {
            places.push(file.strip_prefix(&root).unwrap().to_owned());
        }
    }
    assert_eq!(places, [Path::new("kernel/work_order/record/view.rs")]);
}
