//! The template for SwiftShader: a lane sums up a block of the result from operands that it reads where they are.
//!
//! It plays four lanes at once and keeps hardly anything in registers: reading a number takes as long as a dozen
//! multiplications wherever it stands, so that nothing is gained by workgroup memory, and a division of indices takes
//! longer. So blocks are large, several terms are added in one expression, and one counter runs over the terms.

use std::fmt::Write;

use super::{Neighbour, Product, Slide};
use crate::engine::webgpu::{
    index::{indented, unravel},
    shader::{Kernel, Shader},
};

/// Rows and columns of a small block: its kernel fits the innermost cache of code.
const SMALL: [usize; 2] = [8, 8];

/// Those of a large one, which is compiled in half a second. (Blocks of twice as many rows gain a tenth, and take two
/// seconds.)
const LARGE: [usize; 2] = [8, 32];

/// Products, number by number, for which large blocks are worth their compilation.
const MUCH: usize = 1 << 26;

/// The block of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    rows: usize,
    columns: usize,
    /// How columns have elements in common.
    slide: Option<Slide>,
}

/// Neighbouring terms that are added at once.
struct Stride {
    /// The axis of the terms along which they are neighbours.
    axis: usize,
    len: usize,
    /// Whether the axis is a multiple of so many.
    whole: bool,
}

impl Stride {
    fn of(terms: [usize; 3]) -> Stride {
        let axis = terms.iter().rposition(|&len| len > 1).unwrap_or(2);
        let size = terms[axis];
        let divides = |len: &usize| size.is_multiple_of(*len);
        let len = if size <= 4 { size.max(1) } else { [4, 3].into_iter().find(divides).unwrap_or(4) };
        Stride { axis, len, whole: size.is_multiple_of(len) }
    }

    /// The text of a line's element at the `next`th term from the first of a step, which may be one before it.
    fn element(&self, terms: [usize; 3], (name, line): (&str, usize), next: isize) -> String {
        let size = terms[self.axis];
        // Below zero indices wrap around.
        let next = next as i32 as u32;
        let own = match (self.len == size, self.whole) {
            (true, _) => format!("{next}u"),
            (false, true) => format!("term_{} * {}u + {next}u", self.axis, self.len),
            (false, false) => format!("min(term_{} * {}u + {next}u, {}u)", self.axis, self.len, size - 1),
        };
        let [x, y, z] = [0, 1, 2].map(|axis| if axis == self.axis { own.clone() } else { format!("term_{axis}") });
        let k = format!("(({x}) * {}u + ({y})) * {}u + ({z})", terms[1], terms[2]);
        let element = format!("{name}_at({name}_{line}, {k}, vec3<u32>({x}, {y}, {z}))");
        if self.whole {
            return element;
        }
        format!("select(0.0, {element}, term_{} * {}u + {next}u < {size}u)", self.axis, self.len)
    }
}

impl Block {
    /// Of equal sizes along each side, as far as that goes; wider where there are few rows.
    pub fn of(product: &Product, slide: Option<Slide>) -> Block {
        let much = product.batches * product.m * product.n * product.k() >= MUCH;
        let [down, across] = if much { LARGE } else { SMALL };
        let even = |size: usize, most: usize| size.div_ceil(size.div_ceil(most));
        let beside = |other: usize| (down * across / other).min(2 * across);
        let rows = even(product.m, down);
        let columns = even(product.n, beside(rows));
        let rows = if columns < across { even(product.m, beside(columns)) } else { rows };
        let run = |columns: usize| slide.map_or(1, |slide| common(columns, slide.within));
        let near = columns - columns / 4..=(columns + columns / 8).min(product.n);
        let columns = near.max_by_key(|&near| (run(near), product.n.is_multiple_of(near), near)).unwrap_or(columns);
        Block { rows, columns, slide }
    }

    /// Blocks of the result.
    pub fn count(self, product: &Product) -> usize {
        product.batches * product.m.div_ceil(self.rows) * product.n.div_ceil(self.columns)
    }

