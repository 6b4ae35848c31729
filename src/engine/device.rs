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
    let best;
    let chosen = if name == "auto" {
        best = available().await;
        best.first().map_or("", String::as_str)
    } else {
        name
    };
    // Only a name that leads nowhere pays for looking at every device.
    match engine(chosen).await {
        Some(engine) => engine,
        None => Err(Error::NoDevice { asked: name.into(), available: available().await }),
    }
}

/// The engine of this name; `None` if the name is unknown or its device is not there.
async fn engine(name: &str) -> Option<Result<Arc<dyn Engine>>> {
    match name {
        "reference:f32" => Some(Ok(Arc::new(Reference::f32()))),
        "reference:f64" => Some(Ok(Arc::new(Reference::f64()))),
        #[cfg(feature = "webgpu")]
        "webgpu" => match super::webgpu::WebGpu::available().await {
            true => Some(super::webgpu::WebGpu::open().await.map(|engine| Arc::new(engine) as Arc<dyn Engine>)),
            false => None,
        },
        #[cfg(feature = "candle")]
        name if super::candle::available().iter().any(|there| there == name) => {
            Some(super::candle::CandleEngine::open(name).map(|engine| Arc::new(engine) as Arc<dyn Engine>))
        }
        _ => None,
    }
}
