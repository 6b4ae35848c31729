//! What the tests need of the machine: found, else installed, else named in a sentence that says how to.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Where the core is checked for the browser.
pub const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// The oldest that is still maintained.
const OLDEST_NODE: u32 = 20;

const APT_UPDATE: &[&str] = &["update"];
const APT_INSTALL: &[&str] = &["install", "-y", "--no-install-recommends"];
const VULKAN: &[&str] = &["mesa-vulkan-drivers", "libvulkan1"];
const CHROMIUM: &[&str] = &["chromium"];
const PYTHON: &[&str] = &["python3", "python3-numpy", "python3-pil"];

/// Whether something the tests need is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    Met,
    /// The sentence says what to do.
    Unmet(String),
    /// Not known before it is used.
    Unknown,
}

/// The standard library for [`WASM_TARGET`]; rustup adds it where it manages the toolchain.
pub fn wasm_target() -> Need {
    if wasm_target_is_installed() {
        return Need::Met;
    }
    println!("adding the Rust target {WASM_TARGET}");
    if succeeds(Command::new("rustup").args(["target", "add", WASM_TARGET])) && wasm_target_is_installed() {
        return Need::Met;
    }
    Need::Unmet(format!("Rust has no {WASM_TARGET} here; run `rustup target add {WASM_TARGET}`"))
}

/// Asks the compiler and not rustup, so that a distribution's Rust works too.
fn wasm_target_is_installed() -> bool {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    Command::new(rustc)
        .args(["--print", "target-libdir", "--target", WASM_TARGET])
        .output()
        .is_ok_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
}

/// A Node that knows the vector instructions of WebAssembly.
pub fn node() -> Need {
    let version = Command::new("node").arg("--version").output();
    let text = version.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    let major = text.strip_prefix('v').and_then(|text| text.split('.').next()?.parse().ok());
    match major {
        Some(OLDEST_NODE..) => Need::Met,
        Some(_) => {
            Need::Unmet(format!("Node {text} is too old; install {OLDEST_NODE} or later from https://nodejs.org"))
        }
        None => Need::Unmet(format!("there is no Node here; install {OLDEST_NODE} or later from https://nodejs.org")),
    }
}

/// A Vulkan adapter for the WebGPU engine. On Linux the software adapter of Mesa will do and is installed if we may;
/// elsewhere the system brings its own.
pub fn vulkan_adapter() -> Need {
    if !cfg!(target_os = "linux") {
        return Need::Unknown;
    }
    apt_installed("Vulkan adapter", VULKAN, vulkan_is_installed)
}

/// Chromium, for the tests in a browser. Debian's is installed if we may; `CHROMIUM` names another.
pub fn chromium() -> Need {
    let named = env::var_os("CHROMIUM").unwrap_or_else(|| "chromium".into());
    let there = || Command::new(&named).arg("--version").output().is_ok_and(|output| output.status.success());
    apt_installed("Chromium", CHROMIUM, there)
}

/// A Python with NumPy and Pillow, which say what is exported and how pictures are read.
pub fn python() -> Need {
    let there =
        || Command::new("python3").args(["-c", "import numpy, PIL"]).output().is_ok_and(|ran| ran.status.success());
    apt_installed("Python with NumPy and Pillow", PYTHON, there)
}

/// What Debian's packages bring, installed if it is not there and we may.
fn apt_installed(what: &str, packages: &[&str], there: impl Fn() -> bool) -> Need {
    if !there() && is_root() && succeeds(Command::new("apt-get").arg("--version").stdout(Stdio::null())) {
        println!("installing {}", packages.join(" and "));
        // A stale list of packages is often good enough, so the install decides.
        succeeds(apt_get().args(APT_UPDATE));
        succeeds(apt_get().args(APT_INSTALL).args(packages));
    }
    if there() {
        return Need::Met;
    }
    Need::Unmet(format!(
        "there is no {what} here; on Debian or Ubuntu run `sudo apt-get {} && sudo apt-get {} {}`",
        APT_UPDATE.join(" "),
        APT_INSTALL.join(" "),
        packages.join(" ")
    ))
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// Whether there are both the loader and a driver for it to load.
fn vulkan_is_installed() -> bool {
    loader_is_installed() && driver_manifests().any(|path| path.extension().is_some_and(|end| end == "json"))
}

fn loader_is_installed() -> bool {
    // Where a user's PATH leaves out the folders of the administrator, ldconfig is still there.
    ["ldconfig", "/sbin/ldconfig", "/usr/sbin/ldconfig"].into_iter().any(|ldconfig| {
        Command::new(ldconfig)
            .arg("-p")
            .output()
            .is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("libvulkan.so.1"))
    })
}

/// The files by which Vulkan's loader finds drivers: those named by the environment, else the system's.
fn driver_manifests() -> impl Iterator<Item = PathBuf> {
    let named = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"].into_iter().find_map(env::var_os);
    let folders: &[&str] = if named.is_some() {
        &[]
    } else {
        &["/usr/share/vulkan/icd.d", "/usr/local/share/vulkan/icd.d", "/etc/vulkan/icd.d"]
    };
    let named: Vec<PathBuf> = named.iter().flat_map(env::split_paths).filter(|path| path.is_file()).collect();
    let found = folders.iter().filter_map(|folder| Path::new(folder).read_dir().ok());
    named.into_iter().chain(found.flatten().flatten().map(|entry| entry.path()))
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Whether nothing is missing; says what to do about what is.
pub fn all_met(needs: impl IntoIterator<Item = Need>) -> bool {
    let mut met = true;
    for need in needs {
        if let Need::Unmet(what_to_do) = need {
            eprintln!("error: {what_to_do}");
            met = false;
        }
    }
    met
}

/// Runs a command; one that cannot be started has failed too.
pub fn succeeds(command: &mut Command) -> bool {
    command.status().is_ok_and(|status| status.success())
}
