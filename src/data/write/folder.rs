//! A folder a class, a PNG file an image.

use std::collections::HashMap;

use super::{place::Entry, png};
use crate::{Error, Result, data::Distilled};

/// Every image as `<class>/<index>.png`, the index counting within the class. What a file system cannot have in a name
/// becomes `-` in a class's folder.
///
/// # Errors
/// [`Error::Data`] if the set has neither 1 nor 3 channels, or two classes would share a folder.
pub(super) fn entries(set: &Distilled) -> Result<Vec<Entry>> {
    let names = folder_names(&set.classes)?;
    let mut counts = vec![0; names.len()];
    let entry = |(bytes, &label): (Vec<u8>, &u32)| {
        let (name, count) = (&names[label as usize], &mut counts[label as usize]);
        let path = format!("{name}/{count:04}.png");
        *count += 1;
        Entry { path, bytes }
    };
    Ok(png::of_images(set)?.into_iter().zip(&set.labels).map(entry).collect())
}

/// A folder name for every class, no two alike even where case does not count.
fn folder_names(classes: &[String]) -> Result<Vec<String>> {
    let mut taken: HashMap<String, &String> = HashMap::new();
    let mut names = Vec::new();
    for class in classes {
        let name = folder_name(class);
        if name.is_empty() {
            return Err(Error::Data(format!("the class name `{class}` cannot be that of a folder: rename the class")));
        }
        if let Some(other) = taken.insert(name.to_lowercase(), class) {
            return Err(Error::Data(format!(
                "classes `{other}` and `{class}` would share the folder `{name}`: rename one"
            )));
        }
        names.push(name);
    }
    Ok(names)
}

/// The name without separators and what Windows reserves, never hidden, `.` or `..`; empty if nothing is left.
fn folder_name(class: &str) -> String {
    let safe = |c: char| if c.is_control() || r#"/\:*?"<>|"#.contains(c) { '-' } else { c };
    let name: String = class.chars().map(safe).take(100).collect();
    let name = name.trim_matches(|c: char| c == '.' || c.is_whitespace());
    let stem = name.split('.').next().unwrap_or_default().to_ascii_uppercase();
    let port = |kind| stem.strip_prefix(kind).is_some_and(|rest: &str| rest.len() == 1 && rest != "0");
    if ["CON", "PRN", "AUX", "NUL"].contains(&stem.as_str()) || port("COM") || port("LPT") {
        return format!("{name}-");
    }
    name.into()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::data::{Form, Reading, example, read_test};

    #[test]
    fn names_are_safe() {
        let cases = [
            ("T-shirt/top", "T-shirt-top"),
            ("../../etc", "-..-etc"),
            ("..", ""),
            (".hidden", "hidden"),
            ("a:b\0c", "a-b-c"),
            ("nul", "nul-"),
            ("COM1.x", "COM1.x-"),
            ("Ankle boot ", "Ankle boot"),
        ];
        for (class, name) in cases {
            assert_eq!(folder_name(class), name, "{class}");
        }
        let names = |classes: [&str; 2]| folder_names(&classes.map(String::from));
        assert!(names(["a/b", "a:b"]).is_err());
        assert!(names(["Cat", "cat"]).is_err());
        assert!(names(["cat", ".."]).is_err());
        assert_eq!(names(["cat", "dog"]).unwrap(), ["cat", "dog"]);
    }

    #[test]
    fn a_folder_can_be_read_again() {
        let root = tempfile::tempdir().unwrap();
        let (set, folder) = (example(), root.path().join("out"));
        let form = Form::named("folder").unwrap();
        form.write(&set, &folder).unwrap();
        let read = read_test(&folder, &Reading::default(), 1, 1, 2).unwrap().set;
        assert_eq!(read.classes(), ["Ankle boot", "T-shirt-top"]);
        let pixels = set.images_u8();
        assert_eq!(read.images().pixels(), [&pixels[4..], &pixels[..4]].concat());
        assert!(form.write(&set, &folder).unwrap_err().to_string().contains("not empty"));
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }
}
