//! The same sources as archives: they are read as if they were unpacked, and nothing in them is believed.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use attar::data::{Reading, Unreadable, read_source, read_test};
use image::ImageFormat;

use super::{LAYOUTS, counts, make, picture, read, write_idx};

/// An entry of an archive, which may be odd.
#[derive(Clone, Default)]
pub struct Entry {
    pub name: String,
    pub content: Vec<u8>,
    pub oddity: Option<Oddity>,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Oddity {
    /// What a zip archive says of the size.
    Claims(u32),
    WrongChecksum,
    Encrypted,
    Link,
    Fifo,
    /// A method of packing that is not read.
    Lzma,
}

pub fn entry(name: &str, content: impl Into<Vec<u8>>) -> Entry {
    Entry { name: name.into(), content: content.into(), oddity: None }
}

fn odd(name: &str, oddity: Oddity) -> Entry {
    Entry { oddity: Some(oddity), ..entry(name, png(99)) }
}

pub fn png(index: usize) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture(index).write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// Everything under a folder, with a `/` behind the names of folders.
pub fn entries(root: &Path) -> Vec<Entry> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = vec![root.into()];
    while let Some(folder) = open.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_string();
            if path.is_dir() {
                found.push(entry(&format!("{name}/"), []));
                open.push(path);
            } else {
                found.push(entry(&name, fs::read(&path).unwrap()));
            }
        }
    }
    found
}

/// A zip archive; every other entry is stored as it is.
pub fn zip(entries: &[Entry]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (at, entry) in entries.iter().enumerate() {
        let mut packer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        packer.write_all(&entry.content).unwrap();
        let (method, packed) = match entry.oddity {
            Some(Oddity::Lzma) => (14u16, entry.content.clone()),
            Some(Oddity::Claims(_)) => (8, packer.finish().unwrap()),
            _ if at % 2 == 0 => (0, entry.content.clone()),
            _ => (8, packer.finish().unwrap()),
        };
        let mut size = entry.content.len() as u32;
        let mut crc = crc32fast::hash(&entry.content);
        // UTF-8, and made on Unix, whose modes are the upper half of the attributes.
        let (mut flags, mut mode) = (0x800u16, if entry.name.ends_with('/') { 0o040_755u32 } else { 0o100_644 });
        match entry.oddity {
            Some(Oddity::Claims(claim)) => size = claim,
            Some(Oddity::WrongChecksum) => crc ^= 1,
            Some(Oddity::Encrypted) => flags |= 1,
            Some(Oddity::Link) => mode = 0o120_777,
            Some(Oddity::Fifo | Oddity::Lzma) | None => {}
        }
        let common = [
            &20u16.to_le_bytes()[..],
            &flags.to_le_bytes(),
            &method.to_le_bytes(),
            &[0, 0, 0x21, 0],
            &crc.to_le_bytes(),
            &(packed.len() as u32).to_le_bytes(),
            &size.to_le_bytes(),
            &(entry.name.len() as u16).to_le_bytes(),
            &[0, 0],
        ]
        .concat();
        let (attributes, start) = ((mode << 16).to_le_bytes(), (bytes.len() as u32).to_le_bytes());
        directory
            .push([b"PK\x01\x02\x14\x03", &common[..], &[0; 6], &attributes, &start, entry.name.as_bytes()].concat());
        bytes.extend([b"PK\x03\x04", &common[..], entry.name.as_bytes(), &packed].concat());
    }
    let (count, start) = ((directory.len() as u16).to_le_bytes(), (bytes.len() as u32).to_le_bytes());
    let directory = directory.concat();
    let length = (directory.len() as u32).to_le_bytes();
    [&bytes[..], &directory, b"PK\x05\x06\0\0\0\0", &count, &count, &length, &start, &[0, 0]].concat()
}

