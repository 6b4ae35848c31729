//! PNG files.

use std::path::Path;

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder as _};

use super::Picture;
use crate::{
    Error, Result,
    data::{Distilled, write_atomic},
};

/// Writes a picture, such as that of [`png_grid`](super::png_grid), as a PNG file.
///
/// # Errors
/// [`Error::Io`] with the path.
pub fn save_png(picture: &Picture, path: &Path) -> Result<()> {
    write_atomic(path, &of_picture(picture)?)
}

/// The bytes of a PNG file of a picture.
pub(super) fn of_picture(picture: &Picture) -> Result<Vec<u8>> {
    encode(&picture.rgb, (picture.height, picture.width), ExtendedColorType::Rgb8)
}

/// The bytes of a PNG file of each image, in their order. u8 pixels are kept exactly; f32 pixels are rounded.
///
/// # Errors
/// [`Error::Data`] if the set has neither 1 nor 3 channels.
pub(super) fn of_images(set: &Distilled) -> Result<Vec<Vec<u8>>> {
    let color = match set.channels {
        1 => ExtendedColorType::L8,
        3 => ExtendedColorType::Rgb8,
        c => {
            return Err(Error::Data(format!(
                "images of {c} channels cannot be PNG files: only 1 (grey) or 3 (RGB) can"
            )));
        }
    };
    let size = (set.height as u32, set.width as u32);
    let pixels = set.images_u8();
    let images = pixels.chunks_exact(set.channels * set.height * set.width);
    images.map(|image| encode(&interleave(image, set.channels), size, color)).collect()
}

/// `[c, h, w]` to `[h, w, c]`.
fn interleave(image: &[u8], channels: usize) -> Vec<u8> {
    let plane = image.len() / channels;
    (0..plane).flat_map(|at| (0..channels).map(move |channel| image[channel * plane + at])).collect()
}

fn encode(bytes: &[u8], (height, width): (u32, u32), color: ExtendedColorType) -> Result<Vec<u8>> {
    let mut png = Vec::new();
    let encoded = PngEncoder::new(&mut png).write_image(bytes, width, height, color);
    encoded.map_err(|error| Error::Data(format!("an image cannot be a PNG file: {error}")))?;
    Ok(png)
}

#[cfg(test)]
mod tests {
    use super::super::png_grid;
    use super::*;
    use crate::data::example;

    #[test]
    fn a_grid_is_a_png_of_its_size() {
        let root = tempfile::tempdir().unwrap();
        let (picture, path) = (png_grid(&example()).unwrap(), root.path().join("grid.png"));
        save_png(&picture, &path).unwrap();
        let read = image::open(&path).unwrap().into_rgb8();
        assert_eq!((read.width(), read.height(), read.as_raw()), (picture.width, picture.height, &picture.rgb));
    }
}
