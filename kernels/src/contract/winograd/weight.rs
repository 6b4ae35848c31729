//! The gradient of 3 x 3 kernels: the algorithm of the forward direction transposed. The products of one point are summed
//! over tiles, and only the sums are transformed to taps.

use super::{POINTS, TILE, Tiles, load_points, padded_rows, transform, transform_input};
use crate::{
    Conv, Isa,
    contract::{
        product::align,
        simd::{Kernel, Lanes, MAX_LANES, Simd, dispatch},
        tile::{Left, MAX_COLUMNS, MAX_ROWS, tile},
    },
    parallel::{self, Shared},
};

/// Taps of a kernel.
const TAPS: usize = 9;
/// Tiles in a part: with 32 channels, their transformed inputs are 576 KiB.
const CHUNK: usize = 128;
/// Parts below which they are made smaller, down to a quarter.
const PARTS: usize = 8;

/// A planned weight gradient.
#[derive(Debug, Clone, Copy)]
pub struct Weight {
    isa: Isa,
    inputs: Tiles,
    outputs: Tiles,
    /// Tiles in a part.
    chunk: usize,
}

impl Weight {
    pub fn new(isa: Isa, conv: Conv, x: [usize; 4], kernel: [usize; 4], out: [usize; 2]) -> Weight {
        let inputs = Tiles::of_inputs(x, conv.padding as isize, out);
        let outputs = Tiles::of_outputs([x[0], kernel[0], out[0], out[1]]);
        let wanted = PARTS.div_ceil(x[1].div_ceil(MAX_COLUMNS).max(1));
        let chunk = inputs.len().div_ceil(wanted).clamp(CHUNK / 4, CHUNK);
        Weight { isa, inputs, outputs, chunk }
    }

    fn chunks(&self) -> usize {
        self.inputs.len().div_ceil(self.chunk)
    }

    /// Channels of the input, rounded up to whole blocks of any instruction set.
    fn padded_inputs(&self) -> usize {
        self.inputs.channels.next_multiple_of(MAX_COLUMNS)
    }

    /// Lengths of what is shared by all workers: the copies of both operands, the transformed gradient of the output, and
    /// the taps' gradient from each chunk.
    fn shared(&self) -> [usize; 4] {
        let outputs = self.outputs.channels;
        [
            self.inputs.pad.len(),
            if self.outputs.pad.is_nothing() { 0 } else { self.outputs.pad.len() },
            POINTS * self.inputs.len() * padded_rows(outputs),
            self.chunks() * outputs * TAPS * self.padded_inputs(),
        ]
        .map(align)
    }

    /// A worker's transformed inputs, and products of some rows.
    fn block(&self) -> usize {
        POINTS * (self.chunk + MAX_ROWS) * MAX_COLUMNS
    }

    pub fn scratch(&self) -> usize {
        self.shared().iter().sum::<usize>() + parallel::workers() * self.block()
    }

    pub fn run(&self, x: &[f32], g: &[f32], out: &mut [f32], scratch: &mut [f32]) {
        if self.inputs.len() == 0 {
            out.fill(0.0);
        } else if !out.is_empty() {
            dispatch(self.isa, Run { plan: self, x, g, out, scratch });
        }
    }
}

struct Run<'a> {
    plan: &'a Weight,
    x: &'a [f32],
    g: &'a [f32],
    out: &'a mut [f32],
    scratch: &'a mut [f32],
}

impl Kernel for Run<'_> {
    type Out = ();

    fn run<S: Lanes>(self, simd: S) {
        let Run { plan, x, mut g, out, scratch } = self;
        let [inputs, outputs, gradient, stage] = plan.shared();
        let (inputs, scratch) = scratch.split_at_mut(inputs);
        let (outputs, scratch) = scratch.split_at_mut(outputs);
        let (gradient, scratch) = scratch.split_at_mut(gradient);
        let (stage, blocks) = scratch.split_at_mut(stage);
        plan.inputs.pad.run(x, inputs);
        if !plan.outputs.pad.is_nothing() {
            plan.outputs.pad.run(g, outputs);
            g = outputs;
        }
        plan.transform_gradient(simd, g, gradient);
        plan.multiply(simd, inputs, gradient, stage, blocks);
        plan.unstage(stage, out);
    }
}

impl Weight {
    /// To `[point][tile][output channel]`.
    fn transform_gradient<S: Simd>(&self, simd: S, g: &[f32], to: &mut [f32]) {
        let (tiles, rows) = (self.outputs.len(), padded_rows(self.outputs.channels));
        let to = Shared::new(to);
        parallel::for_each(tiles, |_, tile| {
            for first in (0..self.outputs.channels).step_by(S::COUNT) {
                let offsets = lanes::<S>(self.outputs.plane(), first, self.outputs.channels);
                let from = &g[self.outputs.offset(tile)..];
                simd.compiled(
                    #[inline(always)]
                    || {
                        transform::both_axes(
                            simd,
                            #[inline(always)]
                            |values| transform::gradient(simd, values),
                            #[inline(always)]
                            |i| simd.transposed(&from[i * self.outputs.row()..], &offsets),
                            #[inline(always)]
                            |j, column| {
                                for i in 0..TILE {
                                    let at = ((i * TILE + j) * tiles + tile) * rows + first;
                                    #[expect(unsafe_code, reason = "parts write the rows of their own tile")]
                                    // SAFETY: every tile is in one part.
                                    simd.write(column[i], unsafe { to.part(at, S::COUNT) });
                                }
                            },
                        );
                    },
                );
            }
        });
    }

