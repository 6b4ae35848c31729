//! Sources whose images lie in arrays: CIFAR's binary files, NumPy and safetensors.

use std::{fs, path::Path};

use attar::{
    Error, Source,
    data::{Reading, read_source, read_test},
};

use super::{
    archives::{archives, entry, gzip, read_file, tar, zip},
    counts, read,
};

/// An image of CIFAR whose planes are of one value each.
fn record(labels: &[u8], value: u8) -> Vec<u8> {
    [labels, &[value; 1024], &[value + 1; 1024], &[value + 2; 1024]].concat()
}

const TEN: &str = "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n";

/// The files of a small CIFAR-10, with two images of each class to train on.
pub fn cifar_10() -> Vec<(String, Vec<u8>)> {
    let batch = |from: u8| (0..4).flat_map(|at| record(&[(from + at) % 10], from + at)).collect::<Vec<u8>>();
    let mut files: Vec<(String, Vec<u8>)> =
        (0..5).map(|at| (format!("data_batch_{}.bin", at + 1), batch(at * 4))).collect();
    files.push(("test_batch.bin".into(), [record(&[3], 7), record(&[9], 8)].concat()));
    files.push(("batches.meta.txt".into(), TEN.into()));
    files
}

pub fn write(root: &Path, files: &[(String, Vec<u8>)]) {
    fs::create_dir_all(root).unwrap();
    files.iter().for_each(|(name, bytes)| fs::write(root.join(name), bytes).unwrap());
}

#[test]
fn cifar_10_is_read_wherever_it_lies() {
    let root = tempfile::tempdir().unwrap();
    write(&root.path().join("cifar-10-batches-bin"), &cifar_10());
    let whole = read(root.path()).unwrap();
    assert_eq!((whole.train.len(), whole.train.classes()[3].as_str(), whole.notes.len()), (20, "cat", 0));
    assert_eq!((whole.train.labels()[5], &whole.train.images().get(5).unwrap()[1023..1026]), (5, &[5, 6, 6][..]));
    assert_eq!((whole.test.labels(), whole.test.images().get(1).unwrap()[3071]), (&[3, 9][..], 10));
    let entries: Vec<_> =
        cifar_10().into_iter().map(|(name, bytes)| entry(&format!("cifar-10-batches-bin/{name}"), bytes)).collect();
    for (name, bytes) in archives(&entries) {
        let source = read_file(name, &bytes, &Reading::default()).unwrap();
        assert_eq!((&source.train, &source.test), (&whole.train, &whole.test), "{name}");
    }
}

#[test]
fn cifar_100_has_two_labels_an_image() {
    let root = tempfile::tempdir().unwrap();
    let train: Vec<u8> = (0..200u8).flat_map(|at| record(&[at % 20, at % 100], at)).collect();
    write(root.path(), &[("train.bin".into(), train), ("test.bin".into(), record(&[1, 42], 3))]);
    let source = read(root.path()).unwrap();
    assert_eq!((source.train.len(), source.train.classes().len()), (200, 100));
    assert_eq!(source.test.classes()[source.test.labels()[0] as usize], "42");
}

