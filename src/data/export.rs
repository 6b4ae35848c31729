//! A distilled set as PNG files.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder as _};

use super::files::{temporary, write_atomic};
use super::{Distilled, Picture};
use crate::{Error, Result};

/// Writes a picture, such as that of [`png_grid`](super::png_grid), as a PNG file.
///
/// # Errors
/// [`Error::Io`] with the path.
pub fn save_png(picture: &Picture, path: &Path) -> Result<()> {
    write_atomic(path, &encode(path, &picture.rgb, (picture.height, picture.width), ExtendedColorType::Rgb8)?)
}

/// Writes every image to `folder/<class>/<index>.png`, the index counting within the class. What a file system cannot
/// have in a name becomes `-` in a class's folder. u8 pixels are kept exactly; f32 pixels are rounded.
///
/// The folder appears only when it is complete; it must not exist before or be empty.
///
/// # Errors
/// [`Error::Data`] if the set does not pass [`Distilled::check`], has neither 1 nor 3 channels, or two classes would share
/// a folder; [`Error::Io`] if something cannot be written.
pub fn write_folder(set: &Distilled, folder: &Path) -> Result<()> {
    set.check()?;
    let color = match set.channels {
        1 => ExtendedColorType::L8,
        3 => ExtendedColorType::Rgb8,
        c => {
            return Err(Error::Data(format!(
                "images of {c} channels cannot be PNG files: only 1 (grey) or 3 (RGB) can"
            )));
        }
    };
    let names = folder_names(&set.classes)?;
    let failed = |error| Error::io(folder.display(), error);
    match fs::read_dir(folder).map(|mut entries| entries.next().is_none()) {
        Ok(true) => {}
        Ok(false) => return Err(failed("the folder is not empty: name a new one or empty it".into())),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error.to_string())),
    }
    let unfinished = temporary(folder);
    let written = write_images(set, color, &names, &unfinished)
        .and_then(|()| fs::rename(&unfinished, folder).map_err(|error| failed(error.to_string())));
    if written.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_dir_all(&unfinished);
    }
    written
}

fn write_images(set: &Distilled, color: ExtendedColorType, names: &[String], folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(Error::io(folder.display(), error)),
        _ => {}
    }
    let mut counts = vec![0; names.len()];
    let pixels = set.images_u8();
    let images = pixels.chunks_exact(set.channels * set.height * set.width);
    for (image, &label) in images.zip(&set.labels) {
        let class = label as usize;
        let path = folder.join(&names[class]).join(format!("{:04}.png", counts[class]));
        if counts[class] == 0 {
            let class = folder.join(&names[class]);
            fs::create_dir_all(&class).map_err(|error| Error::io(class.display(), error))?;
        }
        counts[class] += 1;
        let png = encode(&path, &interleave(image, set.channels), (set.height as u32, set.width as u32), color)?;
        fs::write(&path, png).map_err(|error| Error::io(path.display(), error))?;
    }
    Ok(())
}

/// `[c, h, w]` to `[h, w, c]`.
fn interleave(image: &[u8], channels: usize) -> Vec<u8> {
    let plane = image.len() / channels;
    (0..plane).flat_map(|at| (0..channels).map(move |channel| image[channel * plane + at])).collect()
}

fn encode(path: &Path, bytes: &[u8], (height, width): (u32, u32), color: ExtendedColorType) -> Result<Vec<u8>> {
    let mut png = Vec::new();
    let encoded = PngEncoder::new(&mut png).write_image(bytes, width, height, color);
    encoded.map_err(|error| Error::io(path.display(), error))?;
    Ok(png)
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
    use super::super::distilled::tests::example;
    use super::super::{Reading, png_grid, read_test};
    use super::*;

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
        write_folder(&set, &folder).unwrap();
        let read = read_test(&folder, &Reading::default(), 1, 1, 2).unwrap().set;
        assert_eq!(read.classes(), ["Ankle boot", "T-shirt-top"]);
        let pixels = set.images_u8();
        assert_eq!(read.images().pixels(), [&pixels[4..], &pixels[..4]].concat());
        assert!(write_folder(&set, &folder).unwrap_err().to_string().contains("not empty"));
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_grid_is_a_png_of_its_size() {
        let root = tempfile::tempdir().unwrap();
        let (picture, path) = (png_grid(&example()).unwrap(), root.path().join("grid.png"));
        save_png(&picture, &path).unwrap();
        let read = image::open(&path).unwrap().into_rgb8();
        assert_eq!((read.width(), read.height(), read.as_raw()), (picture.width, picture.height, &picture.rgb));
    }
}
