//! `xtask-bindgen FILE.wasm FOLDER`: what the program `wasm-bindgen --target web` does, as a part of this workspace, so
//! that its version is that of the crate in `Cargo.lock` and nothing has to be installed.

use std::{
    collections::BTreeSet,
    env, fs,
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
        .with_context(|| format!("{} could not be made a JavaScript module", wasm.display()))?;
    number_imports(&folder.join("attar.js"), &folder.join("attar_bg.wasm"))
}

/// Length of the hash that ends the name of an import.
const HASH: usize = 16;

/// Puts a number, as long, in the place of the hash that ends the name of each import. A page downloads the names twice,
/// and hashes do not compress.
fn number_imports(script: &Path, wasm: &Path) -> Result<()> {
    let (mut text, mut module) = (fs::read_to_string(script)?, fs::read(wasm)?);
    let names: BTreeSet<String> = import_names(&text).map(str::to_owned).collect();
    for (number, name) in names.iter().enumerate() {
        let numbered = format!("{}{number:0HASH$}", &name[..name.len() - HASH]);
        text = text.replace(name, &numbered);
        for at in 0..=module.len() - name.len() {
            if module[at..].starts_with(name.as_bytes()) {
                module[at..at + name.len()].copy_from_slice(numbered.as_bytes());
            }
        }
    }
    fs::write(script, text)?;
    fs::write(wasm, module)?;
    Ok(())
}

/// The names in a script that `wasm-bindgen` has given to imports: `__wbg_`, a name, and a hash.
fn import_names(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| {
        let hash = word.rsplit('_').next().unwrap_or_default();
        word.starts_with("__wbg_") && hash.len() == HASH && hash.bytes().all(|b| b.is_ascii_hexdigit())
    })
}
