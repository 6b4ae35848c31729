//! The one error type of the crate, divided by who must act.

use std::{
    any::Any,
    fmt,
    io::{self, ErrorKind},
};

/// Everything that can go wrong in Attar. Each message is one sentence that says what to do next.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are named after what they hold, and the messages show them at work")]
pub enum Error {
    /// A program was built with shapes that do not fit; `at` is the source line of the call.
    #[error("{message} (at {at})")]
    Shape { message: String, at: String },
    /// The device or format cannot hold what was asked of it.
    #[error("{what} needs {needs}, but there is only {has}")]
    Limit { what: String, needs: u64, has: u64 },
    /// The device that was named is not on this machine.
    #[error("there is no device `{asked}` here; there is: {}", .available.join(", "))]
    NoDevice { asked: String, available: Vec<String> },
    /// The device stopped working in mid-run; the last checkpoint is good.
    #[error("the device {0} was lost; resume from the last checkpoint, on another engine if it happens again")]
    DeviceLost(String),
    /// The device has no memory left.
    #[error("out of memory on {engine}, {bytes} bytes asked for: use a smaller batch, width or image size")]
    OutOfMemory { engine: String, bytes: u64 },
    /// A loss or state became NaN, infinite or absurdly large.
    #[error(
        "{what} has left all bounds after unit {unit}: start again with a lower learning rate, or resume from a checkpoint before it"
    )]
    NonFinite { what: String, unit: u64 },
    /// The images or labels given cannot be used.
    #[error("{0}")]
    Data(String),
    /// The recipe asks for something that cannot be.
    #[error("{0}")]
    Recipe(String),
    /// A file is not what it claims to be.
    #[error("{0}")]
    Format(String),
    /// The operating system refused; `path` is the file or folder.
    #[error("{path}: {message}")]
    Io { path: String, message: String },
    /// Somebody asked for the end, and nothing has changed.
    #[error("stopped before the images were read")]
    Stopped,
    /// An engine's own library failed in a way that the caller cannot mend.
    #[error("engine {engine}: {message}")]
    Engine { engine: String, message: String },
}

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Wraps an error of the operating system with the path it is about, and says what to do where its kind tells.
    pub fn io(path: impl fmt::Display, error: impl fmt::Display + Any) -> Error {
        let kind = (&error as &dyn Any).downcast_ref::<io::Error>().map(io::Error::kind);
        let advice = match kind {
            Some(ErrorKind::NotFound) => ": give a path that is there",
            Some(ErrorKind::PermissionDenied) => ": allow it, or give another path",
            Some(ErrorKind::ReadOnlyFilesystem) => ": give a path on another disk",
            Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => ": make room, or give a path on another disk",
            _ => "",
        };
        Error::Io { path: path.to_string(), message: format!("{error}{advice}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_do_follows_from_the_kind() {
        let text = |kind: ErrorKind| Error::io("x", io::Error::from(kind)).to_string();
        assert!(text(ErrorKind::StorageFull).ends_with(": make room, or give a path on another disk"));
        assert!(text(ErrorKind::PermissionDenied).starts_with("x: permission denied: allow it"));
        assert_eq!(Error::io("x", "a folder").to_string(), "x: a folder");
    }
}
