//! The template for GPUs: tiles of both operands pass through workgroup memory, and each lane sums up a block of the
//! result.

use std::fmt::Write;

use super::{LONG_SUM, Neighbours, Product, Side};
use crate::engine::webgpu::{
    index::{indented, unravel},
    memory::{Caps, Hardware},
    shader::{Kernel, Shader},
};

/// How a workgroup's tile is divided among lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tile {
    /// Lanes down and across: together at least `depth`, since neighbouring terms are read by a lane each.
    lanes: [usize; 2],
    /// Rows and columns of a lane's block, in fours.
    fours: [usize; 2],
    /// Terms that pass through workgroup memory at a time.
    depth: usize,
}

impl Tile {
    pub fn of(product: &Product, caps: &Caps) -> Tile {
        if caps.hardware == Hardware::Processor { Tile::for_processor(product) } else { Tile::for_gpu(product, caps) }
    }

    /// As large as the sides fill, with blocks of up to 256 sums: where one thread plays all lanes, loading an operand for
    /// each of them takes as long as dozens of sums. The largest blocks take long to compile, and are for large products.
    fn for_processor(product: &Product) -> Tile {
        let side = |size: usize| match size {
            ..=16 => (4, 1),
            17..=32 => (8, 1),
            _ => (8, 2),
        };
        let (down, across) = match (product.m, product.n) {
            (33.., 33..) => ((4, 4), (4, 4)),
            (m, n) => (side(m), side(n)),
        };
        Tile { lanes: [down.0, across.0], fours: [down.1, across.1], depth: 16 }
    }

    /// Many lanes with few sums each, of which a GPU runs enough at once not to wait for memory; twice the sums, for which
    /// workgroup memory is read less, where there are tiles enough or sums long enough to be divided.
    fn for_gpu(product: &Product, caps: &Caps) -> Tile {
        let most = if caps.lanes < 16 * 16 { 8 } else { 16 };
        let side = |size: usize| match size {
            ..=16 => 4,
            17..=32 => 8,
            _ => most,
        };
        let lanes = [side(product.m), side(product.n)];
        let tile = Tile { lanes, fours: [1, 1], depth: 16 };
        if tile.count(product) < caps.hardware.busy() / 2 && product.k() < LONG_SUM {
            return Tile { lanes: lanes.map(|side| side.min(8)), ..tile };
        }
        match (product.m > tile.rows(), product.n > tile.columns()) {
            (true, _) => Tile { fours: [2, 1], ..tile },
            (false, true) => Tile { fours: [1, 2], ..tile },
            (false, false) => tile,
        }
    }

    fn rows(self) -> usize {
        4 * self.fours[0] * self.lanes[0]
    }

    fn columns(self) -> usize {
        4 * self.fours[1] * self.lanes[1]
    }

    fn lanes(self) -> usize {
        self.lanes[0] * self.lanes[1]
    }

    /// Tiles of the result.
    pub fn count(self, product: &Product) -> usize {
        product.batches * product.m.div_ceil(self.rows()) * product.n.div_ceil(self.columns())
    }

