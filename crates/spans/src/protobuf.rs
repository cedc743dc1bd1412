//! Protobuf, as far as spans need it: fields appended to bytes.

/// A message within another, or a text: its length comes first.
pub fn field(to: &mut Vec<u8>, tag: u32, write: impl FnOnce(&mut Vec<u8>)) {
    key(to, tag, 2);
    to.push(0);
    let start = to.len();
    write(to);
    let length = to.len() - start;
    if let Ok(short @ ..=127) = u8::try_from(length) {
        to[start - 1] = short;
    } else {
        let mut prefix = Vec::with_capacity(10);
        varint(&mut prefix, length as u64);
        to.splice(start - 1..start, prefix);
    }
}

/// A message that is written already, or a text: also an empty one.
pub fn whole(to: &mut Vec<u8>, tag: u32, bytes: &[u8]) {
    key(to, tag, 2);
    varint(to, bytes.len() as u64);
    to.extend_from_slice(bytes);
}

/// A text or bytes; what is empty is left out, as a number is that is zero.
pub fn bytes(to: &mut Vec<u8>, tag: u32, bytes: &[u8]) {
    if !bytes.is_empty() {
        whole(to, tag, bytes);
    }
}

/// A number or a symbol.
pub fn number(to: &mut Vec<u8>, tag: u32, value: u64) {
    if value > 0 {
        key(to, tag, 0);
        varint(to, value);
    }
}

/// A `fixed64`, also zero.
pub fn fixed64(to: &mut Vec<u8>, tag: u32, value: u64) {
    key(to, tag, 1);
    to.extend_from_slice(&value.to_le_bytes());
}

/// A `fixed32`, also zero.
pub fn fixed32(to: &mut Vec<u8>, tag: u32, value: u32) {
    key(to, tag, 5);
    to.extend_from_slice(&value.to_le_bytes());
}

/// The number of a field, and how it is laid out.
pub fn key(to: &mut Vec<u8>, tag: u32, layout: u32) {
    varint(to, u64::from(tag << 3 | layout));
}

/// A number, seven bits a byte, the lowest first.
pub fn varint(to: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        to.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}
