//! A folder a class, a PNG file an image.

use super::{place::Entry, png};
use crate::{
    Result,
    data::{
        Distilled,
        class_folders::{MANIFEST, Manifest},
    },
};

/// Every image as `<class>/<index>.png`, the index counting within the class, and `classes.json`, which says the class of
/// each folder: see [`class_folders`](crate::data::class_folders).
///
/// # Errors
/// [`Error::Data`](crate::Error::Data) if the set has neither 1 nor 3 channels.
pub(super) fn entries(set: &Distilled) -> Result<Vec<Entry>> {
    let manifest = Manifest::of(&set.classes);
    let folders: Vec<&str> = manifest.folders().collect();
    let mut counts = vec![0; folders.len()];
    let entry = |(bytes, &label): (Vec<u8>, &u32)| {
        let (folder, count) = (folders[label as usize], &mut counts[label as usize]);
        let path = format!("{folder}/{count:04}.png");
        *count += 1;
        Entry { path, bytes }
    };
    let mut entries: Vec<Entry> = png::of_images(set)?.into_iter().zip(&set.labels).map(entry).collect();
    entries.push(Entry { path: MANIFEST.into(), bytes: manifest.json().into_bytes() });
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::data::{Form, Reading, example, read_test};

    #[test]
    fn a_folder_is_new_or_empty() {
        let root = tempfile::tempdir().unwrap();
        let (set, folder) = (example(), root.path().join("out"));
        let form = Form::named("folder").unwrap();
        fs::create_dir(&folder).unwrap();
        form.write(&set, &folder).unwrap();
        assert!(form.write(&set, &folder).unwrap_err().to_string().contains("not empty"));
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }

    #[test]
    fn any_class_is_found_again() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("out");
        for classes in
            [["T-shirt/top", "Ankle boot"], ["cat", "Cat"], ["train", "test"], ["masks", "images"], ["con", ".x"]]
        {
            let set = Distilled { classes: classes.map(String::from).to_vec(), ..example() };
            Form::named("folder").unwrap().write(&set, &folder).unwrap();
            let read = read_test(&folder, &Reading::default(), 1, 1, 2).unwrap();
            assert_eq!((read.set.classes(), read.set.labels()), (&set.classes[..], &set.labels[..]));
            assert_eq!((read.set.images().pixels(), &read.notes[..]), (&set.images_u8()[..], &[][..]));
            fs::remove_dir_all(&folder).unwrap();
        }
    }
}
