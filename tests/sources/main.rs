//! What folders a person may give, and what is made of each: classes and counts, or a sentence that says what to do. All are
//! made here, after the kinds that people report to image tools.
#![cfg(not(target_arch = "wasm32"))]
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

mod archives;
mod arrays;
mod kinds;
#[cfg(feature = "parquet")]
mod parquet;
mod selection;
mod tables;
mod webdataset;

use std::{fs, io::Write as _, path::Path};

use attar::{
    Dataset, Error, Source,
    data::{Fit, Reading, Unreadable, read_source, read_test, read_train},
};
use image::{DynamicImage, GrayAlphaImage, GrayImage, ImageFormat, Luma, LumaA, Rgb, RgbImage};

/// What should come of a folder.
enum Want {
    /// These classes and counts, both halves together: a tenth is held out.
    Whole(&'static str),
    /// Those of the training half, and of the test half.
    Halves(&'static str, &'static str),
    /// A sentence with these words.
    Refused(&'static [&'static str]),
}
use Want::{Halves, Refused, Whole};

/// A folder by the files in it: `a/*4` for four pictures, `a/*4.jpg` of another kind, `a -> b` for a link, else a path.
struct Case {
    files: &'static str,
    want: Want,
    /// Words that the notes must have.
    notes: &'static [&'static str],
}

const fn case(files: &'static str, want: Want) -> Case {
    Case { files, want, notes: &[] }
}

