//! Indices as text: parts of row-major indices, and ways through memory.

use std::fmt::Write;

use crate::{
    graph::Op,
    program::{Plan, ValueId, View},
};

/// One axis of a row-major index: `index / stride % size`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Axis {
    pub size: usize,
    pub stride: usize,
}

impl Axis {
    /// The axis that a value is the index along, if it is that: kernels compute such a value instead of reading it.
    pub fn of(plan: &Plan, value: ValueId) -> Option<Axis> {
        let node = plan.program.node(plan.values[value.index()].node);
        let Op::Iota { axis } = node.op else { return None };
        let axis = axis as usize;
        Some(Axis { size: node.shape.dim(axis), stride: node.shape.strides()[axis] })
    }

    /// The text of this axis' part of `index`, one operand; `outermost` needs no remainder.
    pub fn index(self, index: &str, outermost: bool) -> String {
        let quotient = quotient(index, self.stride);
        match (self.size, outermost) {
            (0 | 1, _) => "0u".into(),
            (_, true) => quotient,
            (size, false) => remainder(&quotient, size),
        }
    }
}

/// The text of `index / by`, one operand. Powers of two are shifted and masked: every compiler would do so but
/// SwiftShader's, which divides lane after lane.
pub(super) fn quotient(index: &str, by: usize) -> String {
    let index = operand(index);
    match by {
        0 | 1 => index,
        by if by.is_power_of_two() => format!("({index} >> {}u)", by.trailing_zeros()),
        by => format!("({index} / {by}u)"),
    }
}

/// The text of `index % by`, as [`quotient`] has it.
pub(super) fn remainder(index: &str, by: usize) -> String {
    let index = operand(index);
    match by {
        0 | 1 => "0u".into(),
        by if by.is_power_of_two() => format!("({index} & {}u)", by - 1),
        by => format!("({index} % {by}u)"),
    }
}

/// A text that any operator may stand beside.
fn operand(text: &str) -> String {
    let depths = text.chars().scan(0, |depth, c| {
        *depth += i32::from(c == '(') - i32::from(c == ')');
        Some(*depth)
    });
    let is_whole = text.starts_with('(') && depths.take(text.len() - 1).all(|depth| depth > 0);
    if is_whole || is_atom(text) { text.into() } else { format!("({text})") }
}

/// Whether a text is one name or number.
pub(super) fn is_atom(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.')
}

/// Declares `names[a]` as the indices along the axes of `sizes` that the row-major `index` stands for.
pub(super) fn unravel(index: &str, names: &[String], sizes: &[usize]) -> String {
    let mut text = String::new();
    let mut stride = sizes.iter().product::<usize>();
    for (axis, (name, &size)) in names.iter().zip(sizes).enumerate() {
        stride /= size.max(1);
        writeln!(text, "let {name} = {};", Axis { size, stride }.index(index, axis == 0)).ok();
    }
    text
}

/// A way through memory: row-major over axes, from `start`. Steps may be negative; indices wrap around on the way, which
/// u32 arithmetic allows.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Walk {
    pub start: usize,
    /// Sizes of the axes and the elements from one index to the next.
    pub axes: Vec<(usize, isize)>,
}

impl Walk {
    /// From `start` over axes of these sizes and strides.
    pub fn new(start: usize, axes: impl IntoIterator<Item = (usize, isize)>) -> Walk {
        Walk { start, axes: axes.into_iter().collect() }
    }

    /// The way that a view shows.
    pub fn of(view: &View) -> Walk {
        Walk::new(view.offset, view.dims.iter().copied().zip(view.strides.iter().copied()))
    }

    /// The same in each of `rows` rows, which lie `stride` elements apart.
    #[must_use]
    pub fn in_rows(mut self, rows: usize, stride: usize) -> Walk {
        self.axes.insert(0, (rows, stride as isize));
        self
    }

    /// The text of the element's place for the row-major `index`.
    pub fn at(&self, index: &str) -> String {
        let axes = self.joined();
        let mut text = if self.start > 0 { format!("{}u", self.start) } else { String::new() };
        let mut inner: usize = axes.iter().map(|axis| axis.0).product();
        for (position, &(size, stride)) in axes.iter().enumerate() {
            inner /= size.max(1);
            if stride == 0 {
                continue;
            }
            let axis = Axis { size, stride: inner }.index(index, position == 0);
            let step = stride.unsigned_abs();
            let term = if step == 1 { axis } else { format!("{axis} * {step}u") };
            text += match (text.is_empty(), stride > 0) {
                (true, true) => "",
                (true, false) => "0u - ",
                (false, true) => " + ",
                (false, false) => " - ",
            };
            text += &term;
        }
        if text.is_empty() { "0u".into() } else { text }
    }

    /// The way in steps of four neighbouring elements, if it consists of such: row-major index and places count in fours.
    pub fn quads(&self) -> Option<Walk> {
        let mut axes = self.joined();
        let last = axes.last_mut()?;
        if last.1 != 1 || !last.0.is_multiple_of(4) || !self.start.is_multiple_of(4) {
            return None;
        }
        last.0 /= 4;
        let outer = axes.len() - 1;
        for axis in &mut axes[..outer] {
            if axis.1 % 4 != 0 {
                return None;
            }
            axis.1 /= 4;
        }
        Some(Walk { start: self.start / 4, axes })
    }

    /// The way of every fourth element, if four neighbours of the row-major index are always the same element.
    pub fn repeated(&self) -> Option<Walk> {
        let mut axes = self.joined();
        let last = axes.last_mut()?;
        if last.1 != 0 || !last.0.is_multiple_of(4) {
            return None;
        }
        last.0 /= 4;
        Some(Walk { start: self.start, axes })
    }

    /// Without axes of one element, and with neighbours joined that are one longer axis in memory.
    fn joined(&self) -> Vec<(usize, isize)> {
        let mut axes: Vec<(usize, isize)> = Vec::new();
        for &(size, stride) in self.axes.iter().filter(|axis| axis.0 != 1) {
            match axes.last_mut() {
                Some(last) if last.1 == size as isize * stride => *last = (last.0 * size, stride),
                _ => axes.push((size, stride)),
            }
        }
        axes
    }
}

/// Every line four spaces further in.
pub(super) fn indented(text: &str) -> String {
    text.lines().map(|line| if line.is_empty() { "\n".into() } else { format!("    {line}\n") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_short_sums() {
        assert_eq!(Walk::new(0, [(2, 12), (3, 4), (4, 1)]).at("i"), "i");
        assert_eq!(Walk::new(7, [(2, 4), (4, 0)]).at("i"), "7u + (i >> 2u) * 4u");
        assert_eq!(Walk::new(3, [(4, -1)]).at("i"), "3u - i");
        assert_eq!(Walk::new(0, [(3, 1), (5, 3)]).at("i"), "(i / 5u) + (i % 5u) * 3u");
        assert_eq!(Walk::new(0, [(1, 9)]).at("i"), "0u");
    }

    #[test]
    fn fours_are_found() {
        let rows = Walk::new(8, [(6, 16), (8, 1)]);
        assert_eq!(rows.quads().map(|walk| walk.at("q")), Some("2u + (q >> 1u) * 4u + (q & 1u)".into()));
        assert_eq!(Walk::new(2, [(8, 1)]).quads(), None);
        assert_eq!(Walk::new(0, [(6, 10), (8, 1)]).quads(), None);
        assert_eq!(Walk::new(0, [(6, 1), (8, 0)]).repeated().map(|walk| walk.at("q")), Some("(q >> 1u)".into()));
    }
}
