//! Panels: the operands of a product, copied into the order in which tiles read them. A panel holds, for every step of
//! the summed axis, the elements of a few neighbouring lanes (rows of the left or columns of the right operand). Here is
//! all that is ever done about layout: strides, transposition and convolution's windows are offsets of lanes and steps.

use super::simd::{MAX_LANES, Simd};

/// Copies `from[lanes[l] + steps[k]]` to `to[k * width + l]`, and zeros to where there is no lane.
#[inline(always)]
pub(super) fn pack<S: Simd>(simd: S, from: &[f32], lanes: &[usize], steps: &[usize], width: usize, to: &mut [f32]) {
    let to = &mut to[..steps.len() * width];
    match run_length(lanes) {
        16 => copy_runs::<16>(from, lanes, steps, width, to),
        8 => copy_runs::<8>(from, lanes, steps, width, to),
        4 => copy_runs::<4>(from, lanes, steps, width, to),
        _ => transpose(simd, from, lanes, steps, width, to),
    }
}

/// The largest of 16, 8, 4 and 1 such that the lanes are neighbours in groups of as many (except a last, short group).
fn run_length(lanes: &[usize]) -> usize {
    let in_runs_of = |size: usize| {
        lanes.len() >= size
            && lanes.chunks_exact(size).all(|run| run.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)))
    };
    [16, 8, 4].into_iter().find(|&size| in_runs_of(size)).unwrap_or(1)
}

#[inline(always)]
fn copy_runs<const RUN: usize>(from: &[f32], lanes: &[usize], steps: &[usize], width: usize, to: &mut [f32]) {
    let (runs, rest) = lanes.as_chunks::<RUN>();
    for (&step, to) in steps.iter().zip(to.chunks_exact_mut(width)) {
        let (to_runs, to_rest) = to.split_at_mut(runs.len() * RUN);
        for (run, to) in runs.iter().zip(to_runs.as_chunks_mut::<RUN>().0) {
            *to = *from[run[0] + step..].first_chunk().expect("a whole run");
        }
        let (to_rest, outside) = to_rest.split_at_mut(rest.len());
        for (lane, to) in rest.iter().zip(to_rest) {
            *to = from[lane + step];
        }
        outside.fill(0.0);
    }
}

/// For lanes that are not neighbours: four steps at a time where those are.
#[inline(always)]
fn transpose<S: Simd>(simd: S, from: &[f32], lanes: &[usize], steps: &[usize], width: usize, to: &mut [f32]) {
    let mut k = 0;
    while k < steps.len() {
        let neighbours = k + 4 <= steps.len() && (1..4).all(|i| steps[k + i] == steps[k] + i);
        let count = if neighbours { 4 } else { 1 };
        for first in (0..width).step_by(S::LANES) {
            // Lanes that do not exist read the first one and are zeroed below.
            let mut at = [lanes[0] + steps[k]; MAX_LANES];
            let present = lanes.len().saturating_sub(first).min(S::LANES);
            for l in 0..present {
                at[l] = lanes[first + l] + steps[k];
            }
            if neighbours {
                for (i, column) in simd.transposed(from, &at).into_iter().enumerate() {
                    let end = width.min(first + S::LANES);
                    let to = &mut to[(k + i) * width + first..(k + i) * width + end];
                    if to.len() == S::LANES {
                        simd.store(column, to);
                    } else {
                        let mut whole = [0.0; MAX_LANES];
                        simd.store(column, &mut whole);
                        for (to, value) in to.iter_mut().zip(whole) {
                            *to = value;
                        }
                    }
                }
            } else {
                for l in 0..present {
                    to[k * width + first + l] = from[at[l]];
                }
            }
        }
        for step in k..k + count {
            to[step * width + lanes.len()..(step + 1) * width].fill(0.0);
        }
        k += count;
    }
}
