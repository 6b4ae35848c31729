//! The steps of `cargo xtask test`: which commands, with which features, in which order.

use std::{env, ffi::OsString, path::Path};

use crate::{
    setup::{self, Need},
    step::{Action, Step, cargo, check, root, target},
    wasm, web,
};

/// Every engine that a test can reach without special hardware. All native steps name the same set: cargo compiles
/// candle and wgpu anew for each set of features.
const NATIVE_FEATURES: &[&str] = &["--features", "attar/candle,attar/webgpu"];

/// Everything, cheapest first, on a machine that [`setup`] has looked at.
pub fn all() -> Vec<Step> {
    let (adapter, python) = (setup::vulkan_adapter(), setup::python());
    let mut steps = vec![formatting()];
    steps.extend(wasm::steps());
    steps.extend([native_clippy(), docs(), cuda(), tests(&adapter, &python)]);
    steps.extend(web::steps());
    if let Need::Unmet(what_to_do) = adapter {
        steps.push(Step { name: "tests on WebGPU", action: Action::Skip(what_to_do) });
    }
    if let Need::Unmet(what_to_do) = python {
        steps.push(Step { name: "tests beside Python", action: Action::Skip(what_to_do) });
    }
    steps
}

fn formatting() -> Step {
    check("formatting", cargo(&["fmt", "--all", "--check"]))
}

fn native_clippy() -> Step {
    let mut command = cargo(&["clippy", "--release", "--workspace", "--all-targets"]);
    command.args(NATIVE_FEATURES).args(["--", "-D", "warnings"]);
    check("clippy", command)
}

fn docs() -> Step {
    let mut command = cargo(&["doc", "--release", "--workspace", "--no-deps"]);
    command.args(NATIVE_FEATURES).env("RUSTDOCFLAGS", "-D warnings");
    check("docs", command)
}

/// Type-checks what only a build for CUDA compiles, on any machine: a stand-in takes the place of NVIDIA's compiler.
/// It has a target folder of its own lest its empty kernels end up in a real build.
fn cuda() -> Step {
    let name = "type check for CUDA";
    if cfg!(windows) {
        let reason = "the stand-in for nvcc is a shell script; run this check on Linux or macOS".into();
        return Step { name, action: Action::Skip(reason) };
    }
    let folder = root().join("xtask/stand-in-nvcc");
    let mut command = cargo(&["check", "--release", "--package", "attar", "--lib", "--features", "cuda,cudnn"]);
    command.arg("--target-dir").arg(target().join("cuda-check"));
    // candle-kernels asks for NVCC, cudarc for the first nvcc on the path; without the capability both ask the driver.
    command.env("NVCC", folder.join("nvcc")).env("PATH", path_with(&folder)).env("CUDA_COMPUTE_CAP", "80");
    check(name, command)
}

fn tests(adapter: &Need, python: &Need) -> Step {
    let mut command = cargo(&["test", "--release", "--workspace", "--no-fail-fast"]);
    command.args(NATIVE_FEATURES);
    // Where an adapter was found, a test that finds none has found a mistake and must not pass quietly.
    match adapter {
        Need::Met => command.env("ATTAR_TEST_WEBGPU", "required"),
        Need::Unmet(_) => command.env("ATTAR_TEST_WEBGPU", "skip"),
        Need::Unknown => command.env_remove("ATTAR_TEST_WEBGPU"),
    };
    if *python == Need::Met {
        command.env("ATTAR_TEST_PYTHON", "required");
    }
    Step { name: "tests", action: Action::Tests(command) }
}

fn path_with(folder: &Path) -> OsString {
    let rest = env::var_os("PATH").unwrap_or_default();
    let folders = [folder.to_owned()].into_iter().chain(env::split_paths(&rest));
    env::join_paths(folders).expect("a folder of the repository has no `:` in its name")
}
