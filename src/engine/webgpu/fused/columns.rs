//! Kernels that reduce over rows: lanes stand side by side over columns, and several share the rows of a column.

use std::fmt::Write;

use super::{
    expr::{Source, Writer},
    reduction::join,
};
use crate::{
    engine::webgpu::{
        index::{indented, quotient, remainder},
        memory::{Caps, Hardware, Memory},
    },
    graph::Reduce,
    program::{Register, What},
    sorted::SortedMap,
};

/// How the work is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    /// Columns of a workgroup, a power of two.
    across: usize,
    /// Lanes that share the rows of a column, a power of two.
    down: usize,
    rows: usize,
    columns: usize,
    /// Parts of the rows that workgroups of their own take: more than one leaves their sums to a second kernel.
    pub chunks: usize,
}

/// Workgroups that keep a device busy.
const BUSY: usize = 128;

/// Rows that a lane should have at least before columns are divided among workgroups.
const LONG: usize = 64;

impl Share {
    pub fn new(rows: usize, columns: usize, caps: &Caps) -> Share {
        let across = columns.next_power_of_two().clamp(1, 64.min(caps.lanes));
        let down = match caps.hardware {
            // It would change between lanes at every barrier.
            Hardware::SwiftShader => 1,
            _ => (rows / 4).next_power_of_two().clamp(1, (256.min(caps.lanes) / across).max(1)),
        };
        let blocks = columns.div_ceil(across);
        let chunks = (BUSY / blocks).min(rows / (LONG * down)).max(1);
        Share { across, down, rows, columns, chunks }
    }

    fn chunk(self) -> usize {
        self.rows.div_ceil(self.chunks)
    }

    pub fn groups(self) -> usize {
        self.columns.div_ceil(self.across) * self.chunks
    }

    pub fn lanes(self) -> usize {
        self.across * self.down
    }
}

/// The memory that each reduction is written to: `chunks * columns` numbers.
pub(super) type Sums = SortedMap<Register, Vec<Memory>>;

/// The declarations and the body of a kernel.
pub(super) fn write(writer: &mut Writer<'_>, share: Share, sums: &Sums) -> (String, String) {
    let source = writer.source;
    let (across, down, columns) = (share.across, share.down, share.columns);
    let blocks = columns.div_ceil(across);
    let reductions = reductions(source);
    let mut body = format!(
        "let column = {} * {across}u + {};\nlet part = {};\n",
        remainder("group", blocks),
        remainder("lane", across),
        quotient("lane", across)
    );
    if share.chunks > 1 {
        let chunk = share.chunk();
        let rows = share.rows;
        writeln!(
            body,
            "let chunk = {};\nlet first_row = chunk * {chunk}u + part;\nlet end_row = min(chunk * {chunk}u + \
             {chunk}u, {rows}u);",
            quotient("group", blocks)
        )
        .ok();
    } else {
        writeln!(body, "let first_row = part;\nlet end_row = {}u;", share.rows).ok();
    }
    let mut starts = Vec::new();
    for (register, reduce) in &reductions {
        let start = writer.library.start(*reduce);
        writeln!(body, "var total_{} = {start};", register.0).ok();
        starts.push(start);
    }
    // In parts, for the rounding.
    let span = 32 * down;
    let level = writer.open();
    let index = writer.index(format!("row * {columns}u + column"), level, false);
    super::store(writer, share.rows, &index);
    for (register, reduce) in &reductions {
        let input = source.instruction(*register).inputs[0];
        let value = writer.operand(input, &index).text;
        let part = format!("part_{}", register.0);
        writer.line(level, &format!("{part} = {};", join(*reduce, &part, &value)));
    }
    let rows = indented(&indented(&writer.close()));
    let declared: String = reductions
        .iter()
        .zip(&starts)
        .map(|((register, _), start)| format!("        var part_{} = {start};\n", register.0))
        .collect();
    let joined: String = reductions
        .iter()
        .map(|(register, reduce)| {
            let total = format!("total_{}", register.0);
            format!("        {total} = {};\n", join(*reduce, &total, &format!("part_{}", register.0)))
        })
        .collect();
    writeln!(
        body,
        "if (column < {columns}u) {{\n    for (var at = first_row; at < end_row; at += {span}u) {{\n{declared}        for (var \
         row = at; row < min(at + {span}u, end_row); row += {down}u) {{\n{}        }}\n{joined}    }}\n}}",
        indented(&rows).trim_end_matches(' ')
    )
    .ok();
    let mut declarations = String::new();
    if down > 1 {
        for (index, (register, _)) in reductions.iter().enumerate() {
            writeln!(declarations, "var<workgroup> partial_{index}: array<f32, {}>;", share.lanes()).ok();
            writeln!(body, "partial_{index}[lane] = total_{};", register.0).ok();
        }
        body += "workgroupBarrier();\n";
        let mut half = down / 2;
        while half > 0 {
            writeln!(body, "if (part < {half}u) {{").ok();
            for (index, (_, reduce)) in reductions.iter().enumerate() {
                let (a, b) = (format!("partial_{index}[lane]"), format!("partial_{index}[lane + {}u]", half * across));
                writeln!(body, "    {a} = {};", join(*reduce, &a, &b)).ok();
            }
            body += "}\nworkgroupBarrier();\n";
            half /= 2;
        }
    }
    writeln!(body, "if (part == 0u && column < {columns}u) {{").ok();
    for (index, (register, _)) in reductions.iter().enumerate() {
        let total = if down > 1 { format!("partial_{index}[lane]") } else { format!("total_{}", register.0) };
        let place = if share.chunks > 1 { format!("chunk * {columns}u + column") } else { "column".into() };
        for memory in &sums[register] {
            writeln!(body, "    {} = {total};", memory.word(&place)).ok();
        }
    }
    body += "}\n";
    (declarations, body)
}

/// The reductions of a kernel.
pub(super) fn reductions(source: &Source<'_>) -> Vec<(Register, Reduce)> {
    let reduce = |instruction: &crate::program::Instruction| match instruction.what {
        What::Reduce { reduce, .. } => Some((instruction.to, reduce)),
        _ => None,
    };
    source.fused.code.iter().filter_map(reduce).collect()
}
