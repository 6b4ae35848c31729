//! Random draws, made on the host for every device and uploaded: candle cannot draw by counter.

use candle_core::{Device, Result, Tensor};
use rayon::prelude::*;

use crate::{engine::Scalars, graph::Law, rng, shape::Shape};

/// Draws that one thread makes at a time.
const CHUNK: usize = 16 * 1024;

pub(super) fn draw(law: Law, stream: u32, scalars: &Scalars, out: Shape, device: &Device) -> Result<Tensor> {
    let mut values = vec![0.0; out.elements()];
    // A chunk holds whole blocks of four draws.
    values.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, values)| {
        for (index, places) in values.chunks_mut(4).enumerate() {
            let words = rng::block(scalars.seed, stream, scalars.unit, (chunk * CHUNK / 4 + index) as u32);
            let values = match law {
                Law::Uniform => words.map(rng::uniform),
                Law::Normal => {
                    let ([a, b], [c, d]) =
                        (rng::normal_pair([words[0], words[1]]), rng::normal_pair([words[2], words[3]]));
                    [a, b, c, d]
                }
            };
            places.iter_mut().zip(values).for_each(|(place, value)| *place = value as f32);
        }
    });
    Tensor::from_vec(values, out.dims(), device)
}