const fn told(files: &'static str, want: Want, notes: &'static [&'static str]) -> Case {
    Case { files, want, notes }
}

const LAYOUTS: &[Case] = &[
    // Class folders.
    case("cat/*4, dog/*4", Whole("cat 4, dog 4")),
    case("cat/*4.jpg, dog/*4.webp", Whole("cat 4, dog 4")),
    case("cat/*3.gif, dog/*3.bmp, owl/*3.tiff, emu/*3.ppm", Whole("cat 3, dog 3, emu 3, owl 3")),
    case("10/*2, 9/*2", Whole("10 2, 9 2")),
    case("a b/*2, c'd/*2", Whole("a b 2, c'd 2")),
    case("猫/*2, 犬/*2", Whole("犬 2, 猫 2")),
    case("car/*3, train/*3", Whole("car 3, train 3")),
    case("cat/*40, dog/*2", Whole("cat 40, dog 2")),
    told("pets/cat/*2, pets/dog/*2", Whole("cat 2, dog 2"), &["classes are taken from", "pets"]),
    told("x/pets/cat/*2, x/pets/dog/*2", Whole("cat 2, dog 2"), &["x/pets"]),
    told("archive/train/a/*2, archive/train/b/*2, archive/test/a/*1", Halves("a 2, b 2", "a 1, b 0"), &["archive"]),
    case("cat/images/*2, dog/images/*2", Whole("cat 2, dog 2")),
    told("cat/images/*2, cat/boxes.txt, dog/images/*2", Whole("cat 2, dog 2"), &["boxes.txt"]),
    // What systems and tools leave behind.
    case("cat/*2, dog/*2, __MACOSX/cat/*2, .git/x, $RECYCLE.BIN/*1, lost+found/*1", Whole("cat 2, dog 2")),
    case("cat/*2, cat/Thumbs.db, cat/.DS_Store, cat/desktop.ini, dog/*2, dog/._0.png", Whole("cat 2, dog 2")),
    case("cat/*2, dog/*2, .ipynb_checkpoints/*1, cat/.ipynb_checkpoints/*1, @eaDir/*1", Whole("cat 2, dog 2")),
    case("cat/*2, dog/*2, System Volume Information/*1, __pycache__/x.pyc", Whole("cat 2, dog 2")),
    // Names that a terminal would obey.
    case("a\nb/*2, c\u{1b}[31m/*2", Whole("a\\x0Ab 2, c\\x1B[31m 2")),
    // Things beside class folders.
    told("cat/*2, dog/*2, README.md", Whole("cat 2, dog 2"), &["not read", "README.md"]),
    told("cat/*2, dog/*2, classes.json", Whole("cat 2, dog 2"), &["not read", "classes.json"]),
    told("cat/*2, dog/*2, owl.zip", Whole("cat 2, dog 2"), &["owl.zip"]),
    told("cat/*2, dog/*2, *3", Whole("cat 2, dog 2"), &["0.png, 1.png, 2.png"]),
    told("cat/*2, dog/*2, *9", Whole("cat 2, dog 2"), &["and 4 more"]),
    told("cat/*2, dog/*2, owl -> nowhere", Whole("cat 2, dog 2"), &["owl (a link that leads nowhere)"]),
    case("cat/*2, dog/*2, owl -> cat", Whole("cat 2, dog 2, owl 2")),
    case("cat/*2, dog/*2, dog/9.png -> cat/0.png", Whole("cat 2, dog 3")),
    // Halves by their usual names.
    case("train/a/*2, train/b/*2, test/a/*1, test/b/*1", Halves("a 2, b 2", "a 1, b 1")),
    case("Train/a/*2, Train/b/*2, Test/a/*1, Test/b/*1", Halves("a 2, b 2", "a 1, b 1")),
    case("TRAIN/a/*2, TRAIN/b/*2, TEST/a/*1", Halves("a 2, b 2", "a 1, b 0")),
    case("training/a/*2, training/b/*2, testing/a/*1", Halves("a 2, b 2", "a 1, b 0")),
    case("training_set/a/*2, training_set/b/*2, test_set/a/*1", Halves("a 2, b 2", "a 1, b 0")),
    case("train/a/*2, train/b/*2, val/a/*1", Halves("a 2, b 2", "a 1, b 0")),
    case("train/a/*2, train/b/*2, valid/b/*1", Halves("a 2, b 2", "a 0, b 1")),
    case("train/a/*2, train/b/*2, validation/b/*1", Halves("a 2, b 2", "a 0, b 1")),
    told("train/a/*2, train/b/*2, val/a/*2, test/a/*1", Halves("a 2, b 2", "a 1, b 0"), &["val is not read", "test"]),
    told(
        "train/a/*2, train/b/*2, val/a/*2, test/*3",
        Halves("a 2, b 2", "a 2, b 0"),
        &["test is not read", "3 pictures"],
    ),
    told("train/a/*2, train/b/*2, test/*3", Whole("a 2, b 2"), &["test is not read", "a tenth of each class"]),
    told(
        "train/a/images/*2, train/b/images/*2, val/images/*3, val/list.txt, test/images/*3",
        Whole("a 2, b 2"),
        &["val is not read: its only folder, images,", "test is not read", "a tenth of each class"],
    ),
    told("train/a/*2, train/b/*2, val/a/*1, test/unknown/*3", Halves("a 2, b 2", "a 1, b 0"), &["test is not read"]),
    told("train/a/*2, train/b/*2", Whole("a 2, b 2"), &["train", "classes are taken from"]),
    told("train/a/*2, train/b/*2, test/a/*1, extra/*2", Halves("a 2, b 2", "a 1, b 0"), &["extra is not read"]),
    told("train/a/*2, train/b/*2, train/list.csv, test/a/*1", Halves("a 2, b 2", "a 1, b 0"), &["list.csv"]),
    told("train/a/*2, train/b/*2, test/a/*1, test/b/.x", Halves("a 2, b 2", "a 1, b 0"), &["test/b is empty"]),
    told("test/a/*2, test/b/*2", Whole("a 2, b 2"), &["taken from", "test"]),
    case("train/0/*2, train/1/*2, train/2/*2, test/0/*1, test/1/*1", Halves("0 2, 1 2, 2 2", "0 1, 1 1, 2 0")),
    // Halves that cannot be told.
    case("train/*3, test/*3", Refused(&["test/ and train/", "no class folders"])),
    case("train/*3, test1/*3", Refused(&["test1/ and train/", "no class folders"])),
    case("train2017/a/*2, train2017/b/*2, val2017/a/*1", Halves("a 2, b 2", "a 1, b 0")),
    case("*3, train/*3, test/*3", Refused(&["test/ and train/", "no class folders"])),
    case("train/*3", Refused(&["train/", "no class folders"])),
    case("cat/*2, dog/*2, test/*3", Refused(&["test/ beside class folders", "move it away"])),
    case("cat/*2, dog/*2, val/*3", Refused(&["val/ beside class folders"])),
    case("cat/*2, dog/*2, test/cat/*1, test/dog/*1", Refused(&["test/ but no train/"])),
    case("test/a/*2, val/a/*2", Refused(&["no train/"])),
    case("train/a/*2, Train/a/*2, test/a/*1", Refused(&["same half"])),
    case("train/a/*2, train/b/*2, val/a/*1, test -> nowhere", Refused(&["test is a link that leads nowhere"])),
    case("train -> nowhere, a/*2, b/*2", Refused(&["train is a link that leads nowhere"])),
    case("train/a/*2, train/b/*2, test/a/*1, test/c/*1", Refused(&["`c` is not among", "remove it"])),
    case("train/10/*2, train/20/*2, train/30/*2, test/0/*1, test/1/*1", Refused(&["`0` is not among"])),
    // Sets for other tasks.
    case("images/*3, masks/*3", Refused(&["images/ and masks/", "segmentation"])),
    case("JPEGImages/*3.jpg, SegmentationClass/*3", Refused(&["segmentation"])),
    case("images/*3.jpg, labels/0.txt", Refused(&["object detection"])),
    case("JPEGImages/*3.jpg, Annotations/0.xml", Refused(&["object detection"])),
    case("images/train/*3, labels/train/0.txt", Refused(&["object detection"])),
    case("images/a/*2, images/b/*2, labels/train1.txt", Refused(&["images holds folders (a/, b/)", "give the folder"])),
    // No classes.
    case("jpg/*4, labels.mat", Refused(&["only one class, `jpg`", "a folder each"])),
    case("images/*4, labels.csv", Refused(&["only one class", "labels.csv path and label"])),
    case("train/*4, sample.csv, train.csv", Refused(&["no class folders", "train.csv path and label"])),
    case("*4", Refused(&["4 pictures", "one folder a class"])),
    case("a/*4", Refused(&["only one class, `a`", "at least two"])),
    case(".hidden", Refused(&["no sub-folders", "one folder a class"])),
    case("a/*2, b/.x", Refused(&["b is empty", "remove it"])),
    case("a/*2, b/*1", Refused(&["class `b` has 1 image", "at least 2"])),
    // Classes within classes.
    case("a/x/*2, a/y/*2, b/*2", Refused(&["a holds folders", "x/, y/"])),
    case("a/*2, a/x/*2, b/*2", Refused(&["a holds folders", "up one level"])),
    case("a/x/p/*1, b/x/p/*1", Refused(&["a holds folders", "one folder"])),
    // Names that look alike.
    case("caf\u{e9}/*2, cafe\u{301}/*2", Refused(&["same name to the eye", "\\u{301}", "\\u{e9}"])),
    case("train/caf\u{e9}/*2, train/b/*2, test/cafe\u{301}/*1", Halves("b 2, caf\u{e9} 2", "b 0, caf\u{e9} 1")),
    // Data that are no pictures.
    case("train.parquet", Refused(&["train.parquet is"])),
    case("data/train-00000-of-00001.parquet", Refused(&["train-00000-of-00001.parquet is"])),
    case("train.arrow", Refused(&["holds no pictures", "Hugging Face", "one folder a class"])),
    case("data_batch_1.bin, test_batch.bin", Refused(&["data_batch_1.bin is cut short", "CIFAR-10"])),
    case("batch.bin", Refused(&["binary file", "CIFAR"])),
    case("x_train.npy, y_train.npy", Refused(&["x_train.npy is no NumPy array"])),
    case("set.npz", Refused(&["NumPy", "give the file"])),
    case("train.csv, test.csv", Refused(&["a table"])),
    case("fer.h5", Refused(&["HDF5"])),
    case("a.tfrecord-00000-of-00010", Refused(&["TFRecord"])),
    case("train_32x32.mat", Refused(&["MATLAB"])),
    case("00000.tar, 00001.tar", Refused(&["tar archive", "give one such file"])),
    case("train.zip, test.zip, sample.csv", Refused(&["train.zip and ", "test.zip", "the other to test on"])),
    case("train.zip, sample.csv", Refused(&["train.zip is a zip archive: give the file"])),
    case("all.zip", Refused(&["zip archive", "give the file"])),
    case("all.tar.xz", Refused(&["xz", "unpack it"])),
    case("model.pt", Refused(&["pickle"])),
    case("x.safetensors", Refused(&["safetensors", "give the file"])),
    case("old.attar", Refused(&["distilled set"])),
];

#[test]
fn layouts_are_read_rightly_or_named() {
    assert!(LAYOUTS.len() > 80);
    let failures: Vec<String> = LAYOUTS.iter().filter_map(|case| failure(case).err()).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn failure(case: &Case) -> Result<(), String> {
    let root = tempfile::tempdir().unwrap();
    make(root.path(), case.files);
    case.compare(read(root.path()))
}

impl Case {
    /// What is wrong with what came of it.
    fn compare(&self, read: Result<Source, Error>) -> Result<(), String> {
        let wrong = |what: String| format!("{}: {what}", self.files);
        match (&self.want, read) {
            (Refused(words), Err(error)) => {
                let text = error.to_string();
                let missing: Vec<&&str> = words.iter().filter(|word| !text.contains(**word)).collect();
                missing.is_empty().then_some(()).ok_or_else(|| wrong(format!("no {missing:?} in: {text}")))
            }
            (Refused(_), Ok(source)) => Err(wrong(format!("read as {:?}", source.train.classes()))),
            (_, Err(error)) => Err(wrong(format!("refused: {error}"))),
            (want, Ok(source)) => {
                let (found, wanted) = match want {
                    Whole(wanted) => (counts(&[&source.train, &source.test]), wanted.to_string()),
                    Halves(train, test) => (
                        format!("{} | {}", counts(&[&source.train]), counts(&[&source.test])),
                        format!("{train} | {test}"),
                    ),
                    Refused(_) => unreachable!(),
                };
                let notes = source.notes.join("\n");
                let missing: Vec<&&str> = self.notes.iter().filter(|word| !notes.contains(**word)).collect();
                let expected =
                    found == wanted && missing.is_empty() && (self.notes.is_empty() == source.notes.is_empty());
                expected.then_some(()).ok_or_else(|| wrong(format!("{found}; no {missing:?} in notes: {notes}")))
            }
        }
    }
}

/// `a 3, b 2`: the classes, and their images in these sets together.
fn counts(sets: &[&Dataset]) -> String {
    let count = |class: usize| sets.iter().map(|set| set.of_class(class as u32).len()).sum::<usize>();
    let classes = sets[0].classes().iter().enumerate();
    classes.map(|(class, name)| format!("{name} {}", count(class))).collect::<Vec<_>>().join(", ")
}

fn make(root: &Path, files: &str) {
    for (at, file) in files.split(", ").enumerate() {
        if let Some((link, target)) = file.split_once(" -> ") {
            #[cfg(unix)]
            std::os::unix::fs::symlink(root.join(target), root.join(link)).unwrap();
            continue;
        }
        let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
        let folder = root.join(folder);
        fs::create_dir_all(&folder).unwrap();
        let Some(pictures) = name.strip_prefix('*') else {
            fs::write(folder.join(name), "some text").unwrap();
            continue;
        };
        let (count, kind) = pictures.split_once('.').unwrap_or((pictures, "png"));
        for index in 0..count.parse::<usize>().unwrap() {
            picture(at * 50 + index).save(folder.join(format!("{index}.{kind}"))).unwrap();
        }
    }
}

/// One of many pictures that differ.
fn picture(index: usize) -> DynamicImage {
    let value = |x: u32, y: u32| (x * 9 + y * 5 + index as u32 * 3) as u8;
    RgbImage::from_fn(16, 16, |x, y| Rgb([value(x, y), value(y, x), index as u8])).into()
}

fn save(picture: impl Into<DynamicImage>, path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    picture.into().save(path).unwrap();
}

/// With classes `a` and `b` of four pictures.
fn two_classes() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    make(root.path(), "a/*4, b/*4");
    root
}

fn read(root: &Path) -> Result<Source, Error> {
    read_source(root, &Reading::default())
}

fn jpeg(picture: &DynamicImage) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Jpeg).unwrap();
    bytes.into_inner()
}

