//! Slots: where the buffers of a run are bound.

use serde::{Deserialize, Serialize};

use super::{Kind, NodeId};
use crate::shape::Shape;

/// A named place for a buffer. A run binds one buffer to each slot, in the order of
/// [`Program::slots`](crate::program::Program::slots).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Slot {
    /// Unique within the program.
    pub name: String,
    pub kind: Kind,
    pub shape: Shape,
    pub role: Role,
}

/// What a run does with a slot's buffer. Reads see the contents from before the run; writes happen as if all at
/// its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// Read only.
    Input,
    /// Read, then replaced by the value of node `next`.
    State { next: NodeId },
    /// Written with the value of node `value`.
    Output { value: NodeId },
}

impl Role {
    /// The node whose value the slot's buffer holds after the run, if the run writes it.
    pub fn written(self) -> Option<NodeId> {
        match self {
            Role::Input => None,
            Role::State { next } => Some(next),
            Role::Output { value } => Some(value),
        }
    }
}
