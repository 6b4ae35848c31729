//! A tree of folders from the names in an archive, which come in any order and are not believed.

use std::collections::{BTreeMap, btree_map::Entry};
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use crate::data::files;
use crate::data::read::{
    place::Place,
    tree::{DEPTH, File, Folder, TOO_DEEP, is_of_a_system},
};

/// A folder in the making.
#[derive(Default)]
pub(super) struct Growing(BTreeMap<OsString, Node>);

/// What a name in an archive stands for.
pub(super) enum Node {
    Folder(Growing),
    File {
        bytes: u64,
        place: Place,
    },
    /// Neither: what it is.
    Other(&'static str),
}

impl Node {
    pub fn empty_folder() -> Node {
        Node::Folder(Growing::default())
    }
}

impl Growing {
    /// Adds what lies at this path inside; what systems leave behind is left out.
    ///
    /// # Errors
    /// The rest of a sentence that begins with the archive: the path leads out of it, or is there already.
    pub fn add(&mut self, inside: &Path, node: Node) -> Result<(), String> {
        let shown = inside.display();
        let mut names = Vec::new();
        for part in inside.components() {
            match part {
                Component::Normal(name) => names.push(name.to_os_string()),
                Component::CurDir => {}
                Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                    return Err(format!(
                        "has the entry {shown}, which leads out of it: pack it again with plain names"
                    ));
                }
            }
        }
        let node = if let Some(at) = names.iter().position(|name| is_of_a_system(&name.to_string_lossy())) {
            // The folder that it lies in is there all the same.
            names.truncate(at);
            Node::empty_folder()
        } else if names.len() > DEPTH + 1 {
            // As many folders as on a disk, and a file in the last of them.
            names.truncate(DEPTH + 1);
            Node::Other(TOO_DEEP)
        } else {
            node
        };
        let Some(last) = names.pop() else { return Ok(()) };
        let both = || format!("has a file and a folder at {shown}: pack it again with one of them");
        let mut folder = self;
        for name in names {
            let Node::Folder(inner) = folder.0.entry(name).or_insert_with(Node::empty_folder) else {
                return Err(both());
            };
            folder = inner;
        }
        match (folder.0.entry(last), node) {
            (Entry::Vacant(place), node) => {
                place.insert(node);
                Ok(())
            }
            (Entry::Occupied(there), node) => match (there.get(), node) {
                // Many lie in one folder that is too deep, and tools name a folder again with what they add to it.
                (Node::Other(TOO_DEEP), Node::Other(TOO_DEEP)) | (Node::Folder(_), Node::Folder(_)) => Ok(()),
                (Node::Folder(_), _) | (_, Node::Folder(_)) => Err(both()),
                _ => Err(format!("has two entries {shown}: pack it again with one of them")),
            },
        }
    }

    /// The folder, which people see at this path.
    pub fn grown(self, name: String, path: PathBuf) -> Folder {
        let mut folder = Folder { name, path, folders: Vec::new(), files: Vec::new(), others: Vec::new() };
        for (name, node) in self.0 {
            let path = folder.path.join(&name);
            match node {
                Node::Folder(inner) => folder.folders.push(inner.grown(files::shown(&name), path)),
                Node::File { bytes, place } => folder.files.push(File { path, bytes, place }),
                Node::Other(why) => folder.others.push((path, why)),
            }
        }
        folder
    }
}
