//! Convolutions and their transposes on the host: unfolded patches in the cache, times packed panels.
//!
//! A *unit* is a few whole images, enough that a matrix product is worth its overhead; units run side by side. How
//! images fall into units depends on shapes alone, so results do not depend on the number of threads.

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use super::{
    host,
    matmul::{Matrix, product},
};
use crate::{graph::Conv, shape::Shape};

/// Sizes of a convolution, per group.
#[derive(Debug, Clone, Copy)]
struct Geometry {
    images: usize,
    groups: usize,
    /// Channels of x and y in a group.
    ci: usize,
    co: usize,
    h: usize,
    w: usize,
    kh: usize,
    kw: usize,
    oh: usize,
    ow: usize,
    stride: usize,
    padding: usize,
}

impl Geometry {
    fn new(conv: &Conv, x: Shape, k: Shape, y: Shape) -> Geometry {
        Geometry {
            images: x.dim(0),
            groups: conv.groups as usize,
            ci: k.dim(1),
            co: k.dim(0) / conv.groups as usize,
            h: x.dim(2),
            w: x.dim(3),
            kh: k.dim(2),
            kw: k.dim(3),
            oh: y.dim(2),
            ow: y.dim(3),
            stride: conv.stride as usize,
            padding: conv.padding as usize,
        }
    }

    /// Elements of x, k (one group's), and y in one image.
    fn x(&self) -> usize {
        self.groups * self.ci * self.h * self.w
    }

    fn k(&self) -> usize {
        self.co * self.patch()
    }

    fn y(&self) -> usize {
        self.groups * self.co * self.pixels()
    }

    /// Elements that one output pixel reads.
    fn patch(&self) -> usize {
        self.ci * self.kh * self.kw
    }

    /// Output pixels of an image.
    fn pixels(&self) -> usize {
        self.oh * self.ow
    }

    /// Images of a unit: about 256 output pixels, but four units at least.
    fn unit(&self) -> usize {
        256_usize.div_ceil(self.pixels()).min(self.images.div_ceil(4)).max(1)
    }

    /// Whether there are too few units to give every thread one.
    fn few(&self, units: usize) -> bool {
        units < rayon::current_num_threads()
    }

    /// Calls `row(row of the patches, column in that row, start in x, length)` for every stretch of an image's
    /// patches that lies within the image; element i of the stretch is at `start + i * stride` in x.
    fn stretches(&self, mut row: impl FnMut(usize, usize, usize, usize)) {
        for channel in 0..self.ci {
            for i in 0..self.kh {
                for j in 0..self.kw {
                    let (first, last) = self.inside(j);
                    for p in 0..self.oh {
                        let y = p * self.stride + i;
                        if y < self.padding || y - self.padding >= self.h || first >= last {
                            continue;
                        }
                        let start =
                            (channel * self.h + y - self.padding) * self.w + first * self.stride + j - self.padding;
                        row((channel * self.kh + i) * self.kw + j, p * self.ow + first, start, last - first);
                    }
                }
            }
        }
    }

    /// The output columns for which column `j` of the kernel lies within the image.
    fn inside(&self, j: usize) -> (usize, usize) {
        let first = self.padding.saturating_sub(j).div_ceil(self.stride);
        let last = (self.w + self.padding).saturating_sub(j).div_ceil(self.stride).min(self.ow);
        (first, last)
    }
}

/// What a thread works in: patches `[patch, images * pixels]` and outputs `[co, images * pixels]` of a unit.
struct Scratch {
    patches: Vec<f32>,
    /// For how many columns the patches are zero wherever a kernel leaves the image; unfolding never writes there.
    zero_for: usize,
    outputs: Vec<f32>,
}

impl Scratch {
    fn new(geometry: &Geometry) -> Scratch {
        let columns = geometry.unit() * geometry.pixels();
        let patches = vec![0.0; geometry.patch() * columns];
        Scratch { patches, zero_for: columns, outputs: vec![0.0; geometry.co * columns] }
    }

    /// Unfolds group `group` of the images `x`.
    fn unfold(&mut self, geometry: &Geometry, x: &[f32], group: usize) {
        let count = x.len() / geometry.x();
        let columns = count * geometry.pixels();
        if self.zero_for != columns {
            self.patches.fill(0.0);
            self.zero_for = columns;
        }
        for (image, x) in x.chunks_exact(geometry.x()).enumerate() {
            let x = &x[group * geometry.ci * geometry.h * geometry.w..];
            let before = image * geometry.pixels();
            geometry.stretches(|row, column, start, len| {
                let at = row * columns + before + column;
                let places = &mut self.patches[at..at + len];
                if geometry.stride == 1 {
                    places.copy_from_slice(&x[start..start + len]);
                } else {
                    let x = x[start..].iter().step_by(geometry.stride);
                    places.iter_mut().zip(x).for_each(|(place, &x)| *place = x);
                }
            });
        }
    }

    /// Adds the patches into group `group` of the images `x`: the transpose of [`Scratch::unfold`].
    fn fold(&self, geometry: &Geometry, x: &mut [f32], group: usize) {
        let count = x.len() / geometry.x();
        let columns = count * geometry.pixels();
        for (image, x) in x.chunks_exact_mut(geometry.x()).enumerate() {
            let x = &mut x[group * geometry.ci * geometry.h * geometry.w..];
            let before = image * geometry.pixels();
            geometry.stretches(|row, column, start, len| {
                let at = row * columns + before + column;
                let patches = &self.patches[at..at + len];
                if geometry.stride == 1 {
                    x[start..start + len].iter_mut().zip(patches).for_each(|(place, &patch)| *place += patch);
                } else {
                    let places = x[start..].iter_mut().step_by(geometry.stride);
                    places.zip(patches).for_each(|(place, &patch)| *place += patch);
                }
            });
        }
    }

