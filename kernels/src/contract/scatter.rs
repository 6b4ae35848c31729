//! Input gradients without zeros: every pixel of the output's gradient times every tap of the kernels, as one product of
//! two dense matrices, whose results are then added up where they belong. Unlike the convolution by reversed kernels this
//! does no work for the pixels that a stride skips, and has as many rows as there are taps where that has only the
//! channels of the input, the three of an image for instance.

use super::{
    axis::Axis,
    product::{Matrix, Product, align},
    simd::{Kernel, Lanes, dispatch},
    window::Window,
};
use crate::{
    Conv, Isa,
    parallel::{self, Shared},
};

/// A planned input gradient.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scatter {
    isa: Isa,
    product: Product,
    window: Window,
    x: [usize; 4],
}

impl Scatter {
    pub(super) fn new(isa: Isa, conv: Conv, x: [usize; 4], kernel: [usize; 4]) -> Scatter {
        let window = Window::new(conv, x, kernel);
        let (taps, gradient) = (window.taps(), window.of_output(x[0]));
        let left = Matrix {
            start: 0,
            batch: window.outputs * taps,
            lanes: Axis::line(taps, 1),
            steps: Axis::line(window.outputs, taps),
        };
        let right = Matrix { lanes: gradient.steps, steps: gradient.lanes, ..gradient };
        let pixels = right.lanes.len();
        let out =
            Matrix { start: 0, batch: taps * pixels, lanes: Axis::line(taps, pixels), steps: Axis::line(pixels, 1) };
        Scatter { isa, product: Product::new(isa, window.groups, left, right, out), window, x }
    }

    /// The product of every pixel and tap: `[group][tap][image][pixel]`.
    fn products(&self) -> usize {
        self.window.groups * self.window.taps() * self.x[0] * self.window.out[0] * self.window.out[1]
    }

    pub(super) fn scratch(&self) -> usize {
        align(self.products()) + self.product.scratch()
    }

    pub(super) fn run(&self, g: &[f32], kernel: &[f32], out: &mut [f32], scratch: &mut [f32]) {
        let (products, scratch) = scratch.split_at_mut(align(self.products()));
        self.product.run(kernel, g, &mut products[..self.products()], scratch);
        dispatch(self.isa, AddUp { plan: self, products, out });
    }

    /// Adds up all that reaches one channel of one image.
    #[inline(always)]
    fn plane(&self, products: &[f32], image: usize, channel: usize, to: &mut [f32]) {
        let ([n, _, height, width], [oh, ow], [kh, kw]) = (self.x, self.window.out, self.window.kernel);
        let stride = self.window.conv.stride as usize;
        to.fill(0.0);
        for r in 0..kh {
            let rows = self.reached(r, height, oh);
            for s in 0..kw {
                let columns = self.reached(s, width, ow);
                if columns.is_empty() {
                    continue;
                }
                let plane = (((channel * kh + r) * kw + s) * n + image) * oh * ow;
                for row in rows.clone() {
                    let from = &products[plane + row * ow..][columns.clone()];
                    let to = &mut to[self.place(row, r) * width..][..width];
                    let to = &mut to[self.place(columns.start, s)..];
                    if stride == 1 {
                        to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
                    } else {
                        to.iter_mut().step_by(stride).zip(from).for_each(|(to, from)| *to += from);
                    }
                }
            }
        }
    }

    /// Where the product of output row (or column) `index` and tap `tap` goes.
    fn place(&self, index: usize, tap: usize) -> usize {
        index * self.window.conv.stride as usize + tap - self.window.conv.padding as usize
    }

    /// The output rows (or columns) whose products with `tap` fall inside of `size`.
    fn reached(&self, tap: usize, size: usize, outputs: usize) -> std::ops::Range<usize> {
        let (stride, padding) = (self.window.conv.stride as usize, self.window.conv.padding as usize);
        let start = padding.saturating_sub(tap).div_ceil(stride).min(outputs);
        let end = (size + padding).saturating_sub(tap).div_ceil(stride).min(outputs);
        start..end.max(start)
    }
}

struct AddUp<'a> {
    plan: &'a Scatter,
    products: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for AddUp<'_> {
    type Out = ();

    fn run<S: Lanes>(self, simd: S) {
        let AddUp { plan, products, out } = self;
        let [_, channels, height, width] = plan.x;
        let (plane, planes) = (height * width, plan.x[0] * channels);
        if plane == 0 {
            return;
        }
        let out = Shared::new(out);
        // Some tens of thousands of additions a part.
        let chunk = (1usize << 15).div_ceil(plane * plan.window.kernel[0] * plan.window.kernel[1]);
        parallel::for_each(planes.div_ceil(chunk), |_, part| {
            for index in part * chunk..planes.min((part + 1) * chunk) {
                #[expect(unsafe_code, reason = "parts write their own planes")]
                // SAFETY: every plane is in one part.
                let to = unsafe { out.part(index * plane, plane) };
                simd.compiled(
                    #[inline(always)]
                    || plan.plane(products, index / channels, index % channels, to),
                );
            }
        });
    }
}
