//! One axis of a matrix that exists only as a rule: where its i-th element lies, relative to the first.

/// An index written in up to three digits, the last one running fastest, each with the step it makes in memory. A plain
/// row is one digit; the pixels of a batch are (image, row, column); the taps of a kernel are (channel, row, column).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Axis {
    digits: [Digit; 3],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Digit {
    size: usize,
    stride: isize,
}

impl Axis {
    /// `(size, stride)` of every digit. A stride may be negative: kernels are read backwards by input gradients.
    pub(super) fn new(digits: [(usize, isize); 3]) -> Axis {
        Axis { digits: digits.map(|(size, stride)| Digit { size, stride }) }
    }

    /// Elements at equal steps.
    pub(super) fn line(size: usize, stride: usize) -> Axis {
        Axis::new([(1, 0), (1, 0), (size, stride as isize)])
    }

    pub(super) fn len(&self) -> usize {
        self.digits.iter().map(|digit| digit.size).product()
    }

    /// The step of the fastest digit that has one.
    pub(super) fn step(&self) -> isize {
        self.digits.iter().rev().find(|digit| digit.size > 1).map_or(1, |digit| digit.stride)
    }

    /// Writes the offsets of the elements from `from` on, counted from `base`, as many as `to` holds.
    pub(super) fn offsets(&self, base: usize, from: usize, to: &mut [usize]) {
        let [a, b, c] = self.digits;
        let (mut z, rest) = (from % c.size.max(1), from / c.size.max(1));
        let (mut y, mut x) = (rest % b.size.max(1), rest / b.size.max(1));
        for offset in to {
            let at = x as isize * a.stride + y as isize * b.stride + z as isize * c.stride;
            *offset = base.wrapping_add_signed(at);
            z += 1;
            if z == c.size {
                (z, y) = (0, y + 1);
                if y == b.size {
                    (y, x) = (0, x + 1);
                }
            }
        }
    }
}
