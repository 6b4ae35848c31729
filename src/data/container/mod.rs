//! The `.attar` file: a distilled set on disk.
//!
//! It is sealed as every file of Attar is (magic `ATTAR\0`, version, body, CRC-32); what the body means, `v2` and `v3`
//! say. postcard, of which bodies are made, does not describe itself, so that what a body is made of never changes once
//! released: a new format gets a new file beside the old one, and `tests/golden` keeps an example of each.

mod history;
mod v2;
mod v3;

use super::Distilled;
use crate::{
    Error, Result,
    sealed::{Fault, Seal},
};

/// The version of the format that [`write()`] writes.
pub const FORMAT: u16 = 3;

const SEAL: Seal = Seal { magic: b"ATTAR\0", versions: 2..=FORMAT };

/// Why a body cannot be read.
enum Misread {
    /// It is not what was written.
    Damaged,
    /// A later Attar wrote it: this is what only that one knows.
    Later(String),
}

/// The bytes of a `.attar` file; the same set gives the same bytes.
///
/// # Errors
/// [`Error::Data`] if the set does not pass [`Distilled::check`].
pub fn write(set: &Distilled) -> Result<Vec<u8>> {
    set.check()?;
    Ok(SEAL.bytes(&v3::write(set)?))
}

/// Reads a `.attar` file of any released version.
///
/// # Errors
/// [`Error::Format`] if the bytes are not such a file, are damaged, or come from a later version.
pub fn read(bytes: &[u8]) -> Result<Distilled> {
    let (format, body) = SEAL.open(bytes).map_err(|fault| Error::Format(sentence(fault)))?;
    let set = if format == 2 { v2::read(body) } else { v3::read(body) };
    let set = set.map_err(|misread| match misread {
        Misread::Damaged => Error::Format(sentence(Fault::Body)),
        Misread::Later(what) => Error::Format(format!("this .attar file has {what}: install a newer Attar")),
    })?;
    set.check()
        .map_err(|error| Error::Format(format!("this .attar file contradicts itself ({error}): get it again")))?;
    Ok(set)
}

fn sentence(fault: Fault) -> String {
    match fault {
        Fault::Foreign => "this is not an .attar file: give one that `attar distill` wrote".into(),
        Fault::Damaged | Fault::Body | Fault::Version(0) => {
            "this .attar file is damaged or cut short: get it again".into()
        }
        Fault::Version(1) => "this .attar file was written before the first release: distil the set again".into(),
        Fault::Version(later) => {
            format!("this .attar file has format {later}, and this Attar reads format {FORMAT}: install a newer Attar")
        }
    }
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

/// A value and nothing after it, from postcard.
fn whole<'a, T: serde::Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Misread> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        _ => Err(Misread::Damaged),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Planes;
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

    fn message(bytes: &[u8]) -> String {
        let Err(Error::Format(message)) = read(bytes) else { panic!("a damaged file was read") };
        message
    }

    #[test]
    fn each_fault_has_its_sentence() {
        let good = write(&example()).unwrap();
        assert!(message(b"PK\x03\x04").contains("not an .attar file"));
        assert!(message(&good[..20]).contains("damaged or cut short"));
        let version = |version| {
            let mut bytes = good.clone();
            bytes[6] = version;
            message(&bytes)
        };
        assert!(version(9).contains("install a newer Attar"));
        assert!(version(1).contains("before the first release"));
        assert!(version(0).contains("damaged or cut short"));
        let mut flipped = good;
        flipped[40] ^= 1;
        assert!(message(&flipped).contains("damaged or cut short"));
    }

    #[test]
    fn sealed_nonsense_is_refused() {
        let good = write(&example()).unwrap();
        let (_, body) = SEAL.open(&good).unwrap();
        message(&SEAL.bytes(&[body, &[0]].concat()));
        for at in 0..body.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut body = body.to_vec();
                body[at] = value;
                if let Ok(set) = read(&SEAL.bytes(&body)) {
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
