//! Convolution of images by 3 x 3 kernels; the input gradient is the same with other kernels.

use super::{POINTS, STEP, TILE, Tiles, load_points, padded_rows, transform, transform_input};
use crate::{
    Conv, Isa,
    contract::{
        product::align,
        simd::{Kernel, Lanes, MAX_LANES, Simd, dispatch},
        tile::{Left, MAX_COLUMNS, MAX_ROWS, tile},
    },
    parallel::{self, Shared},
};

/// Blocks of tiles below which they are made narrower, to have more of them.
const BLOCKS: usize = 8;

/// A planned convolution from `inputs` to `outputs` channels.
#[derive(Debug, Clone, Copy)]
pub struct Forward {
    isa: Isa,
    tiles: Tiles,
    kernels: Kernels,
    outputs: usize,
    /// Height and width of the result.
    out: [usize; 2],
}

/// Where the kernel from an input to an output channel lies, and whether it is read backwards.
#[derive(Debug, Clone, Copy)]
struct Kernels {
    input_stride: usize,
    output_stride: usize,
    reversed: bool,
}

impl Forward {
    pub fn conv2d(isa: Isa, conv: Conv, x: [usize; 4], kernel: [usize; 4], out: [usize; 2]) -> Forward {
        let kernels = Kernels { input_stride: 9, output_stride: kernel[1] * 9, reversed: false };
        Forward { isa, tiles: Tiles::of_inputs(x, conv.padding as isize, out), kernels, outputs: kernel[0], out }
    }

    pub fn input_grad(isa: Isa, conv: Conv, x: [usize; 4], kernel: [usize; 4], out: [usize; 2]) -> Forward {
        let kernels = Kernels { input_stride: kernel[1] * 9, output_stride: 9, reversed: true };
        let gradient = [x[0], kernel[0], out[0], out[1]];
        let size = [x[2], x[3]];
        let tiles = Tiles::of_inputs(gradient, 2 - conv.padding as isize, size);
        Forward { isa, tiles, kernels, outputs: kernel[1], out: size }
    }

    fn inputs(&self) -> usize {
        self.tiles.channels
    }

    fn padded(&self) -> usize {
        align(self.tiles.pad.len())
    }

    fn transformed_kernels(&self) -> usize {
        align(POINTS * self.inputs() * padded_rows(self.outputs))
    }

    /// A worker's transformed inputs of a block of tiles, and products of some rows.
    fn block(&self) -> usize {
        align(POINTS * self.inputs() * MAX_COLUMNS) + POINTS * MAX_ROWS * MAX_COLUMNS
    }

    pub fn scratch(&self) -> usize {
        self.padded() + self.transformed_kernels() + parallel::workers() * self.block()
    }

    pub fn run(&self, x: &[f32], kernel: &[f32], out: &mut [f32], scratch: &mut [f32]) {
        if self.inputs() == 0 {
            out.fill(0.0);
        } else if !out.is_empty() {
            dispatch(self.isa, Run { plan: self, x, kernel, out, scratch });
        }
    }
}

struct Run<'a> {
    plan: &'a Forward,
    x: &'a [f32],
    kernel: &'a [f32],
    out: &'a mut [f32],
    scratch: &'a mut [f32],
}

impl Kernel for Run<'_> {
    type Out = ();

    fn run<S: Lanes>(self, simd: S) {
        let Run { plan, x, kernel, out, scratch } = self;
        let (padded, scratch) = scratch.split_at_mut(plan.padded());
        let (kernels, blocks) = scratch.split_at_mut(plan.transformed_kernels());
        plan.tiles.pad.run(x, padded);
        plan.transform_kernels(simd, kernel, kernels);
        plan.multiply(simd, padded, kernels, out, blocks);
    }
}

impl Forward {
    /// To `[point][input][output]`.
    fn transform_kernels<S: Simd>(&self, simd: S, kernel: &[f32], to: &mut [f32]) {
        let (to, rows) = (Shared::new(to), padded_rows(self.outputs));
        parallel::for_each(self.inputs(), |_, input| {
            for first in (0..self.outputs).step_by(S::COUNT) {
                let mut lanes = [input * self.kernels.input_stride; MAX_LANES];
                for (l, lane) in lanes.iter_mut().enumerate() {
                    *lane += (first + l).min(self.outputs - 1) * self.kernels.output_stride;
                }
                simd.compiled(
                    #[inline(always)]
                    || {
                        transform::both_axes(
                            simd,
                            #[inline(always)]
                            |values| transform::kernel(simd, values),
                            #[inline(always)]
                            |i| self.kernel_row(simd, kernel, &lanes, i),
                            #[inline(always)]
                            |j, column| {
                                for i in 0..TILE {
                                    let at = ((i * TILE + j) * self.inputs() + input) * rows + first;
                                    #[expect(unsafe_code, reason = "parts write the rows of their own input")]
                                    // SAFETY: every input is in one part.
                                    simd.write(column[i], unsafe { to.part(at, S::COUNT) });
                                }
                            },
                        );
                    },
                );
            }
        });
    }

