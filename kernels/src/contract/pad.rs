//! Copies of images with zeros around (and between) their pixels, so that packing a window is nothing but copying.

use crate::parallel::{self, Shared};

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
        // All of it at once: rows are short, and a call for each border of each would take longer.
        to.fill(0.0);
        let [rows, columns] = [0, 1].map(|axis| self.inside(axis));
        let width = self.padded[1];
        let left = self.place(1, columns.start).min(width);
        for row in rows {
            let at = self.place(0, row);
            let (to, from) =
                (&mut to[at * width..(at + 1) * width][left..], &from[row * self.size[1]..][columns.clone()]);
            match self.step {
                1 => to[..from.len()].copy_from_slice(from),
                step => to.iter_mut().step_by(step).zip(from).for_each(|(to, value)| *to = *value),
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
