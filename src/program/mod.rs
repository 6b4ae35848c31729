//! Programs: simplified, engine-neutral, made of data alone.
//!
//! A [`Program`] is what a [`Graph`] becomes once its outputs are known: dead nodes are gone,
//! equal nodes are one, and nodes stand in an order in which operands come first. Every engine runs the same
//! program; [`crate::engine`] tells how.

mod cost;
mod lower;
mod plan;
mod simplify;
mod single;
mod text;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use cost::Cost;
pub use lower::{Interval, Target, View, allocate, lower};
pub use plan::{Elementwise, Frame, Fused, Instruction, Operand, Place, Plan, Register, Step, Value, ValueId, What};
pub use single::{ContractionOp, Part, Single, SingleOp};

use crate::{
    error::{Error, Result},
    graph::{Graph, Node, NodeId, Op, Role, Slot},
};

/// A step to run many times: a pure function of its slots and scalars, of fixed shapes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Program {
    pub(crate) name: String,
    pub(crate) nodes: Vec<Node>,
    pub(crate) constants: Vec<Arc<[f32]>>,
    pub(crate) slots: Vec<Slot>,
    pub(crate) scalars: Vec<String>,
}

impl Program {
    /// Simplifies a finished graph into a program called `name`.
    ///
    /// # Errors
    /// [`Error::Shape`]: the first mistake made while the graph was built, with its source line; two slots of one
    /// name; or a program that writes nothing.
    pub fn new(name: impl Into<String>, graph: Graph) -> Result<Program> {
        simplify::program(name.into(), graph.finish()?).checked()
    }

    /// The graph as it was written, node for node, unused ones too; only [`Op::StopGradient`] goes. It computes what
    /// [`Program::new`] computes, more slowly: for tests of the simplification, and for finding the line that wrote a
    /// node.
    ///
    /// # Errors
    /// As [`Program::new`].
    pub fn verbatim(name: impl Into<String>, graph: Graph) -> Result<Program> {
        simplify::verbatim(name.into(), graph.finish()?).checked()
    }

    fn checked(self) -> Result<Program> {
        if self.slots.iter().all(|slot| slot.role == Role::Input) {
            return Err(Error::Shape {
                message: format!("program `{}` writes nothing: give it an output or update a state", self.name),
                at: "Program::new".into(),
            });
        }
        Ok(self)
    }

    /// The name given to [`Program::new`], for messages and traces.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The nodes, operands before users.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The node of this index.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// The table behind [`Op::Constant`]: row-major f32 values.
    pub fn constants(&self) -> &[Arc<[f32]>] {
        &self.constants
    }

    /// Where buffers are bound, in binding order.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// Names of the words of a call's block of scalars, in order.
    pub fn scalars(&self) -> &[String] {
        &self.scalars
    }

    /// Whether a run draws random numbers, so that its seed and unit matter.
    pub fn draws(&self) -> bool {
        self.nodes.iter().any(|node| matches!(node.op, Op::Random { .. }))
    }

    /// For each node how many nodes and written slots read it; engines use it to free values early.
    pub fn uses(&self) -> Vec<u32> {
        let mut uses = vec![0; self.nodes.len()];
        for node in &self.nodes {
            for input in &node.inputs {
                uses[input.index()] += 1;
            }
        }
        for written in self.slots.iter().filter_map(|slot| slot.role.written()) {
            uses[written.index()] += 1;
        }
        uses
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Border, Conv};

    /// A program with every kind of slot, leaf and attribute.
    fn program() -> Program {
        let g = Graph::new();
        let theta = g.input("theta", [2, 1, 3, 3]);
        let x = g.pixels("images", [9, 1, 4, 4]).take(g.rows("batch", 5));
        let map = g.constant(&[1.0, 0.0, -0.5, 0.0, 1.0, 0.25], [1, 2, 3]).expand([5, 2, 3]);
        let y = x.sample2d(map, (4, 4), Border::Edge).conv2d(theta, Conv::padded(1)).flip(&[3]);
        let noise = g.random_uniform(3, y.shape()) * g.iota(2, y.shape()) * 0.1;
        let loss = (y + noise).max(&[2, 3]).pad(&[1, 0], &[0, 1], [6, 4]).mean_all();
        g.output("loss", loss);
        g.update(theta, theta - g.grad(loss, &[theta])[0] * g.scalar("lr"));
        Program::new("everything", g).expect("a valid graph")
    }

    #[test]
    fn a_program_survives_storage() {
        let program = program();
        let bytes = postcard::to_stdvec(&program).expect("it can be stored");
        let restored: Program = postcard::from_bytes(&bytes).expect("it can be restored");
        assert_eq!(restored, program);
        assert_eq!(restored.to_string(), program.to_string());
    }

    #[test]
    fn truncated_storage_is_refused() {
        let bytes = postcard::to_stdvec(&program()).expect("it can be stored");
        for len in [0, 1, bytes.len() / 2, bytes.len() - 1] {
            assert!(postcard::from_bytes::<Program>(&bytes[..len]).is_err(), "{len} bytes");
        }
    }

    #[test]
    fn a_program_that_writes_nothing_is_refused() {
        let g = Graph::new();
        let _ = g.input("x", [2]).exp();
        assert!(matches!(Program::new("idle", g), Err(Error::Shape { .. })));
    }
}
