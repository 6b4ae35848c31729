//! All kinds of sources that the library names are read, from a file called like their example.

use std::{fs, path::Path};

use attar::data::{Reading, SOURCE_KINDS, read_source};

use super::{archives, arrays, make, webdataset, write_idx};

/// Makes a source that has a file called like the example, and returns what a person would give.
fn make_one(kind: &str, root: &Path, example: &str) -> std::path::PathBuf {
    let file = root.join(example);
    match kind {
        "image folders" => {
            make(root, "cat/*4.jpg, dog/*4.jpg");
            root.into()
        }
        "archives" => {
            fs::write(&file, archives::zip(&archives::two_classes(&[]))).unwrap();
            file
        }
        "IDX files" => {
            write_idx(root, |half, what| format!("{half}-{what}-ubyte"));
            let plain = fs::read(file.with_extension("")).unwrap();
            fs::write(&file, archives::gzip(&plain)).unwrap();
            fs::remove_file(file.with_extension("")).unwrap();
            root.into()
        }
        "CIFAR-10 and CIFAR-100" => {
            arrays::write(root, &arrays::cifar_10());
            root.into()
        }
        "NumPy arrays" => {
            let entries = [("images.npy", arrays::grey()), ("labels.npy", arrays::labels())];
            fs::write(&file, archives::zip(&entries.map(|(name, bytes)| archives::entry(name, bytes)))).unwrap();
            file
        }
        "safetensors files" => {
            fs::write(&file, arrays::small_safetensors()).unwrap();
            file
        }
        "tables" => {
            make(root, "*4");
            fs::write(&file, "path,label\n0.png,cat\n1.png,dog\n2.png,cat\n3.png,dog\n").unwrap();
            file
        }
        "WebDataset shards" => {
            fs::write(&file, archives::tar(&webdataset::samples(0, 4, "cls"))).unwrap();
            root.into()
        }
        "Parquet tables" => {
            let table =
                Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/parquet/train-00000-of-00002.parquet");
            fs::copy(table, &file).unwrap();
            file
        }
        _ => panic!("no test makes {kind}"),
    }
}

#[test]
fn all_kinds_are_read() {
    assert_eq!(SOURCE_KINDS.len(), if cfg!(feature = "parquet") { 9 } else { 8 });
    for kind in SOURCE_KINDS {
        let root = tempfile::tempdir().unwrap();
        let source = make_one(kind.name, root.path(), kind.example);
        assert!(root.path().join(kind.example).is_file(), "{}", kind.name);
        let read = read_source(&source, &Reading::default());
        assert!(read.is_ok(), "{}: {:?}", kind.name, read.err());
    }
    let root = tempfile::tempdir().unwrap();
    let advice = read_source(&root.path().join("nowhere"), &Reading::default()).unwrap_err().to_string();
    let names = SOURCE_KINDS.iter().map(|kind| kind.name).filter(|name| *name != "image folders");
    assert!(names.clone().count() > 1 && names.clone().all(|name| advice.contains(name)), "{advice}");
}
