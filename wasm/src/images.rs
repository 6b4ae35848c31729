//! Labelled images from JavaScript, and what is chosen of them by label alone.

use attar::{
    Dataset,
    data::{Images, split_rows},
    evaluate::random_rows,
};
use wasm_bindgen::prelude::*;

use crate::error::Result;

/// A labelled set on its way into a run, which takes it.
#[wasm_bindgen]
pub struct ImageSet(pub(crate) Dataset);

#[wasm_bindgen]
impl ImageSet {
    /// `pixels` is `[n, channels, height, width]`, bytes.
    #[wasm_bindgen(constructor)]
    pub fn new(
        classes: Vec<String>,
        channels: usize,
        height: usize,
        width: usize,
        pixels: Vec<u8>,
        labels: Vec<u32>,
    ) -> Result<ImageSet> {
        Ok(ImageSet(Dataset::new(classes, Images::new(channels, height, width, pixels)?, labels)?))
    }
}

/// The rows of a split in two halves, each ascending.
#[wasm_bindgen(getter_with_clone)]
pub struct SplitRows {
    pub train: Vec<u32>,
    pub test: Vec<u32>,
}

/// Splits off a fraction of each class, at least one image.
#[wasm_bindgen(js_name = splitRows)]
pub fn split(classes: Vec<String>, labels: &[u32], fraction: f64, seed: f64) -> Result<SplitRows> {
    let (train, test) = split_rows(&classes, labels, fraction, seed as u64)?;
    Ok(SplitRows { train, test })
}

/// The rows of random images, so many of each class.
#[wasm_bindgen(js_name = randomRows)]
pub fn random(classes: Vec<String>, labels: &[u32], counts: Vec<usize>, seed: f64) -> Result<Vec<u32>> {
    Ok(random_rows(&classes, labels, &counts, seed as u64)?)
}