pub fn tar(entries: &[Entry]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for entry in entries {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_entry_type(match entry.oddity {
            Some(Oddity::Link) => tar::EntryType::Symlink,
            Some(Oddity::Fifo) => tar::EntryType::Fifo,
            _ if entry.name.ends_with('/') => tar::EntryType::Directory,
            _ => tar::EntryType::Regular,
        });
        let content = if entry.oddity.is_some() { &[][..] } else { &entry.content };
        header.set_size(content.len() as u64);
        if entry.name.len() < 100 {
            // As it is: the builder refuses names that lead elsewhere.
            header.as_old_mut().name[..entry.name.len()].copy_from_slice(entry.name.as_bytes());
            header.set_cksum();
            builder.append(&header, content).unwrap();
        } else {
            builder.append_data(&mut header, &entry.name, content).unwrap();
        }
    }
    builder.into_inner().unwrap()
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

/// All kinds of archive of these entries, by name.
pub fn archives(entries: &[Entry]) -> Vec<(&'static str, Vec<u8>)> {
    let tar = tar(entries);
    vec![("set.zip", zip(entries)), ("set.tar.gz", gzip(&tar)), ("set.tar.zst", zstd(&tar)), ("set.tar", tar)]
}

/// Four pictures each of `a` and `b`, and more.
pub fn two_classes(more: &[Entry]) -> Vec<Entry> {
    let pictures = (0..8).map(|index| entry(&format!("{}/{index}.png", if index < 4 { "a" } else { "b" }), png(index)));
    pictures.chain(more.iter().cloned()).collect()
}

/// What comes of a file of this name.
pub fn read_file(name: &str, bytes: &[u8], reading: &Reading) -> Result<attar::Source, String> {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join(name);
    fs::write(&path, bytes).unwrap();
    read_source(&path, reading).map_err(|error| error.to_string())
}

#[test]
fn an_archive_is_read_as_what_was_packed() {
    for (at, case) in LAYOUTS.iter().filter(|case| !case.files.contains("->")).enumerate() {
        let root = tempfile::tempdir().unwrap();
        make(&root.path().join("set"), case.files);
        let entries = entries(&root.path().join("set"));
        let folder = read(&root.path().join("set"));
        // Every kind of archive with every kind of case, and not all with all.
        let all = archives(&entries);
        let (name, bytes) = &all[at % all.len()];
        fs::write(root.path().join(name), bytes).unwrap();
        let archive = read(&root.path().join(name));
        if let (Ok(folder), Ok(archive)) = (&folder, &archive) {
            assert_eq!((&folder.train, &folder.test), (&archive.train, &archive.test), "{name} of {}", case.files);
            assert_eq!(archive.name, "set");
        }
        case.compare(archive).unwrap_or_else(|wrong| panic!("{name} of {wrong}"));
    }
}

#[test]
fn every_kind_gives_the_same_pixels() {
    let entries = two_classes(&[entry("__MACOSX/a/._0.png", "x"), entry("notes.txt", "x"), entry("a/", [])]);
    let all: Vec<attar::Source> = archives(&entries)
        .iter()
        .map(|(name, bytes)| {
            read_file(name, bytes, &Reading::default()).unwrap_or_else(|error| panic!("{name}: {error}"))
        })
        .collect();
    assert_eq!(counts(&[&all[0].train, &all[0].test]), "a 4, b 4");
    assert!(all[0].notes.concat().contains("notes.txt"), "{:?}", all[0].notes);
    assert!(all.iter().all(|source| (&source.train, &source.test) == (&all[0].train, &all[0].test)));
    // What a file is called does not matter.
    for (name, bytes) in archives(&entries) {
        assert!(read_file("download", &bytes, &Reading::default()).is_ok(), "{name}");
    }
}

#[test]
fn idx_files_are_read_in_archives() {
    let root = tempfile::tempdir().unwrap();
    write_idx(&root.path().join("MNIST/raw"), |half, what| format!("{half}-{what}-ubyte"));
    for (name, bytes) in archives(&entries(root.path())) {
        let source = read_file(name, &bytes, &Reading::default()).unwrap();
        assert_eq!(
            (counts(&[&source.train]), counts(&[&source.test])),
            ("0 2, 1 2".into(), "0 2, 1 2".into()),
            "{name}"
        );
    }
}

/// What cannot be read, by which kinds of archive, and the words of the sentence.
#[test]
fn odd_entries_are_named() {
    let (zips, tars, all) = (&["set.zip"][..], &["set.tar", "set.tar.gz", "set.tar.zst"][..], &["set."][..]);
    let cases: Vec<(&[&str], Vec<Entry>, &[&str])> = vec![
        (all, two_classes(&[entry("../c/0.png", png(9))]), &["../c/0.png", "leads out of it"]),
        (all, two_classes(&[entry("a/../../0.png", png(9))]), &["leads out of it"]),
        (all, two_classes(&[entry("/etc/0.png", png(9))]), &["/etc/0.png", "leads out of it"]),
        (all, two_classes(&[entry("a/0.png", png(9))]), &["two entries"]),
        (all, two_classes(&[entry("a/0.png/x", png(9))]), &["a file and a folder"]),
        (all, two_classes(&[entry("a", png(9))]), &["a file and a folder"]),
        (all, two_classes(&[odd("b/9.png", Oddity::Link)]), &["b/9.png is a link", "remove it"]),
        (tars, two_classes(&[odd("b/9.png", Oddity::Fifo)]), &["b/9.png is neither a file nor a folder"]),
        (zips, two_classes(&[odd("b/9.png", Oddity::Encrypted)]), &["set.zip is encrypted", "password"]),
        (zips, two_classes(&[odd("b/9.png", Oddity::Lzma)]), &["b/9.png by another method", "unpack it and give"]),
        (zips, two_classes(&[odd("b/9.png", Oddity::Claims(10))]), &["b/9.png is not what", "get"]),
        (zips, two_classes(&[odd("b/9.png", Oddity::Claims(5_000))]), &["b/9.png is not what", "get"]),
        (zips, two_classes(&[odd("b/9.png", Oddity::Claims(u32::MAX - 1))]), &["b/9.png is too large"]),
        (zips, two_classes(&[odd("b/9.png", Oddity::WrongChecksum)]), &["b/9.png is not what"]),
        (all, two_classes(&[entry("b/9.png", "text")]), &["b/9.png cannot be read", "looks like text"]),
        (all, two_classes(&[entry("c/1/2/3/4/5/6/7/8/9.png", png(9))]), &["c holds folders"]),
        (all, vec![], &["set."]),
    ];
    for (kinds, entries, words) in cases {
        for (name, bytes) in
            archives(&entries).iter().filter(|(name, _)| kinds.iter().any(|kind| name.starts_with(kind)))
        {
            let error = read_file(name, bytes, &Reading::default()).map(|source| counts(&[&source.train])).unwrap_err();
            assert!(words.iter().all(|word| error.contains(word)), "{name}: no {words:?} in {error}");
        }
    }
    // A link beside the classes is only named.
    for (name, bytes) in archives(&two_classes(&[odd("c", Oddity::Link)])) {
        let source = read_file(name, &bytes, &Reading::default()).unwrap();
        assert!(source.notes.concat().contains("c (a link"), "{name}: {:?}", source.notes);
    }
    // One damaged file of many can be left out.
    let damaged = zip(&two_classes(&[odd("b/9.png", Oddity::WrongChecksum)]));
    let skipping = Reading { unreadable: Unreadable::Skip, ..Reading::default() };
    assert_eq!(read_file("set.zip", &damaged, &skipping).unwrap().skipped.len(), 1);
}

#[test]
fn what_is_cut_short_is_refused() {
    for (name, bytes) in archives(&two_classes(&[])) {
        for tenth in 0..10 {
            assert!(
                read_file(name, &bytes[..bytes.len() * tenth / 10], &Reading::default()).is_err(),
                "{name} {tenth}"
            );
        }
    }
    // Between two files, too.
    let plain = tar(&two_classes(&[]));
    let end = plain.chunks(512).rposition(|block| block.iter().any(|&byte| byte != 0)).unwrap() + 1;
    for cut in [&plain[..end * 512], &gzip(&plain[..end * 512])] {
        let error = read_file("set.tar", cut, &Reading::default()).unwrap_err();
        assert!(error.contains("no mark at its end"), "{error}");
    }
    // And in or before the checksum of what is packed, though all files are there.
    let packed = gzip(&plain);
    let mut changed = packed.clone();
    changed[packed.len() - 6] ^= 1;
    for bytes in [&packed[..packed.len() - 4], &changed] {
        let error = read_file("set.tar.gz", bytes, &Reading::default()).unwrap_err();
        assert!(error.contains("damaged or cut short"), "{error}");
    }
    // Several packed pieces are one archive.
    let (first, second) = plain.split_at(plain.len() / 2);
    for packed in [[zstd(first), zstd(second)].concat(), [gzip(first), gzip(second)].concat()] {
        let source = read_file("set.tar.x", &packed, &Reading::default()).unwrap();
        assert_eq!(counts(&[&source.train, &source.test]), "a 4, b 4");
    }
    let error = read_file("set.zip", b"PK\x03\x04 and no more", &Reading::default()).unwrap_err();
    assert!(error.contains("set.zip is damaged or cut short") && error.ends_with("get it again"), "{error}");
    let error = read_file("notes.gz", &gzip(b"notes"), &Reading::default()).unwrap_err();
    assert!(error.contains("no tar archive"), "{error}");
    let error = read_file("set.zip", b"no archive", &Reading::default()).unwrap_err();
    assert!(error.contains("is called like a zip archive"), "{error}");
}

#[test]
fn bombs_stay_packed() {
    let bomb = [entry("b/8.png", png(8)), entry("b/9.png", vec![0; 40 << 20])];
    let scarce = Reading { memory: 16 << 20, ..Reading::default() };
    for (name, bytes) in archives(&two_classes(&bomb)) {
        assert!(name == "set.tar" || bytes.len() < 1 << 20);
        let error = read_file(name, &bytes, &scarce).unwrap_err();
        let words =
            if name.starts_with("set.tar.") { "unpacks to more than 8 MiB" } else { "b/9.png is too large (40 MiB)" };
        assert!(error.contains(words), "{name}: {error}");
    }
    // A long name is no way round.
    let long = entry(&format!("b/{}.png", "x".repeat(20 << 20)), png(9));
    let plain = tar(&two_classes(&[long]));
    let error = read_file("set.tar.gz", &gzip(&plain), &scarce).unwrap_err();
    assert!(error.contains("more than 8 MiB"), "{error}");
    let error = read_file("set.tar", &plain, &scarce).unwrap_err();
    assert!(error.contains("a name in it has no end"), "{error}");
}

#[test]
fn bytes_of_any_kind_make_no_archive_panic() {
    let whole = archives(&two_classes(&[]));
    let mut draws = attar::rng::Draws::new(7, 0, 0);
    for round in 0..400u32 {
        let (name, bytes) = &whole[round as usize % whole.len()];
        let mut bytes = bytes.clone();
        for _ in 0..3 {
            let places = draws.permutation(bytes.len());
            bytes[places[0] as usize] = places[1] as u8;
        }
        // Either it is read or there is a sentence.
        drop(read_file(name, &bytes, &Reading { memory: 64 << 20, ..Reading::default() }));
    }
}

#[test]
fn an_archive_can_be_the_test_half() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("test.zip");
    fs::write(&path, zip(&two_classes(&[]))).unwrap();
    assert_eq!(counts(&[&read_test(&path, &Reading::default(), 3, 16, 16).unwrap().set]), "a 4, b 4");
}
