//! How a command can end badly, and the exit code of each way.

use std::process::ExitCode;

/// Why a command did not end well.
#[derive(Debug)]
pub enum Failure {
    /// The arguments cannot be understood, or not together. Exit code 2, as clap's own.
    Usage(String),
    /// Anything that went wrong at work. Exit code 1.
    Work(attar::Error),
    /// A signal asked for the end. Exit code 130, as shells report an interrupted program.
    Interrupted {
        /// What became of the work, and how to go on.
        advice: String,
    },
}

/// The result of a command.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    /// What the process tells its parent.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Failure::Work(_) => ExitCode::from(1),
            Failure::Usage(_) => ExitCode::from(2),
            Failure::Interrupted { .. } => ExitCode::from(130),
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Usage(message) => write!(f, "error: {message}"),
            Failure::Work(error) => write!(f, "error: {error}"),
            Failure::Interrupted { advice } => write!(f, "interrupted: {advice}"),
        }
    }
}

impl From<attar::Error> for Failure {
    fn from(error: attar::Error) -> Failure {
        Failure::Work(error)
    }
}
