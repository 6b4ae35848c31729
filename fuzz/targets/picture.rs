#![no_main]
//! Pictures in an image folder: decoders of others, and our own look at their headers and scans.

use attar_fuzz::read;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|content: &[u8]| {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder for the files");
    for name in ["a/0.jpg", "a/1.jpg", "b/0.jpg", "b/1.jpg"] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a class")).expect("it can be made");
        std::fs::write(&path, content).expect("the file can be written");
    }
    read(folder.path());
});
