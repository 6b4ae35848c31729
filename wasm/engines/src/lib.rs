//! A module that runs stored programs on either engine for browsers: what is left of the package's when networks, methods
//! and data are taken out. `cargo xtask size` tells its size.
#![cfg(target_arch = "wasm32")]

use std::sync::Arc;

use attar::{
    engine::{Engine, Executor, cpu::Cpu, webgpu::WebGpu},
    program::Program,
};
use wasm_bindgen::prelude::*;

/// An engine with the programs and buffers that it was given.
#[wasm_bindgen]
pub struct Machine(Executor);

#[wasm_bindgen]
impl Machine {
    /// On the page's GPU or on the processor.
    pub async fn open(gpu: bool) -> Result<Machine, JsError> {
        let engine: Arc<dyn Engine> = if gpu { Arc::new(WebGpu::open().await?) } else { Arc::new(Cpu::new()) };
        Ok(Machine(Executor::new(engine)))
    }

    /// Takes a program in postcard's format, and makes its buffers.
    pub fn load(&mut self, program: &[u8]) -> Result<(), JsError> {
        let program: Program = postcard::from_bytes(program)?;
        Ok(self.0.load(program)?)
    }

    pub fn write(&mut self, buffer: &str, values: &[f32]) -> Result<(), JsError> {
        Ok(self.0.set_f32(buffer, values)?)
    }

    pub fn run(&self, program: &str) -> Result<(), JsError> {
        Ok(self.0.run(program, &[])?)
    }

    pub async fn read(&self, buffer: &str) -> Result<Vec<f32>, JsError> {
        Ok(self.0.get_f32(buffer).await?)
    }
}
