//! The `.attar` file: a distilled set on disk.
//!
//! ```text
//! bytes   what
//! 6       "ATTAR\0"
//! 2       version of the format
//! 4       length of the header
//! ...     header: postcard of `HeaderV2`
//! ...     payload: raw deflate of the pixels [n, c, h, w], then of the soft labels [n factor^2, classes] if there are any
//! 4       CRC-32 of everything before
//! ```
//!
//! All numbers are little-endian. postcard does not describe itself, so a header never changes once released: a new
//! format gets a new struct beside the old one, and `tests/golden` keeps a file of each.

use serde::{Deserialize, Serialize};

use super::{
    Distilled, Losses, Normalisation, Planes, Versions,
    deflate::{packed, unpacked},
};
use crate::{
    Error, Result,
    checksum::crc32,
    settings::{Settings, Value},
};

/// The version of the format that [`write()`] writes.
pub const FORMAT: u16 = 2;

const MAGIC: &[u8; 6] = b"ATTAR\0";
/// Magic, version and header length.
const PREFIX: usize = 12;
const CHECKSUM: usize = 4;

/// Everything but pixels and soft labels, in format 2.
#[derive(Serialize, Deserialize)]
struct HeaderV2 {
    attar: String,
    /// Whether pixels are f32; otherwise u8.
    float: bool,
    /// Channels, height, width.
    size: [u32; 3],
    labels: Vec<u32>,
    soft: bool,
    classes: Vec<String>,
    normalisation: Normalisation,
    factor: u32,
    images_per_class: u32,
    method: String,
    /// Flat: what is read from a file that nobody vouches for must not recurse.
    recipe: Vec<(String, Value)>,
    seed: u64,
    fingerprint: String,
    losses: Vec<PointV2>,
}

/// The losses of a unit in format 2, which knew only those of NCFM.
#[derive(Serialize, Deserialize)]
struct PointV2 {
    unit: u32,
    matching: f32,
    calibration: f32,
}

/// The bytes of a `.attar` file; the same set gives the same bytes.
///
/// # Errors
/// [`Error::Data`] if the set does not pass [`Distilled::check`].
pub fn write(set: &Distilled) -> Result<Vec<u8>> {
    set.check()?;
    let header = postcard::to_stdvec(&HeaderV2::of(set)?).map_err(unwritable)?;
    let mut bytes = MAGIC.to_vec();
    bytes.extend(FORMAT.to_le_bytes());
    bytes.extend(u32::try_from(header.len()).map_err(unwritable)?.to_le_bytes());
    bytes.extend(header);
    bytes.extend(packed(&payload(set)));
    let checksum = crc32(&bytes);
    bytes.extend(checksum.to_le_bytes());
    Ok(bytes)
}

/// Reads a `.attar` file of any released version.
///
/// # Errors
/// [`Error::Format`] if the bytes are not such a file, are damaged, or come from a later version.
pub fn read(bytes: &[u8]) -> Result<Distilled> {
    let fault = |what: &str| Error::Format(what.into());
    let damaged = || fault("this .attar file is damaged or cut short: get it again");
    if !bytes.starts_with(MAGIC) {
        return Err(fault("this is not an .attar file: give one that `attar distill` wrote"));
    }
    let format = u16::from_le_bytes(field(bytes, MAGIC.len()).ok_or_else(damaged)?);
    match format {
        FORMAT => {}
        1 => return Err(fault("this .attar file was written before the first release: distil the set again")),
        0 => return Err(damaged()),
        later => {
            return Err(Error::Format(format!(
                "this .attar file has format {later}, and this Attar reads format {FORMAT}: install a newer Attar"
            )));
        }
    }
    let end = bytes.len().checked_sub(CHECKSUM).filter(|&end| end >= PREFIX).ok_or_else(damaged)?;
    if field(bytes, end).map(u32::from_le_bytes) != Some(crc32(&bytes[..end])) {
        return Err(damaged());
    }
    let header_length = u32::from_le_bytes(field(bytes, PREFIX - 4).ok_or_else(damaged)?) as usize;
    let (header, payload) = bytes[PREFIX..end].split_at_checked(header_length).ok_or_else(damaged)?;
    let (header, rest) = postcard::take_from_bytes::<HeaderV2>(header).map_err(|_| damaged())?;
    if !rest.is_empty() {
        return Err(damaged());
    }
    let content = header.content_bytes().and_then(|size| unpacked(payload, size)).ok_or_else(damaged)?;
    let set = header.with_content(&content);
    set.check()
        .map_err(|error| Error::Format(format!("this .attar file contradicts itself ({error}): get it again")))?;
    Ok(set)
}

#[cfg(not(target_arch = "wasm32"))]
impl Distilled {
    /// Writes a `.attar` file; one that is there before stays whole until the new one is.
    ///
    /// # Errors
    /// As [`write()`]; [`Error::Io`] with the path.
    pub fn save(&self, path: impl AsRef<std::path::Path>) -> Result<()> {
        super::write_atomic(path.as_ref(), &write(self)?)
    }

    /// Reads a `.attar` file.
    ///
    /// # Errors
    /// As [`read`], with the path before the sentence; [`Error::Io`] if the file cannot be read.
    pub fn load(path: impl AsRef<std::path::Path>) -> Result<Distilled> {
        let path = path.as_ref();
        read(&super::files::read(path)?).map_err(|error| Error::Format(format!("{}: {error}", path.display())))
    }
}