/// Files of a class folder by what is in them, and the words of the sentence; none if the file is read.
#[test]
fn files_are_read_or_named() {
    let photo =
        DynamicImage::from(RgbImage::from_fn(64, 48, |x, y| Rgb([(x * 4) as u8, (y * 5) as u8, (x * y) as u8])));
    let whole = jpeg(&photo);
    let png = {
        let mut bytes = std::io::Cursor::new(Vec::new());
        photo.write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    };
    let mut tiff = std::io::Cursor::new(Vec::new());
    photo.write_to(&mut tiff, ImageFormat::Tiff).unwrap();
    let tiff = tiff.into_inner();
    // A header of a component of one pixel, behind the picture.
    let frame = [0xff, 0xc0, 0, 11, 8, 0, 1, 0, 1, 1, 1, 0x11, 0];
    let with = |end: &[u8]| [&whole[..], end].concat();
    let cut = |by: usize, end: &[u8]| [&whole[..whole.len() - by], end].concat();
    let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        ("whole.jpg", whole.clone(), &[]),
        ("png-called.jpg", png.clone(), &[]),
        ("JPEG.JPG", whole.clone(), &[]),
        ("no-ending", whole.clone(), &[]),
        // A motion photo: a film after the picture, whose bytes may look like a marker.
        ("motion.jpg", with(b"\0\0\0\x18ftypmp42\xff\xda"), &[]),
        ("two-pictures.jpg", with(&whole), &[]),
        ("zeros-behind.jpg", with(&[0; 100]), &[]),
        ("no-end-marker.jpg", cut(2, b""), &[]),
        ("cut.jpg", cut(300, b""), &["cut.jpg", "cut short"]),
        ("cut-and-ended.jpg", cut(300, b"\0\0\0\0\0\0\0\0\0\xff\xd9"), &["cut-and-ended.jpg", "cut short"]),
        ("cut-and-more.jpg", cut(300, &whole), &["cut short"]),
        ("half.jpg", whole[..whole.len() / 2].to_vec(), &["half.jpg"]),
        ("header.jpg", whole[..200].to_vec(), &["header.jpg"]),
        ("half.png", png[..png.len() / 2].to_vec(), &["half.png"]),
        ("empty.png", Vec::new(), &["empty.png is empty"]),
        ("photo.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec(), &["HEIC", "convert it to JPEG"]),
        ("photo.jpg", b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic".to_vec(), &["HEIC"]),
        ("x.avif", b"\0\0\0\x1cftypavif\0\0\0\0".to_vec(), &["AVIF"]),
        ("logo.svg", b"<?xml version=\"1.0\"?><svg xmlns=\"x\"/>".to_vec(), &["SVG", "PNG"]),
        ("page.jpg", b"<!DOCTYPE html><html>404</html>".to_vec(), &["web page", "get the picture again"]),
        ("notes.txt", b"a list of things".to_vec(), &["notes.txt", "looks like text"]),
        ("set.zip", b"PK\x03\x04rest".to_vec(), &["zip archive"]),
        ("x.jxl", b"\xff\x0arest".to_vec(), &["JPEG XL"]),
        ("scan.pdf", b"%PDF-1.7".to_vec(), &["PDF"]),
        ("noise.png", vec![0x81; 400], &["noise.png cannot be read", "none of PNG, JPEG", "convert it to PNG"]),
        ("x.ico", b"\0\0\x01\0\x01\0\x10\x10".to_vec(), &["none of PNG", "convert it to PNG"]),
        // The picture for the camera's own screen is not what was taken.
        ("photo.NEF", tiff.clone(), &["photo.NEF is a camera's raw file", "develop it"]),
        ("photo.dng", tiff, &["raw file"]),
        ("two-frames.jpg", [&whole[..whole.len() - 2], &frame, b"\xff\xd9"].concat(), &["cut short or damaged"]),
    ];
    for (name, bytes, words) in cases {
        let root = two_classes();
        fs::write(root.path().join("b").join(name), bytes).unwrap();
        match read(root.path()) {
            Ok(source) => {
                assert!(words.is_empty(), "{name} was read");
                assert_eq!(counts(&[&source.train, &source.test]), "a 4, b 5", "{name}");
            }
            Err(error) => {
                let text = error.to_string();
                assert!(!words.is_empty() && words.iter().all(|word| text.contains(word)), "{name}: {text}");
            }
        }
    }
}

#[test]
fn a_jpeg_is_whole_however_it_is_coded() {
    // Greyscale, and cut at every tenth of its length: only all of it is read.
    let grey = DynamicImage::from(GrayImage::from_fn(40, 56, |x, y| Luma([(x * y) as u8])));
    let whole = jpeg(&grey);
    for tenth in 1..=10 {
        let root = two_classes();
        fs::write(root.path().join("b/x.jpg"), [&whole[..whole.len() * tenth / 10], b"\xff\xd9"].concat()).unwrap();
        assert_eq!(read(root.path()).is_ok(), tenth == 10, "{tenth}");
    }
}

#[test]
fn all_that_cannot_be_read_is_named_or_skipped() {
    let root = two_classes();
    for name in ["x.txt", "y.txt", "z.svg"] {
        fs::write(root.path().join("b").join(name), "<svg/>").unwrap();
    }
    let error = read(root.path()).unwrap_err().to_string();
    assert!(error.starts_with("3 of 11 files cannot be read") && error.contains("y.txt"), "{error}");
    let skipping = Reading { unreadable: Unreadable::Skip, ..Reading::default() };
    let source = read_source(root.path(), &skipping).unwrap();
    assert_eq!(counts(&[&source.train, &source.test]), "a 4, b 4");
    assert_eq!(source.skipped.len(), 3);
    assert!(source.notes.concat().contains("3 files were skipped"), "{:?}", source.notes);
    // The images that are left are those that they were.
    let clean = two_classes();
    assert_eq!(read(clean.path()).unwrap().train, source.train);
    fs::remove_dir_all(root.path().join("a")).unwrap();
    make(root.path(), "a/x.txt");
    assert!(read_source(root.path(), &skipping).unwrap_err().to_string().contains('a'));
}

/// The size in the header decides the form of all pictures, and none has sides of 0.
#[test]
fn pictures_without_pixels_are_named() {
    let root = tempfile::tempdir().unwrap();
    for name in ["a/0.gif", "a/1.gif", "b/0.gif", "b/1.gif"] {
        fs::create_dir_all(root.path().join(name).parent().unwrap()).unwrap();
        fs::write(root.path().join(name), b"GIF87a\0\0\0\0\0\0\0\0\0\x0c0").unwrap();
    }
    let error = read(root.path()).unwrap_err().to_string();
    assert!(error.starts_with("4 of 4 files cannot be read") && error.contains("0 x 0 pixels"), "{error}");
}

#[test]
fn what_becomes_of_pictures_is_told() {
    let notes = |make: &dyn Fn(&Path), reading: &Reading| {
        let root = two_classes();
        make(root.path());
        read_source(root.path(), reading).unwrap().notes.join("\n")
    };
    let default = Reading::default();
    let blank = |root: &Path| {
        let logo = GrayAlphaImage::from_fn(16, 16, |x, _| LumaA([255, if x < 8 { 255 } else { 0 }]));
        save(logo, &root.join("b/logo.png"));
    };
    assert!(notes(&blank, &default).contains("1 of 9 pictures become a single colour"));
    let flat = |root: &Path| save(GrayImage::new(16, 16), &root.join("b/flat.png"));
    assert!(notes(&flat, &default).contains("1 of 9 pictures are grey among colour"));
    let wide =
        |root: &Path| save(RgbImage::from_fn(96, 32, |x, y| Rgb([x as u8, y as u8, 7])), &root.join("b/wide.png"));
    assert!(notes(&wide, &default).contains("1 of 9 pictures are more than twice as long as wide, and are cropped"));
    assert!(notes(&wide, &Reading { fit: Fit::Stretch, ..default.clone() }).contains("stretched"));
    assert_eq!(notes(&wide, &Reading { fit: Fit::Pad, ..default.clone() }), "");
    let again = |root: &Path| {
        fs::copy(root.join("a/0.png"), root.join("b/again.png")).unwrap();
        fs::copy(root.join("a/0.png"), root.join("b/and-again.png")).unwrap();
    };
    let root = two_classes();
    again(root.path());
    let source = read(root.path()).unwrap();
    let count = source.train.len();
    let noted = source.repeats().concat();
    assert!(noted.contains(&format!("of {count} training images repeat others")) || noted.contains("test images are"));
}

#[test]
fn halves_can_be_read_by_themselves() {
    let root = tempfile::tempdir().unwrap();
    make(root.path(), "train/a/*3, train/b/*2, test/a/*1");
    let train = read_train(root.path(), &Reading::default()).unwrap();
    assert_eq!(counts(&[&train.set]), "a 3, b 2");
    let test = read_test(root.path(), &Reading::default(), 3, 16, 16).unwrap();
    assert_eq!(counts(&[&test.set]), "a 1");
    let flat = two_classes();
    assert_eq!(counts(&[&read_train(flat.path(), &Reading::default()).unwrap().set]), "a 4, b 4");
}

/// The bytes of an IDX file.
fn idx(dims: &[u32], data: &[u8]) -> Vec<u8> {
    let dims_bytes = dims.iter().flat_map(|dim| dim.to_be_bytes());
    [0, 0, 8, dims.len() as u8].into_iter().chain(dims_bytes).chain(data.iter().copied()).collect()
}

/// How a file is called, by its half and content.
type NameOf = fn(&str, &str) -> String;

/// A set of images of 2 x 2 pixels, its files called as `name` says.
fn write_idx(folder: &Path, name: NameOf) {
    fs::create_dir_all(folder).unwrap();
    for half in ["train", "t10k"] {
        let pixels: Vec<u8> = (0..16).map(|value| value * if half == "train" { 3 } else { 5 }).collect();
        fs::write(folder.join(name(half, "images-idx3")), idx(&[4, 2, 2], &pixels)).unwrap();
        fs::write(folder.join(name(half, "labels-idx1")), idx(&[4], &[0, 1, 0, 1])).unwrap();
    }
}

#[test]
fn idx_files_are_found_by_their_names() {
    let names: [NameOf; 5] = [
        |half, what| format!("{half}-{what}-ubyte"),
        |half, what| format!("{}-ubyte", format!("{half}-{what}").replace("-idx", ".idx")),
        |half, what| format!("emnist-letters-{}-{what}-ubyte", half.replace("t10k", "test")),
        |half, what| format!("{}-{what}-ubyte", half.to_uppercase()),
        |half, what| format!("kmnist-{half}-{what}-ubyte"),
    ];
    for (at, &name) in names.iter().enumerate() {
        for inside in ["", "raw", "MNIST/raw"] {
            let root = tempfile::tempdir().unwrap();
            write_idx(&root.path().join(inside), name);
            let source = read(root.path()).unwrap_or_else(|error| panic!("{at} {inside}: {error}"));
            assert_eq!((counts(&[&source.train]), counts(&[&source.test])), ("0 2, 1 2".into(), "0 2, 1 2".into()));
        }
    }
    let root = tempfile::tempdir().unwrap();
    write_idx(root.path(), names[0]);
    fs::write(root.path().join("classes.txt"), "\u{feff}circle\r\nsquare\r\n").unwrap();
    assert_eq!(read(root.path()).unwrap().train.classes(), ["circle", "square"]);
    fs::write(root.path().join("classes.txt"), "circle\n").unwrap();
    assert!(read(root.path()).unwrap_err().to_string().contains("only 1 class names"));
    write_idx(root.path(), names[4]);
    assert!(read(root.path()).unwrap_err().to_string().contains("several IDX data sets"));
    let two = tempfile::tempdir().unwrap();
    write_idx(&two.path().join("a"), names[0]);
    write_idx(&two.path().join("b"), names[0]);
    assert!(read(two.path()).unwrap_err().to_string().contains("in several folders"));
}

#[test]
fn half_of_the_idx_files_are_enough_for_who_wants_a_half() {
    let root = tempfile::tempdir().unwrap();
    write_idx(root.path(), |half, what| format!("{half}-{what}-ubyte"));
    fs::remove_file(root.path().join("t10k-labels-idx1-ubyte")).unwrap();
    let half = read_train(root.path(), &Reading::default()).unwrap();
    assert_eq!(counts(&[&half.set]), "0 2, 1 2");
    let refused = [read(root.path()).unwrap_err(), read_test(root.path(), &Reading::default(), 1, 2, 2).unwrap_err()];
    for error in refused {
        assert!(error.to_string().contains("no file t10k-labels-idx1-ubyte"), "{error}");
    }
}

#[test]
fn a_tenth_of_idx_files_without_a_test_half_is_held_out() {
    let root = tempfile::tempdir().unwrap();
    write_idx(root.path(), |half, what| format!("{half}-{what}-ubyte"));
    for name in ["t10k-labels-idx1-ubyte", "t10k-images-idx3-ubyte"] {
        fs::remove_file(root.path().join(name)).unwrap();
    }
    let source = read(root.path()).unwrap();
    assert_eq!((counts(&[&source.train]), counts(&[&source.test])), ("0 1, 1 1".into(), "0 1, 1 1".into()));
    assert!(source.notes.concat().contains("a tenth of each class is held out"), "{:?}", source.notes);
}

#[test]
fn idx_headers_are_compared_before_anything_is_unpacked() {
    let root = tempfile::tempdir().unwrap();
    write_idx(root.path(), |half, what| format!("{half}-{what}-ubyte"));
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(&idx(&[600, 200, 200], &vec![0; 600 * 200 * 200])).unwrap();
    fs::remove_file(root.path().join("train-images-idx3-ubyte")).unwrap();
    fs::write(root.path().join("train-images-idx3-ubyte.gz"), packed.finish().unwrap()).unwrap();
    let error = read(root.path()).unwrap_err().to_string();
    assert!(error.contains("600 images") && error.contains("4 labels"), "{error}");
}

#[test]
fn unnamed_labels_are_places_and_numbers_are_names() {
    let train = tempfile::tempdir().unwrap();
    make(train.path(), "circle/*2, square/*2");
    let test = tempfile::tempdir().unwrap();
    write_idx(test.path(), |half, what| format!("{half}-{what}-ubyte"));
    let classes = read_train(train.path(), &Reading::default()).unwrap().set.classes().to_vec();
    let labels = read_test(test.path(), &Reading::default(), 1, 16, 16).unwrap().set;
    assert_eq!(labels.with_classes(&classes).unwrap().classes(), ["circle", "square"]);
    let folders = tempfile::tempdir().unwrap();
    make(folders.path(), "0/*2, 1/*2");
    let named = read_test(folders.path(), &Reading::default(), 3, 16, 16).unwrap().set;
    assert!(named.with_classes(&classes).unwrap_err().to_string().contains("`0` is not among"));
}

#[cfg(unix)]
#[test]
fn what_is_no_regular_file_is_never_opened() {
    use std::os::unix::net::UnixListener;
    let root = two_classes();
    let _socket = UnixListener::bind(root.path().join("b/p.png")).unwrap();
    assert!(read(root.path()).unwrap_err().to_string().contains("p.png is neither a file nor a folder"));
    fs::remove_file(root.path().join("b/p.png")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", root.path().join("a/z.png")).unwrap();
    assert!(read(root.path()).unwrap_err().to_string().contains("z.png is neither a file nor a folder"));
    fs::remove_file(root.path().join("a/z.png")).unwrap();
    std::os::unix::fs::symlink(root.path(), root.path().join("a/round")).unwrap();
    assert!(read(root.path()).unwrap_err().to_string().contains("folders"));
}

#[cfg(unix)]
#[test]
fn names_that_are_no_text_stay_apart() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};
    let root = tempfile::tempdir().unwrap();
    for name in [b"caf\xe8", b"caf\xe9"] {
        for index in 0..2 {
            save(picture(index), &root.path().join(OsStr::from_bytes(name)).join(format!("{index}.png")));
        }
    }
    assert_eq!(read(root.path()).unwrap().train.classes(), ["caf\\xE8", "caf\\xE9"]);
}

