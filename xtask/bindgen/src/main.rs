//! `xtask-bindgen FILE.wasm FOLDER`: what the program `wasm-bindgen --target web` does, as a part of this workspace, so
//! that its version is that of the crate in `Cargo.lock` and nothing has to be installed.

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let arguments: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let [wasm, folder] = arguments.as_slice() else {
        eprintln!("Usage: xtask-bindgen FILE.wasm FOLDER");
        return ExitCode::from(2);
    };
    match generate(wasm, folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Writes `attar.js`, `attar.d.ts` and `attar_bg.wasm` to `folder`.
fn generate(wasm: &Path, folder: &Path) -> Result<()> {
    Bindgen::new()
        .input_path(wasm)
        .out_name("attar")
        .web(true)?
        // The package says where its WebAssembly comes from.
        .omit_default_module_path(true)
        .typescript(true)
        .ts_typed_array_buffers(true)
        // By them wasm-opt sorts functions; it does not keep them.
        .remove_name_section(false)
        .remove_producers_section(true)
        .generate(folder)
        .with_context(|| format!("{} could not be made a JavaScript module", wasm.display()))
}
