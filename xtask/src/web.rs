//! The npm package and the demo: built, tested, served.

use std::{
    env::{self, consts::EXE_SUFFIX},
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::SystemTime,
};

use crate::{
    serve,
    setup::{self, Need, WASM_TARGET},
    step::{Action, Step, cargo, check, met, root, target},
    wasm,
};

/// The folder of the npm package.
const PACKAGE: &str = "wasm/npm";
/// The folder of the demo.
const DEMO: &str = "www";
/// The folder of the benches in a browser.
const BENCHES: &str = "benches/web";
/// The folder of the tests in a browser.
const BROWSER_TESTS: &str = "tests/web";

/// Without these, nothing here can be built.
fn needs() -> [Need; 2] {
    [setup::wasm_target(), setup::node()]
}

/// `cargo xtask web`: the package, then the demo if there is one.
pub fn build() -> ExitCode {
    if !setup::all_met(needs()) {
        return ExitCode::FAILURE;
    }
    let package = module("attar-wasm-module", &root().join(PACKAGE).join("src/glue")) && built(PACKAGE);
    let demo = !root().join(DEMO).join("package.json").exists() || built(DEMO);
    if package && demo { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// `cargo xtask serve`: the demo, as it was last built.
pub fn serve() -> ExitCode {
    serve::run(&root().join(DEMO).join("dist"))
}

/// `cargo xtask size`: what the engines alone weigh.
pub fn engines_size() -> ExitCode {
    if !setup::all_met(needs()) {
        return ExitCode::FAILURE;
    }
    let bound = wasm::folder().join("engines");
    let mut measure = Command::new("node");
    measure.arg(root().join(PACKAGE).join("engines-size.mjs")).arg(bound.join("attar_bg.wasm"));
    let measured = module("attar-wasm-engines", &bound) && installed(PACKAGE) && setup::succeeds(&mut measure);
    if measured { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// `cargo xtask bench-web`: times WebGPU in Chromium beside other libraries.
pub fn bench() -> ExitCode {
    if !setup::all_met(needs().into_iter().chain([setup::chromium()])) {
        return ExitCode::FAILURE;
    }
    let mut run = Command::new("node");
    run.arg(root().join(BENCHES).join("run.mjs")).arg(wasm::browser_tests());
    let built = wasm::build_browser_tests().iter_mut().all(setup::succeeds)
        && [BROWSER_TESTS, BENCHES].into_iter().all(installed);
    if built && setup::succeeds(&mut run) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The build, then the tests under Node and in a browser.
pub fn steps() -> Vec<Step> {
    let [target, node] = needs();
    let mut this = Command::new(env::current_exe().unwrap_or_else(|_| "cargo-xtask".into()));
    this.arg("web");
    let under_node = Step { name: "tests of the npm package", action: Action::Tests(node_tests(PACKAGE)) };
    let mut browser_tests = wasm::build_browser_tests();
    // The others have theirs from their builds.
    browser_tests.push(install(BROWSER_TESTS));
    let suite = Step { name: "build of the tests in Chromium", action: Action::Check(browser_tests) };
    let mut steps = vec![check("build of the npm package and the demo", this), under_node, suite];
    for (folder, name) in [(BROWSER_TESTS, "tests in Chromium"), (DEMO, "tests of the demo")] {
        if root().join(folder).join("test").is_dir() {
            let tests = Step { name, action: Action::Tests(node_tests(folder)) };
            steps.push(met(&setup::chromium(), tests));
        }
    }
    steps.into_iter().map(|step| met(&target, met(&node, step))).collect()
}

/// What the last step of the compiler is told beside the profile `web`: to unroll the innermost loops of the kernels,
/// which keeps their sums in registers, although they are compiled for size.
const SMALL: &str = "-Cllvm-args=--unroll-threshold=120";

/// Makes a JavaScript module of a package, tuned for what a page downloads. It shares a target folder with the tests for
/// wasm32, whose flags are the same.
fn module(package: &str, to: &Path) -> bool {
    let mut compile = cargo(&["rustc", "--profile", "web", "--package", package, "--target", WASM_TARGET]);
    compile.arg("--target-dir").arg(wasm::folder()).args(["--", SMALL]);
    let file = format!("{}.wasm", package.replace('-', "_"));
    let bindgen = wasm::bindgen(&wasm::folder().join(WASM_TARGET).join("web").join(file), to);
    [wasm::flagged(compile), bindgen].iter_mut().all(setup::succeeds)
}

/// Runs `npm run build` in this folder.
fn built(folder: &str) -> bool {
    installed(folder) && setup::succeeds(npm(folder).args(["run", "--silent", "build"]))
}

/// Makes sure that a folder has the packages that its lock file names.
fn installed(folder: &str) -> bool {
    let changed = |file: &str| fs::metadata(root().join(folder).join(file)).and_then(|data| data.modified()).ok();
    let (wanted, there) = (changed("package-lock.json"), changed("node_modules/.package-lock.json"));
    let current = |there: SystemTime| wanted.is_some_and(|wanted| wanted <= there);
    there.is_some_and(current) || setup::succeeds(&mut install(folder))
}

fn install(folder: &str) -> Command {
    let mut command = npm(folder);
    command.arg("ci");
    command
}

/// The tests in `folder/test`.
fn node_tests(folder: &str) -> Command {
    let mut command = Command::new("node");
    command.current_dir(root().join(folder)).args(["--test", "--test-reporter=tap"]);
    // Built by the tests before these; results are compared with it.
    command.env("ATTAR_CLI", target().join("release").join(format!("attar{EXE_SUFFIX}")));
    command.env("ATTAR_BROWSER_TESTS", wasm::browser_tests());
    command.args(test_files(&root().join(folder).join("test")));
    command
}

/// Named one by one, since old Nodes know no patterns.
fn test_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = entries
        .filter(|path| path.file_name().and_then(OsStr::to_str).is_some_and(|name| name.ends_with(".test.mjs")))
        .collect();
    files.sort();
    files
}

fn npm(folder: &str) -> Command {
    // On Windows it is a script, which only its full name finds.
    let mut command = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
    command.current_dir(root().join(folder));
    command
}
