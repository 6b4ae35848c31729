//! Tables that list images and their classes.

use std::{fs, path::Path};

use attar::{
    Source,
    data::{Reading, Unreadable, read_source},
};

use super::{
    archives::{archives, entries, read_file},
    counts, make, read,
};

/// What is made in a folder, a table in it, and its text: `/` stands for the end of a line.
fn read_table(files: &str, name: &str, text: &str) -> Result<Source, String> {
    let root = tempfile::tempdir().unwrap();
    make(root.path(), files);
    fs::write(root.path().join(name), text.replace(" / ", "\n")).unwrap();
    read(&root.path().join(name)).map_err(|error| error.to_string())
}

fn halves(source: &Source) -> String {
    format!("{} | {}", counts(&[&source.train]), counts(&[&source.test]))
}

#[test]
fn tables_of_all_usual_forms_are_read() {
    let cases = [
        ("a.csv", "path,label / images/0.png,cat / images/1.png,dog / images/2.png,cat / images/3.png,dog"),
        ("a.csv", "\u{feff}Path,Label / images/0.png,cat / images/1.png,dog / images/2.png,cat / images/3.png,dog / "),
        (
            "a.csv",
            "id;filename;class / 1;images/0.png;cat / 2;images/1.png;dog / 3;./images/2.png;cat / 4;images/3.png;dog",
        ),
        (
            "a.csv",
            "label,class_name,image / 0,cat,images/0.png / 1,dog,images/1.png / 0,cat,images/2.png / 1,dog,images/3.png",
        ),
        (
            "a.tsv",
            "file_name\tcategory / images/0.png\tcat / images/1.png\tdog / images\\2.png\tcat / images/3.png\tdog",
        ),
        (
            "a.csv",
            "path,label,note / images/0.png, cat,\"a, b\" / images/1.png,dog, / \"images/2.png\",cat,x / images/3.png,dog,x",
        ),
        (
            "a.jsonl",
            r#"{"file_name": "images/0.png", "label": "cat"} / {"file_name": "images/1.png", "label": "dog", "x": [1]} /  / {"file_name": "images/2.png", "label": "cat"} / {"label": "dog", "file_name": "images/3.png"}"#,
        ),
    ];
    for (name, text) in cases {
        let source = read_table("images/*4", name, text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(counts(&[&source.train, &source.test]), "cat 2, dog 2", "{text}");
        assert!(source.name == "a" && source.notes.concat().contains(name), "{:?}", source.notes);
    }
    let twice = "path,label / 0.png,a / 1.png,b / 2.png,a / 3.png,b / 0.png,a / ./1.png,b";
    let source = read_table("*4", "a.csv", twice).unwrap();
    assert_eq!(counts(&[&source.train, &source.test]), "a 2, b 2");
    assert!(source.notes.concat().contains("2 lines of"), "{:?}", source.notes);
    let numbers = "path,label / 0.png,10 / 1.png,9 / 2.png,10 / 3.png,9";
    assert_eq!(counts(&[&read_table("*4", "a.csv", numbers).unwrap().train]), "9 1, 10 1");
    let split = "path,label,split / 0.png,a,train / 1.png,b,train / 2.png,a,TEST / 3.png,b,val / 4.png,b,training";
    let source = read_table("*5", "a.csv", split).unwrap();
    assert_eq!(halves(&source), "a 1, b 2 | a 1, b 0");
    assert!(source.notes.concat().contains("validation are not read"), "{:?}", source.notes);
}

#[test]
fn tables_are_found_in_folders_and_archives() {
    let table = |root: &Path, name: &str, from: usize| {
        let lines: String = (from..from + 4).map(|at| format!("{at}.png,{}\n", ["cat", "dog"][at % 2])).collect();
        fs::write(root.join(name), format!("file,label\n{lines}")).unwrap();
    };
    type Make<'a> = (&'a str, &'a [(&'a str, &'a str, usize)], &'a str);
    let cases: [Make<'_>; 4] = [
        ("*8", &[("", "labels.csv", 0)], "cat 1, dog 1 | cat 1, dog 1"),
        ("*8", &[("", "train.csv", 0), ("", "test.csv", 4)], "cat 2, dog 2 | cat 2, dog 2"),
        (
            "train/*8, test/*8",
            &[("train", "metadata.csv", 0), ("test", "metadata.csv", 2)],
            "cat 2, dog 2 | cat 2, dog 2",
        ),
        // A table without the columns is of something else.
        ("*8, notes.csv", &[("", "labels.csv", 2)], "cat 1, dog 1 | cat 1, dog 1"),
    ];
    for (files, tables, want) in cases {
        let root = tempfile::tempdir().unwrap();
        make(root.path(), files);
        tables.iter().for_each(|(folder, name, from)| table(&root.path().join(folder), name, *from));
        let source = read(root.path()).unwrap_or_else(|error| panic!("{files}: {error}"));
        assert_eq!(halves(&source), want, "{files}");
        for (name, bytes) in archives(&entries(root.path())) {
            let packed = read_file(name, &bytes, &Reading::default()).unwrap();
            assert_eq!((&packed.train, &packed.test), (&source.train, &source.test), "{name} of {files}");
        }
    }
    // Class folders say more.
    let root = tempfile::tempdir().unwrap();
    make(root.path(), "a/*2, b/*2");
    fs::write(root.path().join("list.csv"), "path,label\na/0.png,x\nb/0.png,y\n").unwrap();
    assert_eq!(read(root.path()).unwrap().train.classes(), ["a", "b"]);
    fs::write(root.path().join("a.csv"), "path,label\na/0.png,x\nb/0.png,y\n").unwrap();
    make(root.path(), "c/*1");
    fs::remove_dir_all(root.path().join("b")).unwrap();
    fs::remove_dir_all(root.path().join("c")).unwrap();
    let error = read(root.path()).unwrap_err().to_string();
    assert!(error.contains("list.csv") && error.contains("could both be"), "{error}");
}

