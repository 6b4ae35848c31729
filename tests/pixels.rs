//! Pictures of every format and mode, beside Pillow: the same pixels.

use std::{fs, path::Path, process::Command};

use attar::data::{Reading, read_train};

/// The largest difference of a pixel: none where nothing is lost, 1 where decoders may round.
fn tolerance(set: &str, name: &str) -> u8 {
    if set == "colour" && name.ends_with(".jpg") {
        // Two colour transforms and an upsampling follow the rounded cosine transform. (The sides here are whole blocks: with
        // others, such as 24, colour that is stored at half its size differs by up to 11.)
        return 3;
    }
    let rounds = name.ends_with(".jpg") || name.ends_with(".webp") && name.starts_with("lossy");
    // Alpha is blended with rounding, too.
    u8::from(rounds || name.starts_with("alpha"))
}

fn differences(set: &str) -> Vec<String> {
    let place = tempfile::tempdir().expect("a folder");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pixels.py");
    let ran = Command::new("python3").arg(script).arg(set).current_dir(place.path()).output().expect("Python runs");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let half = read_train(&place.path().join("pictures"), &Reading::default()).expect("all can be read");
    let expected = fs::read(place.path().join("expected.bin")).expect("Pillow has read them");
    let images = half.set.images();
    assert_eq!(images.channels(), if set == "grey" { 1 } else { 3 });
    let each = images.channels() * images.height() * images.width();
    let mut found = Vec::new();
    for (class, (name, wanted)) in half.set.classes().iter().zip(expected.chunks_exact(each)).enumerate() {
        for row in half.set.of_class(class as u32) {
            let pixels = images.get(row as usize).expect("it is there");
            let largest = pixels.iter().zip(wanted).map(|(ours, theirs)| ours.abs_diff(*theirs)).max().unwrap_or(0);
            if largest > tolerance(set, name) {
                found.push(format!("{name}: {largest}"));
            }
        }
    }
    assert_eq!(expected.len(), each * half.set.classes().len());
    found
}

#[test]
fn pictures_are_read_as_pillow_reads_them() {
    let there = Command::new("python3").args(["-c", "import numpy, PIL"]).output();
    if !there.is_ok_and(|ran| ran.status.success()) {
        assert_ne!(std::env::var("ATTAR_TEST_PYTHON").as_deref(), Ok("required"), "Python with NumPy and Pillow");
        println!("skipped: there is no Python with NumPy and Pillow here, install python3-numpy and python3-pil");
        return;
    }
    assert!(Path::new("tests/pixels.py").exists(), "tests run in the folder of the crate");
    assert_eq!(differences("grey"), Vec::<String>::new());
    assert_eq!(differences("colour"), Vec::<String>::new());
}
