//! Graphs: computations written down once, to be differentiated, simplified and run many times.
//!
//! A [`Tensor`] is a handle on a node of a [`Graph`]; arithmetic on handles writes nodes. Equal nodes are one node.
//! Building never panics and never returns a `Result`: the first mistake, with the source line of the call, poisons
//! the graph and surfaces in [`Program::new`](crate::program::Program::new).
//!
//! ```
//! use attar::{engine::{Executor, reference::Reference}, graph::Graph, program::Program};
//! let g = Graph::new();
//! let x = g.input("x", [3]);
//! let loss = (x * x).sum(&[0]);
//! g.output("gradient", g.grad(loss, &[x])[0]);
//! let program = Program::new("square", g)?;
//! # let engine = std::sync::Arc::new(Reference::f32());
//! let mut exec = Executor::new(engine);
//! exec.load(program)?;
//! exec.set_f32("x", &[1.0, 2.0, 3.0])?;
//! exec.run("square", &[])?;
//! assert_eq!(pollster::block_on(exec.get_f32("gradient"))?, [2.0, 4.0, 6.0]);
//! # Ok::<(), attar::Error>(())
//! ```

mod composite;
mod contraction;
mod elementwise;
mod grad;
mod movement;
mod op;
mod slot;

use std::{cell::RefCell, collections::HashMap, fmt, panic::Location, sync::Arc};

pub use contraction::convolved;
pub(crate) use grad::inverse;
pub use op::{Binary, Bits, Border, Compare, Conv, Kind, Law, Node, NodeId, Op, Reduce, Unary};
pub use slot::{Role, Slot};

use crate::{
    error::{Error, Result},
    shape::Shape,
};

/// A computation under construction.
#[derive(Default)]
pub struct Graph {
    inner: RefCell<Inner>,
}

#[derive(Default)]
struct Inner {
    nodes: Vec<Node>,
    known: HashMap<Node, NodeId>,
    constants: Vec<Arc<[f32]>>,
    slots: Vec<Slot>,
    scalars: Vec<String>,
    error: Option<Error>,
}

/// What a graph holds when building is over.
pub(crate) struct Finished {
    pub nodes: Vec<Node>,
    pub constants: Vec<Arc<[f32]>>,
    pub slots: Vec<Slot>,
    pub scalars: Vec<String>,
}

/// A handle on one value of a graph: small, `Copy`, with operators. Operands broadcast by NumPy's rule.
#[derive(Clone, Copy)]
pub struct Tensor<'g> {
    graph: &'g Graph,
    id: NodeId,
}

impl Graph {
    /// An empty graph.
    pub fn new() -> Graph {
        Graph::default()
    }

