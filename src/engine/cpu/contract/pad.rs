//! Copies of images with zeros around (and between) their pixels, so that packing a window is nothing but copying.

use crate::engine::cpu::parallel::{self, Shared};

/// `planes` images of `height x width` with `step - 1` zeros between neighbours, the first pixel at (`top`, `left`) of a
/// `padded_height x padded_width` plane. A negative `top` or `left` leaves out the first rows or columns, and whatever
/// does not fit at the end is left out too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pad {
    pub(super) planes: usize,
    pub(super) size: [usize; 2],
    pub(super) padded: [usize; 2],
    pub(super) before: [isize; 2],
    pub(super) step: usize,
}

impl Pad {
    /// Elements of the copy.
    pub(super) fn len(&self) -> usize {
        self.planes * self.padded[0] * self.padded[1]
    }

    /// Whether the copy would equal the original.
    pub(super) fn is_nothing(&self) -> bool {
        self.size == self.padded && self.before == [0, 0] && self.step == 1
    }

    pub(super) fn run(&self, from: &[f32], to: &mut [f32]) {
        let (plane, padded) = (self.size[0] * self.size[1], self.padded[0] * self.padded[1]);
        if padded == 0 {
            return;
        }
        // Some tens of thousands of elements a part.
        let chunk = (1usize << 15).div_ceil(padded);
        let to = Shared::new(&mut to[..self.len()]);
        parallel::for_each(self.planes.div_ceil(chunk), |_, part| {
            let planes = part * chunk..self.planes.min((part + 1) * chunk);
            #[expect(unsafe_code, reason = "parts write their own planes")]
            // SAFETY: every plane is in one part.
            let to = unsafe { to.part(planes.start * padded, planes.len() * padded) };
            for (to, index) in to.chunks_exact_mut(padded).zip(planes) {
                self.plane(&from[index * plane..(index + 1) * plane], to);
            }
        });
    }

    fn plane(&self, from: &[f32], to: &mut [f32]) {
        let [rows, columns] = [0, 1].map(|axis| self.inside(axis));
        let width = self.padded[1];
        let (first, last) = (self.place(0, rows.start), self.place(0, rows.end));
        to[..(first * width).min(self.padded[0] * width)].fill(0.0);
        to[(last.min(self.padded[0])) * width..].fill(0.0);
        for row in rows.clone() {
            let at = self.place(0, row);
            let to = &mut to[at * width..(at + self.step).min(self.padded[0]) * width];
            let from = &from[row * self.size[1]..][columns.clone()];
            let left = self.place(1, columns.start).min(width);
            if self.step == 1 {
                to[..left].fill(0.0);
                to[left..left + from.len()].copy_from_slice(from);
                to[left + from.len()..].fill(0.0);
            } else {
                to.fill(0.0);
                for (to, value) in to[left..width].iter_mut().step_by(self.step).zip(from) {
                    *to = *value;
                }
            }
        }
    }

    /// The rows or columns that lie inside of the padded plane.
    fn inside(&self, axis: usize) -> std::ops::Range<usize> {
        let skipped = self.before[axis].min(0).unsigned_abs().div_ceil(self.step);
        let room = (self.padded[axis] as isize - self.before[axis]).max(0) as usize;
        let end = room.div_ceil(self.step).min(self.size[axis]);
        skipped.min(end)..end
    }

    /// Where row or column `index` goes.
    fn place(&self, axis: usize, index: usize) -> usize {
        (self.before[axis] + (index * self.step) as isize).max(0) as usize
    }
}