    /// The kernel: a workgroup computes a part of the terms of a tile.
    pub fn write(
        self,
        shader: Shader,
        product: &Product,
        parts: usize,
        sides: &[Side; 2],
        place: (&str, usize),
    ) -> Kernel {
        let (tile, k) = (self, product.k());
        let (rows, columns, depth) = (tile.rows(), tile.columns(), tile.depth);
        let (down, across) = (product.m.div_ceil(rows), product.n.div_ceil(columns));
        let part = k.div_ceil(parts).next_multiple_of(depth);
        let mut body = format!(
            "let tile_a = group / {across}u % {down}u * {rows}u;\nlet tile_b = group % {across}u * {columns}u;\nlet batch = \
             group / {}u % {}u;\nlet y = lane / {}u;\nlet x = lane % {}u;\n",
            down * across,
            product.batches,
            tile.lanes[1],
            tile.lanes[1],
        );
        let (begin, end) = if parts > 1 {
            writeln!(body, "let part = group / {}u;\nlet end = min(part * {part}u + {part}u, K);", tile.count(product))
                .ok();
            (format!("part * {part}u"), "end")
        } else {
            ("0u".into(), "K")
        };
        for row in 0..4 * tile.fours[0] {
            for four in 0..tile.fours[1] {
                writeln!(body, "var sum_{row}_{four} = vec4<f32>();").ok();
            }
        }
        let exact = k.is_multiple_of(depth) && (parts == 1 || k.is_multiple_of(part));
        let mut loads = String::new();
        for (name, side, size, total) in [("a", &sides[0], rows, product.m), ("b", &sides[1], columns, product.n)] {
            let operand = Operand { name, size, whole: total.is_multiple_of(size), end: (!exact).then_some(end) };
            let (before, inside) = match side.neighbours {
                Neighbours::Lines => operand.by_lines(tile),
                Neighbours::Terms => (String::new(), operand.by_terms(tile)),
            };
            body += &before;
            loads += &inside;
        }
        writeln!(body, "for (var first = {begin}; first < {end}; first += {depth}u) {{\n{loads}").ok();
        body += "    workgroupBarrier();\n";
        body += &multiply(tile);
        body += "    workgroupBarrier();\n}\n";
        body += &store(product, tile, place);
        let tiles = format!(
            "var<workgroup> a_tile: array<vec4<f32>, {}>;\nvar<workgroup> b_tile: array<vec4<f32>, {}>;",
            rows * depth / 4,
            columns * depth / 4
        );
        shader.with(&term(product.terms)).with(&tiles).groups(tile.count(product) * parts, tile.lanes(), &body)
    }
}

/// The function that divides k into the terms' axes.
fn term(axes: [usize; 3]) -> String {
    let names = ["x", "y", "z"].map(String::from);
    let lets = indented(&unravel("k", &names, &axes));
    format!("fn term(k: u32) -> vec3<u32> {{\n{lets}    return vec3<u32>(x, y, z);\n}}")
}

/// An operand on its way to workgroup memory.
struct Operand<'a> {
    name: &'a str,
    /// Lines of a tile.
    size: usize,
    /// Whether all tiles have as many.
    whole: bool,
    /// The end of the terms, if it must be looked after.
    end: Option<&'a str>,
}

