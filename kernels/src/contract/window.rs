//! The geometry of a convolution, and its tensors as matrices.

use super::{axis::Axis, output, pad::Pad, product::Matrix};
use crate::Conv;

/// Sizes of one group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub(super) conv: Conv,
    pub(super) groups: usize,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) kernel: [usize; 2],
    /// Height and width of the output.
    pub(super) out: [usize; 2],
}

impl Window {
    pub(super) fn new(conv: Conv, x: [usize; 4], kernel: [usize; 4]) -> Window {
        let groups = conv.groups as usize;
        Window {
            conv,
            groups,
            inputs: kernel[1],
            outputs: kernel[0] / groups,
            kernel: [kernel[2], kernel[3]],
            out: output(conv, x, kernel),
        }
    }

    /// Numbers in the kernel of one output channel.
    pub(super) fn taps(&self) -> usize {
        self.inputs * self.kernel[0] * self.kernel[1]
    }

    /// The windows of the input: lanes are the output's pixels, steps the taps.
    pub(super) fn of_input(&self, [n, channels, h, w]: [usize; 4]) -> (Option<Pad>, Matrix) {
        let padding = self.conv.padding as usize;
        let padded = [h + 2 * padding, w + 2 * padding];
        let pad = Pad { planes: n * channels, size: [h, w], padded, before: [padding as isize; 2], step: 1 };
        let (row, plane) = (padded[1] as isize, (padded[0] * padded[1]) as isize);
        let stride = self.conv.stride as isize;
        let matrix = Matrix {
            start: 0,
            batch: self.inputs * padded[0] * padded[1],
            lanes: Axis::new([(n, channels as isize * plane), (self.out[0], stride * row), (self.out[1], stride)]),
            steps: Axis::new([(self.inputs, plane), (self.kernel[0], row), (self.kernel[1], 1)]),
        };
        ((!pad.is_nothing()).then_some(pad), matrix)
    }

    /// The output of `n` images: lanes are channels, steps pixels.
    pub(super) fn of_output(&self, n: usize) -> Matrix {
        let plane = self.out[0] * self.out[1];
        Matrix {
            start: 0,
            batch: self.outputs * plane,
            lanes: Axis::line(self.outputs, plane),
            steps: Axis::new([(1, 0), (n, (self.outputs * self.groups * plane) as isize), (plane, 1)]),
        }
    }
}
