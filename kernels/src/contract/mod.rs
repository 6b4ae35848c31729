//! Matrix products and convolutions on slices of f32: planned once for a shape and an instruction set, then run any
//! number of times without allocating.
//!
//! A contraction has one or more variants, ways of computing it with different numbers of operations. Which one runs, how
//! the work is cut into parts and the order of every sum depend on the shape and the instruction set only, so equal calls
//! give equal bits on any number of threads.

mod axis;
mod direct;
mod pack;
mod pad;
mod product;
mod scatter;
mod simd;
#[cfg(test)]
mod tests;
mod tile;
mod window;
mod winograd;

use direct::Direct;
pub use tile::cached;

use super::Isa;
use crate::Conv;

/// A way to compute a contraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Variant {
    /// Every product of the definition, as one matrix product.
    Direct,
    /// Every product of the definition, which are then added up where they belong. Of input gradients.
    Scatter,
    /// Winograd's algorithm in tiles of 4 x 4 outputs.
    Winograd,
}

/// A planned contraction.
#[derive(Debug, Clone)]
pub struct Contraction {
    isa: Isa,
    form: Form,
    /// Elements of the result.
    elements: usize,
    method: Method,
}

/// What is computed.
#[derive(Debug, Clone, Copy)]
enum Form {
    Matmul { batch: usize, size: [usize; 3], transposed: [bool; 2] },
    Conv2d { conv: Conv, x: [usize; 4], kernel: [usize; 4] },
    InputGrad { conv: Conv, x: [usize; 4], kernel: [usize; 4] },
    WeightGrad { conv: Conv, x: [usize; 4], kernel: [usize; 4] },
}

#[derive(Debug, Clone)]
enum Method {
    Direct(Direct),
    Scatter(scatter::Scatter),
    Winograd(winograd::Forward),
    WinogradWeight(winograd::Weight),
}

impl Contraction {
    /// `batch` products of `[m, k]` (stored `[k, m]` if the first is `transposed`) and `[k, n]` (stored `[n, k]` if the
    /// second is).
    pub fn matmul(isa: Isa, batch: usize, (m, k, n): (usize, usize, usize), transposed: [bool; 2]) -> Contraction {
        Contraction::new(isa, Form::Matmul { batch, size: [m, k, n], transposed })
    }

    /// `(x, kernel)` to the output, a cross-correlation as in deep learning.
    pub fn conv2d(isa: Isa, conv: Conv, x: [usize; 4], kernel: [usize; 4]) -> Contraction {
        Contraction::new(isa, Form::Conv2d { conv, x, kernel })
    }

    /// `(output's gradient, kernel)` to the gradient of the input of shape `x`.
    pub fn conv2d_input_grad(isa: Isa, conv: Conv, x: [usize; 4], kernel: [usize; 4]) -> Contraction {
        Contraction::new(isa, Form::InputGrad { conv, x, kernel })
    }

    /// `(x, output's gradient)` to the gradient of the kernel.
    pub fn conv2d_weight_grad(isa: Isa, conv: Conv, x: [usize; 4], kernel: [usize; 4]) -> Contraction {
        Contraction::new(isa, Form::WeightGrad { conv, x, kernel })
    }

    fn new(isa: Isa, form: Form) -> Contraction {
        let method = form.method(isa, form.best());
        Contraction { isa, form, elements: form.elements(), method }
    }

    /// The same contraction computed in this way, if it can be.
    pub fn forced(self, variant: Variant) -> Option<Contraction> {
        let method = self.variants().contains(&variant).then(|| self.form.method(self.isa, variant))?;
        Some(Contraction { method, ..self })
    }

    /// The ways in which it can be computed.
    pub fn variants(&self) -> Vec<Variant> {
        self.form.variants()
    }

    /// For printed plans: the way and the instructions.
    pub fn name(&self) -> String {
        let method = match &self.method {
            Method::Direct(_) => "direct",
            Method::Scatter(_) => "scatter",
            Method::Winograd(_) | Method::WinogradWeight(_) => "winograd 4x4",
        };
        format!("{method}, {:?}", self.isa).to_ascii_lowercase()
    }

    /// How many f32s of scratch memory a call needs, for all workers of the calling thread's pool.
    pub fn scratch(&self) -> usize {
        match &self.method {
            Method::Direct(direct) => direct.scratch(),
            Method::Scatter(scatter) => scatter.scratch(),
            Method::Winograd(forward) => forward.scratch(),
            Method::WinogradWeight(weight) => weight.scratch(),
        }
    }

    /// Computes `out` from the two operands, which are row-major and as long as the planned shapes say. `scratch` has at
    /// least [`scratch`](Self::scratch) elements, aligned to cache lines, of any value. Called on a worker, allocates
    /// nothing.
    pub fn run(&self, a: &[f32], b: &[f32], out: &mut [f32], scratch: &mut [f32]) {
        assert_eq!(out.len(), self.elements, "the result has the planned shape");
        match &self.method {
            Method::Direct(direct) => direct.run(a, b, out, scratch),
            Method::Scatter(scatter) => scatter.run(a, b, out, scratch),
            Method::Winograd(forward) => forward.run(a, b, out, scratch),
            Method::WinogradWeight(weight) => weight.run(a, b, out, scratch),
        }
    }
}

