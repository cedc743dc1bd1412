//! Which share of the outbox a key falls into.

/// Shards of ordinary topics, 0 to 15: relays of several instances claim them one by one.
pub const SHARDS: i16 = 16;

/// The one shard of all compacted topics: published by a transactional producer, which fences the former owner.
pub const COMPACTED_SHARD: i16 = SHARDS;

/// The shard of a key, the same in every build: FNV-1a (64 bits), mixed once more because its high bits hardly move for
/// short keys (the finalizer of MurmurHash3).
pub fn shard_of(key: &str, compacted: bool) -> i16 {
    if compacted {
        return COMPACTED_SHARD;
    }
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    i16::try_from((mixed ^ (mixed >> 33)) % u64::from(SHARDS.unsigned_abs())).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_spread_over_all_shards_and_stay_where_they_are() {
        let mut hit = [0; 16];
        for n in 0..1_600 {
            hit[usize::try_from(shard_of(&format!("key-{n}"), false)).unwrap()] += 1;
        }
        assert!(hit.iter().all(|&n| (50..200).contains(&n)), "{hit:?}");
        assert_eq!(shard_of("A-1", false), shard_of("A-1", false));
        assert_eq!(shard_of("A-1", true), COMPACTED_SHARD);
    }
}
