//! A distilled set as NumPy reads it: `numpy.load("set.npz")`.
//!
//! An `.npz` file is a zip archive of `.npy` files, one an array, each a line of text that says type and shape before the
//! values (NumPy enhancement proposal 1; PKWARE's APPNOTE 6.3 for the archive).

use crate::{
    Error, Result,
    checksum::crc32,
    data::{Distilled, Planes, deflate::packed},
};

/// The bytes of an `.npz` file with these arrays; the same set gives the same bytes.
///
/// | name | type | shape |
/// | --- | --- | --- |
/// | `images` | u8, or f32 with black 0 and white 1 if the set is kept so | `[n, channels, height, width]` |
/// | `labels` | i64 | `[n]` |
/// | `classes` | text | `[classes]` |
/// | `mean`, `std` | f32, of the real training images in [0, 1] | `[channels]` |
/// | `factor` | i64: each image is a canvas of `factor * factor` smaller ones | `[]` |
/// | `soft` | f32, only if the set has soft labels: a row an image, or a row a smaller one | `[n, classes]` or `[n factor^2, classes]` |
///
/// # Errors
/// [`Error::Data`] if the set does not pass [`Distilled::check`]; [`Error::Limit`] if an array is too large for a zip archive.
pub fn npz(set: &Distilled) -> Result<Vec<u8>> {
    set.check()?;
    let mut archive = Archive::default();
    let shape = set.shape();
    match &set.planes {
        Planes::U8(values) => archive.add("images", &npy("|u1", &shape, values))?,
        Planes::F32(values) => archive.add("images", &npy("<f4", &shape, &floats(values)))?,
    }
    archive.add("labels", &npy("<i8", &[set.len()], &labels(set)))?;
    let (longest, classes) = texts(&set.classes);
    archive.add("classes", &npy(&format!("<U{longest}"), &[set.classes.len()], &classes))?;
    archive.add("mean", &npy("<f4", &[set.channels], &floats(&set.normalisation.mean)))?;
    archive.add("std", &npy("<f4", &[set.channels], &floats(&set.normalisation.std)))?;
    archive.add("factor", &npy("<i8", &[], &i64::from(set.factor).to_le_bytes()))?;
    if let Some(soft) = &set.soft {
        let (values, classes) = (soft.values(), set.classes.len());
        archive.add("soft", &npy("<f4", &[values.len() / classes.max(1), classes], &floats(values)))?;
    }
    archive.finish()
}

/// The classes of the images as i64, little endian.
pub(super) fn labels(set: &Distilled) -> Vec<u8> {
    set.labels.iter().flat_map(|&label| i64::from(label).to_le_bytes()).collect()
}

/// Numbers, little endian.
pub(super) fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Texts as NumPy has them: UTF-32, each padded to the longest, whose length comes first.
fn texts(texts: &[String]) -> (usize, Vec<u8>) {
    let longest = texts.iter().map(|text| text.chars().count()).max().unwrap_or(0).max(1);
    let padded = |text: &String| text.chars().chain(std::iter::repeat('\0')).take(longest).collect::<Vec<char>>();
    (longest, texts.iter().flat_map(padded).flat_map(|letter| u32::from(letter).to_le_bytes()).collect())
}

/// An `.npy` file of format 1.0.
fn npy(kind: &str, shape: &[usize], values: &[u8]) -> Vec<u8> {
    // A Python tuple: one of a single number has a comma after it.
    let sizes: String = shape.iter().map(|size| format!("{size},")).collect();
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({sizes}), }}");
    // So that the values begin at a multiple of 64 bytes; 10 are before the header, and a line feed ends it.
    let padding = (10 + header.len() + 1).next_multiple_of(64) - (10 + header.len() + 1);
    header.extend(std::iter::repeat_n(' ', padding));
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values);
    bytes
}

/// A zip archive in the making.
#[derive(Default)]
struct Archive {
    bytes: Vec<u8>,
    /// What the directory at the end says of each file.
    directory: Vec<u8>,
    files: u16,
}

/// Version 2.0 of the format, no flags, deflate, no time, and the first day that the format knows.
const COMMON: [u8; 10] = [20, 0, 0, 0, 8, 0, 0, 0, 0x21, 0];

