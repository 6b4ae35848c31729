//! From a device's name to an engine.

use std::sync::Arc;

#[cfg(feature = "webgpu")]
use super::webgpu::{Hardware, WebGpu};
use super::{Engine, reference::Reference};
use crate::error::{Error, Result};

/// Names of the devices on this machine that [`open`] accepts, besides `auto`, best first.
pub async fn available() -> Vec<String> {
    let mut names = before_webgpu();
    #[cfg(feature = "webgpu")]
    match WebGpu::available().await {
        // Its fused plans take half the time of candle's kernels on the same card.
        Some(Hardware::Discrete) => names.insert(0, "webgpu".into()),
        // It may share the processor's memory, or be the processor, which runs better by itself.
        Some(Hardware::Gpu | Hardware::Processor | Hardware::SwiftShader) => names.push("webgpu".into()),
        None => {}
    }
    names.extend(["reference:f32", "reference:f64"].map(String::from));
    names
}

/// The devices that are better than a `webgpu` that is not known to be fast.
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

/// The first of [`available`]. WebGPU's drivers take their time, and some print to stderr: they are only called where
/// there is a device for them.
async fn best() -> String {
    let mut names = if may_have_gpu() { Vec::new() } else { before_webgpu() };
    if names.is_empty() {
        names = available().await;
    }
    names.swap_remove(0)
}

/// Whether this machine shows signs of a GPU.
#[cfg(not(target_arch = "wasm32"))]
fn may_have_gpu() -> bool {
    let files = ["/dev/dri", "/dev/nvidiactl", "/dev/dxg"];
    let shown = !cfg!(target_os = "linux") || files.iter().any(|file| std::path::Path::new(file).exists());
    cfg!(feature = "webgpu") && shown
}

/// No adapter of a browser says that it is a card: pages choose by themselves.
#[cfg(target_arch = "wasm32")]
fn may_have_gpu() -> bool {
    false
}

/// Opens a device: `auto` (the first of [`available`]), `cpu`, `candle:cpu`, `candle:cuda:0`, `candle:metal:0`, `webgpu`,
/// `reference:f32` or `reference:f64`.
///
/// # Errors
/// [`Error::NoDevice`], with what there is, if the name is unknown or the device is not there.
pub async fn open(name: &str) -> Result<Arc<dyn Engine>> {
    let chosen = if name == "auto" { best().await } else { name.into() };
    match chosen.as_str() {
        #[cfg(feature = "webgpu")]
        "webgpu" if WebGpu::available().await.is_some() => Ok(Arc::new(WebGpu::open().await?)),
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
