//! The template of all products: tiles of both operands pass through workgroup memory, and each lane sums up a block of
//! the result.

use std::fmt::Write;

use super::{Neighbours, Side};
use crate::engine::webgpu::{
    memory::Want,
    shader::{Kernel, Shader},
    single::Task,
};

/// How a workgroup's tile is divided among lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Tile {
    /// Lanes down and across.
    pub lanes: [usize; 2],
    /// Rows and columns of a lane's block, in fours.
    pub fours: [usize; 2],
    /// Terms that pass through workgroup memory at a time.
    pub depth: usize,
}

/// Terms that one workgroup sums at most: some devices (Mesa's software rasteriser) end an invocation's loops after 65,535
/// rounds, and no dispatch should be too long for a watchdog.
const LONGEST_SUM: usize = 16 << 10;

/// Workgroups that keep a device busy.
const BUSY: usize = 128;

/// Terms below which a sum is not divided for the sake of more workgroups.
const SHORTEST_PART: usize = 256;

/// A batch of matrix products `result[batch][m][n] = sum over k of a[batch][m][k] b[batch][k][n]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Product {
    pub batches: usize,
    pub m: usize,
    pub n: usize,
    pub k: usize,
}

impl Tile {
    /// The tile for a product: as large as its sides fill.
    pub fn of(product: &Product) -> Tile {
        let side = |size: usize| match size {
            ..=16 => (4, 1),
            17..=32 => (8, 1),
            _ => (8, 2),
        };
        let (down, across) = (side(product.m), side(product.n));
        let tile = Tile { lanes: [down.0, across.0], fours: [down.1, across.1], depth: 16 };
        // Few large tiles leave a device idle.
        if tile.count(product) < BUSY / 2 { Tile { fours: [1, 1], ..tile } } else { tile }
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

    fn count(self, product: &Product) -> usize {
        product.batches * product.m.div_ceil(self.rows()) * product.n.div_ceil(self.columns())
    }

    /// Into how many parts sums are divided, whose results a second kernel joins.
    fn parts(self, product: &Product) -> usize {
        // A second kernel must be worth it.
        let few = self.count(product) <= BUSY / 4;
        let busy = if few { (BUSY / self.count(product)).min(product.k / SHORTEST_PART) } else { 1 };
        busy.max(product.k.div_ceil(LONGEST_SUM)).max(1)
    }
}

/// The kernels of a product. `place` is the text of where element (`batch`, `row`, `column`) of the result is.
pub(in super::super) fn kernels(
    task: &Task<'_>,
    product: &Product,
    names: [&str; 2],
    sides: &[Side; 2],
    constants: &str,
    place: &str,
) -> Vec<Kernel> {
    let tile = Tile::of(product);
    let parts = tile.parts(product);
    let len = task.len();
    let scratch = (parts > 1).then(|| task.compiler.scratch(1, parts * len)).and_then(|mut scratch| scratch.pop());
    let written = scratch.clone().unwrap_or_else(|| task.result());
    let shader = task.writing(&[(names[0], 0), (names[1], 1)], &[("result", written)]);
    let first = shader.with(constants).with(&functions(product, sides));
    let mut kernels = vec![write(first, product, tile, parts, sides, (place, len))];
    if let Some(scratch) = scratch {
        kernels.push(second(task, scratch, parts));
    }
    kernels
}

/// Joins the parts of the sums.
fn second(task: &Task<'_>, scratch: Want, parts: usize) -> Kernel {
    let len = task.len();
    let body = format!(
        "var total = parts(i);\nfor (var part = 1u; part < {parts}u; part += 1u) {{\n    total += parts(part * {len}u + \
         i);\n}}\nset_result(i, total);"
    );
    task.writing(&[], &[("parts", scratch), ("result", task.result())]).each(len, &body)
}

fn functions(product: &Product, sides: &[Side; 2]) -> String {
    let Product { m, n, k, .. } = product;
    let mut text = format!("const M = {m}u;\nconst N = {n}u;\nconst K = {k}u;\n");
    for (name, side) in ["a", "b"].iter().zip(sides) {
        writeln!(text, "fn {name}_line(batch: u32, line: u32) -> vec4<u32> {{\n    {}\n}}", side.line).ok();
        writeln!(text, "fn {name}_at(line: vec4<u32>, k: u32) -> f32 {{\n    {}\n}}", side.at).ok();
    }
    text
}

fn write(
    shader: Shader,
    product: &Product,
    tile: Tile,
    parts: usize,
    sides: &[Side; 2],
    (place, len): (&str, usize),
) -> Kernel {
    let (rows, columns, depth) = (tile.rows(), tile.columns(), tile.depth);
    let (down, across) = (product.m.div_ceil(rows), product.n.div_ceil(columns));
    let part = product.k.div_ceil(parts).next_multiple_of(depth);
    let mut body = format!(
        "let tile_row = group / {across}u % {down}u * {rows}u;\nlet tile_column = group % {across}u * {columns}u;\nlet batch = \
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
    writeln!(body, "for (var first = {begin}; first < {end}; first += {depth}u) {{").ok();
    let exact = product.k.is_multiple_of(depth) && (parts == 1 || product.k.is_multiple_of(part));
    for (name, side, size, total, from) in
        [("a", &sides[0], rows, product.m, "tile_row"), ("b", &sides[1], columns, product.n, "tile_column")]
    {
        let whole = total.is_multiple_of(size);
        body += &load(name, side.neighbours, (size, whole), from, (tile, exact, end));
    }
    body += "    workgroupBarrier();\n";
    body += &multiply(tile);
    body += "    workgroupBarrier();\n}\n";
    body += &store(product, tile, (place, len), parts > 1);
    let tiles = format!(
        "var<workgroup> a_tile: array<vec4<f32>, {}>;\nvar<workgroup> b_tile: array<vec4<f32>, {}>;",
        rows * depth / 4,
        columns * depth / 4
    );
    shader.with(&tiles).groups(tile.count(product) * parts, tile.lanes(), &body)
}

/// Lanes take turns at the elements of an operand's tile, so that neighbours read neighbours.
fn load(
    name: &str,
    neighbours: Neighbours,
    (size, whole): (usize, bool),
    from: &str,
    (tile, exact, end): (Tile, bool, &str),
) -> String {
    let (depth, lanes) = (tile.depth, tile.lanes());
    let count = size * depth;
    let (line, k) = match neighbours {
        Neighbours::Lines => (format!("at % {size}u"), format!("at / {size}u")),
        Neighbours::Terms => (format!("at / {depth}u"), format!("at % {depth}u")),
    };
    let mut checks = Vec::new();
    if !whole {
        checks.push(format!("{from} + line < {}", if name == "a" { "M" } else { "N" }));
    }
    if !exact {
        checks.push(format!("first + k < {end}"));
    }
    let element = format!("value = {name}_at({name}_line(batch, {from} + line), first + k);");
    let read = if checks.is_empty() {
        format!("        {element}\n")
    } else {
        format!("        if ({}) {{\n            {element}\n        }}\n", checks.join(" && "))
    };
    format!(
        "    for (var at = lane; at < {count}u; at += {lanes}u) {{
        let line = {line};
        let k = {k};
        var value = 0.0;
{read}        {name}_tile[k * {}u + line / 4u][line % 4u] = value;
    }}\n",
        size / 4
    )
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

fn store(product: &Product, tile: Tile, (place, len): (&str, usize), in_parts: bool) -> String {
    let whole_rows = product.m.is_multiple_of(tile.rows());
    let whole_columns = product.n.is_multiple_of(tile.columns());
    let place = if in_parts { format!("part * {len}u + {place}") } else { place.into() };
    let mut text = String::new();
    for four in 0..tile.fours[1] {
        for word in 0..4 {
            let column = format!("tile_column + 4u * ({}u * {four}u + x) + {word}u", tile.lanes[1]);
            for row in 0..4 * tile.fours[0] {
                let row_text = format!("tile_row + {}u * y + {row}u", 4 * tile.fours[0]);
                let mut checks = Vec::new();
                if !whole_rows {
                    checks.push("row < M");
                }
                if !whole_columns {
                    checks.push("column < N");
                }
                let value = format!("sum_{row}_{four}.{}", ["x", "y", "z", "w"][word]);
                let set = format!("set_result({place}, {value});");
                let set = if checks.is_empty() { set } else { format!("if ({}) {{ {set} }}", checks.join(" && ")) };
                writeln!(text, "{{ let row = {row_text}; let column = {column}; {set} }}").ok();
            }
        }
    }
    text
}