    fn multiply<S: Simd>(&self, simd: S, inputs: &[f32], gradient: &[f32], stage: &mut [f32], blocks: &mut [f32]) {
        let (stage, blocks) = (Shared::new(stage), Shared::new(blocks));
        let width = S::COUNT * S::VECTORS.min(2);
        let columns = self.inputs.channels.div_ceil(width);
        parallel::for_each(columns * self.chunks(), |worker, part| {
            #[expect(unsafe_code, reason = "workers have their own blocks")]
            // SAFETY: calls with equal `worker` never overlap.
            let block = unsafe { blocks.part(worker * self.block(), self.block()) };
            let channels = part % columns * width..self.inputs.channels.min((part % columns + 1) * width);
            self.part(simd, [inputs, gradient], stage, block, channels, part / columns);
        });
    }

    /// Some input channels, all output channels, some tiles.
    fn part<S: Simd>(
        &self,
        simd: S,
        [inputs, gradient]: [&[f32]; 2],
        stage: Shared<'_>,
        block: &mut [f32],
        channels: std::ops::Range<usize>,
        chunk: usize,
    ) {
        let tiles = chunk * self.chunk..self.inputs.len().min((chunk + 1) * self.chunk);
        let vectors = channels.len().div_ceil(S::COUNT);
        let width = vectors * S::COUNT;
        let (values, products) = block.split_at_mut(POINTS * self.chunk * MAX_COLUMNS);
        for v in 0..vectors {
            let offsets = lanes::<S>(self.inputs.plane(), channels.start + v * S::COUNT, self.inputs.channels);
            for tile in tiles.clone() {
                let from = &inputs[self.inputs.offset(tile)..];
                let to = &mut values[(tile - tiles.start) * width + v * S::COUNT..];
                simd.compiled(
                    #[inline(always)]
                    || transform_input(simd, from, &offsets, self.inputs.row(), to, tiles.len() * width),
                );
            }
        }
        let (outputs, rows) = (self.outputs.channels, padded_rows(self.outputs.channels));
        let panels = outputs.div_ceil(S::ROWS);
        for panel in 0..panels {
            let (start, end) = (panel * outputs / panels, (panel + 1) * outputs / panels);
            for (point, products) in products.chunks_exact_mut(MAX_ROWS * width).take(POINTS).enumerate() {
                let data = &gradient[(point * self.inputs.len() + tiles.start) * rows..][..tiles.len() * rows];
                let b = &values[point * tiles.len() * width..][..tiles.len() * width];
                tile(simd, Left { data: &data[start..], stride: rows }, b, [end - start, vectors], products);
            }
            for (row, output) in (start..end).enumerate() {
                for v in 0..vectors {
                    let from = &products[row * width + v * S::COUNT..];
                    let at = (chunk * outputs + output) * TAPS * self.padded_inputs() + channels.start + v * S::COUNT;
                    simd.compiled(
                        #[inline(always)]
                        || self.write(simd, from, MAX_ROWS * width, stage, at),
                    );
                }
            }
        }
    }

    /// Transforms summed products to taps: those of one output and `LANES` input channels.
    #[inline(always)]
    fn write<S: Simd>(&self, simd: S, products: &[f32], stride: usize, stage: Shared<'_>, at: usize) {
        transform::both_axes(
            simd,
            #[inline(always)]
            |values| transform::taps(simd, values),
            #[inline(always)]
            |i| load_points(simd, products, i, stride),
            #[inline(always)]
            |j, column| {
                for i in 0..3 {
                    #[expect(unsafe_code, reason = "parts write their own channels of their own chunk")]
                    // SAFETY: every pair of channels and chunk is in one part.
                    simd.write(column[i], unsafe { stage.part(at + (i * 3 + j) * self.padded_inputs(), S::COUNT) });
                }
            },
        );
    }

    /// Adds up the chunks in order, and puts the taps of a kernel side by side.
    fn unstage(&self, stage: &[f32], out: &mut [f32]) {
        let (inputs, outputs) = (self.inputs.channels, self.outputs.channels);
        let (out, padded) = (Shared::new(out), self.padded_inputs());
        parallel::for_each(outputs, |_, output| {
            #[expect(unsafe_code, reason = "parts write the kernels of their own output")]
            // SAFETY: every output is in one part.
            let out = unsafe { out.part(output * inputs * TAPS, inputs * TAPS) };
            for chunk in 0..self.chunks() {
                let stage = &stage[(chunk * outputs + output) * TAPS * padded..][..TAPS * padded];
                for tap in 0..TAPS {
                    for (to, from) in out[tap..].iter_mut().step_by(TAPS).zip(&stage[tap * padded..]) {
                        *to = if chunk == 0 { *from } else { *to + from };
                    }
                }
            }
        });
    }
}

/// Offsets of as many channels as there are lanes, from `first` on; the last one again where there are no more.
fn lanes<S: Simd>(plane: usize, first: usize, channels: usize) -> [usize; MAX_LANES] {
    std::array::from_fn(|l| if l < S::COUNT { (first + l).min(channels - 1) * plane } else { 0 })
}
