//! Multi-formation (IDC, Kim et al., ICML 2022; used by IDM, DANCE and NCFM): factor^2 small pictures share a canvas.

use crate::{graph::Tensor, nn::ImageSize};

/// The pictures of canvases `x [n, c, h, w]`: `[n f^2, c, h, w]`, tile-major (all canvases' tile (0, 0), then (0, 1),
/// ..), each tile enlarged bilinearly. A size that `factor` does not divide is padded right and below by 0.5.
#[track_caller]
pub fn decode(x: Tensor<'_>, factor: usize) -> Tensor<'_> {
    if factor <= 1 {
        return x;
    }
    let [n, c, h, w] = [0, 1, 2, 3].map(|axis| x.dim(axis));
    let (tile_h, tile_w) = (h.div_ceil(factor), w.div_ceil(factor));
    let padded = pad_with(pad_with(x, 2, tile_h * factor), 3, tile_w * factor);
    // [n, c, i, row, j, column] -> [i, j, n, c, row, column]
    let tiles = padded.reshape([n, c, factor, tile_h, factor, tile_w]).permute(&[2, 4, 0, 1, 3, 5]);
    tiles.reshape([factor * factor * n, c, tile_h, tile_w]).resize((h, w))
}

/// The middle of the range of pixels along `axis` up to `size`.
fn pad_with(x: Tensor<'_>, axis: usize, size: usize) -> Tensor<'_> {
    match size - x.dim(axis) {
        0 => x,
        missing => Tensor::concat(&[x, x.graph().fill(0.5, x.shape().with(axis, missing))], axis),
    }
}

/// For each decoded picture the canvas it comes from.
pub fn sources(canvases: usize, factor: usize) -> Vec<u32> {
    (0..factor.max(1).pow(2)).flat_map(|_| 0..canvases as u32).collect()
}

/// `decode` at factors 1, 2, .., `factor_max`, one after another.
#[track_caller]
pub fn decode_multi(x: Tensor<'_>, factor_max: usize) -> Tensor<'_> {
    let parts: Vec<Tensor<'_>> = (1..=factor_max).map(|factor| decode(x, factor)).collect();
    Tensor::concat(&parts, 0)
}

/// How many canvases each factor decodes so that at most `bound` pictures come out: pairs (factor, canvases), canvases
/// taken in order. Large factors first; what is left is shown once each.
pub fn bounded(canvases: usize, factor_max: usize, bound: usize) -> Vec<(usize, usize)> {
    let (mut left, mut shown, mut parts) = (canvases, 0, Vec::new());
    for factor in (1..=factor_max).rev() {
        let room = bound.saturating_sub(shown + left);
        let taken = if factor == 1 { left } else { (room / factor.pow(2)).min(left) };
        if taken > 0 {
            parts.push((factor, taken));
            (left, shown) = (left - taken, shown + taken * factor.pow(2));
        }
    }
    parts
}

/// The pictures of [`bounded`].
#[track_caller]
pub fn decode_bound(x: Tensor<'_>, factor_max: usize, bound: usize) -> Tensor<'_> {
    let mut start = 0;
    let mut parts = Vec::new();
    for (factor, canvases) in bounded(x.dim(0), factor_max, bound) {
        parts.push(decode(x.narrow(0, start, canvases), factor));
        start += canvases;
    }
    Tensor::concat(&parts, 0)
}

/// The initialiser `mix`: `n f^2` images (row-major values, block `k = i f + j` holds the n pictures of tile (i, j))
/// shrunk by nearest sampling and pasted into n canvases. The first `size mod f` rows and columns of tiles are one
/// pixel larger. Host work.
pub fn mix(images: &[f32], size: ImageSize, factor: usize) -> Vec<f32> {
    let factor = factor.max(1);
    let n = images.len() / size.elements() / factor.pow(2);
    let (rows, columns) = (tiles(size.height, factor), tiles(size.width, factor));
    let mut canvases = vec![0.0; n * size.elements()];
    for (i, (top, height)) in rows.iter().enumerate() {
        for (j, (left, width)) in columns.iter().enumerate() {
            for picture in 0..n {
                let source = &images[((i * factor + j) * n + picture) * size.elements()..][..size.elements()];
                let canvas = &mut canvases[picture * size.elements()..][..size.elements()];
                paste(canvas, source, size, (*top, *height), (*left, *width));
            }
        }
    }
    canvases
}

/// Start and length of each tile along an axis.
fn tiles(size: usize, factor: usize) -> Vec<(usize, usize)> {
    let mut start = 0;
    let tile = |index: usize| {
        let len = size / factor + usize::from(index < size % factor);
        start += len;
        (start - len, len)
    };
    (0..factor).map(tile).collect()
}

fn paste(canvas: &mut [f32], source: &[f32], size: ImageSize, rows: (usize, usize), columns: (usize, usize)) {
    let (h, w) = (size.height, size.width);
    for channel in 0..size.channels {
        for p in 0..rows.1 {
            for q in 0..columns.1 {
                let from = (channel * h + p * h / rows.1) * w + q * w / columns.1;
                canvas[(channel * h + rows.0 + p) * w + columns.0 + q] = source[from];
            }
        }
    }
}
