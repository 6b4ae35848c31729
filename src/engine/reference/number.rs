//! The two precisions of the reference engine.

use std::{
    fmt::Debug,
    iter::Sum,
    ops::{Add, AddAssign, Div, Mul, Neg, Sub},
};

use crate::graph::{Binary, Compare, Unary};

/// f32 or f64, with the functions of the primitives.
pub trait Number:
    Copy
    + Debug
    + PartialOrd
    + Send
    + Sync
    + Sum
    + AddAssign
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + 'static
{
    /// Name of the engine that computes in this precision.
    const ENGINE: &'static str;

    /// The nearest number of this precision.
    fn from_f64(value: f64) -> Self;

    /// The same number in double precision.
    fn into_f64(self) -> f64;

    /// An element-wise function, computed in this precision.
    fn unary(self, function: Unary) -> Self;

    /// An element-wise function of two arguments.
    fn binary(self, function: Binary, other: Self) -> Self {
        match function {
            Binary::Add => self + other,
            Binary::Sub => self - other,
            Binary::Mul => self * other,
            Binary::Div => self / other,
            Binary::Max => {
                if self > other {
                    self
                } else {
                    other
                }
            }
        }
    }

    /// 1 where the comparison holds, else 0.
    fn compare(self, compare: Compare, other: Self) -> Self {
        let holds = match compare {
            Compare::Gt => self > other,
            Compare::Ge => self >= other,
            Compare::Eq => self == other,
        };
        Self::from_f64(f64::from(u8::from(holds)))
    }
}

macro_rules! number {
    ($type:ident, $engine:literal) => {
        impl Number for $type {
            const ENGINE: &'static str = $engine;

            fn from_f64(value: f64) -> Self {
                value as $type
            }

            fn into_f64(self) -> f64 {
                f64::from(self)
            }

            fn unary(self, function: Unary) -> Self {
                match function {
                    Unary::Neg => -self,
                    Unary::Exp => self.exp(),
                    Unary::Log => self.ln(),
                    Unary::Sin => self.sin(),
                    Unary::Cos => self.cos(),
                    Unary::Sqrt => self.sqrt(),
                    Unary::Tanh => self.tanh(),
                    Unary::Recip => 1.0 / self,
                    Unary::Floor => self.floor(),
                }
            }
        }
    };
}

number!(f32, "reference:f32");
number!(f64, "reference:f64");
