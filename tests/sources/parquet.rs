//! Parquet tables: those that Hugging Face's tools wrote (tests/fixtures/parquet.py), those of our own writer, and what becomes
//! of them when they are damaged.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use attar::{
    Dataset, Error, Source,
    data::{Reading, Selection, Unreadable, read_source, read_test},
};
use parquet::{
    basic::Compression,
    data_type::{ByteArray, ByteArrayType, Int32Type},
    file::{metadata::KeyValue, properties::WriterProperties, writer::SerializedFileWriter},
    schema::parser::parse_message_type,
};
use proptest::prelude::*;

use super::{
    archives::{archives, entry, png, read_file},
    counts, read,
};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/parquet").join(name)
}

/// The red of each image, by class.
fn reds(sets: &[&Dataset]) -> String {
    let mut found: Vec<String> = Vec::new();
    for set in sets {
        for (row, label) in set.labels().iter().enumerate() {
            let image = set.select(&[row as u32]).unwrap();
            found.push(format!("{} {}", set.classes()[*label as usize], image.images().pixels()[0]));
        }
    }
    found.sort_unstable();
    found.join(", ")
}

fn halves(source: &Source) -> String {
    format!("{} | {}", counts(&[&source.train]), counts(&[&source.test]))
}

fn refused(read: Result<Source, Error>, words: &[&str]) {
    let error = read.map(|source| halves(&source)).unwrap_err().to_string();
    assert!(words.iter().all(|word| error.contains(word)), "no {words:?} in {error}");
}

/// A folder with copies of fixtures under other names.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (name, from) in files {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(fixture(from), path).unwrap();
    }
    root
}

/// What is said of a source besides that its images are dark, as these are.
fn said(source: &Source) -> Vec<&String> {
    source.notes.iter().filter(|note| !note.contains("brighter")).collect()
}

const FIRST: &str = "train-00000-of-00002.parquet";
const SECOND: &str = "train-00001-of-00002.parquet";

