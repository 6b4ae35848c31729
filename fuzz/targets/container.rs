#![no_main]
//! The `.attar` file: what can be read can be written, and is read again as it was.

use attar::data::container;
use attar_fuzz::{CONTAINER, sealed};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let (magic, versions) = CONTAINER;
    for &version in versions {
        if let Ok(set) = container::read(&sealed(magic, version, body)) {
            let written = container::write(&set).expect("what is read can be written");
            assert_eq!(container::read(&written), Ok(set));
        }
    }
    let _ = container::read(body);
});
