//! Protobuf, as far as spans need it: fields appended to bytes.

/// How a text, bytes or a message is laid out (Protobuf's wire types).
pub const LENGTH_FIRST: u32 = TEXT as u32;
pub(crate) const TEXT: u8 = 2;
pub(crate) const VARINT: u32 = 0;
const FIXED_64: u32 = 1;
const FIXED_32: u32 = 5;

/// A message within another, or a text: its length comes first.
pub fn field(to: &mut Vec<u8>, tag: u32, write: impl FnOnce(&mut Vec<u8>)) {
    key(to, tag, LENGTH_FIRST);
    to.push(0);
    let start = to.len();
    write(to);
    let length = to.len() - start;
    if let Ok(short @ ..=127) = u8::try_from(length) {
        to[start - 1] = short;
    } else {
        // Seven bits a byte, the first of them where there is room already; what is in between moves back.
        let width = (usize::BITS - length.leading_zeros()).div_ceil(7) as usize;
        to.resize(start + length + width - 1, 0);
        to.copy_within(start..start + length, start + width - 1);
        for (at, byte) in to[start - 1..start - 1 + width].iter_mut().enumerate() {
            let more = if at + 1 < width { 0x80 } else { 0 };
            *byte = low((length >> (7 * at)) as u64) & 0x7f | more;
        }
    }
}

/// A message that is written already, or a text: also an empty one.
pub fn whole(to: &mut Vec<u8>, tag: u32, bytes: &[u8]) {
    key(to, tag, LENGTH_FIRST);
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
        key(to, tag, VARINT);
        varint(to, value);
    }
}

/// A `fixed64`, also zero.
pub fn fixed64(to: &mut Vec<u8>, tag: u32, value: u64) {
    key(to, tag, FIXED_64);
    to.extend_from_slice(&value.to_le_bytes());
}

/// A `fixed32`, also zero.
pub fn fixed32(to: &mut Vec<u8>, tag: u32, value: u32) {
    key(to, tag, FIXED_32);
    to.extend_from_slice(&value.to_le_bytes());
}

/// The number of a field, and how it is laid out.
pub fn key(to: &mut Vec<u8>, tag: u32, layout: u32) {
    varint(to, u64::from(tag << 3 | layout));
}

/// A number, seven bits a byte, the lowest first.
pub fn varint(to: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        to.push(low(value) | 0x80);
        value >>= 7;
    }
    to.push(low(value));
}

fn low(value: u64) -> u8 {
    value.to_le_bytes()[0]
}
