//! Bilinear resampling of images by one affine map each, and its transpose.

use super::{Kernel, Lanes, Vector};
use crate::lanes::MOST;
use crate::{
    Border,
    parallel::{self, Shared},
};

/// Sizes of a resampling: `input [n, c, h, w]` and `output [n, c, oh, ow]`.
#[derive(Debug, Clone, Copy)]
pub struct Resampling {
    pub border: Border,
    pub channels: usize,
    /// Height and width of a plane that is read, by the transpose written.
    pub input: (usize, usize),
    /// Height and width of a plane that is written, by the transpose read.
    pub output: (usize, usize),
}

impl Vector {
    /// `x [n, c, h, w]` by `map [n, 2, 3]` to `out [n, c, oh, ow]`.
    pub fn sample(self, sizes: &Resampling, x: &[f32], map: &[f32], out: &mut [f32]) {
        each_image(sizes, out, sizes.output, x, sizes.input, map, |map, x, out| {
            self.call(Image { sizes, map, planes: Gather { x, out } });
        });
    }

    /// The transpose in x: `g [n, c, oh, ow]` to `out [n, c, h, w]`. An image is one part, whose sums are in the order
    /// of its pixels.
    pub fn sample_transpose(self, sizes: &Resampling, g: &[f32], map: &[f32], out: &mut [f32]) {
        each_image(sizes, out, sizes.input, g, sizes.output, map, |map, g, out| {
            out.fill(0.0);
            self.call(Image { sizes, map, planes: Scatter { g, out } });
        });
    }
}

/// Calls `work(map, read, written)` with each image's own part of the slices.
#[expect(unsafe_code, reason = "hands out images to several threads")]
fn each_image(
    sizes: &Resampling,
    written: &mut [f32],
    written_plane: (usize, usize),
    read: &[f32],
    read_plane: (usize, usize),
    map: &[f32],
    work: impl Fn(&[f32; 6], &[f32], &mut [f32]) + Sync,
) {
    let size = |plane: (usize, usize)| sizes.channels * plane.0 * plane.1;
    let (maps, rest) = map.as_chunks::<6>();
    let (read_len, written_len) = (size(read_plane), size(written_plane));
    assert!(
        rest.is_empty() && read.len() == maps.len() * read_len && written.len() == maps.len() * written_len,
        "sizes do not fit",
    );
    // Places in a plane are computed as floating-point numbers.
    assert!(sizes.input.0 * sizes.input.1 < 1 << 23, "a plane of more pixels than can be counted exactly");
    let shared = Shared::new(written);
    parallel::for_each(maps.len(), |_, image| {
        // SAFETY: images do not overlap.
        let written = unsafe { shared.part(image * written_len, written_len) };
        work(&maps[image], &read[image * read_len..][..read_len], written);
    });
}

/// What is done with the places and weights of some pixels of the output, from number `first` of a plane on.
trait Planes {
    fn pixels<L: Lanes>(&mut self, l: L, sizes: &Resampling, first: usize, taps: &Taps, count: usize);
}

struct Image<'a, P> {
    sizes: &'a Resampling,
    map: &'a [f32; 6],
    planes: P,
}

impl<P: Planes> Kernel for Image<'_, P> {
    type Out = ();

    #[inline(always)]
    fn run<L: Lanes>(mut self, l: L) {
        let (height, width) = self.sizes.output;
        if self.sizes.input.0 * self.sizes.input.1 == 0 {
            return;
        }
        let mut taps = Taps { places: [[0; MOST]; 4], weights: [[0.0; MOST]; 4] };
        for row in 0..height {
            for column in (0..width).step_by(L::COUNT) {
                taps.find(l, self.sizes, self.map, row, column);
                self.planes.pixels(l, self.sizes, row * width + column, &taps, (width - column).min(L::COUNT));
            }
        }
    }
}

/// The four places in a plane that each of a register of pixels reads, all of them inside, with their weights.
struct Taps {
    places: [[u32; MOST]; 4],
    weights: [[f32; MOST]; 4],
}

