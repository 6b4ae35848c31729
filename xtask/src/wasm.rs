//! The core in WebAssembly: checked for the browser, tested and measured under Node.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use crate::{
    setup::{self, WASM_TARGET},
    step::{Action, Step, cargo, check, met, root, target},
};

/// The core alone, and with each engine for the browser.
const VARIANTS: [(&str, &[&str]); 3] = [
    ("clippy for wasm32", &[]),
    ("clippy for wasm32 with cpu", &["--features", "cpu"]),
    ("clippy for wasm32 with cpu and webgpu", &["--features", "cpu,webgpu"]),
];

/// The checks, then the tests.
pub fn steps() -> Vec<Step> {
    let target = setup::wasm_target();
    let mut steps: Vec<Step> = VARIANTS.iter().map(|(name, features)| met(&target, clippy(name, features))).collect();
    steps.push(met(&target, check("clippy for the npm package", clippy_for("attar-wasm", &[]))));
    steps.push(met(&target, check("clippy for the engines alone", clippy_for("attar-wasm-engines", &[]))));
    steps.push(met(&target, check("clippy for the tests for wasm32", clippy_for("attar-wasm-tests", &[]))));
    let on_webgpu = clippy_for("attar-wasm-tests", &["--features", "webgpu"]);
    steps.push(met(&target, check("clippy for the tests on WebGPU", on_webgpu)));
    steps.push(met(&target, check("build of the tests for wasm32", build())));
    let tests = Step { name: "tests under Node", action: Action::Tests(node(&[])) };
    steps.push(met(&target, met(&setup::node(), tests)));
    steps
}

/// `cargo xtask bench-wasm`: builds, and prints speeds.
pub fn bench() -> ExitCode {
    if !setup::all_met([setup::wasm_target(), setup::node()]) {
        return ExitCode::FAILURE;
    }
    let succeeded = [build(), node(&["--bench"])].iter_mut().all(setup::succeeds);
    if succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The library, under the stricter configuration.
fn clippy(name: &'static str, features: &[&str]) -> Step {
    let mut command = cargo(&["clippy", "--release", "--package", "attar", "--lib", "--target", WASM_TARGET]);
    command.arg("--no-default-features").args(features).args(["--", "-D", "warnings"]);
    command.env("CLIPPY_CONF_DIR", root().join("xtask/clippy-wasm"));
    check(name, command)
}

/// The package, under the stricter configuration. Tests may panic and wait, so theirs is the usual one.
fn clippy_for(package: &str, features: &[&str]) -> Command {
    let mut command = cargo(&["clippy", "--release", "--package", package, "--target", WASM_TARGET]);
    command.args(features).args(["--", "-D", "warnings"]);
    if package == "attar-wasm" {
        command.env("CLIPPY_CONF_DIR", root().join("xtask/clippy-wasm"));
    }
    command
}

fn build() -> Command {
    let mut command = cargo(&["build", "--release", "--package", "attar-wasm-tests", "--target", WASM_TARGET]);
    command.arg("--target-dir").arg(folder());
    flagged(command)
}

/// With the flags of all WebAssembly: vector instructions, which every browser of the last years has, and no paths of
/// the machine that built it in the messages of panics.
pub fn flagged(mut command: Command) -> Command {
    let mut flags = vec!["-Ctarget-feature=+simd128".to_string()];
    let mut forget = |path: &Path, name: &str| flags.push(format!("--remap-path-prefix={}={name}", path.display()));
    forget(&root(), "attar");
    env::home_dir().map(|home| home.join(".cargo")).iter().for_each(|home| forget(home, "cargo"));
    env::var_os("CARGO_HOME").iter().for_each(|home| forget(Path::new(home), "cargo"));
    if let Ok(sysroot) = Command::new("rustc").args(["--print", "sysroot"]).output() {
        forget(Path::new(String::from_utf8_lossy(&sysroot.stdout).trim()), "rust");
    }
    // Unlike RUSTFLAGS, this one may hold paths with spaces.
    command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    command
}

/// What tests of engines in a browser load, as a JavaScript module in [`browser_tests`].
pub fn build_browser_tests() -> Vec<Command> {
    let mut compile = build();
    compile.args(["--features", "webgpu"]);
    vec![compile, bindgen(&file(), &browser_tests())]
}

/// Where [`build_browser_tests`] puts it.
pub fn browser_tests() -> PathBuf {
    folder().join("browser-tests")
}

/// Makes a JavaScript module of a WebAssembly file.
pub fn bindgen(wasm: &Path, to: &Path) -> Command {
    let mut command = cargo(&["run", "--release", "--package", "xtask-bindgen", "--"]);
    command.arg(wasm).arg(to);
    command
}

fn file() -> PathBuf {
    folder().join(WASM_TARGET).join("release/attar_wasm_tests.wasm")
}

fn node(arguments: &[&str]) -> Command {
    let mut command = Command::new("node");
    command.arg(root().join("tests/wasm/run.mjs"));
    command.arg(file()).args(arguments);
    command
}

/// Flags for the compiler rebuild everything, so that what is built with them has a target folder of its own.
pub fn folder() -> PathBuf {
    target().join("wasm-simd")
}
