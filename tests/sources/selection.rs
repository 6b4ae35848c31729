//! Parts of a source that are read in place of all of it: of every kind alike.

use std::{fs, path::Path};

use attar::{
    Source,
    data::{Reading, Selection, read_source, read_test, read_train},
};

use super::{arrays, counts, make, write_idx};

fn selecting(split: Option<&str>, classes: &[&str], limit_per_class: Option<usize>) -> Reading {
    let classes = classes.iter().map(|&class| class.into()).collect();
    let selection = Selection { split: split.map(Into::into), classes, limit_per_class };
    Reading { selection, ..Reading::default() }
}

fn halves(source: &Source) -> String {
    format!("{} | {}", counts(&[&source.train]), counts(&[&source.test]))
}

/// Sources with the classes 0 and 1, four training images each, and two test images each.
fn sources(root: &Path) -> Vec<std::path::PathBuf> {
    let at = |name: &str| root.join(name);
    make(&at("folder"), "train/0/*4, train/1/*4, test/0/*2, test/1/*2, val/0/*3, val/1/*3");
    let rows = (0..12).map(|row| format!("{row}.png,{},{}\n", row % 2, if row < 8 { "train" } else { "test" }));
    make(&at("table"), "*12");
    fs::write(at("table/list.csv"), format!("path,label,split\n{}", rows.collect::<String>())).unwrap();
    let images = |n: u8| arrays::npy("|u1", &[n.into(), 2, 2], &(0..n * 4).collect::<Vec<u8>>());
    let labels = |n: u8| arrays::npy("|u1", &[n.into()], &(0..n).map(|row| row % 2).collect::<Vec<u8>>());
    let files = [("x_train", images(8)), ("y_train", labels(8)), ("x_test", images(4)), ("y_test", labels(4))];
    arrays::write(&at("arrays"), &files.map(|(name, bytes)| (format!("{name}.npy"), bytes)));
    vec![at("folder"), at("table"), at("table/list.csv"), at("arrays")]
}

#[test]
fn a_half_can_be_read_as_the_whole() {
    let root = tempfile::tempdir().unwrap();
    for path in sources(root.path()) {
        let read = |split: &str| read_source(&path, &selecting(Some(split), &[], None));
        assert_eq!(halves(&read_source(&path, &Reading::default()).unwrap()), "0 4, 1 4 | 0 2, 1 2", "{path:?}");
        assert_eq!(halves(&read("train").unwrap()), "0 3, 1 3 | 0 1, 1 1", "{path:?}");
        assert_eq!(halves(&read("Test").unwrap()), "0 1, 1 1 | 0 1, 1 1", "{path:?}");
        let train = read_train(&path, &selecting(Some("testing"), &[], None)).unwrap();
        assert_eq!(counts(&[&train.set]), "0 2, 1 2", "{path:?}");
        let set = read_test(&path, &Reading::default(), train.set.images().channels(), 2, 2).unwrap().set;
        assert_eq!(counts(&[&set]), "0 2, 1 2", "{path:?}");
        let error = read("extra").unwrap_err().to_string();
        assert!(error.contains("`extra`"), "{error}");
    }
    let folder = root.path().join("folder");
    assert_eq!(halves(&read_source(&folder, &selecting(Some("val"), &[], None)).unwrap()), "0 2, 1 2 | 0 1, 1 1");
    make(&folder, "extra/0/*2, extra/1/*2");
    assert!(read_source(&folder, &selecting(Some("extra"), &[], None)).is_ok());
}

#[test]
fn classes_and_their_images_can_be_chosen() {
    let root = tempfile::tempdir().unwrap();
    for path in sources(root.path()) {
        let read = |classes: &[&str], limit| read_source(&path, &selecting(None, classes, limit));
        assert_eq!(halves(&read(&["1", "0"], None).unwrap()), "0 4, 1 4 | 0 2, 1 2", "{path:?}");
        let few = read(&[], Some(3)).unwrap();
        assert_eq!(halves(&few), "0 3, 1 3 | 0 2, 1 2", "{path:?}");
        assert!(few.notes.concat().contains("first 3 images of each class"), "{:?}", few.notes);
        assert!(!read(&[], Some(9)).unwrap().notes.concat().contains("first 9"), "{path:?}");
        let whole = read_source(&path, &Reading::default()).unwrap();
        assert_eq!(few.train.images().get(0), whole.train.images().get(0), "{path:?}");
        let error = read(&["0", "cat"], None).unwrap_err().to_string();
        assert!(error.contains("no class `cat`") && error.contains("0, 1"), "{error}");
        assert!(read(&["0"], None).unwrap_err().to_string().contains("only one class"), "{path:?}");
    }
    let ten = root.path().join("ten");
    arrays::write(&ten, &arrays::cifar_10());
    let source = read_source(&ten, &selecting(None, &["truck", "cat"], Some(1))).unwrap();
    assert_eq!(halves(&source), "cat 1, truck 1 | cat 1, truck 1");
    // Numbers are as good as names, and stay what they are.
    let idx = root.path().join("idx");
    write_idx(&idx, |half, what| format!("{half}-{what}-ubyte"));
    assert_eq!(halves(&read_source(&idx, &selecting(None, &[], Some(1))).unwrap()), "0 1, 1 1 | 0 1, 1 1");
}

#[test]
fn sources_in_memory_are_chosen_from_alike() {
    let root = tempfile::tempdir().unwrap();
    let path = &sources(root.path())[3];
    let whole = read_source(path, &Reading::default()).unwrap();
    for reading in [selecting(None, &["1", "0"], Some(2)), selecting(Some("train"), &[], None)] {
        assert_eq!(
            reading.both_of(&whole).unwrap(),
            read_source(path, &reading).map(|source| Source { bytes: whole.bytes, ..source }).unwrap()
        );
        assert_eq!(reading.train_of(&whole).unwrap().set, read_train(path, &reading).unwrap().set);
        let (here, there) = (reading.test_of(&whole, 1, 4, 4), read_test(path, &reading, 1, 4, 4));
        assert_eq!(here.unwrap().set, there.unwrap().set);
    }
}