impl Taps {
    /// For the pixels of a row from `column` on.
    #[expect(unsafe_code, reason = "writes arrays")]
    #[inline(always)]
    fn find<L: Lanes>(&mut self, l: L, sizes: &Resampling, map: &[f32; 6], row: usize, column: usize) {
        const STEPS: [f32; MOST] = [0., 1., 2., 3., 4., 5., 6., 7., 8., 9., 10., 11., 12., 13., 14., 15.];
        let ((h, w), (oh, ow)) = (sizes.input, sizes.output);
        // SAFETY: the array has room for a register.
        let steps = unsafe { l.load(STEPS.as_ptr()) };
        let x = l.sub(l.add(l.splat(column as f32), steps), l.splat(half(ow)));
        let y = l.splat(row as f32 - half(oh));
        let columns = ends(l, coordinate(l, &map[..3], (x, y), w), w, sizes.border);
        let rows = ends(l, coordinate(l, &map[3..], (x, y), h), h, sizes.border);
        for (corner, (places, weights)) in self.places.iter_mut().zip(&mut self.weights).enumerate() {
            let ((row, row_weight), (column, column_weight)) = (rows[corner / 2], columns[corner % 2]);
            let place = l.add(l.mul(row, l.splat(w as f32)), column);
            // Whole numbers below 2^23 are the low bits of their sum with it.
            let bits = l.and(l.bits(l.add(place, l.splat(8_388_608.0))), l.word(0x007f_ffff));
            // SAFETY: the arrays have room for a register.
            unsafe {
                l.store(l.float(bits), places.as_mut_ptr().cast());
                l.store(l.mul(row_weight, column_weight), weights.as_mut_ptr());
            }
        }
    }
}

/// Along an axis of the input, for pixels so far from the centre of the output: in this order, and without fused
/// operations, as the reference has it.
#[inline(always)]
fn coordinate<L: Lanes>(l: L, map: &[f32], (x, y): (L::F, L::F), size: usize) -> L::F {
    let turned = l.add(l.mul(l.splat(map[0]), x), l.mul(l.splat(map[1]), y));
    l.add(l.add(turned, l.splat(map[2])), l.splat(half(size)))
}

fn half(size: usize) -> f32 {
    (size as f32 - 1.0) / 2.0
}

/// The two pixels of an axis that a coordinate lies between, clamped into the axis, with their weights (0 outside).
#[inline(always)]
fn ends<L: Lanes>(l: L, coordinate: L::F, size: usize, border: Border) -> [(L::F, L::F); 2] {
    let (zero, one, last) = (l.splat(0.0), l.splat(1.0), l.splat(size as f32 - 1.0));
    let coordinate = match border {
        Border::Zero => coordinate,
        // In this order, what is not a number stays that.
        Border::Edge => l.max(zero, l.min(last, coordinate)),
    };
    let low = l.floor(coordinate);
    let fraction = l.sub(coordinate, low);
    [end(l, low, l.sub(one, fraction), last), end(l, l.add(low, one), fraction, last)]
}

#[inline(always)]
fn end<L: Lanes>(l: L, place: L::F, weight: L::F, last: L::F) -> (L::F, L::F) {
    let zero = l.splat(0.0);
    let weight = l.select(l.ge(place, zero), weight, zero);
    let weight = l.select(l.ge(last, place), weight, zero);
    // What is not a number becomes 0.
    (l.min(l.max(place, zero), last), weight)
}

struct Gather<'a> {
    x: &'a [f32],
    out: &'a mut [f32],
}

impl Planes for Gather<'_> {
    #[expect(unsafe_code, reason = "leaves out checks of the innermost loop")]
    #[inline(always)]
    fn pixels<L: Lanes>(&mut self, _: L, sizes: &Resampling, first: usize, taps: &Taps, count: usize) {
        let (plane, out_plane) = (sizes.input.0 * sizes.input.1, sizes.output.0 * sizes.output.1);
        for channel in 0..sizes.channels {
            let x = &self.x[channel * plane..][..plane];
            let out = &mut self.out[channel * out_plane + first..][..count];
            for (pixel, out) in out.iter_mut().enumerate() {
                // SAFETY: `Taps` holds places inside of a plane.
                let term = |corner: usize| unsafe {
                    taps.weights[corner][pixel] * x.get_unchecked(taps.places[corner][pixel] as usize)
                };
                *out = (term(0) + term(1)) + (term(2) + term(3));
            }
        }
    }
}

struct Scatter<'a> {
    g: &'a [f32],
    out: &'a mut [f32],
}

