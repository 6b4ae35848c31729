//! The seed of a run that is given none.

use wasm_bindgen::prelude::*;

use crate::error::{Failure, Result};

/// A seed of 32 bits: enough never to meet one again, short enough to be typed, and exact as JavaScript's number.
#[wasm_bindgen(js_name = drawSeed)]
pub fn draw() -> Result<u32> {
    getrandom::u32()
        .map_err(|_| Failure { code: "unsupported", message: "there are no random numbers here: give a seed".into() })
}
