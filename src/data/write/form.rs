//! The list of forms that a distilled set is written in.

use std::path::Path;

#[cfg(feature = "parquet")]
use super::parquet;
use super::{
    folder, grid, idx, loader, npz,
    place::{self, Entry},
    png, safetensors, zip,
};
use crate::{
    Error, Result,
    data::{Distilled, write_atomic},
};

/// A form that a distilled set is written in, for others to read.
#[derive(Debug)]
pub struct Form {
    /// What it is called: `attar export --to NAME`.
    pub name: &'static str,
    /// What it is, in a sentence without its full stop.
    pub about: &'static str,
    pub shows: Shows,
    pub labels: Labels,
    content: Content,
}

/// What a form is meant to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    /// What networks are trained on: see [`Distilled::unpacked`].
    Pictures,
    /// The stored images, for people to look at.
    Canvases,
}

/// Which labels a form has room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Labels {
    /// A class an image: soft labels are left out.
    Classes,
    /// Soft labels, too.
    Any,
}

/// What is written.
#[derive(Debug)]
enum Content {
    File(fn(&Distilled) -> Result<Vec<u8>>),
    Folder(fn(&Distilled) -> Result<Vec<Entry>>),
}

/// All forms.
pub const FORMS: &[Form] = &[
    Form {
        name: "folder",
        about: "A folder a class, a PNG file a picture",
        shows: Shows::Pictures,
        labels: Labels::Classes,
        content: Content::Folder(folder::entries),
    },
    Form {
        name: "zip",
        about: "The same in a zip archive",
        shows: Shows::Pictures,
        labels: Labels::Classes,
        content: Content::File(zip::archive),
    },
    Form {
        name: "npz",
        about: "The arrays as NumPy reads them",
        shows: Shows::Pictures,
        labels: Labels::Any,
        content: Content::File(npz::npz),
    },
    Form {
        name: "safetensors",
        about: "The arrays as safetensors",
        shows: Shows::Pictures,
        labels: Labels::Any,
        content: Content::File(safetensors::safetensors),
    },
    #[cfg(feature = "parquet")]
    Form {
        name: "parquet",
        about: "A table for Hugging Face's datasets, a PNG file a row",
        shows: Shows::Pictures,
        labels: Labels::Classes,
        content: Content::File(parquet::table),
    },
    Form {
        name: "idx",
        about: "The training half of a data set like MNIST, grey only",
        shows: Shows::Pictures,
        labels: Labels::Classes,
        content: Content::Folder(idx::entries),
    },
    Form {
        name: "pytorch",
        about: "A folder of the arrays and a loader for PyTorch",
        shows: Shows::Pictures,
        labels: Labels::Any,
        content: Content::Folder(loader::pytorch),
    },
    Form {
        name: "keras",
        about: "A folder of the arrays and a loader for Keras",
        shows: Shows::Pictures,
        labels: Labels::Any,
        content: Content::Folder(loader::keras),
    },
    Form {
        name: "jax",
        about: "A folder of the arrays and a loader for JAX",
        shows: Shows::Pictures,
        labels: Labels::Any,
        content: Content::Folder(loader::jax),
    },
    Form {
        name: "png-grid",
        about: "One picture of all canvases, with the names of the classes",
        shows: Shows::Canvases,
        labels: Labels::Classes,
        content: Content::File(|set| png::of_picture(&grid::png_grid(set)?)),
    },
];

impl Form {
    /// The form of this name.
    ///
    /// # Errors
    /// [`Error::Data`] with the names that there are.
    pub fn named(name: &str) -> Result<&'static Form> {
        FORMS.iter().find(|form| form.name == name).ok_or_else(|| {
            let names: Vec<&str> = FORMS.iter().map(|form| form.name).collect();
            Error::Data(format!("there is no form `{name}` to write: choose one of {}", names.join(", ")))
        })
    }

    /// Whether it writes a folder, and not a file.
    pub fn is_folder(&self) -> bool {
        matches!(self.content, Content::Folder(_))
    }

    /// Writes the set as it is: canvases stay canvases. A folder appears only when it is complete, and must not exist
    /// before or be empty; a file that is there is replaced. Folders above are made. The same set gives the same bytes.
    ///
    /// # Errors
    /// [`Error::Data`] if the set does not pass [`Distilled::check`], or the form cannot hold it; [`Error::Limit`] if it is
    /// too large for the form; [`Error::Io`] if something cannot be written.
    pub fn write(&self, set: &Distilled, out: &Path) -> Result<()> {
        set.check()?;
        match self.content {
            Content::Folder(entries) => {
                place::check_free(out)?;
                place::write(out, &entries(set)?)
            }
            Content::File(bytes) => {
                let bytes = bytes(set)?;
                place::create_parent(out)?;
                write_atomic(out, &bytes)
            }
        }
    }
}
