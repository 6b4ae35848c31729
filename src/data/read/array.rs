//! An array of numbers or texts, whatever format it was kept in, and how it becomes images, labels or names.

use crate::Result;
use crate::data::dataset::Images;

/// An array in row-major order. There are as many bytes as type and shape say.
pub(super) struct Array<'a> {
    pub element: Element,
    pub shape: Vec<usize>,
    pub bytes: &'a [u8],
}

/// The type of what is in an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    Bool,
    /// Whole numbers of 1, 2, 4 or 8 bytes.
    Unsigned(usize, Order),
    Signed(usize, Order),
    /// Of 4 or 8 bytes.
    Float(usize, Order),
    /// This many letters of 4 bytes each.
    Wide(usize, Order),
    /// This many letters of UTF-8.
    Narrow(usize),
}

/// The order of the bytes of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

impl Element {
    /// Bytes of one.
    pub fn size(self) -> usize {
        match self {
            Element::Bool => 1,
            Element::Unsigned(size, _) | Element::Signed(size, _) | Element::Float(size, _) | Element::Narrow(size) => {
                size
            }
            Element::Wide(letters, _) => letters * 4,
        }
    }

    fn is_whole(self) -> bool {
        matches!(self, Element::Bool | Element::Unsigned(..) | Element::Signed(..))
    }
}

/// Where the channels of images stand in a shape.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Channels {
    First,
    Last,
}

impl<'a> Array<'a> {
    /// # Errors
    /// The rest of a sentence that begins with the name of the array, if the bytes are not as many as type and shape say.
    pub fn new(element: Element, shape: Vec<usize>, bytes: &'a [u8]) -> Result<Array<'a>, String> {
        let wanted = shape.iter().try_fold(element.size(), |size, &side| size.checked_mul(side));
        match wanted {
            Some(wanted) if wanted == bytes.len() => Ok(Array { element, shape, bytes }),
            _ => Err(format!("has {} bytes, not as many as its shape {shape:?} needs: get it again", bytes.len())),
        }
    }

    /// Channels, height and width, and where the channels stand.
    fn layout(&self) -> Result<(usize, [usize; 2], Channels), String> {
        let colours = |count: usize| count == 1 || count == 3;
        let shape = &self.shape;
        match shape[..] {
            [_, height, width] => Ok((1, [height, width], Channels::First)),
            [_, first, _, last] if colours(first) && colours(last) => Err(format!(
                "has the shape {shape:?}, whose channels may be {first} or {last}: give images of another size"
            )),
            [_, channels, height, width] if colours(channels) => Ok((channels, [height, width], Channels::First)),
            [_, height, width, channels] if colours(channels) => Ok((channels, [height, width], Channels::Last)),
            _ => Err(format!(
                "has the shape {shape:?}: give images as [n, h, w], [n, h, w, c] or [n, c, h, w] with 1 or 3 channels"
            )),
        }
    }

    /// All values as bytes from black to white.
    fn pixels(&self) -> Result<Vec<u8>, String> {
        match self.element {
            Element::Unsigned(1, _) => return Ok(self.bytes.to_vec()),
            Element::Bool => return Ok(self.bytes.iter().map(|&bit| if bit == 0 { 0 } else { 255 }).collect()),
            Element::Wide(..) | Element::Narrow(_) => return Err("holds text, not images: give numbers".into()),
            Element::Unsigned(..) | Element::Signed(..) | Element::Float(..) => {}
        }
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in self.numbers() {
            if value.is_nan() {
                return Err("has pixels that are no number: mend the array".into());
            }
            (least, most) = (least.min(value), most.max(value));
        }
        if least < 0.0 || most > 255.0 {
            return Err(format!(
                "has pixels from {least} to {most}: scale them to 0..1 or 0..255 (and take no mean away)"
            ));
        }
        let scale = if self.element.is_whole() || most > 1.0 { 1.0 } else { 255.0 };
        Ok(self.numbers().map(|value| (value * scale).round() as u8).collect())
    }

    /// All values of an array of numbers.
    fn numbers(&self) -> impl Iterator<Item = f64> + '_ {
        let element = self.element;
        self.bytes.chunks_exact(element.size().max(1)).map(move |bytes| match element {
            Element::Bool => f64::from(bytes[0]),
            Element::Unsigned(size, order) => word(bytes, size, order) as f64,
            Element::Signed(size, order) => signed(word(bytes, size, order), size) as f64,
            Element::Float(4, order) => f64::from(f32::from_bits(word(bytes, 4, order) as u32)),
            Element::Float(_, order) => f64::from_bits(word(bytes, 8, order)),
            Element::Wide(..) | Element::Narrow(_) => f64::NAN,
        })
    }
}

