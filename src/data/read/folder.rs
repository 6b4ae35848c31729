//! Image folders: one sub-folder a class, its name the class's name.

use std::ffi::OsStr;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::error::ImageError;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use rayon::prelude::*;

use crate::data::{
    dataset::{Dataset, Images},
    files,
    resize::fit,
    source::{Source, split_per_class},
};
use crate::{Error, Result};

/// The share of each class that becomes the test set where a source brings none.
const TEST_FRACTION: f64 = 0.1;

/// No picture may be wider or higher than this.
const LARGEST_SIDE: u32 = 1 << 15;
/// No picture may unpack to more bytes than this.
const MOST_BYTES: u64 = 512 << 20;
/// Images that all have one square size are kept as they are up to this.
const LARGEST_KEPT: u32 = 64;

/// Reads a source from a folder; see [`read_source`](super::read_source).
pub(super) fn read(path: &Path, size: Option<usize>, seed: u64) -> Result<Source> {
    let name = files::name(path);
    let Some((train, test)) = halves(path)? else {
        let all = Listing::new(path)?;
        let form = Form::of(&[&all], size)?;
        let (train, test) = split_per_class(&all.decode(&form)?, TEST_FRACTION, seed)?;
        return Source::new(train, test, name, all.bytes);
    };
    let (train, test) = (Listing::new(&train)?, Listing::new(&test)?);
    let form = Form::of(&[&train, &test], size)?;
    Source::new(train.decode(&form)?, test.decode(&form)?, name, train.bytes + test.bytes)
}

/// Reads the test half of a folder, or all of it; see [`read_test`](super::read_test).
pub(super) fn read_test(path: &Path, channels: usize, (height, width): (usize, usize)) -> Result<Dataset> {
    let folder = halves(path)?.map_or_else(|| path.to_path_buf(), |(_, test)| test);
    Listing::new(&folder)?.decode(&Form { channels, height, width })
}

/// The folders `train` and `test` (or `val`), if that is how the source is divided. A class may be called `train` too, so
/// both must hold folders.
fn halves(path: &Path) -> Result<Option<(PathBuf, PathBuf)>> {
    let divided = |name: &str| -> Result<Option<PathBuf>> {
        let half = path.join(name);
        let divided = half.is_dir() && entries(&half)?.iter().any(|entry| entry.is_dir());
        Ok(divided.then_some(half))
    };
    let Some(train) = divided("train")? else { return Ok(None) };
    for name in ["test", "val"] {
        if let Some(test) = divided(name)? {
            return Ok(Some((train, test)));
        }
    }
    let path = path.display();
    Err(Error::Data(format!(
        "{path} has train/ but no test/ or val/ with class folders: add one, or give {path}/train"
    )))
}

/// What a folder holds, in the order of the names, without dotfiles and what macOS adds to archives.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error| Error::io(folder.display(), error);
    let all = fs::read_dir(folder).map_err(failed)?;
    let mut paths: Vec<PathBuf> =
        all.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<_>>().map_err(failed)?;
    let hidden = |name: &OsStr| name.as_encoded_bytes().starts_with(b".") || name == "__MACOSX";
    paths.retain(|path| !path.file_name().is_some_and(hidden));
    paths.sort_unstable();
    Ok(paths)
}

/// The image files of a folder of class folders.
struct Listing {
    classes: Vec<String>,
    files: Vec<(PathBuf, u32)>,
    bytes: u64,
}

impl Listing {
    fn new(folder: &Path) -> Result<Listing> {
        let mut listing = Listing { classes: Vec::new(), files: Vec::new(), bytes: 0 };
        for class in entries(folder)?.iter().filter(|entry| entry.is_dir()) {
            listing.add(class)?;
        }
        if listing.classes.is_empty() {
            let folder = folder.display();
            return Err(Error::Data(format!("{folder} has no sub-folders: sort the images into one folder a class")));
        }
        Ok(listing)
    }