/// What is changed in the files of CIFAR-10, and the words of the sentence; or of the notes if it is read.
#[test]
fn files_of_cifar_that_are_odd_are_named() {
    type Change = fn(&mut Vec<(String, Vec<u8>)>);
    let refused: [(Change, &[&str]); 6] = [
        (|files| files[0].1.truncate(5000), &["data_batch_1.bin is cut short", "binary version"]),
        (|files| files[0].1.clear(), &["data_batch_1.bin is cut short"]),
        (|files| files[1].1[0] = 10, &["data_batch_2.bin has the label 10"]),
        (|files| files[6].1 = b"a\nb\n".to_vec(), &["batches.meta.txt names 2 classes, not 10"]),
        (|files| drop(files.drain(..5)), &["test_batch.bin, but no data_batch_1.bin"]),
        (|files| files.push(("train.bin".into(), record(&[0, 0], 0))), &["several CIFAR sets"]),
    ];
    let noted: [(Change, &[&str]); 2] = [
        (|files| drop(files.remove(5)), &["no test_batch.bin", "a tenth of each class"]),
        (|files| drop(files.remove(2)), &["4 of the 5 batches"]),
    ];
    let change = |change: Change| {
        let (root, mut files) = (tempfile::tempdir().unwrap(), cifar_10());
        change(&mut files);
        write(root.path(), &files);
        read(root.path())
    };
    for (edit, words) in refused {
        let error = change(edit).unwrap_err().to_string();
        assert!(words.iter().all(|word| error.contains(word)), "no {words:?} in {error}");
    }
    for (edit, words) in noted {
        let notes = change(edit).unwrap().notes.concat();
        assert!(words.iter().all(|word| notes.contains(word)), "no {words:?} in {notes}");
    }
    let root = tempfile::tempdir().unwrap();
    write(root.path(), &[("data_batch_1".into(), b"pickle".to_vec())]);
    assert!(read(root.path()).unwrap_err().to_string().contains("get the binary version"));
}

/// An `.npy` file.
pub fn npy(kind: &str, shape: &[usize], values: &[u8]) -> Vec<u8> {
    let sizes: String = shape.iter().map(|size| format!("{size}, ")).collect();
    let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({sizes}), }}\n");
    [b"\x93NUMPY\x01\0", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), values].concat()
}