/// Images of u8 `[n, c, h, w]`.
///
/// # Errors
/// The rest of a sentence that begins with the name of the array.
pub(super) fn images(array: &Array<'_>) -> Result<Images, String> {
    let (channels, [height, width], order) = array.layout()?;
    let pixels = array.pixels()?;
    if pixels.is_empty() {
        return Err(format!("has the shape {:?}, and so no image: give at least one", array.shape));
    }
    let plane = height * width;
    let pixels = match order {
        Channels::Last if channels > 1 => {
            let planar = |image: &[u8], at: usize| image[at % plane * channels + at / plane];
            let images = pixels.chunks_exact(channels * plane);
            images.flat_map(|image| (0..image.len()).map(move |at| planar(image, at))).collect()
        }
        Channels::First | Channels::Last => pixels,
    };
    Images::new(channels, height, width, pixels).map_err(|error| format!("cannot be images: {error}"))
}

/// One class a row, from whole numbers `[n]` or `[n, 1]`, or from rows `[n, k]` with a single 1.
///
/// # Errors
/// The rest of a sentence that begins with the name of the array.
pub(super) fn labels(array: &Array<'_>) -> Result<Vec<u32>, String> {
    let shape = &array.shape;
    match shape[..] {
        [_] | [_, 1] if array.element.is_whole() => {
            let label = |value: f64| {
                let fits = (0.0..=f64::from(u32::MAX)).contains(&value);
                fits.then_some(value as u32).ok_or_else(|| format!("has the label {value}: count classes from 0"))
            };
            array.numbers().map(label).collect()
        }
        [_] | [_, 1] => Err("holds labels that are no whole numbers: save them as integers".into()),
        [_, classes] if classes > 1 => {
            let values: Vec<f64> = array.numbers().collect();
            let one_hot = |row: &[f64]| {
                let place = row.iter().position(|&value| value == 1.0);
                let zeros = row.iter().filter(|&&value| value == 0.0).count();
                place.filter(|_| zeros + 1 == row.len()).map(|place| place as u32)
            };
            let rows: Option<Vec<u32>> = values.chunks_exact(classes).map(one_hot).collect();
            rows.ok_or_else(|| {
                format!("has the shape {shape:?}, but rows that are no single 1 among zeros: give one class an image")
            })
        }
        _ => Err(format!("has the shape {shape:?}: give labels as [n]")),
    }
}

/// The texts of `[n]`; `None` if these are numbers.
///
/// # Errors
/// The rest of a sentence that begins with the name of the array.
pub(super) fn texts(array: &Array<'_>) -> Result<Option<Vec<String>>, String> {
    let size = array.element.size().max(1);
    let no_text = || "holds names that are no text: write them as UTF-8".to_string();
    let text = |bytes: &[u8]| match array.element {
        Element::Wide(_, order) => {
            let letters = bytes.chunks_exact(4).map(|letter| char::from_u32(word(letter, 4, order) as u32));
            letters.collect::<Option<String>>().ok_or_else(no_text)
        }
        _ => String::from_utf8(bytes.to_vec()).map_err(|_| no_text()),
    };
    if !matches!(array.element, Element::Wide(..) | Element::Narrow(_)) {
        return Ok(None);
    }
    let texts: Result<Vec<String>, String> = array.bytes.chunks_exact(size).map(text).collect();
    Ok(Some(texts?.iter().map(|text| text.trim_end_matches('\0').to_string()).collect()))
}

fn word(bytes: &[u8], size: usize, order: Order) -> u64 {
    let mut word = [0; 8];
    word[..size].copy_from_slice(&bytes[..size]);
    if order == Order::Big {
        word[..size].reverse();
    }
    u64::from_le_bytes(word)
}

/// A number of so many bytes, whose first bit is its sign.
fn signed(word: u64, size: usize) -> i64 {
    let unused = 64 - 8 * size as u32;
    ((word << unused) as i64) >> unused
}
