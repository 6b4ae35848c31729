//! From a device's name to an engine.

use std::sync::Arc;

use super::{Engine, reference::Reference};
use crate::error::{Error, Result};

/// Names of the devices on this machine that [`open`] accepts, besides `auto`, best first.
pub async fn available() -> Vec<String> {
    let mut names = Vec::new();
    #[cfg(feature = "candle")]
    names.extend(super::candle::available());
    // Last of the engines: its adapter may be a software one, which is no match for candle.
    #[cfg(feature = "webgpu")]
    if super::webgpu::WebGpu::available().await {
        names.push("webgpu".into());
    }
    names.extend(["reference:f32", "reference:f64"].map(String::from));
    names
}

/// Opens a device: `auto` (the first of [`available`]), `candle:cpu`, `candle:cuda:0`, `candle:metal:0`, `webgpu`,
/// `reference:f32` or `reference:f64`.
///
/// # Errors
/// [`Error::NoDevice`], with what there is, if the name is unknown or the device is not there.
pub async fn open(name: &str) -> Result<Arc<dyn Engine>> {
    let available = available().await;
    let chosen = if name == "auto" { available.first().map_or("", String::as_str) } else { name };
    if !available.iter().any(|there| there == chosen) {
        return Err(Error::NoDevice { asked: name.into(), available });
    }
    match chosen {
        #[cfg(feature = "webgpu")]
        "webgpu" => Ok(Arc::new(super::webgpu::WebGpu::open().await?)),
        #[cfg(feature = "candle")]
        name if name.starts_with("candle:") => Ok(Arc::new(super::candle::CandleEngine::open(name)?)),
        "reference:f32" => Ok(Arc::new(Reference::f32())),
        "reference:f64" => Ok(Arc::new(Reference::f64())),
        _ => Err(Error::NoDevice { asked: name.into(), available }),
    }
}