impl Archive {
    fn add(&mut self, name: &str, content: &[u8]) -> Result<()> {
        let name = format!("{name}.npy");
        let packed = packed(content);
        let mut entry = COMMON.to_vec();
        entry.extend(crc32(content).to_le_bytes());
        entry.extend(word(packed.len())?);
        entry.extend(word(content.len())?);
        entry.extend((name.len() as u16).to_le_bytes());
        // No extra field.
        entry.extend([0, 0]);
        self.directory.extend(b"PK\x01\x02\x14\x00");
        self.directory.extend(&entry);
        // No comment, disk 0, no attributes.
        self.directory.extend([0; 10]);
        self.directory.extend(word(self.bytes.len())?);
        self.directory.extend(name.as_bytes());
        self.bytes.extend(b"PK\x03\x04");
        self.bytes.extend(&entry);
        self.bytes.extend(name.as_bytes());
        self.bytes.extend(packed);
        self.files += 1;
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<u8>> {
        let start = word(self.bytes.len())?;
        self.bytes.extend(&self.directory);
        self.bytes.extend(b"PK\x05\x06\0\0\0\0");
        self.bytes.extend([self.files.to_le_bytes(), self.files.to_le_bytes()].concat());
        self.bytes.extend(word(self.directory.len())?);
        self.bytes.extend(start);
        self.bytes.extend([0, 0]);
        Ok(self.bytes)
    }
}

/// A size or place in the archive, which has 32 bits for it.
fn word(size: usize) -> Result<[u8; 4]> {
    let limit = || Error::Limit { what: "an .npz file".into(), needs: size as u64, has: u32::MAX.into() };
    Ok(u32::try_from(size).map_err(|_| limit())?.to_le_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::example;

    #[test]
    fn headers_are_what_numpy_writes() {
        let bytes = npy("<f4", &[3], &[0; 12]);
        assert_eq!(bytes.len(), 128 + 12);
        assert_eq!(&bytes[..10], b"\x93NUMPY\x01\x00\x76\x00");
        assert!(bytes[10..128].starts_with(b"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }"));
        assert_eq!(bytes[127], b'\n');
        assert!(String::from_utf8(npy("<i8", &[], &[])).is_err() && npy("<i8", &[], &[]).len().is_multiple_of(64));
    }

    #[test]
    fn texts_are_padded_to_the_longest() {
        let (longest, bytes) = texts(&["ä".into(), "bc".into()]);
        assert_eq!((longest, bytes), (2, vec![0xe4, 0, 0, 0, 0, 0, 0, 0, b'b', 0, 0, 0, b'c', 0, 0, 0]));
    }

    /// A reader of the archive that knows nothing of how it was written: names and unpacked files.
    fn unpacked(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
        use std::io::Read as _;
        let at = |place: usize, size: usize| {
            bytes[place..place + size].iter().rev().fold(0, |value, &byte| value << 8 | usize::from(byte))
        };
        let end = bytes.len() - 22;
        let mut place = at(end + 16, 4);
        let mut files = Vec::new();
        for _ in 0..at(end + 10, 2) {
            assert_eq!(&bytes[place..place + 4], b"PK\x01\x02");
            let (packed, size, name) = (at(place + 20, 4), at(place + 24, 4), at(place + 28, 2));
            let local = at(place + 42, 4);
            let from = local + 30 + at(local + 26, 2) + at(local + 28, 2);
            let mut content = Vec::new();
            flate2::read::DeflateDecoder::new(&bytes[from..from + packed]).read_to_end(&mut content).unwrap();
            assert_eq!((content.len(), crc32(&content) as usize), (size, at(place + 16, 4)));
            files.push((String::from_utf8(bytes[place + 46..place + 46 + name].to_vec()).unwrap(), content));
            place += 46 + name + at(place + 30, 2) + at(place + 32, 2);
        }
        assert_eq!(place, end);
        files
    }

    #[test]
    fn everything_is_in_the_archive() {
        let set = example();
        let files = unpacked(&npz(&set).unwrap());
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        let expected = ["images", "labels", "classes", "mean", "std", "factor", "soft"];
        assert_eq!(names, expected.map(|name| format!("{name}.npy")));
        let Planes::F32(values) = &set.planes else { panic!("the example is kept as f32") };
        assert!(files[0].1.ends_with(&floats(values)));
        assert_eq!(npz(&set).unwrap(), npz(&set.clone()).unwrap());
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        assert!(matches!(npz(&Distilled { factor: 0, ..example() }), Err(Error::Data(_))));
    }
}