    fn add(&mut self, folder: &Path) -> Result<()> {
        let label = self.classes.len() as u32;
        self.classes.push(folder.file_name().unwrap_or_default().to_string_lossy().into_owned());
        let files = entries(folder)?;
        if files.is_empty() {
            let folder = folder.display();
            return Err(Error::Data(format!("the class folder {folder} is empty: add images or remove it")));
        }
        for file in files {
            let metadata = fs::metadata(&file).map_err(|error| Error::io(file.display(), error))?;
            if metadata.is_dir() {
                let file = file.display();
                return Err(Error::Data(format!(
                    "{file} is a folder inside a class folder: move its images up one level"
                )));
            }
            self.bytes += metadata.len();
            self.files.push((file, label));
        }
        Ok(())
    }

    fn decode(&self, form: &Form) -> Result<Dataset> {
        let image_bytes = form.channels * form.height * form.width;
        let mut pixels = zeros(self.files.len(), image_bytes)?;
        let decoded = pixels.par_chunks_exact_mut(image_bytes).zip(&self.files).map(|(image, (path, _))| {
            image.copy_from_slice(&decode(path, form)?);
            Ok(())
        });
        first_error(decoded.collect())?;
        let images = Images::new(form.channels, form.height, form.width, pixels)?;
        Dataset::new(self.classes.clone(), images, self.files.iter().map(|&(_, label)| label).collect())
    }
}

/// Room for this many images, which may be more than there is.
fn zeros(images: usize, image_bytes: usize) -> Result<Vec<u8>> {
    let (bytes, mut pixels) = (images.saturating_mul(image_bytes), Vec::new());
    pixels.try_reserve_exact(bytes).map_err(|_| {
        Error::Data(format!("{images} images of this size need {bytes} bytes, more than there is: give a smaller size"))
    })?;
    pixels.resize(bytes, 0);
    Ok(pixels)
}

/// What every image of a source becomes.
struct Form {
    channels: usize,
    height: usize,
    width: usize,
}

impl Form {
    /// The form of these listings together; `size` overrules the choice of side.
    fn of(listings: &[&Listing], size: Option<usize>) -> Result<Form> {
        let paths: Vec<&Path> = listings.iter().flat_map(|listing| &listing.files).map(|(path, _)| &**path).collect();
        let headers = first_error(paths.par_iter().map(|path| Header::read(path)).collect())?;
        let channels = if headers.iter().all(|header| header.grey) { 1 } else { 3 };
        let side = size.unwrap_or_else(|| default_side(headers.iter().map(|header| header.size)));
        Ok(Form { channels, height: side, width: side })
    }
}

/// The side to resize to if none is asked for; see [`read_source`](super::read_source).
fn default_side(sizes: impl Iterator<Item = (u32, u32)>) -> usize {
    let mut sizes: Vec<(u32, u32)> = sizes.collect();
    let (height, width) = sizes.first().copied().unwrap_or_default();
    if height == width && height <= LARGEST_KEPT && sizes.iter().all(|&size| size == (height, width)) {
        return height as usize;
    }
    sizes.sort_unstable_by_key(|&(height, width)| height.min(width));
    let (height, width) = sizes[sizes.len() / 2];
    if height.min(width) < 64 { 32 } else { 64 }
}

/// All results, or the first error in order, so that the same folder always gives the same message.
fn first_error<T>(results: Vec<Result<T>>) -> Result<Vec<T>> {
    results.into_iter().collect()
}

/// What a file says of its picture.
struct Header {
    size: (u32, u32),
    grey: bool,
}

impl Header {
    fn read(path: &Path) -> Result<Header> {
        let bytes = files::read(path)?;
        let decoder = open(path, &bytes)?;
        let (width, height) = decoder.dimensions();
        Ok(Header { size: (height, width), grey: !decoder.color_type().has_color() })
    }
}

