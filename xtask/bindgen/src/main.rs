//! `xtask-bindgen FILE.wasm FOLDER`: what the program `wasm-bindgen --target web` does, as a part of this workspace, so
//! that its version is that of the crate in `Cargo.lock` and nothing has to be installed.

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result};
use walrus::{FunctionBuilder, FunctionKind, Module};
use wasm_bindgen_cli_support::Bindgen;

/// Ends of the mangled names of functions that report a mistake which nobody wrote a sentence for: an index out of
/// bounds, an `unwrap`, a division by zero. What calls them passes numbers and a place in the source, thousands of times:
/// a sixth of the download, for what must not happen. They become a trap. Panics with a sentence keep it.
const WITHOUT_A_SENTENCE: [&str; 8] = [
    "9panicking18panic_bounds_check",
    "5slice5index16slice_index_fail",
    "6option13unwrap_failed",
    "3str16slice_error_fail",
    "panic_const23panic_const_div_by_zero",
    "panic_const23panic_const_rem_by_zero",
    "4cell22panic_already_borrowed",
    "4cell30panic_already_mutably_borrowed",
];

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
    let mut module = Module::from_file(wasm).with_context(|| format!("{} cannot be read", wasm.display()))?;
    trap_without_a_sentence(&mut module);
    Bindgen::new()
        .input_bytes("attar", module.emit_wasm())
        .web(true)?
        // The package says where its WebAssembly comes from.
        .omit_default_module_path(true)
        .typescript(true)
        .ts_typed_array_buffers(true)
        .remove_name_section(std::env::var_os("KEEP").is_none())
        .remove_producers_section(true)
        .generate(folder)
        .with_context(|| format!("{} could not be made a JavaScript module", wasm.display()))
}

/// Replaces what [`WITHOUT_A_SENTENCE`] names; `wasm-opt` then sees that their arguments are not used.
fn trap_without_a_sentence(module: &mut Module) {
    let Module { types, funcs, .. } = module;
    for function in funcs.iter_mut() {
        let named = function.name.as_ref().is_some_and(|name| WITHOUT_A_SENTENCE.iter().any(|end| name.ends_with(end)));
        let FunctionKind::Local(local) = &mut function.kind else { continue };
        if named {
            let ty = types.get(local.ty());
            let (parameters, results) = (ty.params().to_vec(), ty.results().to_vec());
            let mut body = FunctionBuilder::new(types, &parameters, &results);
            body.func_body().unreachable();
            *local = body.local_func(std::mem::take(&mut local.args));
        }
    }
}
