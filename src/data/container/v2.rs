//! Format 2, which is only read.
//!
//! ```text
//! bytes   what
//! 4       length of the header
//! ...     header: postcard of `Header`
//! ...     raw deflate of the pixels [n, c, h, w], then of the soft labels [n factor^2, classes] if there are any
//! ```

use serde::Deserialize;

use super::{Misread, whole};
use crate::{
    data::{Distilled, Losses, Normalisation, Planes, SoftLabels, Versions, deflate::unpacked},
    settings::{Settings, Value},
};

/// Everything but pixels and soft labels.
#[derive(Deserialize)]
struct Header {
    attar: String,
    /// Whether pixels are f32; otherwise u8.
    float: bool,
    /// Channels, height, width.
    size: [u32; 3],
    labels: Vec<u32>,
    soft: bool,
    classes: Vec<String>,
    normalisation: Normalisation,
    factor: u32,
    images_per_class: u32,
    method: String,
    recipe: Vec<(String, Value)>,
    seed: u64,
    fingerprint: String,
    losses: Vec<Point>,
}

/// The losses of a unit: those of NCFM, the only method there was.
#[derive(Deserialize)]
struct Point {
    unit: u32,
    matching: f32,
    calibration: f32,
}

pub fn read(body: &[u8]) -> Result<Distilled, Misread> {
    let (length, rest) = body.split_first_chunk().ok_or(Misread::Damaged)?;
    let length = u32::from_le_bytes(*length) as usize;
    let (header, payload) = rest.split_at_checked(length).ok_or(Misread::Damaged)?;
    let header: Header = whole(header)?;
    let content = header.content_bytes().and_then(|size| unpacked(payload, size));
    Ok(header.with_content(&content.ok_or(Misread::Damaged)?))
}

impl Header {
    /// Bytes of the pixels.
    fn plane_bytes(&self) -> Option<u64> {
        let value = if self.float { 4 } else { 1 };
        self.size.iter().try_fold(self.labels.len() as u64 * value, |bytes, &size| bytes.checked_mul(size.into()))
    }

    /// Bytes of the unpacked payload.
    fn content_bytes(&self) -> Option<u64> {
        let pictures = (self.labels.len() as u64).checked_mul(u64::from(self.factor).checked_pow(2)?)?;
        let soft = if self.soft { pictures.checked_mul(4 * self.classes.len() as u64)? } else { 0 };
        self.plane_bytes()?.checked_add(soft)
    }

    /// The set, from a payload of [`content_bytes`](Header::content_bytes).
    fn with_content(self, content: &[u8]) -> Distilled {
        let planes = self.plane_bytes().map_or(0, |bytes| (bytes as usize).min(content.len()));
        let (planes, soft) = content.split_at(planes);
        let [channels, height, width] = self.size.map(|size| size as usize);
        Distilled {
            planes: if self.float { Planes::F32(floats(planes)) } else { Planes::U8(planes.to_vec()) },
            channels,
            height,
            width,
            labels: self.labels,
            soft: self.soft.then(|| SoftLabels::Pictures(floats(soft))),
            classes: self.classes,
            normalisation: self.normalisation,
            factor: self.factor,
            images_per_class: self.images_per_class,
            method: self.method,
            recipe: Settings::from_entries(self.recipe),
            extras: Settings::default(),
            seed: self.seed,
            fingerprint: self.fingerprint,
            losses: losses(&self.losses),
            versions: Versions { attar: self.attar, format: 2 },
        }
    }
}

fn losses(points: &[Point]) -> Losses {
    let mut losses = Losses::new(["matching", "calibration"]);
    points.iter().for_each(|point| losses.push(point.unit, &[point.matching, point.calibration]));
    losses
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|&word| f32::from_le_bytes(word)).collect()
}
