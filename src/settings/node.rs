//! A part of settings, seen as the tree that it is.

use super::{NAME, Value};

/// A value, or a table: entries whose keys begin with the same `depth` bytes, a dot the last of them.
#[derive(Clone, Copy)]
pub(super) struct Node<'a> {
    entries: &'a [(String, Value)],
    depth: usize,
    /// Whether a key [`NAME`] is not one of the table's, but names the variant whose fields the others are.
    named: bool,
}

impl<'a> Node<'a> {
    /// All of sorted entries.
    pub fn root(entries: &'a [(String, Value)]) -> Node<'a> {
        Node { entries, depth: 0, named: false }
    }

    /// What it is, if it is no table.
    pub fn value(self) -> Option<&'a Value> {
        match self.entries {
            [(key, value)] if key.len() < self.depth => Some(value),
            _ => None,
        }
    }

    /// The tables and values of a table, with the parts of their keys.
    pub fn children(self) -> Vec<(&'a str, Node<'a>)> {
        let node = |entries: &'a [(String, Value)]| {
            let part = part(&entries[0].0, self.depth);
            (part, Node { entries, depth: self.depth + part.len() + 1, named: false })
        };
        let groups = self.entries.chunk_by(|(a, _), (b, _)| part(a, self.depth) == part(b, self.depth));
        groups.map(node).filter(|(part, _)| !(self.named && *part == NAME)).collect()
    }

    /// What names the variant that this stands for, if anything does, and the table of its fields.
    pub fn variant(self) -> (Option<&'a Value>, Node<'a>) {
        match self.value() {
            Some(name) => (Some(name), Node { entries: &[], ..self }),
            None => {
                let name = self.children().into_iter().find(|(part, _)| *part == NAME);
                (name.and_then(|(_, node)| node.value()), Node { named: true, ..self })
            }
        }
    }
}

/// What stands between the first `depth` bytes of a key and the next dot.
fn part(key: &str, depth: usize) -> &str {
    key[depth..].split('.').next().unwrap_or_default()
}