#[test]
fn lines_that_are_odd_are_named() {
    let head = "path,label / 0.png,cat / 1.png,dog / 2.png,cat / 3.png,dog";
    let long = format!("path,label / {},cat", "x".repeat(5000));
    let cases: [(&str, &str, &[&str]); 17] = [
        ("a.csv", "path,label / 0,cat / 1,dog / 2,cat", &["none of the 3 files", "0: write paths relative", "endings"]),
        ("a.csv", "id,breed / 0,cat", &["has the columns id, breed"]),
        ("a.csv", &long, &["line 2 of", "a path of 5000 bytes"]),
        ("a.csv", "path,label / ../0.png,cat", &["line 2 of", "`../0.png`", "no path in its folder"]),
        ("a.csv", "path,label / /etc/0.png,cat", &["line 2", "no path in its folder"]),
        ("a.csv", "path,label / a/../../0.png,cat", &["no path in its folder"]),
        ("a.csv", "path,label / ,cat", &["no path in its folder"]),
        ("a.csv", "path,label / 0.png,cat / 1.png,", &["line 3", "no label for 1.png"]),
        ("a.csv", "path,label / 0.png,cat / 1.png", &["a.csv is no table", "line: 3"]),
        ("a.csv", "path,label / x,cat", &["x, which is no file"]),
        ("a.csv", "name,colour / 0.png,cat", &["call its columns path and label"]),
        ("a.csv", "path,label,split / 0.png,cat,somewhere", &["line 2", "split `somewhere`", "train, val or test"]),
        ("a.csv", "path,label / 0.png,cat / 0.png,dog", &["line 3", "as dog", "as cat", "one class"]),
        ("a.csv", "path,label", &["no image to train on"]),
        ("a.jsonl", r#"{"path": "0.png", "label": "cat"} / {"path": "#, &["line 2 of", "no JSON object"]),
        ("a.jsonl", r#"{"path": "0.png", "text": "a cat"}"#, &["columns path and label"]),
        ("a.csv", "path,label / 0.png,cat / 1.png,cat", &["only one class, `cat`"]),
    ];
    for (name, text, words) in cases {
        let error = read_table("*4, x/y.txt", name, text).map(|source| counts(&[&source.train])).unwrap_err();
        assert!(words.iter().all(|word| error.contains(word)), "{text}: no {words:?} in {error}");
    }
    let root = tempfile::tempdir().unwrap();
    make(root.path(), "*4");
    let table = root.path().join("a.csv");
    fs::write(&table, format!("{head} / 8.png,dog / 9.png,dog").replace(" / ", "\n")).unwrap();
    let error = read(&table).unwrap_err().to_string();
    assert!(error.starts_with("2 of 6 files") && error.contains("8.png is listed in"), "{error}");
    let skipping = Reading { unreadable: Unreadable::Skip, ..Reading::default() };
    let source = read_source(&table, &skipping).unwrap();
    assert_eq!((counts(&[&source.train, &source.test]), source.skipped.len()), ("cat 2, dog 2".into(), 2));
    fs::write(&table, b"path,label\n\xff.png,cat\n").unwrap();
    assert!(read(&table).unwrap_err().to_string().contains("not UTF-8"));
}