    /// Copies group `group` of the outputs `y [images, groups * co, pixels]` in, as `[co, images * pixels]`.
    fn gather(&mut self, geometry: &Geometry, y: &[f32], group: usize) {
        let (pixels, count) = (geometry.pixels(), y.len() / geometry.y());
        for (image, y) in y.chunks_exact(geometry.y()).enumerate() {
            let y = &y[group * geometry.co * pixels..];
            for (channel, row) in y.chunks_exact(pixels).take(geometry.co).enumerate() {
                let at = (channel * count + image) * pixels;
                self.outputs[at..at + pixels].copy_from_slice(row);
            }
        }
    }

    /// Copies group `group` of the outputs out: the reverse of [`Scratch::gather`].
    fn scatter(&self, geometry: &Geometry, y: &mut [f32], group: usize) {
        let (pixels, count) = (geometry.pixels(), y.len() / geometry.y());
        for (image, y) in y.chunks_exact_mut(geometry.y()).enumerate() {
            let y = &mut y[group * geometry.co * pixels..];
            for (channel, row) in y.chunks_exact_mut(pixels).take(geometry.co).enumerate() {
                let at = (channel * count + image) * pixels;
                row.copy_from_slice(&self.outputs[at..at + pixels]);
            }
        }
    }
}

fn shape(x: &Tensor) -> Result<Shape> {
    Shape::try_new(x.dims()).ok_or_else(|| candle_core::Error::Msg("a shape of too many elements".into()))
}

pub(super) fn forward(conv: &Conv, x: &Tensor, k: &Tensor, out: Shape) -> Result<Tensor> {
    let geometry = Geometry::new(conv, shape(x)?, shape(k)?, out);
    let mut y = vec![0.0; out.elements()];
    let unit = geometry.unit();
    let few = geometry.few(geometry.images.div_ceil(unit));
    host::with([x, k], |[x, k]| {
        let units = y.par_chunks_mut(unit * geometry.y()).zip(x.par_chunks(unit * geometry.x()));
        units.for_each_init(
            || Scratch::new(&geometry),
            |scratch, (y, x)| {
                let columns = y.len() / geometry.y() * geometry.pixels();
                for (group, k) in k.chunks_exact(geometry.k()).enumerate() {
                    scratch.unfold(&geometry, x, group);
                    let sizes = (geometry.co, columns, geometry.patch());
                    let (k, patches) = (Matrix::rows(k, geometry.patch()), Matrix::rows(&scratch.patches, columns));
                    product(sizes, &mut scratch.outputs, false, k, patches, few);
                    scratch.scatter(&geometry, y, group);
                }
            },
        );
    })?;
    host::tensor(y, out)
}

pub(super) fn input_grad(conv: &Conv, g: &Tensor, k: &Tensor, out: Shape) -> Result<Tensor> {
    let geometry = Geometry::new(conv, out, shape(k)?, shape(g)?);
    let mut x = vec![0.0; out.elements()];
    let unit = geometry.unit();
    let few = geometry.few(geometry.images.div_ceil(unit));
    host::with([g, k], |[g, k]| {
        let units = x.par_chunks_mut(unit * geometry.x()).zip(g.par_chunks(unit * geometry.y()));
        units.for_each_init(
            || Scratch::new(&geometry),
            |scratch, (x, g)| {
                let columns = g.len() / geometry.y() * geometry.pixels();
                for (group, k) in k.chunks_exact(geometry.k()).enumerate() {
                    scratch.gather(&geometry, g, group);
                    let sizes = (geometry.patch(), columns, geometry.co);
                    let k = Matrix::rows(k, geometry.patch()).transposed();
                    let g = Matrix::rows(&scratch.outputs, columns);
                    product(sizes, &mut scratch.patches, false, k, g, few);
                    scratch.fold(&geometry, x, group);
                }
            },
        );
    })?;
    host::tensor(x, out)
}

/// Sums over images: runs of units each sum their own, in order, and the runs are summed in order.
pub(super) fn weight_grad(conv: &Conv, x: &Tensor, g: &Tensor, out: Shape) -> Result<Tensor> {
    let geometry = Geometry::new(conv, shape(x)?, out, shape(g)?);
    let unit = geometry.unit();
    let units = geometry.images.div_ceil(unit);
    let run = unit * units.div_ceil(8);
    let few = geometry.few(geometry.images.div_ceil(run));
    let sums: Vec<Vec<f32>> = host::with([x, g], |[x, g]| {
        let runs = x.par_chunks(run * geometry.x()).zip(g.par_chunks(run * geometry.y()));
        runs.map_init(
            || Scratch::new(&geometry),
            |scratch, (x, g)| {
                let mut sum = vec![0.0; out.elements()];
                for (x, g) in x.chunks(unit * geometry.x()).zip(g.chunks(unit * geometry.y())) {
                    let columns = g.len() / geometry.y() * geometry.pixels();
                    for (group, sum) in sum.chunks_exact_mut(geometry.k()).enumerate() {
                        scratch.unfold(&geometry, x, group);
                        scratch.gather(&geometry, g, group);
                        let sizes = (geometry.co, geometry.patch(), columns);
                        let g = Matrix::rows(&scratch.outputs, columns);
                        let patches = Matrix::rows(&scratch.patches, columns).transposed();
                        product(sizes, sum, true, g, patches, few);
                    }
                }
                sum
            },
        )
        .collect()
    })?;
    let total = sums.into_iter().reduce(|mut total, part| {
        total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
        total
    });
    host::tensor(total.unwrap_or_default(), out)
}