    /// A named f32 buffer of this shape, read at the start of a run. [`Graph::update`] makes it a state.
    #[track_caller]
    pub fn input(&self, name: &str, shape: impl Into<Shape>) -> Tensor<'_> {
        self.slot(name, Kind::F32, shape.into())
    }

    /// A named buffer of `len` row indices, readable only by [`Tensor::take`].
    #[track_caller]
    pub fn rows(&self, name: &str, len: usize) -> Tensor<'_> {
        self.slot(name, Kind::Rows, Shape::from([len]))
    }

    /// A named buffer of u8 pixels, readable (as value / 255) only by [`Tensor::take`].
    #[track_caller]
    pub fn pixels(&self, name: &str, shape: impl Into<Shape>) -> Tensor<'_> {
        self.slot(name, Kind::Pixels, shape.into())
    }

    /// A named word of the call's block of scalars, shape `[]`. Asking for a name again gives the same value.
    pub fn scalar(&self, name: &str) -> Tensor<'_> {
        let index = {
            let mut inner = self.inner.borrow_mut();
            inner.scalars.iter().position(|known| known == name).unwrap_or_else(|| {
                inner.scalars.push(name.into());
                inner.scalars.len() - 1
            })
        };
        self.node(Op::Scalar { index: index as u32 }, &[], Shape::SCALAR)
    }

    /// Every element is `value`.
    pub fn fill(&self, value: f64, shape: impl Into<Shape>) -> Tensor<'_> {
        self.node(Op::Fill { value: value.into() }, &[], shape.into())
    }

    /// These values, row-major.
    #[track_caller]
    pub fn constant(&self, values: &[f32], shape: impl Into<Shape>) -> Tensor<'_> {
        let shape = shape.into();
        if values.len() != shape.elements() {
            return self.fail(format!("{} values were given for a constant of shape {shape}", values.len()), shape);
        }
        let same = |known: &Arc<[f32]>| known.iter().map(|v| v.to_bits()).eq(values.iter().map(|v| v.to_bits()));
        let index = {
            let mut inner = self.inner.borrow_mut();
            inner.constants.iter().position(same).unwrap_or_else(|| {
                inner.constants.push(values.into());
                inner.constants.len() - 1
            })
        };
        self.node(Op::Constant { index: index as u32 }, &[], shape)
    }

    /// The index along `axis`.
    #[track_caller]
    pub fn iota(&self, axis: usize, shape: impl Into<Shape>) -> Tensor<'_> {
        let shape = shape.into();
        if axis >= shape.rank() {
            return self.fail(format!("iota along axis {axis} of shape {shape}, which has no such axis"), shape);
        }
        self.node(Op::Iota { axis: axis as u32 }, &[], shape)
    }

    /// Standard normal draws of `stream`; equal streams of one shape are equal numbers.
    pub fn random_normal(&self, stream: u32, shape: impl Into<Shape>) -> Tensor<'_> {
        self.node(Op::Random { law: Law::Normal, stream }, &[], shape.into())
    }

    /// Draws of `stream` uniform in (0, 1); equal streams of one shape are equal numbers.
    pub fn random_uniform(&self, stream: u32, shape: impl Into<Shape>) -> Tensor<'_> {
        self.node(Op::Random { law: Law::Uniform, stream }, &[], shape.into())
    }

    /// Declares that a run writes `value` to the buffer `name`.
    #[track_caller]
    pub fn output(&self, name: &str, value: Tensor<'_>) {
        if value.kind() != Kind::F32 {
            self.fail(format!("output `{name}` is of kind {:?}; only f32 can be written", value.kind()), Shape::SCALAR);
            return;
        }
        self.declare(Slot {
            name: name.into(),
            kind: Kind::F32,
            shape: value.shape(),
            role: Role::Output { value: value.id },
        });
    }

    /// Declares that a run replaces the contents of `state`, an [input](Graph::input), by `next`.
    #[track_caller]
    pub fn update(&self, state: Tensor<'_>, next: Tensor<'_>) {
        let node = self.node_of(state.id);
        let Op::Slot { slot } = node.op else {
            self.fail("only an input can be updated".into(), Shape::SCALAR);
            return;
        };
        if next.shape() != node.shape || next.kind() != Kind::F32 || node.kind != Kind::F32 {
            self.fail(
                format!("a state of shape {} was updated by a value of {}", node.shape, next.shape()),
                node.shape,
            );
            return;
        }
        let role = &mut self.inner.borrow_mut().slots[slot as usize].role;
        *role = Role::State { next: next.id };
    }

    /// The first mistake made so far, if any.
    pub fn error(&self) -> Option<Error> {
        self.inner.borrow().error.clone()
    }

    pub(crate) fn finish(self) -> Result<Finished> {
        let inner = self.inner.into_inner();
        match inner.error {
            Some(error) => Err(error),
            None => Ok(Finished {
                nodes: inner.nodes,
                constants: inner.constants,
                slots: inner.slots,
                scalars: inner.scalars,
            }),
        }
    }

    #[track_caller]
    fn slot(&self, name: &str, kind: Kind, shape: Shape) -> Tensor<'_> {
        let slot = self.declare(Slot { name: name.into(), kind, shape, role: Role::Input });
        self.typed(Op::Slot { slot }, &[], shape, kind)
    }

    #[track_caller]
    fn declare(&self, slot: Slot) -> u32 {
        if self.inner.borrow().slots.iter().any(|known| known.name == slot.name) {
            self.fail(format!("the name `{}` was given to two slots", slot.name), slot.shape);
        }
        let mut inner = self.inner.borrow_mut();
        inner.slots.push(slot);
        inner.slots.len() as u32 - 1
    }

    fn node(&self, op: Op, inputs: &[Tensor<'_>], shape: Shape) -> Tensor<'_> {
        self.typed(op, inputs, shape, Kind::F32)
    }

    fn typed(&self, op: Op, inputs: &[Tensor<'_>], shape: Shape, kind: Kind) -> Tensor<'_> {
        debug_assert!(inputs.iter().all(|input| std::ptr::eq(input.graph, self)), "a tensor of another graph");
        let node = Node { op, inputs: inputs.iter().map(|input| input.id).collect(), shape, kind };
        let mut inner = self.inner.borrow_mut();
        let next = NodeId(inner.nodes.len() as u32);
        let id = *inner.known.entry(node.clone()).or_insert(next);
        if id == next {
            inner.nodes.push(node);
        }
        Tensor { graph: self, id }
    }

    fn node_of(&self, id: NodeId) -> Node {
        self.inner.borrow().nodes[id.index()].clone()
    }

    /// Poisons the graph and returns a stand-in of the shape that was meant.
    #[track_caller]
    fn fail(&self, message: String, shape: Shape) -> Tensor<'_> {
        let at = Location::caller().to_string();
        self.inner.borrow_mut().error.get_or_insert(Error::Shape { message, at });
        self.fill(0.0, shape)
    }
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Graph({} nodes)", self.inner.borrow().nodes.len())
    }
}

impl<'g> Tensor<'g> {
    /// The graph this value belongs to.
    pub fn graph(self) -> &'g Graph {
        self.graph
    }

    /// The sizes of the axes.
    pub fn shape(self) -> Shape {
        self.graph.inner.borrow().nodes[self.id.index()].shape
    }

    /// What the elements are.
    pub fn kind(self) -> Kind {
        self.graph.inner.borrow().nodes[self.id.index()].kind
    }

    /// Number of axes.
    pub fn rank(self) -> usize {
        self.shape().rank()
    }

    /// Size of an axis; 1 (and a poisoned graph) if there is no such axis.
    #[track_caller]
    pub fn dim(self, axis: usize) -> usize {
        let shape = self.shape();
        if axis >= shape.rank() {
            self.graph.fail(format!("axis {axis} of a value of shape {shape}"), Shape::SCALAR);
            return 1;
        }
        shape.dim(axis)
    }
}

impl fmt::Debug for Tensor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "%{} {}", self.id.0, self.shape())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::Program;

    #[test]
    fn equal_nodes_are_one() {
        let g = Graph::new();
        let x = g.input("x", [2]);
        assert_eq!((x * 2.0).id, (x * 2.0).id);
        assert_eq!(g.random_normal(1, [4]).id, g.random_normal(1, [4]).id);
        assert_ne!(g.random_normal(1, [4]).id, g.random_normal(2, [4]).id);
    }

    #[test]
    fn the_first_mistake_is_reported_with_its_line() {
        let g = Graph::new();
        let (x, y) = (g.input("x", [2]), g.input("y", [3]));
        let line = line!() + 1;
        let z = x + y;
        g.output("z", z.reshape([7]));
        let Err(Error::Shape { message, at }) = Program::new("bad", g) else { panic!("accepted") };
        assert!(message.contains("[2]") && message.contains("[3]"), "{message}");
        assert!(at.contains("graph/mod.rs") && at.contains(&format!(":{line}:")), "{at}");
    }

    #[test]
    fn names_are_unique() {
        let g = Graph::new();
        let x = g.input("x", [1]);
        g.output("x", x);
        assert!(g.error().is_some());
    }
}