impl Planes for Scatter<'_> {
    #[expect(unsafe_code, reason = "leaves out checks of the innermost loop")]
    #[inline(always)]
    fn pixels<L: Lanes>(&mut self, _: L, sizes: &Resampling, first: usize, taps: &Taps, count: usize) {
        let (plane, g_plane) = (sizes.input.0 * sizes.input.1, sizes.output.0 * sizes.output.1);
        for channel in 0..sizes.channels {
            let out = &mut self.out[channel * plane..][..plane];
            let g = &self.g[channel * g_plane + first..][..count];
            for (pixel, g) in g.iter().enumerate() {
                for corner in 0..4 {
                    // SAFETY: `Taps` holds places inside of a plane.
                    let place = unsafe { out.get_unchecked_mut(taps.places[corner][pixel] as usize) };
                    *place += taps.weights[corner][pixel] * g;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};

    /// Calls `term(input place, output place, weight)` for every pixel that an output pixel of a plane reads, in f64.
    fn taps(sizes: &Resampling, map: &[f32], mut term: impl FnMut(usize, usize, f64)) {
        let ((h, w), (oh, ow)) = (sizes.input, sizes.output);
        let half = |size: usize| (size as f64 - 1.0) / 2.0;
        let corners = |coordinate: f64, size: usize| {
            let last = size as f64 - 1.0;
            let at = if sizes.border == Border::Edge { coordinate.clamp(0.0, last) } else { coordinate };
            let low = at.floor();
            [(low, 1.0 - (at - low)), (low + 1.0, at - low)]
                .map(|(p, weight)| (p, if (0.0..=last).contains(&p) { weight } else { 0.0 }))
        };
        for (p, q) in (0..oh).flat_map(|p| (0..ow).map(move |q| (p, q))) {
            let (x, y) = (q as f64 - half(ow), p as f64 - half(oh));
            let at = |m: &[f32], size| f64::from(m[0]) * x + f64::from(m[1]) * y + f64::from(m[2]) + half(size);
            for (i, row) in corners(at(&map[3..], h), h) {
                for (j, column) in corners(at(&map[..3], w), w) {
                    if row * column != 0.0 {
                        term(i as usize * w + j as usize, p * ow + q, row * column);
                    }
                }
            }
        }
    }

    #[test]
    fn images_and_their_transposes() {
        let maps: [[f32; 6]; 6] = [
            [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
            [-1.0, 0.0, 2.0, 0.0, 1.0, -3.0],
            [0.5, 0.0, 0.25, 0.0, 0.5, 0.25],
            [0.9, 0.3, 0.7, -0.3, 0.8, -1.1],
            [1.5, 0.0, 0.0, 0.0, 1.5, 100.0],
            [2.0, 0.1, 1e9, 0.0, 1.5, -1e9],
        ];
        for vector in vectors() {
            for border in [Border::Zero, Border::Edge] {
                for (input, output) in [((28, 28), (28, 28)), ((5, 9), (7, 3)), ((1, 1), (4, 19)), ((16, 16), (32, 33))]
                {
                    let sizes = Resampling { border, channels: 2, input, output };
                    let (plane, out_plane) = (input.0 * input.1, output.0 * output.1);
                    let (x, g) = (values(maps.len() * 2 * plane, 1), values(maps.len() * 2 * out_plane, 2));
                    let (mut y, mut back) = (vec![f32::NAN; g.len()], vec![f32::NAN; x.len()]);
                    vector.sample(&sizes, &x, maps.as_flattened(), &mut y);
                    vector.sample_transpose(&sizes, &g, maps.as_flattened(), &mut back);
                    let (mut want_y, mut want_back) = (vec![0.0; g.len()], vec![0.0; x.len()]);
                    for image in 0..maps.len() {
                        for channel in [2 * image, 2 * image + 1] {
                            taps(&sizes, &maps[image], |i, o, weight| {
                                let (i, o) = (channel * plane + i, channel * out_plane + o);
                                want_y[o] += weight * f64::from(x[i]);
                                want_back[i] += weight * f64::from(g[o]);
                            });
                        }
                    }
                    let close = |got: &[f32], want: &[f64]| {
                        got.iter()
                            .zip(want)
                            .all(|(got, want)| (f64::from(*got) - want).abs() < 1e-4 * want.abs().max(1.0))
                    };
                    assert!(close(&y, &want_y) && close(&back, &want_back), "{vector:?} {sizes:?}");
                }
            }
        }
    }
}
