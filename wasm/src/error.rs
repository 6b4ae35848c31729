//! Errors as JavaScript has them.

use attar::Error;
use wasm_bindgen::JsValue;

/// The result of what JavaScript calls.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// An error on its way out.
#[derive(Debug, Clone)]
pub struct Failure {
    /// One of the package's `AttarErrorCode`s.
    pub code: &'static str,
    pub message: String,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let code = match &error {
            Error::Shape { .. } => "shape",
            Error::Limit { .. } => "limit",
            Error::NoDevice { .. } => "unsupported",
            Error::DeviceLost(_) => "device-lost",
            Error::OutOfMemory { .. } => "out-of-memory",
            Error::NonFinite { .. } => "non-finite",
            Error::Recipe(_) => "recipe",
            Error::Format(_) => "format",
            Error::Data(_) | Error::Io { .. } => "data",
            _ => "engine",
        };
        Failure { code, message: error.to_string() }
    }
}

impl From<serde_wasm_bindgen::Error> for Failure {
    fn from(error: serde_wasm_bindgen::Error) -> Failure {
        Failure { code: "recipe", message: error.to_string() }
    }
}

impl From<Failure> for JsValue {
    fn from(failure: Failure) -> JsValue {
        let error = js_sys::Error::new(&failure.message);
        // Only a frozen object refuses a new property.
        let _ = js_sys::Reflect::set(&error, &"code".into(), &failure.code.into());
        error.into()
    }
}
