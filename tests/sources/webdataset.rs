//! WebDataset: pictures and their classes under one name, in one archive or many.

use std::fs;

use attar::{
    Source,
    data::{Reading, Selection, read_source},
};

use super::{
    archives::{Entry, archives, entry, png, read_file, tar},
    counts, read,
};

/// Samples from a number on, of two classes, with the class in a file of this ending.
pub fn samples(from: usize, count: usize, ending: &str) -> Vec<Entry> {
    let class = |at: usize| match ending {
        "json" => format!("{{\"label\": \"{}\", \"width\": 16}}", ["cat", "dog"][at % 2]),
        _ => format!("{}\n", ["cat", "dog"][at % 2]),
    };
    let sample = |at: usize| [entry(&format!("{at:03}.png"), png(at)), entry(&format!("{at:03}.{ending}"), class(at))];
    (from..from + count).flat_map(sample).collect()
}

fn halves(source: &Source) -> String {
    format!("{} | {}", counts(&[&source.train]), counts(&[&source.test]))
}

#[test]
fn samples_of_one_archive_are_read() {
    for ending in ["cls", "json"] {
        for (name, bytes) in archives(&samples(0, 8, ending)) {
            let source = read_file(name, &bytes, &Reading::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!((halves(&source).as_str(), source.notes.len()), ("cat 3, dog 3 | cat 1, dog 1", 0), "{name}");
        }
    }
    let more =
        [entry("000.mask.png", "none"), entry("000.txt", "a cat"), entry("900.png", png(9)), entry("901.cls", "x")];
    let source =
        read_file("set.tar", &tar(&[samples(0, 4, "cls"), more.to_vec()].concat()), &Reading::default()).unwrap();
    assert_eq!(counts(&[&source.train, &source.test]), "cat 2, dog 2");
    assert!(source.notes.concat().contains("1 pictures have no class") && source.notes.concat().contains("900.png"));
    let inside: Vec<Entry> = samples(0, 8, "cls")
        .into_iter()
        .map(|sample| Entry { name: format!("set/{}", sample.name), ..sample })
        .collect();
    assert!(read_file("set.tar", &tar(&inside), &Reading::default()).is_ok());
}

#[test]
fn shards_are_read_together() {
    let root = tempfile::tempdir().unwrap();
    let write = |name: &str, entries: &[Entry]| fs::write(root.path().join(name), tar(entries)).unwrap();
    write("train-000.tar", &samples(0, 4, "cls"));
    write("train-001.tar", &samples(4, 4, "cls"));
    assert_eq!(halves(&read(root.path()).unwrap()), "cat 3, dog 3 | cat 1, dog 1");
    write("test-000.tar", &samples(20, 2, "cls"));
    assert_eq!(halves(&read(root.path()).unwrap()), "cat 4, dog 4 | cat 1, dog 1");
    let only = |split: &str| {
        let selection = Selection { split: Some(split.into()), ..Selection::default() };
        read_source(root.path(), &Reading { selection, ..Reading::default() })
    };
    assert_eq!(halves(&only("train").unwrap()), "cat 3, dog 3 | cat 1, dog 1");
    assert!(only("val").unwrap_err().to_string().contains("no samples to train on"));
}

#[test]
fn classes_that_cannot_be_told_are_named() {
    let cases: [(&str, String, &[&str]); 5] = [
        ("003.cls", " \n".into(), &["003.cls tells no class"]),
        ("003.json", "{\"text\": \"a cat\"}".into(), &["003.json tells no class", "`label`"]),
        ("003.json", "{\"label\": ".into(), &["003.json is no JSON"]),
        ("003.json", "[1]".into(), &["003.json tells no class"]),
        ("003.cls", "x".repeat(1 << 17), &["003.cls has 131072 bytes"]),
    ];
    for (name, content, words) in cases {
        let mut entries = samples(0, 4, "cls");
        entries.pop();
        entries.push(entry(name, content));
        for (archive, bytes) in archives(&entries) {
            let error = read_file(archive, &bytes, &Reading::default()).map(|source| halves(&source)).unwrap_err();
            assert!(words.iter().all(|word| error.contains(word)), "{archive}: no {words:?} in {error}");
        }
    }
}
