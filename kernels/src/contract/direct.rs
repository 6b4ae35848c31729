//! Contractions as matrix products of memory as it is: which axis of which tensor is what, and nothing else.

use super::{
    axis::Axis,
    pad::Pad,
    product::{Matrix, Product, align},
    window::Window,
};
use crate::{Conv, Isa};

/// A planned product, and what happens to its operands before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Direct {
    product: Product,
    /// Applied to the contraction's first operand.
    pad: Option<Pad>,
    /// The left operand of the product is the second one of the contraction.
    swapped: bool,
}

impl Direct {
    pub(super) fn matmul(isa: Isa, batch: usize, [m, k, n]: [usize; 3], [ta, tb]: [bool; 2]) -> Direct {
        let matrix = |[lanes, steps]: [usize; 2], steps_first: bool| Matrix {
            start: 0,
            batch: lanes * steps,
            lanes: Axis::line(lanes, if steps_first { 1 } else { steps }),
            steps: Axis::line(steps, if steps_first { lanes } else { 1 }),
        };
        let (a, b) = (matrix([m, k], ta), matrix([n, k], !tb));
        // Lanes run along columns: a result with few of them is computed turned around, if that is little beside the sums.
        let swapped = n < 16 && m >= 16 && k >= 128;
        let (left, right) = if swapped { (b, a) } else { (a, b) };
        let product = Product::new(isa, batch, left, right, matrix([left.lanes.len(), right.lanes.len()], swapped));
        Direct { product, pad: None, swapped }
    }

    pub(super) fn conv2d(isa: Isa, conv: Conv, x: [usize; 4], kernel: [usize; 4]) -> Direct {
        let window = Window::new(conv, x, kernel);
        let (pad, right) = window.of_input(x);
        let taps = window.taps();
        let left = Matrix {
            start: 0,
            batch: window.outputs * taps,
            lanes: Axis::line(window.outputs, taps),
            steps: Axis::line(taps, 1),
        };
        let product = Product::new(isa, window.groups, left, right, window.of_output(x[0]));
        Direct { product, pad, swapped: true }
    }

    /// The convolution of the output's gradient, with zeros between its pixels where the stride skipped some, by kernels
    /// read backwards.
    pub(super) fn conv2d_input_grad(isa: Isa, conv: Conv, x: [usize; 4], kernel: [usize; 4]) -> Direct {
        let window = Window::new(conv, x, kernel);
        let ([n, _, h, w], [kh, kw]) = (x, window.kernel);
        let channels = window.outputs * window.groups;
        let padding = conv.padding as isize;
        let padded = [h + kh - 1, w + kw - 1];
        let pad = Pad {
            planes: n * channels,
            size: window.out,
            padded,
            before: [kh as isize - 1 - padding, kw as isize - 1 - padding],
            step: conv.stride as usize,
        };
        let (row, plane) = (padded[1] as isize, (padded[0] * padded[1]) as isize);
        let right = Matrix {
            start: 0,
            batch: window.outputs * padded[0] * padded[1],
            lanes: Axis::new([(n, channels as isize * plane), (h, row), (w, 1)]),
            steps: Axis::new([(window.outputs, plane), (kh, row), (kw, 1)]),
        };
        let (area, taps) = (kh * kw, window.taps());
        let left = Matrix {
            start: area.saturating_sub(1),
            batch: window.outputs * taps,
            lanes: Axis::line(window.inputs, area),
            steps: Axis::new([(window.outputs, taps as isize), (kh, -(kw as isize)), (kw, -1)]),
        };
        let out = Matrix {
            start: 0,
            batch: window.inputs * h * w,
            lanes: Axis::line(window.inputs, h * w),
            steps: Axis::new([(1, 0), (n, (x[1] * h * w) as isize), (h * w, 1)]),
        };
        let product = Product::new(isa, window.groups, left, right, out);
        Direct { product, pad: (!pad.is_nothing()).then_some(pad), swapped: true }
    }

    pub(super) fn conv2d_weight_grad(isa: Isa, conv: Conv, x: [usize; 4], kernel: [usize; 4]) -> Direct {
        let window = Window::new(conv, x, kernel);
        let (pad, patches) = window.of_input(x);
        let taps = Matrix { lanes: patches.steps, steps: patches.lanes, ..patches };
        let out = Matrix {
            start: 0,
            batch: window.outputs * window.taps(),
            lanes: Axis::line(window.outputs, window.taps()),
            steps: Axis::line(window.taps(), 1),
        };
        // Lanes run along columns: few taps (of the first layer) are better rows than columns.
        let gradient = window.of_output(x[0]);
        if window.taps() <= 64 {
            let out = Matrix { lanes: out.steps, steps: out.lanes, ..out };
            let product = Product::new(isa, window.groups, taps, gradient, out);
            Direct { product, pad, swapped: false }
        } else {
            let product = Product::new(isa, window.groups, gradient, taps, out);
            Direct { product, pad, swapped: true }
        }
    }

    fn padded(&self) -> usize {
        self.pad.map_or(0, |pad| align(pad.len()))
    }

    pub(super) fn scratch(&self) -> usize {
        self.padded() + self.product.scratch()
    }

    pub(super) fn run(&self, a: &[f32], b: &[f32], out: &mut [f32], scratch: &mut [f32]) {
        let (padded, scratch) = scratch.split_at_mut(self.padded());
        let a = match self.pad {
            Some(pad) => {
                pad.run(a, padded);
                padded
            }
            None => a,
        };
        let (left, right) = if self.swapped { (b, a) } else { (a, b) };
        self.product.run(left, right, out, scratch);
    }
}
