//! Format 3: postcard of `File`.
//!
//! Text and history are packed, and losses are differences of neighbours, so that they are a small part of a file of ten
//! small images. A later Attar may code pixels otherwise than the [`Coding`]s here and keep all the rest.

use serde::{Deserialize, Serialize};

use super::{Misread, history::History, whole};
use crate::{
    Error, Result,
    data::{
        Distilled, Normalisation, Planes, SoftLabels, Versions,
        deflate::{packed, unpacked},
    },
    settings::{Settings, Value},
};

/// What must be known before anything is unpacked, and what is packed.
#[derive(Serialize, Deserialize)]
struct File<'a> {
    /// Number of images, channels, height, width.
    shape: [u32; 4],
    /// How `pixels` are coded, a number of [`Coding`].
    coding: u32,
    pixels: &'a [u8],
    soft: Soft<'a>,
    /// Bytes of the unpacked details.
    details_bytes: u32,
    /// Deflated postcard of [`Details`].
    details: &'a [u8],
}

/// Class probabilities, [`by_place`] and deflated.
#[derive(Serialize, Deserialize)]
enum Soft<'a> {
    None,
    /// `[n, classes]`.
    Images(&'a [u8]),
    /// `[n factor^2, classes]`.
    Pictures(&'a [u8]),
}

/// Everything that is neither a pixel nor a probability. Settings are flat: what is read from a file that nobody vouches
/// for must not recurse.
#[derive(Serialize, Deserialize)]
struct Details {
    attar: String,
    labels: Vec<u32>,
    classes: Vec<String>,
    normalisation: Normalisation,
    factor: u32,
    images_per_class: u32,
    method: String,
    recipe: Vec<(String, Value)>,
    extras: Vec<(String, Value)>,
    seed: u64,
    fingerprint: String,
    losses: History,
}

/// How pixels are coded. The numbers are those of files, and never change.
#[derive(Clone, Copy)]
enum Coding {
    /// Deflated bytes.
    U8 = 0,
    /// Deflated f32, [`by_place`].
    F32 = 1,
}

/// Details are text, labels and losses: nobody needs more, and what is unpacked may take some ten times its bytes.
const MOST_DETAILS: u64 = 1 << 24;

/// The body of a file of a set that passes [`Distilled::check`].
pub fn write(set: &Distilled) -> Result<Vec<u8>> {
    let details = postcard::to_stdvec(&Details::of(set)).map_err(unwritable)?;
    if details.len() as u64 > MOST_DETAILS {
        return Err(unwritable(format!("its labels, recipe and losses take {} bytes", details.len())));
    }
    let (coding, pixels) = match &set.planes {
        Planes::U8(values) => (Coding::U8, packed(values)),
        Planes::F32(values) => (Coding::F32, packed(&by_place(values))),
    };
    let soft = set.soft.as_ref().map(|soft| packed(&by_place(soft.values()))).unwrap_or_default();
    let size = |size: usize| u32::try_from(size).map_err(unwritable);
    let [n, channels, height, width] = set.shape();
    let file = File {
        shape: [size(n)?, size(channels)?, size(height)?, size(width)?],
        coding: coding as u32,
        pixels: &pixels,
        soft: match &set.soft {
            None => Soft::None,
            Some(SoftLabels::Images(_)) => Soft::Images(&soft),
            Some(SoftLabels::Pictures(_)) => Soft::Pictures(&soft),
        },
        details_bytes: size(details.len())?,
        details: &packed(&details),
    };
    postcard::to_stdvec(&file).map_err(unwritable)
}

pub fn read(body: &[u8]) -> Result<Distilled, Misread> {
    let file: File<'_> = whole(body)?;
    let details: Details = whole(&file.unpacked_details().ok_or(Misread::Damaged)?)?;
    let pictures = u64::from(details.factor).checked_pow(2).and_then(|tiles| tiles.checked_mul(file.shape[0].into()));
    let soft = file.unpacked_soft(details.classes.len() as u64, pictures);
    let [_, channels, height, width] = file.shape.map(|size| size as usize);
    Ok(Distilled {
        planes: file.unpacked_planes()?,
        channels,
        height,
        width,
        labels: details.labels,
        soft: soft.ok_or(Misread::Damaged)?,
        classes: details.classes,
        normalisation: details.normalisation,
        factor: details.factor,
        images_per_class: details.images_per_class,
        method: details.method,
        recipe: Settings::from_entries(details.recipe),
        extras: Settings::from_entries(details.extras),
        seed: details.seed,
        fingerprint: details.fingerprint,
        losses: details.losses.losses().ok_or(Misread::Damaged)?,
        versions: Versions { attar: details.attar, format: 3 },
    })
}

impl File<'_> {
    fn unpacked_planes(&self) -> Result<Planes, Misread> {
        let values = self.shape.iter().try_fold(1u64, |values, &size| values.checked_mul(size.into()));
        let planes = match Coding::of(self.coding)? {
            Coding::U8 => values.and_then(|values| unpacked(self.pixels, values)).map(Planes::U8),
            Coding::F32 => values.and_then(|values| floats(self.pixels, values)).map(Planes::F32),
        };
        planes.ok_or(Misread::Damaged)
    }

    /// `None` if they are not as many as they should be.
    fn unpacked_soft(&self, classes: u64, pictures: Option<u64>) -> Option<Option<SoftLabels>> {
        Some(match self.soft {
            Soft::None => None,
            Soft::Images(bytes) => {
                let values = u64::from(self.shape[0]).checked_mul(classes)?;
                Some(SoftLabels::Images(floats(bytes, values)?))
            }
            Soft::Pictures(bytes) => Some(SoftLabels::Pictures(floats(bytes, pictures?.checked_mul(classes)?)?)),
        })
    }

    fn unpacked_details(&self) -> Option<Vec<u8>> {
        let bytes = Some(self.details_bytes.into()).filter(|&bytes| bytes <= MOST_DETAILS)?;
        unpacked(self.details, bytes)
    }
}

