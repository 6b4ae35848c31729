//! Which engine a run gets, and what its caller is told about it.

use std::sync::Arc;

use attar::{
    Error,
    engine::{Engine, cpu::Cpu, webgpu::WebGpu},
};
use js_sys::Reflect;
use serde::{Deserialize, Serialize};
use tsify::Tsify;
use wasm_bindgen::prelude::*;

use crate::error::{Failure, Result};

/// What a caller may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Tsify)]
#[serde(rename_all = "lowercase")]
pub enum EngineName {
    /// WebGPU where there is an adapter, else the CPU.
    Auto,
    WebGpu,
    Cpu,
}

/// The engine at work.
#[derive(Debug, Clone, PartialEq, Serialize, Tsify)]
pub struct EngineReport {
    #[tsify(type = "\"webgpu\" | \"cpu\"")]
    pub name: &'static str,
    /// The GPU, as far as the browser tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[tsify(optional)]
    pub adapter: Option<String>,
    /// Why it is not WebGPU, or why the run moved: one sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[tsify(optional)]
    pub reason: Option<String>,
}

/// An engine with its report.
#[derive(Clone)]
pub struct Opened {
    pub engine: Arc<dyn Engine>,
    pub report: EngineReport,
}

impl EngineName {
    pub fn of(name: &str) -> Result<EngineName> {
        match name {
            "auto" => Ok(EngineName::Auto),
            "webgpu" => Ok(EngineName::WebGpu),
            "cpu" => Ok(EngineName::Cpu),
            _ => {
                let message = format!("there is no engine `{name}`: choose auto, webgpu or cpu");
                Err(Failure { code: "unsupported", message })
            }
        }
    }

    /// Opens what was asked for.
    pub async fn open(self) -> Result<Opened> {
        match self {
            EngineName::Cpu => Ok(Opened::cpu(None)),
            EngineName::WebGpu => Opened::webgpu(None).await.map_err(|reason| Failure {
                code: "unsupported",
                message: format!("{reason}: choose the engine \"cpu\" or \"auto\""),
            }),
            EngineName::Auto => {
                Ok(Opened::webgpu(None).await.unwrap_or_else(|reason| Opened::cpu(Some(format!("{reason}.")))))
            }
        }
    }
}

impl Opened {
    pub fn cpu(reason: Option<String>) -> Opened {
        Opened { engine: Arc::new(Cpu::new()), report: EngineReport { name: "cpu", adapter: None, reason } }
    }

    /// WebGPU, else a sentence without its full stop that says why not.
    pub async fn webgpu(reason: Option<String>) -> Result<Opened, String> {
        if !has_webgpu() {
            return Err("This browser, or Node, has no WebGPU".into());
        }
        let gpu = WebGpu::open().await.map_err(|error| format!("WebGPU was not to be had here ({error})"))?;
        let adapter = Some(gpu.adapter().to_owned()).filter(|adapter| !adapter.is_empty());
        Ok(Opened { engine: Arc::new(gpu), report: EngineReport { name: "webgpu", adapter, reason } })
    }

    /// Another engine in place of this one, which failed with `error`: a new device the first time that one is lost,
    /// else the CPU. `None` if the engine is not to blame or there is none left.
    pub async fn after(&self, error: &Error, moves: usize) -> Option<Opened> {
        let lost = matches!(error, Error::DeviceLost(_));
        let blamed = lost || matches!(error, Error::Engine { .. } | Error::OutOfMemory { .. });
        if self.report.name != "webgpu" || !blamed {
            return None;
        }
        let on = |device: &str| format!("The run went on from its last copy on {device}, since WebGPU failed ({error}).");
        if lost && moves == 0 {
            if let Ok(opened) = Opened::webgpu(Some(on("a new device"))).await {
                return Some(opened);
            }
        }
        Some(Opened::cpu(Some(on("the CPU"))))
    }
}

/// Whether `navigator.gpu` is there; the engine expects it.
fn has_webgpu() -> bool {
    let global = js_sys::global();
    let property = |object: &JsValue, name: &str| Reflect::get(object, &name.into()).ok().filter(JsValue::is_truthy);
    property(&global, "navigator").is_some_and(|navigator| property(&navigator, "gpu").is_some())
}

/// What engines there are: `undefined` in `webgpu.reason` if WebGPU can be used.
#[wasm_bindgen(unchecked_return_type = "EngineReport")]
pub async fn engine(#[wasm_bindgen(unchecked_param_type = "EngineName")] name: String) -> Result<JsValue> {
    let opened = EngineName::of(&name)?.open().await?;
    Ok(serde_wasm_bindgen::to_value(&opened.report)?)
}
