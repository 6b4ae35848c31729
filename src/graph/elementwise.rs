//! Element-wise functions and operators, with broadcasting.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::{Binary, Compare, Kind, Op, Tensor, Unary};
use crate::shape::Shape;

impl<'g> Tensor<'g> {
    #[track_caller]
    fn unary(self, function: Unary) -> Tensor<'g> {
        let x = self.computable();
        x.graph.node(Op::Unary(function), &[x], x.shape())
    }

    #[track_caller]
    fn binary(self, other: Tensor<'g>, op: Op) -> Tensor<'g> {
        match self.broadcast_with(other) {
            Some((a, b)) => self.graph.node(op, &[a, b], a.shape()),
            None => {
                let message = format!("shapes {} and {} do not broadcast", self.shape(), other.shape());
                self.graph.fail(message, self.shape())
            }
        }
    }

    /// Both operands expanded to their common shape.
    fn broadcast_with(self, other: Tensor<'g>) -> Option<(Tensor<'g>, Tensor<'g>)> {
        let (a, b) = (self.computable(), other.computable());
        let shape = a.shape().broadcast(b.shape())?;
        Some((a.expand(shape), b.expand(shape)))
    }

    /// Itself if it is f32; poisons the graph otherwise.
    #[track_caller]
    pub(super) fn computable(self) -> Tensor<'g> {
        match self.kind() {
            Kind::F32 => self,
            kind => self.graph.fail(format!("{kind:?} can only be read by `take`"), self.shape()),
        }
    }

    /// A constant of the same graph, of shape `[]`.
    pub(super) fn number(self, value: f64) -> Tensor<'g> {
        self.graph.fill(value, Shape::SCALAR)
    }

    /// e to the power of each element.
    #[track_caller]
    pub fn exp(self) -> Tensor<'g> {
        self.unary(Unary::Exp)
    }

    /// Natural logarithm.
    #[track_caller]
    pub fn log(self) -> Tensor<'g> {
        self.unary(Unary::Log)
    }

    /// Sine.
    #[track_caller]
    pub fn sin(self) -> Tensor<'g> {
        self.unary(Unary::Sin)
    }

    /// Cosine.
    #[track_caller]
    pub fn cos(self) -> Tensor<'g> {
        self.unary(Unary::Cos)
    }

    /// Square root; its derivative at 0 is infinite, see [`Tensor::safe_sqrt`].
    #[track_caller]
    pub fn sqrt(self) -> Tensor<'g> {
        self.unary(Unary::Sqrt)
    }

    /// Hyperbolic tangent.
    #[track_caller]
    pub fn tanh(self) -> Tensor<'g> {
        self.unary(Unary::Tanh)
    }

    /// One over each element.
    #[track_caller]
    pub fn recip(self) -> Tensor<'g> {
        self.unary(Unary::Recip)
    }

    /// The largest integer not above each element; its derivative is 0.
    #[track_caller]
    pub fn floor(self) -> Tensor<'g> {
        self.unary(Unary::Floor)
    }

    /// The larger of both; where they are equal each gets half of the derivative.
    #[track_caller]
    pub fn maximum(self, other: Tensor<'g>) -> Tensor<'g> {
        self.binary(other, Op::Binary(Binary::Max))
    }

    /// 1 where this is greater than `other`, else 0; no derivative.
    #[track_caller]
    pub fn gt(self, other: Tensor<'g>) -> Tensor<'g> {
        self.binary(other, Op::Compare(Compare::Gt))
    }

    /// 1 where this is greater than or equal to `other`, else 0; no derivative.
    #[track_caller]
    pub fn ge(self, other: Tensor<'g>) -> Tensor<'g> {
        self.binary(other, Op::Compare(Compare::Ge))
    }

    /// 1 where both are equal, else 0; no derivative.
    #[track_caller]
    pub fn equal(self, other: Tensor<'g>) -> Tensor<'g> {
        self.binary(other, Op::Compare(Compare::Eq))
    }

    /// `a` where this mask is not 0, else `b`; no derivative passes to the mask.
    #[track_caller]
    pub fn select(self, a: Tensor<'g>, b: Tensor<'g>) -> Tensor<'g> {
        let shape = self.shape().broadcast(a.shape()).and_then(|shape| shape.broadcast(b.shape()));
        match shape {
            Some(shape) => {
                let operands = [self, a, b].map(|x| x.computable().expand(shape));
                self.graph.node(Op::Select, &operands, shape)
            }
            None => {
                let message = format!("shapes {}, {}, {} do not broadcast", self.shape(), a.shape(), b.shape());
                self.graph.fail(message, self.shape())
            }
        }
    }

    /// The same value, through which no derivative passes.
    #[track_caller]
    pub fn stop_gradient(self) -> Tensor<'g> {
        let x = self.computable();
        x.graph.node(Op::StopGradient, &[x], x.shape())
    }
}

impl<'g> Neg for Tensor<'g> {
    type Output = Tensor<'g>;

    #[track_caller]
    fn neg(self) -> Tensor<'g> {
        self.unary(Unary::Neg)
    }
}

macro_rules! operator {
    ($trait:ident, $method:ident) => {
        impl<'g> $trait for Tensor<'g> {
            type Output = Tensor<'g>;

            #[track_caller]
            fn $method(self, other: Tensor<'g>) -> Tensor<'g> {
                self.binary(other, Op::Binary(Binary::$trait))
            }
        }

        impl<'g> $trait<f64> for Tensor<'g> {
            type Output = Tensor<'g>;

            #[track_caller]
            fn $method(self, other: f64) -> Tensor<'g> {
                self.binary(self.number(other), Op::Binary(Binary::$trait))
            }
        }

        impl<'g> $trait<Tensor<'g>> for f64 {
            type Output = Tensor<'g>;

            #[track_caller]
            fn $method(self, other: Tensor<'g>) -> Tensor<'g> {
                other.number(self).binary(other, Op::Binary(Binary::$trait))
            }
        }
    };
}

operator!(Add, add);
operator!(Sub, sub);
operator!(Mul, mul);
operator!(Div, div);