impl HeaderV2 {
    fn of(set: &Distilled) -> Result<HeaderV2> {
        let size = |size: usize| u32::try_from(size).map_err(unwritable);
        Ok(HeaderV2 {
            attar: set.versions.attar.clone(),
            float: matches!(set.planes, Planes::F32(_)),
            size: [size(set.channels)?, size(set.height)?, size(set.width)?],
            labels: set.labels.clone(),
            soft: set.soft.is_some(),
            classes: set.classes.clone(),
            normalisation: set.normalisation.clone(),
            factor: set.factor,
            images_per_class: set.images_per_class,
            method: set.method.clone(),
            recipe: set.recipe.entries().to_vec(),
            seed: set.seed,
            fingerprint: set.fingerprint.clone(),
            losses: set.losses.iter().map(PointV2::of).collect(),
        })
    }

    /// Bytes of the pixels.
    fn plane_bytes(&self) -> Option<u64> {
        let value = if self.float { 4 } else { 1 };
        self.size.iter().try_fold(self.labels.len() as u64 * value, |bytes, &size| bytes.checked_mul(size.into()))
    }

    /// Bytes of the unpacked payload.
    fn content_bytes(&self) -> Option<u64> {
        let pictures = (self.labels.len() as u64).checked_mul(u64::from(self.factor).checked_pow(2)?)?;
        let soft = if self.soft { pictures.checked_mul(4 * self.classes.len() as u64)? } else { 0 };
        self.plane_bytes()?.checked_add(soft)
    }

    /// The set, from a payload of [`content_bytes`](HeaderV2::content_bytes).
    fn with_content(self, content: &[u8]) -> Distilled {
        let planes = self.plane_bytes().map_or(0, |bytes| (bytes as usize).min(content.len()));
        let (planes, soft) = content.split_at(planes);
        let [channels, height, width] = self.size.map(|size| size as usize);
        Distilled {
            planes: if self.float { Planes::F32(floats(planes)) } else { Planes::U8(planes.to_vec()) },
            channels,
            height,
            width,
            labels: self.labels,
            soft: self.soft.then(|| floats(soft)),
            classes: self.classes,
            normalisation: self.normalisation,
            factor: self.factor,
            images_per_class: self.images_per_class,
            method: self.method,
            recipe: Settings::from_entries(self.recipe),
            seed: self.seed,
            fingerprint: self.fingerprint,
            losses: losses(&self.losses),
            versions: Versions { attar: self.attar, format: 2 },
        }
    }
}

impl PointV2 {
    fn of((unit, values): (u32, &[f32])) -> PointV2 {
        let value = |index: usize| values.get(index).copied().unwrap_or_default();
        PointV2 { unit, matching: value(0), calibration: value(1) }
    }
}

fn losses(points: &[PointV2]) -> Losses {
    let mut losses = Losses::new(["matching", "calibration"]);
    points.iter().for_each(|point| losses.push(point.unit, &[point.matching, point.calibration]));
    losses
}

fn payload(set: &Distilled) -> Vec<u8> {
    let little_endian = |values: &[f32]| -> Vec<u8> { values.iter().flat_map(|value| value.to_le_bytes()).collect() };
    let mut bytes = match &set.planes {
        Planes::U8(values) => values.clone(),
        Planes::F32(values) => little_endian(values),
    };
    bytes.extend(little_endian(set.soft.as_deref().unwrap_or_default()));
    bytes
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|&word| f32::from_le_bytes(word)).collect()
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

fn unwritable(error: impl std::fmt::Display) -> Error {
    Error::Data(format!("this distilled set does not fit into a file ({error}): distil fewer or smaller images"))
}

#[cfg(test)]
mod tests {
    use super::super::distilled::tests::example;
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut set = example();
        assert_eq!(read(&write(&set).unwrap()).unwrap(), set);
        assert_eq!(write(&set).unwrap(), write(&set.clone()).unwrap());
        set.planes = Planes::U8(vec![1, 2, 3, 4, 5, 6, 7, 255]);
        set.soft = None;
        assert_eq!(read(&write(&set).unwrap()).unwrap(), set);
        set.labels.clear();
        assert!(matches!(write(&set), Err(Error::Data(_))));
    }

    /// The same file with a right checksum, so that what lies behind it is reached.
    fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
        let end = bytes.len() - CHECKSUM;
        let checksum = crc32(&bytes[..end]);
        bytes[end..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    fn message(bytes: &[u8]) -> String {
        let Err(Error::Format(message)) = read(bytes) else { panic!("a damaged file was read") };
        message
    }

    #[test]
    fn each_fault_has_its_sentence() {
        let good = write(&example()).unwrap();
        assert!(message(b"PK\x03\x04").contains("not an .attar file"));
        assert!(message(&good[..20]).contains("damaged or cut short"));
        let mut newer = good.clone();
        newer[6] = 9;
        assert!(message(&newer).contains("install a newer Attar"));
        let mut flipped = good;
        flipped[40] ^= 1;
        assert!(message(&flipped).contains("damaged or cut short"));
    }

    #[test]
    fn sealed_nonsense_is_refused() {
        let good = write(&example()).unwrap();
        let mut long = good.clone();
        long[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
        message(&sealed(long));
        let mut extra = good.clone();
        extra.insert(good.len() - CHECKSUM, 0);
        message(&sealed(extra));
        for at in PREFIX..good.len() - CHECKSUM {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bytes = good.clone();
                bytes[at] = value;
                if let Ok(set) = read(&sealed(bytes)) {
                    set.check().unwrap();
                }
            }
        }
    }

    #[test]
    fn files_are_named_in_errors() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("set.attar");
        example().save(&path).unwrap();
        assert_eq!(Distilled::load(&path).unwrap(), example());
        std::fs::write(&path, "x").unwrap();
        for path in [path, root.path().join("missing.attar")] {
            assert!(Distilled::load(&path).unwrap_err().to_string().starts_with(&path.display().to_string()));
        }
    }
}
