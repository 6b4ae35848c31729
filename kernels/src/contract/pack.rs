//! Panels: the operands of a product, copied into the order in which tiles read them. A panel holds, for every step of
//! the summed axis, the elements of a few neighbouring lanes (rows of the left or columns of the right operand). Here is
//! all that is ever done about layout: strides, transposition and convolution's windows are offsets of lanes and steps.

use super::simd::{MAX_LANES, Simd};

/// Copies lanes into panels of `panel` lanes each, one panel after another; the last one has as many lanes as are left,
/// rounded up to a multiple of `multiple`, with zeros in place of lanes that do not exist. In a panel, lane l of step k is
/// at `k * width + l`.
#[derive(Clone, Copy)]
pub(super) struct Panels {
    pub(super) panel: usize,
    pub(super) multiple: usize,
}

impl Panels {
    /// Copies `from[lanes[l] + steps[k]]` for all l and k.
    #[inline(always)]
    pub(super) fn pack<S: Simd>(self, simd: S, from: &[f32], lanes: &[usize], steps: &[usize], to: &mut [f32]) {
        let run = run_length(lanes);
        for (lanes, to) in lanes.chunks(self.panel).zip(to.chunks_mut(self.panel * steps.len())) {
            let width = lanes.len().next_multiple_of(self.multiple);
            let to = &mut to[..width * steps.len()];
            match run {
                16 => copy_runs::<16>(from, lanes, steps, width, to),
                8 => copy_runs::<8>(from, lanes, steps, width, to),
                4 => copy_runs::<4>(from, lanes, steps, width, to),
                _ => transpose(simd, from, lanes, steps, width, to),
            }
        }
    }
}

/// Half a page of memory.
const FAR: usize = 512;

#[inline(always)]
fn copy_runs<const RUN: usize>(from: &[f32], lanes: &[usize], steps: &[usize], width: usize, to: &mut [f32]) {
    let (runs, rest) = lanes.as_chunks::<RUN>();
    // The processor looks ahead along rows, but not from one step to the next if that is far away. Then we ask for what the
    // next panel will read, if its lanes are neighbours of these: 1.7 times as fast for 128 planes of 32 x 32.
    let far = steps.len() > 1 && steps[1].wrapping_sub(steps[0]) >= FAR;
    for (&step, to) in steps.iter().zip(to.chunks_exact_mut(width)) {
        let (to_runs, to_rest) = to.split_at_mut(runs.len() * RUN);
        for (run, to) in runs.iter().zip(to_runs.as_chunks_mut::<RUN>().0) {
            *to = *from[run[0] + step..].first_chunk().expect("a whole run");
            if far {
                prefetch(from, run[0] + step + width);
            }
        }
        if !to_rest.is_empty() {
            let (to_rest, outside) = to_rest.split_at_mut(rest.len());
            for (lane, to) in rest.iter().zip(to_rest) {
                *to = from[lane + step];
            }
            outside.fill(0.0);
        }
    }
}

/// Asks for the cache line of an element that may be read soon.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
#[expect(unsafe_code, reason = "a hint to the processor")]
fn prefetch(from: &[f32], index: usize) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: part of every x86-64 machine; reads nothing, so any address will do.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(from.as_ptr().wrapping_add(index).cast()) }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn prefetch(_: &[f32], _: usize) {}

/// The largest of 16, 8, 4 and 1 such that the lanes are neighbours in groups of as many (except a last, short group).
fn run_length(lanes: &[usize]) -> usize {
    let in_runs_of = |size: usize| {
        lanes.len() >= size
            && lanes.chunks_exact(size).all(|run| run.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)))
    };
    [16, 8, 4].into_iter().find(|&size| in_runs_of(size)).unwrap_or(1)
}

/// For lanes that are not neighbours: a vector of them at a time, four steps at once where those are neighbours.
#[inline(always)]
fn transpose<S: Simd>(simd: S, from: &[f32], lanes: &[usize], steps: &[usize], width: usize, to: &mut [f32]) {
    for first in (0..lanes.len()).step_by(S::COUNT) {
        let present = S::COUNT.min(lanes.len() - first);
        // Lanes that do not exist read the last one again.
        let mut offsets = [lanes[first + present - 1]; MAX_LANES];
        offsets[..present].copy_from_slice(&lanes[first..first + present]);
        // The only vector of a step may overwrite the beginning of the next step, which is written after it.
        let alone = lanes.len() <= S::COUNT;
        let mut k = 0;
        while k < steps.len() {
            let to = &mut to[k * width + first..];
            match steps[k..].first_chunk::<4>() {
                Some(four) if (1..4).all(|i| four[i] == four[0] + i) => {
                    let columns = simd.transposed(&from[four[0]..], &offsets);
                    for i in 0..4 {
                        let to = &mut to[i * width..];
                        if present == S::COUNT || (alone && to.len() >= S::COUNT) {
                            simd.write(columns[i], to);
                        } else {
                            let mut whole = [0.0; MAX_LANES];
                            simd.write(columns[i], &mut whole);
                            to[..present].copy_from_slice(&whole[..present]);
                        }
                    }
                    k += 4;
                }
                _ => {
                    for (lane, to) in offsets[..present].iter().zip(to) {
                        *to = from[lane + steps[k]];
                    }
                    k += 1;
                }
            }
        }
    }
    if lanes.len() < width {
        to.chunks_exact_mut(width).for_each(|to| to[lanes.len()..].fill(0.0));
    }
}
