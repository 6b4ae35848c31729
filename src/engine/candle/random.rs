//! Random draws, made on the host for every device and uploaded: candle cannot draw by counter.

use candle_core::{Device, Result, Tensor};

use super::host;
use crate::{engine::Scalars, graph::Law, rng, shape::Shape};

pub(super) fn draw(law: Law, stream: u32, scalars: &Scalars, out: Shape, device: &Device) -> Result<Tensor> {
    // Chunks hold whole blocks of four draws.
    let values = host::build(out.elements(), |start, chunk| {
        for (index, places) in chunk.chunks_mut(4).enumerate() {
            let words = rng::block(scalars.seed, stream, scalars.unit, (start / 4 + index) as u32);
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
