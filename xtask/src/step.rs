//! A step of `cargo xtask test`, and what its commands are made of.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use crate::setup::Need;

/// One entry of the run.
pub struct Step {
    pub name: &'static str,
    pub action: Action,
}

/// What there is to do.
pub enum Action {
    /// Counts as one: passed if each of the commands exits with 0.
    Check(Vec<Command>),
    /// Counts each test that the command's libtest binaries, or Node's test runner, report.
    Tests(Command),
    /// Counts as one skipped; the sentence says what to do about it.
    Skip(String),
}

/// This step, unless something is missing for it.
pub fn met(need: &Need, step: Step) -> Step {
    match need {
        Need::Unmet(what_to_do) => Step { action: Action::Skip(what_to_do.clone()), ..step },
        Need::Met | Need::Unknown => step,
    }
}

/// Passed if this command succeeds.
pub fn check(name: &'static str, command: Command) -> Step {
    Step { name, action: Action::Check(vec![command]) }
}

/// The cargo that runs us, at the root of the workspace.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).args(arguments);
    command
}

/// The root of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the root of the workspace").into()
}

/// Where cargo puts what it builds.
pub fn target() -> PathBuf {
    root().join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}