#[test]
fn tables_of_other_tools_are_read() {
    for (name, first) in [(FIRST, 0), ("gzip.parquet", 100), ("zstd.parquet", 100), ("snappy-v2.parquet", 100)] {
        let source = read(&fixture(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let [a, b, c, d] = [first, first + 1, first + 2, first + 3];
        assert_eq!(reds(&[&source.train, &source.test]), format!("cat {b}, cat {d}, dog {a}, dog {c}"), "{name}");
        // As they are numbered, not by name.
        assert_eq!((source.train.classes(), said(&source)), (&["dog".to_string(), "cat".into()][..], vec![]), "{name}");
    }
    let source = read(&fixture("plain.parquet")).unwrap();
    assert_eq!(reds(&[&source.train, &source.test]), "a 200, a 202, b 201, b 203");
    assert!(source.notes.concat().contains("column fine_label, and coarse_label is not read"), "{:?}", source.notes);
    refused(read(&fixture("brotli.parquet")), &["brotli.parquet is packed with BROTLI", "snappy"]);
    refused(read(&fixture("delta.parquet")), &["delta.parquet is encoded as DELTA_BINARY_PACKED"]);
}

#[test]
fn folders_are_read_as_a_clone_has_them() {
    let clone = folder(&[(&format!("data/{FIRST}"), FIRST), (&format!("data/{SECOND}"), SECOND)]);
    fs::write(clone.path().join("README.md"), "---").unwrap();
    let source = read(clone.path()).unwrap();
    assert_eq!(
        reds(&[&source.train, &source.test]),
        "cat 1, cat 3, cat 5, cat 7, dog 0, dog 2, dog 4, dog 6",
        "all shards"
    );
    let test = "data/test-00000-of-00001.parquet";
    fs::copy(fixture("zstd.parquet"), clone.path().join(test)).unwrap();
    let source = read(clone.path()).unwrap();
    assert_eq!((halves(&source).as_str(), said(&source)), ("dog 4, cat 4 | dog 2, cat 2", vec![]));
    let given = read_test(&clone.path().join(test), &Reading::default(), 3, 4, 4).unwrap();
    assert_eq!(counts(&[&given.set]), "dog 2, cat 2");
    for other in ["validation", "extra"] {
        let name = format!("data/{other}-00000-of-00001.parquet");
        fs::copy(fixture("gzip.parquet"), clone.path().join(name)).unwrap();
        let source = read(clone.path()).unwrap();
        assert_eq!(halves(&source), "dog 4, cat 4 | dog 2, cat 2");
        assert!(source.notes.concat().contains(other), "{:?}", source.notes);
    }
    let only = |split: &str| {
        let selection = Selection { split: Some(split.into()), ..Selection::default() };
        read_source(clone.path(), &Reading { selection, ..Reading::default() })
    };
    assert_eq!(reds(&[&only("extra").unwrap().train]).matches("10").count(), 2);
    assert_eq!(counts(&[&only("train").unwrap().train]), "dog 3, cat 3");
    assert_eq!(halves(&only("val").unwrap()), "dog 1, cat 1 | dog 1, cat 1");
    refused(only("other"), &["called `other`", "extra, test, train, validation"]);

    let folders = folder(&[("default/train/0000.parquet", FIRST), ("default/test/0000.parquet", SECOND)]);
    assert_eq!(halves(&read(folders.path()).unwrap()), "dog 2, cat 2 | dog 2, cat 2");
    let two = folder(&[("a/train/0000.parquet", FIRST), ("b/train/0000.parquet", SECOND)]);
    refused(read(two.path()), &["same half", "give one of their folders"]);
}

#[test]
fn archives_of_tables_are_read() {
    let bytes = |name: &str| fs::read(fixture(name)).unwrap();
    let entries = [entry(&format!("data/{FIRST}"), bytes(FIRST)), entry("data/test-0.parquet", bytes("gzip.parquet"))];
    for (name, bytes) in archives(&entries) {
        let source = read_file(name, &bytes, &Reading::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(halves(&source), "dog 2, cat 2 | dog 2, cat 2", "{name}");
    }
}

#[test]
fn rows_without_image_or_label_are_named_or_skipped() {
    let path = fixture("missing.parquet");
    refused(
        read(&path),
        &["4 of 8 rows cannot be read", "row 4 of", "missing.parquet has no label", "--skip-unreadable"],
    );
    let source = read_source(&path, &Reading { unreadable: Unreadable::Skip, ..Reading::default() }).unwrap();
    assert_eq!(counts(&[&source.train, &source.test]), "dog 2, cat 2");
    let [four, five, six, seven] = &source.skipped[..] else { panic!("{:?}", source.skipped) };
    assert!(four.contains("row 4") && five.contains("has no label"));
    assert!(six.contains("row 6") && six.contains("has no image"));
    assert!(seven.contains("row 7") && seven.contains("no bytes of an image"));
    assert!(source.notes.concat().contains("4 rows were skipped"));
}

#[test]
fn a_part_is_read_in_little_memory() {
    let (pictures, labels): (Vec<Vec<u8>>, Vec<i32>) = (0..1000).map(|at| (noise(at), at as i32 % 3)).unzip();
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("many.parquet");
    fs::write(&path, table(&pictures, &labels, Compression::UNCOMPRESSED)).unwrap();
    let little = Reading { memory: 3 << 20, ..Reading::default() };
    refused(read_source(&path, &little), &["many.parquet take more than 1 MiB", "--limit-per-class"]);
    let selection =
        Selection { classes: vec!["2".into(), "0".into()], limit_per_class: Some(3), ..Selection::default() };
    let source = read_source(&path, &Reading { selection, ..little.clone() }).unwrap();
    assert_eq!(counts(&[&source.train, &source.test]), "0 3, 2 3");
    assert!(source.notes.concat().contains("only the first 3 images of each class"));
    let selection = Selection { classes: vec!["7".into()], limit_per_class: Some(3), ..Selection::default() };
    refused(read_source(&path, &Reading { selection, ..little }), &["no class `7`", "0, 1, 2"]);
}

/// Bytes of a picture that hardly pack.
fn noise(at: u32) -> Vec<u8> {
    let mut bytes = png(at as usize);
    bytes.extend((0..2000u32).map(|place| (place.wrapping_mul(at + 7) >> 3) as u8));
    bytes
}

/// A table of images that are not in a group, each hundred of them in a group of rows.
fn table(pictures: &[Vec<u8>], labels: &[i32], packing: Compression) -> Vec<u8> {
    let schema = "message schema { required binary picture; required int32 target; required binary text (UTF8); }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let properties = WriterProperties::builder().set_compression(packing);
    let metadata = KeyValue::new("huggingface".into(), "no JSON".to_string());
    let properties = properties.set_key_value_metadata(Some(vec![metadata])).build();
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
    for (pictures, labels) in pictures.chunks(100).zip(labels.chunks(100)) {
        let mut group = writer.next_row_group().unwrap();
        let bytes = |values: &[Vec<u8>]| values.iter().map(|value| value.clone().into()).collect::<Vec<ByteArray>>();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&bytes(pictures), None, None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<Int32Type>().write_batch(labels, None, None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&bytes(&vec![b"a".to_vec(); labels.len()]), None, None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
    }
    writer.into_inner().unwrap()
}

#[test]
fn what_is_no_table_of_images_is_named() {
    let of = |schema: &str| {
        let schema = Arc::new(parse_message_type(schema).unwrap());
        SerializedFileWriter::new(Vec::new(), schema, Arc::default()).unwrap().into_inner().unwrap()
    };
    let cases: [(Vec<u8>, &[&str]); 7] = [
        (Vec::new(), &["x.parquet is damaged or no Parquet table"]),
        (b"PAR1 and some text".to_vec(), &["does not end like a Parquet table"]),
        (b"PAR1\xff\xff\xff\x7fPAR1".to_vec(), &["metadata are not whole"]),
        (
            of("message m { optional binary text (UTF8); optional int64 label; }"),
            &["no column of images", "text, label"],
        ),
        (of("message m { optional binary image; optional double label; }"), &["no column of classes", "`label`"]),
        (of("message m { repeated binary image; optional int64 label; }"), &["no column of images"]),
        (of("message m { optional binary image; optional int64 label; }"), &["no images to train on"]),
    ];
    for (bytes, words) in cases {
        let error = read_file("x.parquet", &bytes, &Reading::default()).map(|source| halves(&source)).unwrap_err();
        assert!(words.iter().all(|word| error.contains(word)), "no {words:?} in {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever is changed in a table, it is read or refused.
    #[test]
    fn no_damage_panics(
        which in 0..4usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = fs::read(fixture([FIRST, "gzip.parquet", "zstd.parquet", "snappy-v2.parquet"][which])).unwrap();
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        if let Some(cut) = cut {
            bytes.drain(..cut.index(bytes.len()));
        }
        let reading = Reading { memory: 32 << 20, unreadable: Unreadable::Skip, ..Reading::default() };
        let _ = read_file("x.parquet", &bytes, &reading);
    }
}
