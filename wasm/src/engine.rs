//! Which engine a run gets, and what its caller is told about it.

use std::sync::Arc;

use attar::{
    Error,
    engine::{Engine, cpu::Cpu, webgpu::WebGpu},
};
use js_sys::{Function, Promise};
use serde::{Deserialize, Serialize};
use tracing::{info, warn};
use tsify::Tsify;
use wasm_bindgen::{JsCast as _, prelude::*};
use wasm_bindgen_futures::JsFuture;

use crate::{
    error::{Failure, Result},
    js::{object, property},
};

/// What a caller may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Tsify)]
#[serde(rename_all = "lowercase")]
pub enum EngineName {
    /// WebGPU where there is an adapter that the work fits on, else the CPU.
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

impl EngineReport {
    /// Says on the console where work begins.
    fn tell(&self) {
        let EngineReport { name, adapter, reason } = self;
        info!(target: "attar", adapter, reason, "begun on {name}");
    }
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

    /// Opens what was asked for, and begins work on it: if the choice is ours, on the CPU where WebGPU is to blame that it
    /// cannot begin there.
    pub async fn begin<T>(self, work: impl AsyncFn(&Opened) -> attar::Result<T>) -> Result<(T, Opened)> {
        let opened = self.open().await?;
        match work(&opened).await {
            Err(error) if self == EngineName::Auto && opened.blamed(&error) => {
                let reason = format!("The CPU does the work, since it could not begin on WebGPU ({error}).");
                let opened = Opened::cpu(Some(reason)).moved();
                Ok((work(&opened).await?, opened))
            }
            begun => {
                let begun = begun?;
                opened.report.tell();
                Ok((begun, opened))
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
        // Without it, looking for an adapter is a mistake and not a failure.
        let Some(gpu) = navigator_gpu() else { return Err("There is no WebGPU here".into()) };
        let Some(adapter) = described(&gpu).await else { return Err("WebGPU finds no adapter here".into()) };
        let engine = WebGpu::open().await.map_err(|error| format!("WebGPU gave no device ({error})"))?;
        let adapter = Some(adapter).filter(|text| !text.is_empty());
        Ok(Opened { engine: Arc::new(engine), report: EngineReport { name: "webgpu", adapter, reason } })
    }

    /// Whether another engine may do better after this error.
    fn blamed(&self, error: &Error) -> bool {
        let short = matches!(error, Error::OutOfMemory { .. } | Error::Limit { .. });
        self.report.name == "webgpu" && (short || lost(error))
    }

    /// Another engine in place of this one, which failed with `error`: a new device the first time that one is, or may be,
    /// lost, else the CPU. `None` if the engine is not to blame or there is none left.
    pub async fn after(&self, error: &Error, moves: usize) -> Option<Opened> {
        if !self.blamed(error) {
            return None;
        }
        let on =
            |device: &str| format!("The run went on from its last copy on {device}, since WebGPU failed ({error}).");
        if lost(error)
            && moves == 0
            && let Ok(opened) = Opened::webgpu(Some(on("a new device"))).await
        {
            return Some(opened.moved());
        }
        Some(Opened::cpu(Some(on("the CPU"))).moved())
    }

    /// Says on the console why the work is here now.
    fn moved(self) -> Opened {
        warn!(target: "attar", "{}", self.report.reason.as_deref().unwrap_or_default());
        self
    }
}

/// A browser may report the loss of a device only after the read that it makes fail.
fn lost(error: &Error) -> bool {
    matches!(error, Error::DeviceLost(_) | Error::Engine { .. })
}

fn navigator_gpu() -> Option<JsValue> {
    property(&property(&js_sys::global(), "navigator")?, "gpu")
}

/// What the browser tells of its adapter, which may be nothing; `None` if there is no adapter.
async fn described(gpu: &JsValue) -> Option<String> {
    let request: Function = property(gpu, "requestAdapter")?.dyn_into().ok()?;
    let adapter = JsFuture::from(request.call0(gpu).ok()?.dyn_into::<Promise>().ok()?).await.ok()?;
    let info = property(&adapter, "info").unwrap_or(JsValue::NULL);
    let texts = ["vendor", "architecture", "device", "description"].map(|name| property(&info, name)?.as_string());
    adapter.is_truthy().then(|| texts.into_iter().flatten().collect::<Vec<_>>().join(" "))
}

/// What engines there are: `undefined` in `webgpu.reason` if WebGPU can be used.
#[wasm_bindgen(unchecked_return_type = "EngineReport")]
pub async fn engine(#[wasm_bindgen(unchecked_param_type = "EngineName")] name: String) -> Result<JsValue> {
    let opened = EngineName::of(&name)?.open().await?;
    object(&opened.report)
}
