//! Random draws and selection.

use super::{Number, words};
use crate::{engine::Scalars, graph::Law, rng};

pub(super) fn random<T: Number>(law: Law, stream: u32, len: usize, scalars: &Scalars) -> Vec<T> {
    let blocks = words(scalars.seed, stream, scalars.unit, len);
    let values = blocks.flat_map(|[a, b, c, d]| match law {
        Law::Uniform => [a, b, c, d].map(rng::uniform),
        Law::Normal => {
            let ([x, y], [z, w]) = (rng::normal_pair([a, b]), rng::normal_pair([c, d]));
            [x, y, z, w]
        }
    });
    values.take(len).map(T::from_f64).collect()
}

pub(super) fn select<T: Number>(mask: &[T], a: &[T], b: &[T]) -> Vec<T> {
    let zero = T::from_f64(0.0);
    mask.iter().zip(a.iter().zip(b)).map(|(m, (a, b))| if *m != zero { *a } else { *b }).collect()
}
