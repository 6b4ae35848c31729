//! A distilled set between Rust and JavaScript.

use std::sync::Arc;

use attar::{
    Distilled, Settings,
    data::{Losses, Normalisation, Planes, SoftLabels, Versions, container, npz, png_grid},
    engine::cpu::Cpu,
};
use serde::{Deserialize, Serialize};
use tsify::Tsify;
use wasm_bindgen::prelude::*;

use crate::{error::Result, js::object};

/// A distilled set.
#[wasm_bindgen]
pub struct DistilledSet(Distilled);

/// Everything but the large arrays.
#[derive(Serialize, Deserialize, Tsify)]
#[serde(rename_all = "camelCase")]
pub struct DistilledHeader {
    classes: Vec<String>,
    #[tsify(type = "1 | 3")]
    channels: usize,
    height: usize,
    width: usize,
    factor: u32,
    images_per_class: u32,
    method: String,
    seed: f64,
    fingerprint: String,
    #[tsify(type = "Recipe")]
    recipe: Settings,
    #[tsify(type = "Record<string, unknown>")]
    extras: Settings,
    losses: Losses,
    mean: Vec<f32>,
    std: Vec<f32>,
}

/// A picture of a set.
#[wasm_bindgen(getter_with_clone)]
pub struct Grid {
    pub width: u32,
    pub height: u32,
    /// `[height, width, 3]`.
    pub rgb: Vec<u8>,
}

impl From<Distilled> for DistilledSet {
    fn from(set: Distilled) -> DistilledSet {
        DistilledSet(set)
    }
}

#[wasm_bindgen]
impl DistilledSet {
    /// Reads a `.attar` file.
    pub fn read(bytes: &[u8]) -> Result<DistilledSet> {
        Ok(DistilledSet(container::read(bytes)?))
    }

    /// Puts together what the getters gave.
    pub fn of(
        #[wasm_bindgen(unchecked_param_type = "DistilledHeader")] header: JsValue,
        pixels: Vec<u8>,
        labels: Vec<u32>,
        soft: Option<Vec<f32>>,
    ) -> Result<DistilledSet> {
        let header: DistilledHeader = serde_wasm_bindgen::from_value(header)?;
        let per_image = labels.len() * header.classes.len();
        let soft = soft.map(|values| match values.len() == per_image {
            true => SoftLabels::Images(values),
            false => SoftLabels::Pictures(values),
        });
        Ok(DistilledSet(Distilled {
            planes: Planes::U8(pixels),
            channels: header.channels,
            height: header.height,
            width: header.width,
            labels,
            soft,
            classes: header.classes,
            normalisation: Normalisation { mean: header.mean, std: header.std },
            factor: header.factor,
            images_per_class: header.images_per_class,
            method: header.method,
            recipe: header.recipe,
            extras: header.extras,
            seed: header.seed as u64,
            fingerprint: header.fingerprint,
            losses: header.losses,
            versions: Versions::default(),
        }))
    }

    /// Everything but the large arrays.
    #[wasm_bindgen(unchecked_return_type = "DistilledHeader")]
    pub fn header(&self) -> Result<JsValue> {
        let set = &self.0;
        let header = DistilledHeader {
            classes: set.classes.clone(),
            channels: set.channels,
            height: set.height,
            width: set.width,
            factor: set.factor,
            images_per_class: set.images_per_class,
            method: set.method.clone(),
            seed: set.seed as f64,
            fingerprint: set.fingerprint.clone(),
            recipe: set.recipe.clone(),
            extras: set.extras.clone(),
            losses: set.losses.clone(),
            mean: set.normalisation.mean.clone(),
            std: set.normalisation.std.clone(),
        };
        object(&header)
    }

    /// `[n, c, h, w]`, bytes.
    pub fn pixels(&self) -> Vec<u8> {
        self.0.images_u8().into_owned()
    }

    /// One class an image.
    pub fn labels(&self) -> Vec<u32> {
        self.0.labels.clone()
    }

    /// `[n, classes]` or `[n factor^2, classes]`.
    pub fn soft(&self) -> Option<Vec<f32>> {
        self.0.soft.as_ref().map(|soft| soft.values().to_vec())
    }

    /// The `.attar` file.
    pub fn bytes(&self) -> Result<Vec<u8>> {
        Ok(container::write(&self.0)?)
    }

    /// The arrays as NumPy reads them.
    pub fn npz(&self) -> Result<Vec<u8>> {
        Ok(npz(&self.0)?)
    }

    /// The same set with every picture an image of its own.
    pub async fn unpacked(self) -> Result<DistilledSet> {
        Ok(DistilledSet(self.0.unpacked_on(Arc::new(Cpu::new())).await?))
    }

    /// All images in one picture.
    pub fn grid(&self) -> Result<Grid> {
        let picture = png_grid(&self.0)?;
        Ok(Grid { width: picture.width, height: picture.height, rgb: picture.rgb })
    }
}