fn decode(path: &Path, form: &Form) -> Result<Vec<u8>> {
    let bytes = files::read(path)?;
    let mut decoder = open(path, &bytes)?;
    let failed = |error| unreadable(path, &error);
    let orientation = decoder.orientation().map_err(failed)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(failed)?;
    picture.apply_orientation(orientation);
    let picture = picture.into_rgba8();
    let size = (picture.height() as usize, picture.width() as usize);
    fit(picture.as_raw(), size, form.channels, (form.height, form.width))
}

/// A decoder for a file's content, once its header is known to be sound and its picture not too large.
fn open<'a>(path: &Path, bytes: &'a [u8]) -> Result<impl ImageDecoder + 'a> {
    let guessed = ImageReader::new(Cursor::new(bytes)).with_guessed_format();
    let mut reader = guessed.map_err(|error| Error::io(path.display(), error))?;
    if reader.format() == Some(ImageFormat::Jpeg) && !jpeg_ends(bytes) {
        return Err(Error::Format(format!("{} is cut short: get the file again or remove it", path.display())));
    }
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(LARGEST_SIDE), Some(LARGEST_SIDE));
    limits.max_alloc = Some(MOST_BYTES);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(|error| unreadable(path, &error))?;
    if decoder.total_bytes() > MOST_BYTES {
        return Err(too_large(path));
    }
    Ok(decoder)
}

/// Whether an end-of-image marker follows the last scan of a JPEG file. The decoder fills what is missing with grey and
/// says nothing. (Inside a scan, the byte 0xff is never followed by either marker's second byte.)
fn jpeg_ends(bytes: &[u8]) -> bool {
    let last = |marker: [u8; 2]| bytes.windows(2).rposition(|pair| pair == marker);
    last([0xff, 0xda]) < last([0xff, 0xd9])
}

fn unreadable(path: &Path, error: &ImageError) -> Error {
    if matches!(error, ImageError::Limits(_)) {
        return too_large(path);
    }
    let path = path.display();
    Error::Format(format!("{path} cannot be read as a PNG, JPEG or WebP image ({error}): replace or remove it"))
}

fn too_large(path: &Path) -> Error {
    let path = path.display();
    Error::Data(format!(
        "{path} is too large (more than {LARGEST_SIDE} pixels a side or {} MiB unpacked): shrink it",
        MOST_BYTES >> 20
    ))
}

#[cfg(test)]
mod tests {
    use image::{GrayImage, Luma, Rgb, RgbImage};

    use super::super::{read_source, read_test};
    use super::*;

    fn save(root: &Path, file: &str, picture: impl Into<DynamicImage>) {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        picture.into().save(path).unwrap();
    }

    fn grey(side: u32, value: u8) -> GrayImage {
        GrayImage::from_pixel(side, side, Luma([value]))
    }