impl Operand<'_> {
    /// Neighbouring lanes read neighbouring lines, each lane always the same: what is known of a line is found out once.
    /// Gives what stands before the loop over terms, and what stands in it.
    fn by_lines(&self, tile: Tile) -> (String, String) {
        let (Operand { name, size, .. }, lanes) = (self, tile.lanes());
        let (mut before, mut inside) = (String::new(), String::new());
        for turn in 0..size.div_ceil(lanes) {
            let own = match turn {
                0 if *size < lanes => format!("lane % {size}u"),
                0 => "lane".into(),
                _ => format!("lane + {}u", turn * lanes),
            };
            let line = format!("{name}_line_{turn}");
            writeln!(before, "let {name}_own_{turn} = {own};").ok();
            writeln!(before, "let {line} = {name}_line(batch, tile_{name} + {name}_own_{turn});").ok();
            let (first, step) =
                if *size < lanes { (format!("lane / {size}u"), lanes / size) } else { ("0u".into(), 1) };
            let is_inside = format!("tile_{name} + {name}_own_{turn} < {}", self.lines());
            let element = self.element(&line, [(!self.whole).then_some(is_inside), self.is_term()]);
            writeln!(
                inside,
                "    for (var k = {first}; k < {}u; k += {step}u) {{\n{element}        {name}_tile[k * {}u + {name}_own_{turn} / \
                 4u][{name}_own_{turn} % 4u] = value;\n    }}",
                tile.depth,
                size / 4,
            )
            .ok();
        }
        (before, inside)
    }

    /// Neighbouring lanes read neighbouring terms.
    fn by_terms(&self, tile: Tile) -> String {
        let (Operand { name, size, .. }, lanes, depth) = (self, tile.lanes(), tile.depth);
        let (k, first, step) = if lanes >= depth {
            (format!("lane % {depth}u"), format!("lane / {depth}u"), lanes / depth)
        } else {
            ("lane".into(), "0u".into(), 1)
        };
        let is_inside = (!self.whole).then(|| format!("tile_{name} + line < {}", self.lines()));
        let element = self.element(&format!("{name}_line(batch, tile_{name} + line)"), [is_inside, self.is_term()]);
        format!(
            "    for (var line = {first}; line < {size}u; line += {step}u) {{\n        let k = {k};\n{element}        \
             {name}_tile[k * {}u + line / 4u][line % 4u] = value;\n    }}\n",
            size / 4,
        )
    }

    fn lines(&self) -> &'static str {
        if self.name == "a" { "M" } else { "N" }
    }

    fn is_term(&self) -> Option<String> {
        self.end.map(|end| format!("first + k < {end}"))
    }

    /// Declares `value`, zero outside.
    fn element(&self, line: &str, checks: [Option<String>; 2]) -> String {
        let checks: Vec<String> = checks.into_iter().flatten().collect();
        let read = format!("{}_at({line}, first + k, term(first + k))", self.name);
        if checks.is_empty() {
            return format!("        let value = {read};\n");
        }
        format!(
            "        var value = 0.0;\n        if ({}) {{\n            value = {read};\n        }}\n",
            checks.join(" && ")
        )
    }
}

/// A lane's block of products of what is in workgroup memory.
fn multiply(tile: Tile) -> String {
    let (a, b) = (tile.rows() / 4, tile.columns() / 4);
    let mut text = format!("    for (var k = 0u; k < {}u; k += 1u) {{\n", tile.depth);
    for four in 0..tile.fours[0] {
        writeln!(text, "        let a_{four} = a_tile[k * {a}u + y * {}u + {four}u];", tile.fours[0]).ok();
    }
    for four in 0..tile.fours[1] {
        writeln!(text, "        let b_{four} = b_tile[k * {b}u + {}u * {four}u + x];", tile.lanes[1]).ok();
    }
    for row in 0..4 * tile.fours[0] {
        let a = format!("a_{}.{}", row / 4, ["x", "y", "z", "w"][row % 4]);
        for four in 0..tile.fours[1] {
            writeln!(text, "        sum_{row}_{four} += {a} * b_{four};").ok();
        }
    }
    text + "    }\n"
}

fn store(product: &Product, tile: Tile, (first, step): (&str, usize)) -> String {
    let whole_rows = product.m.is_multiple_of(tile.rows());
    let whole_columns = product.n.is_multiple_of(tile.columns());
    let mut text = String::new();
    for four in 0..tile.fours[1] {
        for word in 0..4 {
            let column = format!("tile_b + 4u * ({}u * {four}u + x) + {word}u", tile.lanes[1]);
            for row in 0..4 * tile.fours[0] {
                let row_text = format!("tile_a + {}u * y + {row}u", 4 * tile.fours[0]);
                let mut checks = Vec::new();
                if !whole_rows {
                    checks.push("row < M");
                }
                if !whole_columns {
                    checks.push("column < N");
                }
                let value = format!("sum_{row}_{four}.{}", ["x", "y", "z", "w"][word]);
                let set = format!("set_result({first} + row * {step}u, {value});");
                let set = if checks.is_empty() { set } else { format!("if ({}) {{ {set} }}", checks.join(" && ")) };
                writeln!(text, "{{ let row = {row_text}; let column = {column}; {set} }}").ok();
            }
        }
    }
    text
}
