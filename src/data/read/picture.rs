//! One picture, from the bytes of a file to planes of the size asked for.

use std::io::Cursor;

use image::error::{ImageError, UnsupportedErrorKind};
use image::{DynamicImage, ImageDecoder, ImageReader, Limits};

use super::{budget::Budget, jpeg};
use crate::data::resize::{Fit, fit};

/// No picture may be wider or higher than this.
const LARGEST_SIDE: u32 = 1 << 15;

/// What is read.
const FORMATS: &str = "PNG, JPEG, WebP, GIF, BMP, TIFF and PNM";

/// How JPEG files begin.
const JPEG: &[u8] = b"\xff\xd8\xff";

/// What every picture of a source becomes, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    pub channels: usize,
    pub height: usize,
    pub width: usize,
    pub fit: Fit,
}

/// What a picture was before it took its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    /// Height and width, as it is meant to be looked at.
    pub size: (u32, u32),
    pub grey: bool,
    /// Whether it is of one colour now and was not before.
    pub blanked: bool,
}

/// Height, width, and whether a picture is grey, by the header of its file.
///
/// # Errors
/// Why the file cannot be read, as the rest of a sentence that begins with its name.
pub(super) fn look(bytes: &[u8], budget: &Budget) -> Result<((u32, u32), bool), String> {
    let decoder = open(bytes, budget)?;
    let (width, height) = decoder.dimensions();
    Ok(((height, width), !decoder.color_type().has_color()))
}

/// Decodes a picture into `planes`, `[channels, height, width]` of the form.
///
/// # Errors
/// As [`look`].
pub(super) fn decode(bytes: &[u8], form: &Form, budget: &Budget, planes: &mut [u8]) -> Result<Seen, String> {
    let mut decoder = open(bytes, budget)?;
    let (width, height) = decoder.dimensions();
    // The decoder's own buffers may be twice its output (coefficients of progressive JPEG); then RGBA, and a plane of it.
    let needed = decoder.total_bytes().saturating_mul(3).saturating_add(u64::from(width) * u64::from(height) * 5);
    let _in_use = budget.take(needed).ok_or_else(|| too_large(budget))?;
    if bytes.starts_with(JPEG) && !jpeg::is_whole(bytes) {
        return Err("is cut short or damaged: get it again or remove it".into());
    }
    let failed = |error| unreadable(bytes, &error, budget);
    let grey = !decoder.color_type().has_color();
    let orientation = decoder.orientation().map_err(failed)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(failed)?;
    picture.apply_orientation(orientation);
    let picture = picture.into_rgba8();
    let (height, width) = (picture.height() as usize, picture.width() as usize);
    let fitted = fit(picture.as_raw(), (height, width), form.channels, (form.height, form.width), form.fit)
        .map_err(|error| format!("cannot be resized ({error})"))?;
    planes.copy_from_slice(&fitted);
    let plane = form.height * form.width;
    let blank = fitted.chunks_exact(plane).all(|plane| plane.iter().all(|&value| value == plane[0]));
    let mut pixels = picture.as_raw().chunks_exact(4);
    let first = pixels.next();
    let blanked = blank && pixels.any(|pixel| Some(pixel) != first);
    Ok(Seen { size: (picture.height(), picture.width()), grey, blanked })
}

/// A decoder, once the header is known to be sound.
fn open<'a>(bytes: &'a [u8], budget: &Budget) -> Result<impl ImageDecoder + use<'a>, String> {
    if bytes.is_empty() {
        return Err("is empty: get it again or remove it".into());
    }
    let guessed = ImageReader::new(Cursor::new(bytes)).with_guessed_format();
    let mut reader = guessed.map_err(|error| format!("cannot be read ({error})"))?;
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(LARGEST_SIDE), Some(LARGEST_SIDE));
    limits.max_alloc = Some(budget.most());
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(|error| unreadable(bytes, &error, budget))?;
    match decoder.dimensions() {
        (1.., 1..) => Ok(decoder),
        (width, height) => Err(format!("is a picture of {width} x {height} pixels: get it again or remove it")),
    }
}

/// What a file is that begins like this, and how it becomes a picture that can be read.
fn kind(bytes: &[u8]) -> Option<&'static str> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(512)]).to_lowercase();
    let box_type = bytes.get(4..12).unwrap_or_default();
    let brand =
        |brands: &[&[u8]]| box_type.starts_with(b"ftyp") && brands.iter().any(|brand| box_type.ends_with(brand));
    if brand(&[b"heic", b"heix", b"hevc", b"mif1", b"msf1"]) {
        return Some("a HEIC photo: convert it to JPEG (`heif-convert`, `sips -s format jpeg`, or the phone's export)");
    }
    if brand(&[b"avif", b"avis"]) {
        return Some("an AVIF picture: convert it to PNG (`avifdec`)");
    }
    if head.contains("<svg") {
        return Some("an SVG drawing: draw it as PNG (`rsvg-convert`)");
    }
    if head.trim_start().starts_with("<!doctype html") || head.trim_start().starts_with("<html") {
        return Some("a web page, as a failed download leaves: get the picture again");
    }
    let starts: [(&[u8], &str); 5] = [
        (b"\0\0\0\x0cJXL ", "a JPEG XL picture: convert it to PNG (`djxl`)"),
        (b"\xff\x0a", "a JPEG XL picture: convert it to PNG (`djxl`)"),
        (b"%PDF", "a PDF document: export its pages as PNG"),
        (b"PK\x03\x04", "a zip archive: unpack it"),
        (b"\x1f\x8b", "a gzip archive: unpack it"),
    ];
    starts.iter().find(|(start, _)| bytes.starts_with(start)).map(|&(_, kind)| kind)
}

fn unreadable(bytes: &[u8], error: &ImageError, budget: &Budget) -> String {
    if matches!(error, ImageError::Limits(_)) {
        return too_large(budget);
    }
    if let Some(kind) = kind(bytes) {
        return format!("is {kind}");
    }
    let head = bytes[..bytes.len().min(512)].utf8_chunks().next();
    let text = head.is_some_and(|head| {
        // The last letter may go on behind the head.
        head.valid().len() + 4 > bytes.len().min(512)
            && head.valid().chars().all(|letter| !letter.is_control() || letter.is_ascii_whitespace())
    });
    let (why, way) = match error {
        _ if text => ("it looks like text".into(), "replace or remove it"),
        ImageError::Unsupported(unsupported) => {
            let other = matches!(unsupported.kind(), UnsupportedErrorKind::Format(_));
            let why = if other { format!("it is none of {FORMATS}") } else { error.to_string() };
            (why, "convert it to PNG, or remove it")
        }
        _ => (error.to_string(), "replace or remove it"),
    };
    format!("cannot be read as an image ({why}): {way}")
}

fn too_large(budget: &Budget) -> String {
    format!(
        "is too large (more than {LARGEST_SIDE} pixels a side, or {} MiB to decode it): shrink it or allow more memory",
        budget.memory() >> 20
    )
}
