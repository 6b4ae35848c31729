//! The form that every file of Attar has, so that one that is foreign, damaged or of another version is told before
//! anything in it is believed.
//!
//! ```text
//! bytes   what
//! 6       magic
//! 2       version of what is sealed
//! ...     body
//! 4       CRC-32 of everything before
//! ```
//!
//! Numbers are little-endian. A magic stays with a kind of file for ever; what its body means, the version tells.

use std::ops::RangeInclusive;

use serde::{Serialize, de::DeserializeOwned};

use crate::checksum::crc32;

const MAGIC: usize = 6;
const PREFIX: usize = MAGIC + 2;
const CHECKSUM: usize = 4;

/// A kind of file.
pub(crate) struct Seal {
    pub magic: &'static [u8; MAGIC],
    /// Those that can be opened. The last is the one that is written.
    pub versions: RangeInclusive<u16>,
}

/// Why bytes cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// They are no such file.
    Foreign,
    /// They are not as they were written.
    Damaged,
    /// They have a version that cannot be opened.
    Version(u16),
    /// They are as they were written, but not by this program: the body makes no sense.
    Body,
}

impl Seal {
    /// The file with this body, of the last version.
    pub fn bytes(&self, body: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(PREFIX + body.len() + CHECKSUM);
        bytes.extend(self.magic);
        bytes.extend(self.versions.end().to_le_bytes());
        bytes.extend(body);
        let checksum = crc32(&bytes);
        bytes.extend(checksum.to_le_bytes());
        bytes
    }

    /// Version and body of a file.
    ///
    /// The version comes before the checksum: how a later version is summed is its own business.
    pub fn open<'a>(&self, bytes: &'a [u8]) -> Result<(u16, &'a [u8]), Fault> {
        let rest = bytes.strip_prefix(self.magic).ok_or(Fault::Foreign)?;
        let (version, rest) = rest.split_first_chunk().ok_or(Fault::Damaged)?;
        let version = u16::from_le_bytes(*version);
        if !self.versions.contains(&version) {
            return Err(Fault::Version(version));
        }
        let (body, checksum) = rest.split_last_chunk().ok_or(Fault::Damaged)?;
        if crc32(&bytes[..bytes.len() - CHECKSUM]) != u32::from_le_bytes(*checksum) {
            return Err(Fault::Damaged);
        }
        Ok((version, body))
    }

    /// The file of a value: its body is postcard.
    pub fn seal(&self, value: &impl Serialize) -> Vec<u8> {
        let body = postcard::to_stdvec(value);
        self.bytes(&body.unwrap_or_else(|error| unreachable!("plain data in memory can be written: {error}")))
    }

    /// The value that [`Seal::seal`] wrote.
    pub fn unseal<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, Fault> {
        let (_, body) = self.open(bytes)?;
        match postcard::take_from_bytes(body) {
            Ok((value, [])) => Ok(value),
            _ => Err(Fault::Body),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const SEAL: Seal = Seal { magic: b"ATTARX", versions: 2..=3 };
    type Plain = (String, Vec<(u32, Vec<f32>)>, Option<u64>);

    fn plain() -> impl Strategy<Value = Plain> {
        (".{0,9}", vec((any::<u32>(), vec(-9f32..9.0, 0..5)), 0..5), any::<Option<u64>>())
    }

    fn opened(bytes: &[u8]) -> Result<Plain, Fault> {
        SEAL.unseal(bytes)
    }

    proptest! {
        #[test]
        fn what_is_sealed_is_unsealed(value in plain()) {
            prop_assert_eq!(opened(&SEAL.seal(&value)), Ok(value));
        }

        #[test]
        fn a_flipped_byte_is_told(value in plain(), at in any::<prop::sample::Index>(), flip in 1u8..) {
            let mut bytes = SEAL.seal(&value);
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            let fault = opened(&bytes).unwrap_err();
            prop_assert_eq!(fault, match at {
                0..MAGIC => Fault::Foreign,
                MAGIC..PREFIX if fault != Fault::Damaged => Fault::Version(u16::from_le_bytes([bytes[MAGIC], bytes[MAGIC + 1]])),
                _ => Fault::Damaged,
            });
        }

        #[test]
        fn what_is_cut_short_is_told(value in plain(), at in any::<prop::sample::Index>()) {
            let bytes = SEAL.seal(&value);
            let length = at.index(bytes.len());
            let fault = if length < MAGIC { Fault::Foreign } else { Fault::Damaged };
            prop_assert_eq!(opened(&bytes[..length]), Err(fault));
        }

        #[test]
        fn another_version_is_told(value in plain(), version in any::<u16>()) {
            let mut bytes = SEAL.seal(&value);
            bytes[MAGIC..PREFIX].copy_from_slice(&version.to_le_bytes());
            let fault = if SEAL.versions.contains(&version) { Fault::Damaged } else { Fault::Version(version) };
            prop_assert!(version == 3 || opened(&bytes) == Err(fault));
        }

        /// Random bodies behind a right magic, version and checksum.
        #[test]
        fn sealed_nonsense_never_panics(body in vec(any::<u8>(), 0..300)) {
            let bytes = SEAL.bytes(&body);
            prop_assert_eq!(SEAL.open(&bytes), Ok((3, &body[..])));
            prop_assert!(opened(&bytes).is_ok_and(|value| SEAL.seal(&value).len() <= bytes.len()) || opened(&bytes) == Err(Fault::Body));
        }

        #[test]
        fn random_bytes_are_foreign(bytes in vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(opened(&bytes), Err(Fault::Foreign));
        }
    }

    #[test]
    fn what_follows_the_body_is_no_part_of_it() {
        let body = [postcard::to_stdvec(&7u32).unwrap(), vec![0]].concat();
        assert_eq!(SEAL.unseal::<u32>(&SEAL.bytes(&body)), Err(Fault::Body));
    }
}