impl Details {
    fn of(set: &Distilled) -> Details {
        Details {
            attar: set.versions.attar.clone(),
            labels: set.labels.clone(),
            classes: set.classes.clone(),
            normalisation: set.normalisation.clone(),
            factor: set.factor,
            images_per_class: set.images_per_class,
            method: set.method.clone(),
            recipe: set.recipe.entries().to_vec(),
            extras: set.extras.entries().to_vec(),
            seed: set.seed,
            fingerprint: set.fingerprint.clone(),
            losses: History::of(&set.losses),
        }
    }
}

impl Coding {
    fn of(number: u32) -> Result<Coding, Misread> {
        let known = [Coding::U8, Coding::F32].into_iter().find(|&coding| coding as u32 == number);
        known.ok_or_else(|| Misread::Later(format!("its pixels in coding {number}, which this Attar does not know")))
    }
}

/// The bytes of these numbers by place: all lowest bytes first, all highest last. The highest, sign and exponent, repeat.
fn by_place(values: &[f32]) -> Vec<u8> {
    (0..4).flat_map(|place| values.iter().map(move |value| value.to_le_bytes()[place])).collect()
}

/// `count` numbers whose bytes were put [`by_place`] and packed.
fn floats(packed: &[u8], count: u64) -> Option<Vec<f32>> {
    let bytes = unpacked(packed, count.checked_mul(4)?)?;
    let count = bytes.len() / 4;
    let value = |index| f32::from_le_bytes(std::array::from_fn(|place| bytes[place * count + index]));
    Some((0..count).map(value).collect())
}

fn unwritable(error: impl std::fmt::Display) -> Error {
    Error::Data(format!("this distilled set does not fit into a file ({error}): distil fewer or smaller images"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::distilled::tests::example;

    fn with(change: impl Fn(&mut File<'_>)) -> Result<Distilled, Misread> {
        let body = write(&example()).unwrap();
        let mut file: File<'_> = whole(&body).ok().unwrap();
        change(&mut file);
        read(&postcard::to_stdvec(&file).unwrap())
    }

    #[test]
    fn pixels_of_a_later_coding_are_told() {
        assert!(with(|_| {}).is_ok());
        let Err(Misread::Later(what)) = with(|file| file.coding = 2) else { panic!("coding 2 was read") };
        assert!(what.contains("coding 2"));
    }

    #[test]
    fn no_size_is_believed() {
        let changes: [fn(&mut File<'_>); 5] = [
            |file| file.shape = [u32::MAX; 4],
            |file| file.shape[0] += 1,
            |file| file.details_bytes = u32::MAX,
            |file| file.soft = Soft::Images(&file.pixels[..file.pixels.len() / 2]),
            |file| file.coding = Coding::U8 as u32,
        ];
        assert!(changes.into_iter().all(|change| matches!(with(change), Err(Misread::Damaged))));
    }
}
