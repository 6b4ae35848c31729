//! The primitives: a small set of operations closed under differentiation.

use serde::{Deserialize, Serialize};

pub use attar_kernels::{Binary, Border, Compare, Conv, Law, Reduce, Unary};

use crate::shape::Shape;

/// What the elements of a value are. All computation is in f32; the other kinds occur only as inputs and are
/// readable only by [`Op::Take`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Kind {
    /// 32-bit floating point.
    F32,
    /// u32 indices into the first axis of another value.
    Rows,
    /// u8 in memory, packed four to a u32 in little-endian order; read as `value / 255`.
    Pixels,
}

/// A 64-bit float compared and hashed by its bits, so that operations can be.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Bits(u64);

impl From<f64> for Bits {
    fn from(value: f64) -> Bits {
        // One zero and one NaN, so that equal values are equal nodes.
        Bits(if value == 0.0 { 0 } else { value.to_bits() })
    }
}

impl Bits {
    /// The number.
    pub fn value(self) -> f64 {
        f64::from_bits(self.0)
    }
}

impl std::fmt::Debug for Bits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.value())
    }
}

/// An operation. The shape of the result stands in the node; operands are in the node's `inputs`, in the order
/// given here. All operands are f32 of the stated shape except where a comment says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Op {
    // Leaves: no operands.
    /// The contents of slot number `slot` (a state or an input) at the start of the run.
    Slot {
        slot: u32,
    },
    /// Word `index` of the call's block of scalars, read as f32. Shape `[]`.
    Scalar {
        index: u32,
    },
    /// Every element is this number.
    Fill {
        value: Bits,
    },
    /// Constant number `index` of the program's table: f32 values, row-major.
    Constant {
        index: u32,
    },
    /// The index along `axis`, as f32.
    Iota {
        axis: u32,
    },
    /// Element i (row-major) is draw i of `stream` (see [`crate::rng`]).
    Random {
        law: Law,
        stream: u32,
    },

    // Element-wise: operands have the shape of the result.
    Unary(Unary),
    Binary(Binary),
    Compare(Compare),
    /// `(mask, a, b)`: a where mask is not 0, else b.
    Select,
    /// The operand, through which no derivative passes. Never in a `Program`.
    StopGradient,

    // Movement.
    /// Same elements in row-major order, other shape.
    Reshape,
    /// Result axis i is operand axis `axes[i]`.
    Permute {
        axes: Vec<u32>,
    },
    /// Axes of size 1 repeated to the result's size; equal rank.
    Expand,
    /// Operands one after another along `axis`.
    Concat {
        axis: u32,
    },
    /// Reversed along these axes (sorted, distinct).
    Flip {
        axes: Vec<u32>,
    },
    /// Per axis elements `start, start + step, ..`; as many as the result has. `step >= 1`.
    Slice {
        start: Vec<u32>,
        step: Vec<u32>,
    },
    /// Per axis `low` zeros, then the elements with `interior` zeros between neighbours, then zeros up to the
    /// result's size (at least the end of the elements). The transpose of [`Op::Slice`].
    Pad {
        low: Vec<u32>,
        interior: Vec<u32>,
    },

    // Reductions.
    /// Over these axes (sorted, distinct, not empty), which stay with size 1.
    Reduce {
        reduce: Reduce,
        axes: Vec<u32>,
    },

    // Contractions.
    /// Batched matrix product over the last two axes; leading axes equal. With `ta` the first operand is stored
    /// `[.., k, m]` instead of `[.., m, k]`, with `tb` the second `[.., n, k]` instead of `[.., k, n]`.
    Matmul {
        ta: bool,
        tb: bool,
    },
    /// `(x [n, ci, h, w], k [co, ci/groups, kh, kw])` to `[n, co, oh, ow]`, cross-correlation,
    /// `oh = (h + 2 padding - kh) / stride + 1`.
    Conv2d(Conv),
    /// `(g [n, co, oh, ow], k [co, ci/groups, kh, kw])` to `[n, ci, h, w]`: the transpose of [`Op::Conv2d`] in x.
    Conv2dInputGrad(Conv),
    /// `(x [n, ci, h, w], g [n, co, oh, ow])` to `[co, ci/groups, kh, kw]`: the transpose of [`Op::Conv2d`] in k.
    Conv2dWeightGrad(Conv),
    /// `(x [n, c, h, w], map [n, 2, 3])` to `[n, c, oh, ow]`. Output pixel (p, q) reads x bilinearly at column
    /// `m00 X + m01 Y + m02 + (w-1)/2` and row `m10 X + m11 Y + m12 + (h-1)/2`, where `X = q - (ow-1)/2` and
    /// `Y = p - (oh-1)/2`. With [`Border::Edge`] the coordinates are clamped into the image first. No derivative
    /// passes to the map.
    Sample2d {
        border: Border,
    },
    /// `(g [n, c, oh, ow], map [n, 2, 3])` to `[n, c, h, w]`: the transpose of [`Op::Sample2d`] in x.
    Sample2dTranspose {
        border: Border,
    },
    /// `(x [r, ..], rows [k])` to `[k, ..]`: row `rows[i]` of x. x may be of kind `Pixels` (read as value / 255);
    /// rows is of kind `Rows`. A row that is out of range reads as zeros.
    Take,
    /// `(g [k, ..], rows [k])` to `[r, ..]`: sums of the rows that `Take` read, in increasing order of i.
    TakeTranspose,
    /// `(a [n, n], b [n, m])`: x with `a x = b`, for symmetric positive definite a (only the lower triangle is read).
    SolveSpd,
}

/// One operation of a graph or program with its operands.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Node {
    pub op: Op,
    /// Indices of nodes that stand before this one.
    pub inputs: Vec<NodeId>,
    pub shape: Shape,
    pub kind: Kind,
}

/// The index of a node within its graph or program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NodeId(pub u32);

impl NodeId {
    /// As an index into the list of nodes.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}