/// Bytes of numbers.
fn bytes<const N: usize, T>(values: &[T], of: impl Fn(&T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(of).collect()
}

/// Eight grey images of 2 x 2 pixels from 0 on, and labels of two classes.
pub fn grey() -> Vec<u8> {
    npy("|u1", &[8, 2, 2], &(0..32).collect::<Vec<u8>>())
}

pub fn labels() -> Vec<u8> {
    npy("<i8", &[8], &bytes(&[0i64, 1, 0, 1, 0, 1, 0, 1], |label| label.to_le_bytes()))
}

/// What comes of an `.npz` file of these arrays.
fn npz(arrays: &[(&str, Vec<u8>)]) -> Result<Source, String> {
    let entries: Vec<_> = arrays.iter().map(|(name, array)| entry(&format!("{name}.npy"), array.clone())).collect();
    read_file("set.npz", &zip(&entries), &Reading::default())
}

#[test]
fn arrays_are_known_by_their_names() {
    let named: [[&str; 4]; 8] = [
        ["x_train", "y_train", "x_test", "y_test"],
        ["X_train", "Y_train", "X_val", "Y_val"],
        ["train_images", "train_labels", "test_images", "test_labels"],
        ["images_train", "labels_train", "images_test", "labels_test"],
        ["train_data", "train_targets", "valid_data", "valid_targets"],
        ["xtrain", "ytrain", "xtest", "ytest"],
        ["trainX", "trainY", "testX", "testY"],
        ["images", "labels", "test_images", "test_labels"],
    ];
    for [x, y, test_x, test_y] in named {
        let source = npz(&[(x, grey()), (y, labels()), (test_x, grey()), (test_y, labels())]);
        let source = source.unwrap_or_else(|error| panic!("{x}: {error}"));
        assert_eq!((counts(&[&source.train]), counts(&[&source.test])), ("0 4, 1 4".into(), "0 4, 1 4".into()), "{x}");
        assert_eq!(source.name, "set");
    }
    for [x, y] in [["x", "y"], ["images", "labels"], ["image", "label"], ["data", "labels"], ["arr_0", "arr_1"]] {
        let source = npz(&[(x, grey()), (y, labels()), ("ids", labels())]).unwrap();
        assert_eq!(counts(&[&source.train, &source.test]), "0 4, 1 4", "{x}");
        assert!(source.notes.concat().contains("ids"), "{:?}", source.notes);
    }
    type Arrays<'a> = &'a [(&'a str, Vec<u8>)];
    let wrong: [(Arrays<'_>, &[&str]); 6] = [
        (&[("x_train", grey())], &["images x_train and no labels"]),
        (&[("y_train", labels())], &["labels y_train and no images"]),
        (&[("x_test", grey()), ("y_test", labels())], &["like training images"]),
        (&[("spam", grey()), ("eggs", labels())], &["eggs, spam", "call them x_train"]),
        (&[("x", grey()), ("images", grey()), ("y", labels())], &["images and x", "remove one"]),
        (&[("x", grey()), ("y", labels()), ("x_train", grey()), ("y_train", labels())], &["both look like training"]),
    ];
    for (arrays, words) in wrong {
        let error = npz(arrays).unwrap_err();
        assert!(words.iter().all(|word| error.contains(word)), "no {words:?} in {error}");
    }
}

#[test]
fn images_of_all_usual_types_are_read() {
    let floats: Vec<f32> = (0..32).map(|value| value as f32 / 255.0).collect();
    let wide: Vec<f64> = (0..32).map(|value| f64::from(value) + 0.2).collect();
    let planes: Vec<u8> = (0..8u8).flat_map(|n| (0..3u8).flat_map(move |c| [n * 4 + c * 50; 4])).collect();
    let pixels: Vec<u8> = (0..32u8).flat_map(|at| (0..3u8).map(move |c| at / 4 * 4 + c * 50)).collect();
    let same = [
        ("u1", grey()),
        ("channel", npy("|u1", &[8, 2, 2, 1], &(0..32).collect::<Vec<u8>>())),
        ("channel first", npy("|u1", &[8, 1, 2, 2], &(0..32).collect::<Vec<u8>>())),
        ("i8", npy("<i8", &[8, 2, 2], &bytes(&(0..32i64).collect::<Vec<_>>(), |value| value.to_le_bytes()))),
        ("big", npy(">i2", &[8, 2, 2], &bytes(&(0..32i16).collect::<Vec<_>>(), |value| value.to_be_bytes()))),
        ("f4", npy("<f4", &[8, 2, 2], &bytes(&floats, |value| value.to_le_bytes()))),
        ("f8", npy("<f8", &[8, 2, 2], &bytes(&wide, |value| value.to_le_bytes()))),
    ];
    let pixels_of = |array: &[u8]| {
        let source = npz(&[
            ("x_train", array.to_vec()),
            ("y_train", labels()),
            ("x_test", array.to_vec()),
            ("y_test", labels()),
        ]);
        source.map(|source| source.train.images().pixels().to_vec())
    };
    for (name, array) in &same {
        assert_eq!(pixels_of(array).unwrap(), (0..32).collect::<Vec<u8>>(), "{name}");
    }
    let colour = [npy("|u1", &[8, 3, 2, 2], &planes), npy("|u1", &[8, 2, 2, 3], &pixels)];
    assert_eq!(pixels_of(&colour[0]).unwrap(), planes);
    assert_eq!(pixels_of(&colour[1]).unwrap(), planes);
    let numbers = |values: &[f32]| npy("<f4", &[8, 2, 2], &bytes(&values.repeat(8), |value| value.to_le_bytes()));
    let dim = npz(&[("x", npy("|u1", &[8, 2, 2], &[0, 1, 1, 0].repeat(8))), ("y", labels())]).unwrap();
    assert!(dim.notes.concat().contains("brighter than 15 of 255"), "{:?}", dim.notes);
    let wrong: [(Vec<u8>, &str); 12] = [
        (npy("|u1", &[8, 0, 2, 3], &[]), "no image"),
        (npy("|u1", &[0, 1 << 40, 1 << 40, 3], &[]), "no image"),
        (npy("|u1", &[8, 3, 2, 3], &[0; 144]), "channels may be 3 or 3"),
        (npy("|u1", &[8, 4], &[0; 32]), "[n, h, w]"),
        (npy("|u1", &[8, 2, 2, 4], &[0; 128]), "1 or 3 channels"),
        (npy("|u1", &[8, 2, 3], &[0; 32]), "32 bytes"),
        (npy("|O", &[8], &[0; 32]), "Python objects"),
        (npy("<f2", &[8, 2, 2], &[0; 64]), "type <f2"),
        (numbers(&[-1.0, 0.0, 1.0, 0.5]), "from -1 to 1: scale"),
        (numbers(&[0.0, 0.0, 1.0, 300.0]), "from 0 to 300: scale"),
        (numbers(&[f32::NAN, 0.0, 1.0, 0.5]), "no number"),
        (npy("|u1", &[9, 2, 2], &[0; 36]), "9 images but 8 labels"),
    ];
    for (array, word) in wrong {
        let error = pixels_of(&array).unwrap_err();
        assert!(error.contains(word) && error.contains("x_train"), "no {word} in {error}");
    }
}

#[test]
fn labels_of_all_usual_types_are_read() {
    let of = |array: &[u8]| {
        npz(&[("x", grey()), ("y", array.to_vec())]).map(|source| counts(&[&source.train, &source.test]))
    };
    let hot: Vec<f32> =
        (0..8).flat_map(|at| [f32::from(u8::from(at % 2 == 0)), f32::from(u8::from(at % 2 == 1)), 0.0]).collect();
    let same = [
        npy("|u1", &[8], &[5, 7, 5, 7, 5, 7, 5, 7]),
        npy("|i1", &[8, 1], &[5, 7, 5, 7, 5, 7, 5, 7]),
        npy(">u4", &[8], &bytes(&[5u32, 7, 5, 7, 5, 7, 5, 7], |label| label.to_be_bytes())),
    ];
    for array in same {
        assert_eq!(of(&array).unwrap(), "5 4, 7 4");
    }
    assert_eq!(of(&npy("<f4", &[8, 3], &bytes(&hot, |value| value.to_le_bytes()))).unwrap(), "0 4, 1 4");
    assert_eq!(of(&npy("|b1", &[8], &[1, 0, 1, 0, 1, 0, 1, 0])).unwrap(), "0 4, 1 4");
    let wrong = [
        (npy("|i1", &[8], &[255; 8]), "label -1"),
        (npy("<f4", &[8], &[0; 32]), "no whole numbers"),
        (npy("<f4", &[8, 3], &[0; 96]), "no single 1"),
        (npy("|u1", &[8, 2, 2], &[0; 32]), "give labels as [n]"),
        (npy("<U1", &[8], &[0; 32]), "no whole numbers"),
    ];
    for (array, word) in wrong {
        let error = of(&array).unwrap_err();
        assert!(error.contains(word), "no {word} in {error}");
    }
}

#[test]
fn names_of_classes_come_from_an_array_or_a_file() {
    let wide = |names: [&str; 2]| {
        let letters = names.map(|name| name.chars().chain(['\0'; 9]).take(9).map(u32::from).collect::<Vec<u32>>());
        npy("<U9", &[2], &bytes(&letters.concat(), |letter| letter.to_le_bytes()))
    };
    let narrow = npy("|S3", &[2], b"catdog");
    let classes = |array: &[u8]| {
        npz(&[("x", grey()), ("y", labels()), ("class_names", array.to_vec())])
            .map(|source| source.train.classes().to_vec())
    };
    assert_eq!(classes(&wide(["caf\u{e9}", "dog"])).unwrap(), ["caf\u{e9}", "dog"]);
    assert_eq!(classes(&narrow).unwrap(), ["cat", "dog"]);
    assert_eq!(classes(&labels()).unwrap(), ["0", "1"]);
    assert!(classes(&npy("|S3", &[1], b"cat")).unwrap_err().contains("only 1 class names"));
    assert!(classes(&npy("|S1", &[2], b"\xff\xff")).unwrap_err().contains("no text"));
    let root = tempfile::tempdir().unwrap();
    let files = [("X.npy", grey()), ("y.npy", labels()), ("classes.txt", b"cat\r\ndog\r\n".to_vec())];
    write(root.path(), &files.clone().map(|(name, bytes)| (name.to_string(), bytes)));
    assert_eq!(read(root.path()).unwrap().train.classes(), ["cat", "dog"]);
    let beside = root.path().join("set.npz");
    fs::write(&beside, zip(&files[..2].iter().map(|(name, bytes)| entry(name, bytes.clone())).collect::<Vec<_>>()))
        .unwrap();
    assert_eq!(read(&beside).unwrap().train.classes(), ["cat", "dog"]);
    // Not the archive of the arrays, but the array alone.
    let error = read(&root.path().join("X.npy")).unwrap_err().to_string();
    assert!(error.contains("single NumPy array") && error.contains("give the folder"), "{error}");
    let packed = gzip(&tar(&files.map(|(name, bytes)| entry(&format!("set/{name}"), bytes))));
    assert_eq!(read_file("set.tgz", &packed, &Reading::default()).unwrap().train.classes(), ["cat", "dog"]);
}

/// A safetensors file with this header.
fn tensors(header: &str, values: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), values].concat()
}

const HEADER: &str = r#"{"__metadata__":{"a":"b"},"x":{"dtype":"U8","shape":[8,2,2],"data_offsets":[0,32]},"y":{"dtype":"U8","shape":[8],"data_offsets":[32,40]}}"#;

pub fn small_safetensors() -> Vec<u8> {
    tensors(HEADER, &(0..32).chain((0..8).map(|at| at % 2)).collect::<Vec<u8>>())
}

#[test]
fn safetensors_are_read_or_refused() {
    let (header, whole) = (HEADER, small_safetensors());
    let values = &whole[whole.len() - 40..];
    let source = read_file("set.safetensors", &whole, &Reading::default()).unwrap();
    assert_eq!((counts(&[&source.train, &source.test]), source.bytes), ("0 4, 1 4".into(), 40));
    let images = safetensors::tensor::TensorView::new(safetensors::Dtype::U8, vec![8, 2, 2], &values[..32]).unwrap();
    let labels = safetensors::tensor::TensorView::new(safetensors::Dtype::U8, vec![8], &values[32..]).unwrap();
    let theirs = safetensors::serialize([("x", images), ("y", labels)], None).unwrap();
    assert_eq!(read_file("set", &theirs, &Reading::default()).unwrap().train, source.train);
    let wrong = [
        (header.replace("[8,2,2]", "[8,2,3]"), "32 bytes, not as many as its shape"),
        (header.replace("[32,40]", "[32,41]"), "y is not whole"),
        (header.replace("[32,40]", "[40,32]"), "y is not whole"),
        (header.replace("[32,40]", "[18446744073709551615,40]"), "y is not whole"),
        (header.replace("\"U8\",\"shape\":[8,", "\"BF16\",\"shape\":[8,"), "type BF16"),
        (header.replace("\"shape\"", "\"shapes\""), "is damaged"),
        (header.replace(['}', ']'], ""), "is damaged"),
    ];
    for (header, word) in wrong {
        let error = read_file("set.safetensors", &tensors(&header, values), &Reading::default()).unwrap_err();
        assert!(error.contains(word) && error.contains("set.safetensors"), "no {word} in {error}");
    }
    for length in 0..whole.len() {
        assert!(read_file("set.safetensors", &whole[..length], &Reading::default()).is_err(), "{length}");
    }
}

#[test]
fn a_test_half_of_arrays_has_the_form_asked_for() -> Result<(), Error> {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), &cifar_10());
    let test = read_test(root.path(), &Reading::default(), 3, 16, 16)?.set;
    assert_eq!((test.images().height(), test.images().width()), (16, 16));
    let error = read_test(root.path(), &Reading::default(), 1, 32, 32).unwrap_err().to_string();
    assert!(error.contains("3 channels, but 1 are needed"), "{error}");
    let small = read_source(root.path(), &Reading { size: Some(8), ..Reading::default() })?;
    assert_eq!((small.train.images().height(), small.test.images().height()), (8, 8));
    // The archive needs more memory than there is.
    let entries: Vec<_> = cifar_10().into_iter().map(|(name, bytes)| entry(&name, bytes)).collect();
    let scarce = Reading { memory: 4096, ..Reading::default() };
    assert!(read_file("c.tar", &tar(&entries), &scarce).is_err());
    Ok(())
}
