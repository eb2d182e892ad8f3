//! Edits of valid bytes, so that the fuzzer begins behind the first check.

/// Each edit is two bytes of place, one of what to do, one of what to put there.
pub fn edited(bytes: &[u8], edits: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for edit in edits.chunks_exact(4) {
        if bytes.is_empty() {
            break;
        }
        let place = usize::from(u16::from_le_bytes([edit[0], edit[1]])) % bytes.len();
        match edit[2] % 3 {
            0 => bytes[place] = edit[3],
            1 => bytes.insert(place, edit[3]),
            _ => _ = bytes.remove(place),
        }
    }
    bytes
}