    fn two_classes() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for index in 0..3 {
            save(root.path(), &format!("cat/{index}.png"), grey(28, index));
            save(root.path(), &format!("dog/{index}.png"), grey(28, 100 + index));
        }
        root
    }

    fn message(root: &Path) -> String {
        read_source(root, None, 0).unwrap_err().to_string()
    }

    #[test]
    fn a_folder_is_split() {
        let root = two_classes();
        fs::write(root.path().join("cat/.DS_Store"), "x").unwrap();
        fs::create_dir(root.path().join("__MACOSX")).unwrap();
        fs::write(root.path().join("README.md"), "x").unwrap();
        let source = read_source(root.path(), None, 0).unwrap();
        assert_eq!(source.train.classes(), ["cat", "dog"]);
        assert_eq!((source.train.labels(), source.test.labels()), (&[0, 0, 1, 1][..], &[0, 1][..]));
        let images = source.train.images();
        assert_eq!((images.channels(), images.height(), images.width()), (1, 28, 28));
        assert_eq!(read_test(root.path(), 3, 8, 8).unwrap().len(), 6);
    }

    #[test]
    fn train_and_test_are_kept_apart_and_share_one_form() {
        let root = tempfile::tempdir().unwrap();
        save(root.path(), "train/a/1.png", grey(40, 10));
        save(root.path(), "train/b/1.webp", RgbImage::from_pixel(80, 50, Rgb([9, 8, 7])));
        save(root.path(), "val/b/1.jpg", RgbImage::from_pixel(50, 50, Rgb([200, 100, 50])));
        let source = read_source(root.path(), None, 0).unwrap();
        assert_eq!((source.train.labels(), source.test.labels()), (&[0, 1][..], &[1][..]));
        assert_eq!((source.train.images().channels(), source.train.images().height()), (3, 32));
        assert_eq!(source.train.images().get(1).unwrap()[1024], 8);
        assert_eq!(read_source(root.path(), Some(16), 0).unwrap().test.images().width(), 16);
    }

    #[test]
    fn a_class_may_be_called_train() {
        let root = two_classes();
        fs::rename(root.path().join("dog"), root.path().join("train")).unwrap();
        assert_eq!(read_source(root.path(), None, 0).unwrap().train.classes(), ["cat", "train"]);
    }

    #[test]
    fn sides_by_default() {
        let side = |sizes: &[(u32, u32)]| default_side(sizes.iter().copied());
        assert_eq!(side(&[(28, 28), (28, 28)]), 28);
        assert_eq!(side(&[(64, 64)]), 64);
        assert_eq!(side(&[(65, 65)]), 64);
        assert_eq!(side(&[(28, 28), (29, 29), (300, 200)]), 32);
        assert_eq!(side(&[(28, 28), (300, 200), (200, 300)]), 64);
    }

    #[test]
    fn bad_folders_get_one_sentence() {
        let root = two_classes();
        assert!(message(&root.path().join("nowhere")).starts_with("there is no folder"));
        let file = root.path().join("set.zip");
        fs::write(&file, "x").unwrap();
        assert!(message(&file).contains("unpack it"));
        fs::create_dir(root.path().join("empty")).unwrap();
        assert!(message(root.path()).contains("empty is empty"));
        fs::create_dir(root.path().join("empty/deep")).unwrap();
        assert!(message(root.path()).contains("folder inside a class folder"));
        fs::remove_dir_all(root.path().join("empty")).unwrap();
        fs::remove_dir_all(root.path().join("dog")).unwrap();
        assert!(message(root.path()).contains("only one class, `cat`"));
        assert!(message(&root.path().join("cat")).contains("no sub-folders"));
    }

    #[test]
    fn bad_files_are_named() {
        let root = two_classes();
        let bad = root.path().join("dog/bad.png");
        let photo: RgbImage = RgbImage::from_fn(64, 64, |x, y| Rgb([(x * 4) as u8, (y * 4) as u8, (x * y) as u8]));
        for kind in ["png", "jpg", "webp"] {
            let whole = root.path().join(format!("dog/whole.{kind}"));
            DynamicImage::from(photo.clone()).save(&whole).unwrap();
            let bytes = fs::read(&whole).unwrap();
            for length in [0, 10, bytes.len() / 2, bytes.len() * 9 / 10] {
                fs::write(&bad, &bytes[..length]).unwrap();
                assert!(message(root.path()).starts_with(&bad.display().to_string()), "{kind} {length}");
            }
            fs::write(&bad, &bytes).unwrap();
            read_source(root.path(), None, 0).unwrap();
        }
    }

    #[test]
    fn hostile_sizes_are_refused() {
        let root = two_classes();
        let bad = root.path().join("dog/bad.png");
        let mut header = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x7f\xff\0\0\x7f\xff\x10\x06\0\0\0".to_vec();
        header.extend(crate::checksum::crc32(&header[12..]).to_be_bytes());
        header.extend(b"\0\0\0\0IDAT\x35\xaf\x06\x1e\0\0\0\0IEND\xaeB`\x82");
        fs::write(&bad, header).unwrap();
        assert!(message(root.path()).contains("is too large"), "{}", message(root.path()));
    }
}