    /// Row `i` of one kernel a lane.
    #[inline(always)]
    fn kernel_row<S: Simd>(&self, simd: S, kernel: &[f32], lanes: &[usize], i: usize) -> [S::F; 3] {
        let row = if self.kernels.reversed { 2 - i } else { i };
        // Four neighbours are read: in the last row, from one tap earlier on.
        let early = usize::from(row == 2);
        let taps = simd.transposed(&kernel[row * 3 - early..], lanes);
        let [a, b, c] = if row == 2 { [taps[1], taps[2], taps[3]] } else { [taps[0], taps[1], taps[2]] };
        if self.kernels.reversed { [c, b, a] } else { [a, b, c] }
    }

    fn multiply<S: Simd>(&self, simd: S, padded: &[f32], kernels: &[f32], out: &mut [f32], blocks: &mut [f32]) {
        let (out, blocks) = (Shared::new(out), Shared::new(blocks));
        let tiles = self.tiles.len();
        let wide = S::COUNT * S::VECTORS.min(2);
        let width = if tiles.div_ceil(wide) < BLOCKS { S::COUNT } else { wide };
        parallel::for_each(tiles.div_ceil(width), |worker, part| {
            #[expect(unsafe_code, reason = "workers have their own blocks")]
            // SAFETY: calls with equal `worker` never overlap.
            let block = unsafe { blocks.part(worker * self.block(), self.block()) };
            let count = width.min(tiles - part * width);
            self.part(simd, padded, kernels, out, block, [part * width, count]);
        });
    }

    /// All channels of some tiles.
    fn part<S: Simd>(
        &self,
        simd: S,
        padded: &[f32],
        kernels: &[f32],
        out: Shared<'_>,
        block: &mut [f32],
        [first, count]: [usize; 2],
    ) {
        let (inputs, rows) = (self.inputs(), padded_rows(self.outputs));
        let vectors = count.div_ceil(S::COUNT);
        let width = vectors * S::COUNT;
        let (values, products) = block.split_at_mut(align(POINTS * inputs * MAX_COLUMNS));
        for v in 0..vectors {
            let mut offsets = [0; MAX_LANES];
            for (l, offset) in offsets.iter_mut().enumerate() {
                *offset = self.tiles.offset(first + (v * S::COUNT + l).min(count - 1));
            }
            for input in 0..inputs {
                let from = &padded[input * self.tiles.plane()..];
                let to = &mut values[input * width + v * S::COUNT..];
                simd.compiled(
                    #[inline(always)]
                    || transform_input(simd, from, &offsets, self.tiles.row(), to, inputs * width),
                );
            }
        }
        let panels = self.outputs.div_ceil(S::ROWS);
        for panel in 0..panels {
            let (start, end) = (panel * self.outputs / panels, (panel + 1) * self.outputs / panels);
            for (point, products) in products.chunks_exact_mut(MAX_ROWS * width).take(POINTS).enumerate() {
                let a = Left { data: &kernels[point * inputs * rows..][..inputs * rows][start..], stride: rows };
                let b = &values[point * inputs * width..][..inputs * width];
                tile(simd, a, b, [end - start, vectors], products);
            }
            for (row, output) in (start..end).enumerate() {
                for v in 0..vectors {
                    let from = &products[row * width + v * S::COUNT..];
                    let tiles = [first + v * S::COUNT, (count - v * S::COUNT).min(S::COUNT)];
                    simd.compiled(
                        #[inline(always)]
                        || self.write(simd, from, MAX_ROWS * width, out, output, tiles),
                    );
                }
            }
        }
    }

    /// Transforms the products of `count` tiles, a lane each, to one channel of the result.
    #[inline(always)]
    fn write<S: Simd>(
        &self,
        simd: S,
        products: &[f32],
        stride: usize,
        out: Shared<'_>,
        channel: usize,
        [first, count]: [usize; 2],
    ) {
        let mut columns = [[simd.splat(0.0); STEP]; STEP];
        transform::both_axes(
            simd,
            #[inline(always)]
            |values| transform::output(simd, values),
            #[inline(always)]
            |i| load_points(simd, products, i, stride),
            #[inline(always)]
            |j, column| columns[j] = column,
        );
        let mut pixels = [[0.0; STEP * MAX_LANES]; STEP];
        for i in 0..STEP {
            simd.interleave([columns[0][i], columns[1][i], columns[2][i], columns[3][i]], &mut pixels[i]);
        }
        let [height, width] = self.out;
        for l in 0..count {
            let [image, row, column] = self.tiles.place(first + l);
            let (row, column) = (row * STEP, column * STEP);
            let start = (image * self.outputs + channel) * height * width + row * width + column;
            let inside = STEP.min(width - column);
            for i in 0..STEP.min(height - row) {
                #[expect(unsafe_code, reason = "parts write their own tiles")]
                // SAFETY: every tile is in one part.
                let to = unsafe { out.part(start + i * width, inside) };
                let from = &pixels[i][l * STEP..(l + 1) * STEP];
                match to.first_chunk_mut::<STEP>() {
                    Some(to) => to.copy_from_slice(from),
                    None => to.copy_from_slice(&from[..inside]),
                }
            }
        }
    }
}
