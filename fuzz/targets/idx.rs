#![no_main]
//! IDX files in memory: the input is cut into the four by its first three bytes, in 256ths.

use attar::data::{IdxFiles, from_idx_bytes};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((cuts, rest)) = input.split_first_chunk::<3>() else { return };
    let mut cuts = cuts.map(|cut| usize::from(cut) * rest.len() / 256);
    cuts.sort_unstable();
    let files = IdxFiles {
        train_images: &rest[..cuts[0]],
        train_labels: &rest[cuts[0]..cuts[1]],
        test_images: &rest[cuts[1]..cuts[2]],
        test_labels: &rest[cuts[2]..],
        classes: None,
    };
    let _ = from_idx_bytes(&files, "x");
});