#[test]
fn memory_is_bounded() {
    let root = two_classes();
    save(GrayImage::new(3000, 3000), &root.path().join("b/large.png"));
    assert!(read(root.path()).is_ok());
    let scarce = Reading { memory: 64 << 20, ..Reading::default() };
    let error = read_source(root.path(), &scarce).unwrap_err().to_string();
    assert!(error.contains("large.png is too large") && error.contains("64 MiB"), "{error}");
    // A header that promises more than any picture has.
    let mut header = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x7f\xff\0\0\x7f\xff\x10\x06\0\0\0".to_vec();
    let mut crc = crc32fast::Hasher::new();
    crc.update(&header[12..]);
    header.extend(crc.finalize().to_be_bytes());
    header.extend(b"\0\0\0\0IDAT\x35\xaf\x06\x1e\0\0\0\0IEND\xaeB`\x82");
    fs::write(root.path().join("b/bomb.png"), header).unwrap();
    assert!(read(root.path()).unwrap_err().to_string().contains("bomb.png is too large"));
}

#[test]
fn sides_follow_from_the_pictures() {
    let side = |sizes: &[(u32, u32)]| {
        let root = tempfile::tempdir().unwrap();
        for (at, &(height, width)) in sizes.iter().enumerate() {
            for class in ["a", "b"] {
                let picture = RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, at as u8]));
                save(picture, &root.path().join(format!("{class}/{at}.png")));
            }
        }
        read(root.path()).unwrap().train.images().height()
    };
    assert_eq!(side(&[(28, 28), (28, 28)]), 28);
    assert_eq!(side(&[(64, 64), (64, 64)]), 64);
    assert_eq!(side(&[(65, 65), (65, 65)]), 64);
    assert_eq!(side(&[(28, 28), (29, 29), (300, 200)]), 32);
    assert_eq!(side(&[(28, 28), (300, 200), (200, 300)]), 64);
    // Nor do the few that are looked at first mislead: the last of many is larger.
    let many: Vec<(u32, u32)> = (0..70).map(|at| if at == 69 { (30, 30) } else { (28, 28) }).collect();
    assert_eq!(side(&many), 32);
}
