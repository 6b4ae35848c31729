//! From a device's name to an engine.

use std::sync::Arc;

use super::{Engine, reference::Reference};
use crate::error::{Error, Result};

/// Names of the devices on this machine that [`open`] accepts, besides `auto`, best first.
pub async fn available() -> Vec<String> {
    let mut names = before_webgpu();
    // Last of the engines: its adapter may be a software one, which is no match for the processor itself.
    #[cfg(feature = "webgpu")]
    if super::webgpu::WebGpu::available().await {
        names.push("webgpu".into());
    }
    names.extend(["reference:f32", "reference:f64"].map(String::from));
    names
}

/// The devices that are better than `webgpu`.
fn before_webgpu() -> Vec<String> {
    #[cfg(feature = "candle")]
    let names = super::candle::available().into_iter();
    #[cfg(not(feature = "candle"))]
    let names = std::iter::empty::<String>();
    // A GPU first; candle on the CPU is there for comparison.
    let (last, first): (Vec<String>, Vec<String>) = names.partition(|name| name == "candle:cpu");
    let own = if cfg!(feature = "cpu") { vec!["cpu".into()] } else { Vec::new() };
    [first, own, last].concat()
}

/// Opens a device: `auto` (the first of [`available`]), `cpu`, `candle:cpu`, `candle:cuda:0`, `candle:metal:0`, `webgpu`,
/// `reference:f32` or `reference:f64`.
///
/// # Errors
/// [`Error::NoDevice`], with what there is, if the name is unknown or the device is not there.
pub async fn open(name: &str) -> Result<Arc<dyn Engine>> {
    // WebGPU is looked for only where it can matter: its drivers take their time, and some print to stderr.
    let chosen = match (name, before_webgpu().into_iter().next()) {
        ("auto", Some(best)) => best,
        ("auto", None) => available().await.swap_remove(0),
        _ => name.into(),
    };
    match chosen.as_str() {
        #[cfg(feature = "webgpu")]
        "webgpu" if super::webgpu::WebGpu::available().await => Ok(Arc::new(super::webgpu::WebGpu::open().await?)),
        #[cfg(feature = "cpu")]
        "cpu" => Ok(Arc::new(super::cpu::Cpu::new())),
        #[cfg(feature = "candle")]
        there if before_webgpu().iter().any(|name| name == there) => {
            Ok(Arc::new(super::candle::CandleEngine::open(there)?))
        }
        "reference:f32" => Ok(Arc::new(Reference::f32())),
        "reference:f64" => Ok(Arc::new(Reference::f64())),
        _ => Err(Error::NoDevice { asked: name.into(), available: available().await }),
    }
}
