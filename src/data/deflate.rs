//! Raw deflate (RFC 1951) of whole byte strings.

use miniz_oxide::{
    deflate::compress_to_vec,
    inflate::{
        TINFLStatus,
        core::{DecompressorOxide, decompress, inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF},
    },
};

/// As small as this gets.
const LEVEL: u8 = 9;

/// No deflate stream unpacks to more than this many times its size.
pub const RATIO: u64 = 1032;

pub fn packed(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, LEVEL)
}

/// What was packed, if that is exactly `size` bytes and nothing follows it.
pub fn unpacked(packed: &[u8], size: u64) -> Option<Vec<u8>> {
    if size > (packed.len() as u64).saturating_mul(RATIO) {
        return None;
    }
    let mut content = vec![0; usize::try_from(size).ok()?];
    let flags = TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let (status, read, written) = decompress(&mut DecompressorOxide::new(), packed, &mut content, 0, flags);
    (status == TINFLStatus::Done && read == packed.len() && written == content.len()).then_some(content)
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn a_bomb_stays_packed() {
        let bomb = packed(&vec![0; 1 << 20]);
        assert_eq!(unpacked(&bomb, 8), None);
        assert_eq!(unpacked(&bomb, u64::MAX), None);
        assert_eq!(unpacked(&bomb, 1 << 20).unwrap().len(), 1 << 20);
    }

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked(bytes in vec(0u8..4, 0..3000)) {
            let small = packed(&bytes);
            let size = bytes.len() as u64;
            prop_assert_eq!(unpacked(&small, size), Some(bytes));
            prop_assert_eq!(unpacked(&small, size + 1), None);
            prop_assert!(size == 0 || unpacked(&small, size - 1).is_none());
            prop_assert_eq!(unpacked(&[&small[..], &[0]].concat(), size), None);
            prop_assert_eq!(unpacked(&small[..small.len() - 1], size), None);
        }

        #[test]
        fn no_bytes_are_too_odd(bytes in vec(any::<u8>(), 0..300), size in 0u64..5000) {
            prop_assert!(unpacked(&bytes, size).is_none_or(|content| content.len() as u64 == size));
        }
    }
}
