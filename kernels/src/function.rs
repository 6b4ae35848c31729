//! The functions that there are.

use serde::{Deserialize, Serialize};

/// Element-wise functions of one argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Unary {
    Neg,
    Exp,
    Log,
    Sin,
    Cos,
    Sqrt,
    Tanh,
    Recip,
    Floor,
}

/// Element-wise functions of two arguments of equal shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Max,
}

/// Element-wise comparisons; the result is 1 where they hold, else 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Compare {
    Gt,
    Ge,
    Eq,
}

/// Reductions over axes; the reduced axes stay with size 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Reduce {
    Sum,
    Max,
}

/// The law of a random draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Law {
    /// Standard normal, by Box and Muller from two uniforms (see [`crate::rng`]).
    Normal,
    /// Uniform in the open interval (0, 1).
    Uniform,
}

/// What resampling reads outside of the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Border {
    /// Zero: a pixel outside contributes nothing.
    Zero,
    /// The nearest pixel of the edge.
    Edge,
}

/// Geometry shared by a convolution and its two transposes: square stride and zero padding in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Conv {
    pub stride: u32,
    pub padding: u32,
    pub groups: u32,
}

impl Conv {
    /// Stride 1, one group, and this padding.
    pub fn padded(padding: usize) -> Conv {
        Conv { stride: 1, padding: padding as u32, groups: 1 }
    }
}

impl Unary {
    /// The function in f64: its meaning.
    pub fn of(self, x: f64) -> f64 {
        match self {
            Unary::Neg => -x,
            Unary::Exp => x.exp(),
            Unary::Log => x.ln(),
            Unary::Sin => x.sin(),
            Unary::Cos => x.cos(),
            Unary::Sqrt => x.sqrt(),
            Unary::Tanh => x.tanh(),
            Unary::Recip => 1.0 / x,
            Unary::Floor => x.floor(),
        }
    }
}

impl Binary {
    /// The function in f64: its meaning.
    pub fn of(self, a: f64, b: f64) -> f64 {
        match self {
            Binary::Add => a + b,
            Binary::Sub => a - b,
            Binary::Mul => a * b,
            Binary::Div => a / b,
            Binary::Max => {
                if a > b {
                    a
                } else {
                    b
                }
            }
        }
    }
}

impl Compare {
    /// Whether the comparison holds in f64: its meaning.
    pub fn of(self, a: f64, b: f64) -> bool {
        match self {
            Compare::Gt => a > b,
            Compare::Ge => a >= b,
            Compare::Eq => a == b,
        }
    }
}
