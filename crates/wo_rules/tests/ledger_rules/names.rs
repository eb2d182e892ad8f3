//! Names of leaves.

use uuid::Uuid;
use wo_rules::ledger::names::{NAME_SIZE, Name};

#[test]
fn a_name_is_forty_bytes_and_read_back() {
    let name = Name {
        tenant: Uuid::from_u128(0x019a_0000_0000_7000_8000_0000_0000_0001),
        subject: Uuid::from_u128(u128::MAX),
        sequence: 0x0102_0304_0506_0708,
    };
    let bytes = name.to_bytes();
    assert_eq!(
        hex::encode(bytes),
        format!("019a0000000070008000000000000001{}0102030405060708", "ff".repeat(16))
    );
    assert_eq!(Name::from_bytes(&bytes), name);
    for sequence in [i64::MIN, -1, 0, 1, i64::MAX] {
        let name = Name { sequence, tenant: Uuid::nil(), ..name };
        assert_eq!(Name::from_bytes(&name.to_bytes()), name);
    }
    let row = [bytes, bytes].concat();
    assert_eq!(Name::row(&row).unwrap(), [name, name]);
    assert_eq!(Name::row(&[]).unwrap(), []);
    assert_eq!(Name::row(&row[..NAME_SIZE + 1]), None);
}
