//! The checksum at the end of every file: CRC-32 as in zip and PNG.
//!
//! A few megabytes at most are summed, so that a table of 64 bytes is fast enough; the usual ones, of 16 kB, would be a
//! noticeable part of what a page downloads.

/// What four bits contribute, for the reversed polynomial 0xEDB88320.
const TABLE: [u32; 16] = table();

const fn table() -> [u32; 16] {
    let mut table = [0; 16];
    let mut index = 0;
    while index < 16 {
        let mut value = index as u32;
        let mut bit = 0;
        while bit < 4 {
            value = if value & 1 == 1 { 0xedb8_8320 ^ (value >> 1) } else { value >> 1 };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
}

/// The CRC-32 of these bytes.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    let four_bits = |sum: u32, bits: u32| TABLE[((sum ^ bits) & 15) as usize] ^ (sum >> 4);
    let byte = |sum, &byte: &u8| four_bits(four_bits(sum, u32::from(byte)), u32::from(byte >> 4));
    !bytes.iter().fold(!0, byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_standard() {
        assert_eq!(crc32(b""), 0);
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b"The quick brown fox jumps over the lazy dog"), 0x414f_a339);
    }
}
