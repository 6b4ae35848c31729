#![no_main]
//! Sources that are one file: archives, arrays, tables. The first byte says what the file is called.

use attar_fuzz::{ENDINGS, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((kind, content)) = input.split_first() else { return };
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder for the file");
    let path = folder.path().join(format!("x.{}", ENDINGS[usize::from(*kind) % ENDINGS.len()]));
    std::fs::write(&path, content).expect("the file can be written");
    read(&path);
});