impl Form {
    fn variants(&self) -> Vec<Variant> {
        let mut variants = vec![Variant::Direct];
        if let Form::InputGrad { .. } = self {
            variants.push(Variant::Scatter);
        }
        match self {
            Form::Conv2d { conv, kernel, .. }
            | Form::InputGrad { conv, kernel, .. }
            | Form::WeightGrad { conv, kernel, .. }
                if conv.stride == 1 && conv.groups == 1 && kernel[2..] == [3, 3] =>
            {
                variants.push(Variant::Winograd);
            }
            _ => {}
        }
        variants
    }

    /// The variant that measured fastest.
    fn best(&self) -> Variant {
        if self.variants().contains(&Variant::Winograd) && self.suits_winograd() {
            return Variant::Winograd;
        }
        match *self {
            // With 3 input channels and stride 1, 2.5 to 4 times as fast as direct; with stride 2 and 64, 3 times.
            Form::InputGrad { conv, kernel, .. } if conv.stride > 1 || kernel[1] < 8 => Variant::Scatter,
            _ => Variant::Direct,
        }
    }

    /// Winograd's transforms take time in proportion to the channels of one side, what they save is in proportion to both.
    /// On 16 images of 8 x 8 (AVX-512, one core of an EPYC 9004) it is 1.1, 1.3, 1.9 and 2.5 times as fast as direct with
    /// 8, 12, 32 and 128 channels. Transforming the kernels takes some number of tiles to pay: 128 channels are 0.9 times
    /// as fast with 4 tiles, 1.4 times with 8; the gradient of the weights, where the kernels' side is transformed only
    /// at the end, 1.1 times with 4.
    fn suits_winograd(&self) -> bool {
        let (least, x, kernel, [oh, ow]) = match *self {
            Form::Matmul { .. } => return false,
            Form::Conv2d { conv, x, kernel } => (8, x, kernel, output(conv, x, kernel)),
            Form::InputGrad { x, kernel, .. } => (8, x, kernel, [x[2], x[3]]),
            Form::WeightGrad { conv, x, kernel } => (4, x, kernel, output(conv, x, kernel)),
        };
        let tiles = x[0] * oh.div_ceil(4) * ow.div_ceil(4);
        let used = x[0] * oh * ow;
        kernel[0].min(kernel[1]) >= 12 && tiles >= least && used >= tiles * 8
    }

    fn method(&self, isa: Isa, variant: Variant) -> Method {
        use Variant::{Direct as Plain, Scatter, Winograd};
        match (*self, variant) {
            (Form::Matmul { batch, size, transposed }, _) => {
                Method::Direct(Direct::matmul(isa, batch, size, transposed))
            }
            (Form::Conv2d { conv, x, kernel }, Plain | Scatter) => Method::Direct(Direct::conv2d(isa, conv, x, kernel)),
            (Form::Conv2d { conv, x, kernel }, Winograd) => {
                Method::Winograd(winograd::Forward::conv2d(isa, conv, x, kernel, output(conv, x, kernel)))
            }
            (Form::InputGrad { conv, x, kernel }, Plain) => {
                Method::Direct(Direct::conv2d_input_grad(isa, conv, x, kernel))
            }
            (Form::InputGrad { conv, x, kernel }, Scatter) => {
                Method::Scatter(scatter::Scatter::new(isa, conv, x, kernel))
            }
            (Form::InputGrad { conv, x, kernel }, Winograd) => {
                Method::Winograd(winograd::Forward::input_grad(isa, conv, x, kernel, output(conv, x, kernel)))
            }
            (Form::WeightGrad { conv, x, kernel }, Plain | Scatter) => {
                Method::Direct(Direct::conv2d_weight_grad(isa, conv, x, kernel))
            }
            (Form::WeightGrad { conv, x, kernel }, Winograd) => {
                Method::WinogradWeight(winograd::Weight::new(isa, conv, x, kernel, output(conv, x, kernel)))
            }
        }
    }

    /// Elements of the result.
    fn elements(&self) -> usize {
        match *self {
            Form::Matmul { batch, size: [m, _, n], .. } => batch * m * n,
            Form::Conv2d { conv, x, kernel } => {
                let [oh, ow] = output(conv, x, kernel);
                x[0] * kernel[0] * oh * ow
            }
            Form::InputGrad { x, .. } => x.iter().product(),
            Form::WeightGrad { kernel, .. } => kernel.iter().product(),
        }
    }
}

/// Height and width of a convolution's output.
fn output(conv: Conv, x: [usize; 4], kernel: [usize; 4]) -> [usize; 2] {
    [2, 3].map(|axis| {
        let room = (x[axis] + 2 * conv.padding as usize).checked_sub(kernel[axis]);
        room.map_or(0, |room| room / conv.stride as usize + 1)
    })
}