    /// The kernel: a lane computes a part of the terms of a block.
    pub fn write(self, shader: Shader, product: &Product, parts: usize, (first, step): (&str, usize)) -> Kernel {
        let (down, across) = (product.m.div_ceil(self.rows), product.n.div_ceil(self.columns));
        let names = ["part", "batch", "down", "across"].map(String::from);
        let mut body = unravel("i", &names, &[parts, product.batches, down, across]);
        let stride = Stride::of(product.terms);
        let run = self.run(&stride);
        for (name, size, run, total, at) in [("a", self.rows, 1, "M", "down"), ("b", self.columns, run, "N", "across")]
        {
            writeln!(body, "let first_{name} = {at} * {size}u;").ok();
            for line in (0..size).step_by(run) {
                writeln!(body, "let {name}_{line} = {name}_line(batch, min(first_{name} + {line}u, {total} - 1u));")
                    .ok();
            }
        }
        for (row, column) in self.sums() {
            writeln!(body, "var sum_{row}_{column} = 0.0;").ok();
        }
        body += &self.terms(product, &stride, parts);
        body += &self.store(product, (first, step));
        let count = parts * self.count(product);
        // Few blocks are spread over workgroups, each of which is a thread's.
        let lanes = if count < 256 { 4 } else { 16 };
        let body = format!("let i = group * {lanes}u + lane;\nif (i >= {count}u) {{\n    return;\n}}\n{body}");
        shader.groups(count.div_ceil(lanes), lanes, &body)
    }

    fn store(self, product: &Product, (first, step): (&str, usize)) -> String {
        let mut text = format!("let first_row = first_a * {step}u;\n");
        for column in 0..self.columns {
            let mut lines = format!("let column = first_b + {column}u;\nlet place = {first} + first_row;\n");
            for row in 0..self.rows {
                let store = format!("set_result(place + {}u, sum_{row}_{column});", row * step);
                let whole = product.m.is_multiple_of(self.rows);
                let store = if whole { store } else { format!("if (first_a + {row}u < M) {{ {store} }}") };
                writeln!(lines, "{store}").ok();
            }
            let whole = product.n.is_multiple_of(self.columns);
            let open = if whole { String::new() } else { format!("if (first_b + {column}u < N) ") };
            writeln!(text, "{open}{{\n{}}}", indented(&lines)).ok();
        }
        text
    }

    fn sums(self) -> impl Iterator<Item = (usize, usize)> {
        (0..self.rows).flat_map(move |row| (0..self.columns).map(move |column| (row, column)))
    }

    /// How many columns in a row have elements in common.
    fn run(self, stride: &Stride) -> usize {
        match self.slide {
            Some(slide) if stride.axis == 2 && stride.whole => common(self.columns, slide.within),
            _ => 1,
        }
    }

    /// The loop over the terms.
    fn terms(self, product: &Product, stride: &Stride, parts: usize) -> String {
        let mut counts = product.terms;
        counts[stride.axis] = counts[stride.axis].div_ceil(stride.len);
        let count: usize = counts.iter().product();
        let (begin, end) = if parts > 1 {
            let part = count.div_ceil(parts);
            (format!("part * {part}u"), format!("min(part * {part}u + {part}u, {count}u)"))
        } else {
            ("0u".into(), format!("{count}u"))
        };
        let names = ["term_0", "term_1", "term_2"].map(String::from);
        let mut lines = unravel("step", &names, &counts);
        for row in 0..self.rows {
            for next in 0..stride.len {
                let element = stride.element(product.terms, ("a", row), next as isize);
                writeln!(lines, "let a_{row}_{next} = {element};").ok();
            }
        }
        let (run, len) = (self.run(stride), stride.len);
        // From where on a run's elements are numbered.
        let first = if self.slide.is_some_and(|slide| slide.to == Neighbour::Before) { run - 1 } else { 0 };
        for column in (0..self.columns).step_by(run) {
            for number in 0..run + len - 1 {
                let element = stride.element(product.terms, ("b", column), number as isize - first as isize);
                writeln!(lines, "let b_{column}_{number} = {element};").ok();
            }
        }
        let shared = |column: usize, next: usize| {
            let ahead = column % run;
            let number = if first > 0 { first + next - ahead } else { next + ahead };
            format!("b_{}_{number}", column - ahead)
        };
        for (row, column) in self.sums() {
            let terms: Vec<String> =
                (0..len).map(|next| format!("{} * a_{row}_{next}", shared(column, next))).collect();
            writeln!(lines, "sum_{row}_{column} += {};", terms.join(" + ")).ok();
        }
        format!("for (var step = {begin}; step < {end}; step += 1u) {{\n{}}}\n", indented(&lines))
    }
}

/// The greatest common divisor.
fn common(a: usize, b: usize) -> usize {
    if b == 0 { a } else { common(b, a % b) }
}
