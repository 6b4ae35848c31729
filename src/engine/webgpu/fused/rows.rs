//! Kernels of which a workgroup computes one row or a few: what lanes need of each other passes through workgroup memory.

use std::fmt::Write;

use super::{
    expr::{Index, Source, Writer},
    reduction::{Run, Terms, Total, Turns, join},
    schedule::{Schedule, Way},
};
use crate::{
    engine::webgpu::{
        index::{indented, quotient, remainder},
        memory::{Caps, Hardware},
    },
    graph::Reduce,
    program::{Register, What},
    sorted::{SortedMap, SortedSet},
};

/// Lanes whose results one lane joins at a time.
const FAN_IN: usize = 8;

/// How rows are given to workgroups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    /// Rows of a workgroup.
    pub rows: usize,
    pub lanes: usize,
}

impl Share {
    /// For `rows` rows of at most `longest` elements.
    pub fn new(rows: usize, longest: usize, caps: &Caps) -> Share {
        let together = (512 / longest.max(1)).clamp(1, rows.max(1));
        let groups = rows.div_ceil(together);
        let lanes = match (caps.hardware, longest, groups) {
            // At every barrier it changes between the lanes that do not fit one vector, which is dear.
            (Hardware::SwiftShader, ..) => 4,
            // Few long rows want all the lanes there are.
            (_, 1024.., ..64) => 256,
            (_, 512.., ..256) => 128,
            _ => 64,
        };
        // Lanes are joined by halves.
        Share { rows: together, lanes: lanes.min(1 << caps.lanes.max(1).ilog2()) }
    }

    pub fn groups(self, rows: usize) -> usize {
        rows.div_ceil(self.rows)
    }
}

/// The declarations and the body of a kernel.
pub(super) fn write(writer: &mut Writer<'_>, schedule: &Schedule, share: Share) -> (String, String) {
    let rows = writer.source.rows;
    let mut body = if share.rows == 1 {
        "let row = group;\n".into()
    } else {
        let (each, last) = (share.rows, rows % share.rows);
        let here = if last == 0 { format!("{each}u") } else { format!("min({each}u, {rows}u - first_row)") };
        format!("let first_row = group * {each}u;\nlet rows = {here};\n")
    };
    let mut most = 0;
    for phase in &schedule.phases {
        for group in loops(writer.source, phase) {
            most = most.max(group.carried.len());
            body += &kept(writer, &group, share);
        }
        for group in groups(writer.source, phase) {
            let partial = shared(writer, &group, share);
            most = most.max(partial.1);
            body += &partial.0;
        }
        body += "workgroupBarrier();\n";
        for (register, _) in phase {
            let each = writer.source.each(*register);
            writer.shared.insert(*register, first(each, share));
        }
    }
    body += &stores(writer, share);
    let mut declarations = String::new();
    for (register, _) in schedule.phases.iter().flatten() {
        let len = share.rows * writer.source.each(*register);
        writeln!(declarations, "var<workgroup> {}: array<f32, {len}>;", writer.array(*register)).ok();
    }
    for index in 0..most {
        writeln!(declarations, "var<workgroup> partial_{index}: array<f32, {}>;", share.lanes).ok();
    }
    (declarations, body)
}

/// The first element of a workgroup.
fn first(each: usize, share: Share) -> String {
    let row = if share.rows == 1 { "row" } else { "first_row" };
    if each == 1 { row.into() } else { format!("{row} * {each}u") }
}

/// How many elements a workgroup has.
fn here(each: usize, share: Share) -> String {
    match (share.rows, each) {
        (1, _) => format!("{each}u"),
        (_, 1) => "rows".into(),
        _ => format!("rows * {each}u"),
    }
}

/// Opens the scope of a loop or phase in which the row, if it is one, is known.
fn open(writer: &mut Writer<'_>, share: Share) -> usize {
    let level = writer.open();
    writer.row = (share.rows == 1).then(|| Index { text: "row".into(), level, wide: false });
    level
}

/// What one loop over elements computes: registers of one length, and reductions of the whole row.
#[derive(Default)]
struct Elements {
    /// Elements of a row.
    each: usize,
    kept: Vec<Register>,
    carried: Vec<Register>,
}

/// The loops of a phase.
fn loops(source: &Source<'_>, phase: &[(Register, Way)]) -> Vec<Elements> {
    let mut loops: SortedMap<usize, Elements> = SortedMap::new();
    for &(register, way) in phase.iter().filter(|(_, way)| *way != Way::Shared) {
        let is_kept = way == Way::Kept;
        let terms = || Terms::of(source, source.instruction(register)).count;
        let each = if is_kept { source.each(register) } else { terms() };
        let elements = loops.or_insert_with(each, || Elements { each, ..Elements::default() });
        if is_kept { elements.kept.push(register) } else { elements.carried.push(register) }
    }
    loops.into_iter().map(|(_, elements)| elements).collect()
}

/// Lanes take turns at the elements, and join what each has of the reductions.
fn kept(writer: &mut Writer<'_>, elements: &Elements, share: Share) -> String {
    let each = elements.each;
    let outer = open(writer, share);
    let totals = starts(writer, &elements.carried, outer, false);
    let inner = writer.open();
    let k = writer.name("k");
    let index = writer.index(format!("{} + {k}", first(each, share)), inner, false);
    for &register in &elements.kept {
        let value = writer.register(register, &index).text;
        let array = writer.array(register);
        writer.line(inner, &format!("{array}[{k}] = {value};"));
    }
    let here = here(each, share);
    let turns = Turns { variable: &k, first: "lane", end: &here, step: share.lanes, wide: false };
    let in_parts = turns.are_many(each, &totals);
    writer.add(&totals, &index, in_parts);
    let lines = writer.close();
    writer.line(outer, turns.around(&lines, &totals, in_parts).trim_end());
    if !totals.is_empty() {
        for (index, (total, ..)) in totals.iter().enumerate() {
            writer.line(outer, &format!("partial_{index}[lane] = {total};"));
        }
        writer.line(outer, "let part = lane;");
        combine(writer, outer, &elements.carried, share.lanes, ("0u", "part == 0u"));
    }
    format!("{{\n{}}}\n", indented(&writer.close()))
}

/// Reductions of a phase, those of equal form together.
fn groups(source: &Source<'_>, phase: &[(Register, Way)]) -> Vec<Vec<Register>> {
    let mut groups: Vec<(Terms, Vec<Register>)> = Vec::new();
    for &(register, _) in phase.iter().filter(|(_, way)| *way == Way::Shared) {
        let terms = Terms::of(source, source.instruction(register));
        match groups.iter_mut().find(|group| group.0 == terms) {
            Some(group) => group.1.push(register),
            None => groups.push((terms, vec![register])),
        }
    }
    groups.into_iter().map(|group| group.1).collect()
}

/// Several lanes sum up each result. Also gives how many arrays of one element a lane that takes.
fn shared(writer: &mut Writer<'_>, registers: &[Register], share: Share) -> (String, usize) {
    let source = writer.source;
    let terms = Terms::of(source, source.instruction(registers[0]));
    let results = share.rows * terms.results;
    let each = terms.count.next_power_of_two().min(share.lanes / results.min(share.lanes).next_power_of_two()).max(1);
    let wide = terms.in_fours() && terms.count >= 4 * each;
    let outer = open(writer, share);
    let count = here(terms.results, share);
    let array = |writer: &Writer<'_>, register: Register| writer.array(register);
    if each == 1 {
        // More results than lanes.
        let result = Result { text: "result", level: writer.open() };
        let totals = totals(writer, registers, &result, &terms, share, ("0u", 1, wide));
        for (register, total) in registers.iter().zip(totals) {
            let array = array(writer, *register);
            writer.line(result.level, &format!("{array}[result] = {total};"));
        }
        let (lines, lanes) = (indented(&writer.close()), share.lanes);
        writer.line(outer, &format!("for (var result = lane; result < {count}; result += {lanes}u) {{\n{lines}}}"));
        return (format!("{{\n{}}}\n", indented(&writer.close())), 0);
    }
    let alone = results == 1 && each == share.lanes;
    if alone {
        writer.line(outer, "let part = lane;");
    } else {
        writer
            .line(outer, &format!("let result = {};\nlet part = {};", quotient("lane", each), remainder("lane", each)));
    }
    let text = if alone { "0u" } else { "result" };
    let inner = if alone { outer } else { writer.open() };
    let totals = totals(writer, registers, &Result { text, level: inner }, &terms, share, ("part", each, wide));
    let assignments: String =
        totals.iter().enumerate().map(|(index, total)| format!("partial_{index}[lane] = {total};\n")).collect();
    if alone {
        writer.line(outer, assignments.trim_end());
    } else {
        writer.line(inner, assignments.trim_end());
        let lines = indented(&writer.close());
        writer.line(outer, &format!("if (result < {count}) {{\n{lines}}}"));
    }
    let is_first = if alone { "part == 0u".into() } else { format!("part == 0u && result < {count}") };
    combine(writer, outer, registers, each, (text, &is_first));
    (format!("{{\n{}}}\n", indented(&writer.close())), registers.len())
}

/// Joins what `lanes` neighbouring lanes have left in the arrays of one element a lane, and keeps it as element `at` where
/// `is_first` holds.
fn combine(writer: &mut Writer<'_>, level: usize, registers: &[Register], lanes: usize, (at, is_first): (&str, &str)) {
    writer.line(level, "workgroupBarrier();");
    let reduces: Vec<Reduce> = registers.iter().map(|&register| reduce_of(writer.source, register)).collect();
    writer.line(level, tree(&reduces, lanes).trim_end());
    let lines: String = registers
        .iter()
        .enumerate()
        .map(|(index, &register)| format!("    {}[{at}] = partial_{index}[lane];\n", writer.array(register)))
        .collect();
    writer.line(level, &format!("if ({is_first}) {{\n{lines}}}"));
    // The arrays are free again once this has been read.
    writer.line(level, "workgroupBarrier();");
}

struct Result<'t> {
    text: &'t str,
    level: usize,
}

fn reduce_of(source: &Source<'_>, register: Register) -> Reduce {
    match source.instruction(register).what {
        What::Reduce { reduce, .. } => reduce,
        _ => Reduce::Sum,
    }
}

/// Declares what each of these reductions begins with.
fn starts(writer: &mut Writer<'_>, registers: &[Register], level: usize, wide: bool) -> Vec<Total> {
    let mut totals = Vec::new();
    for &register in registers {
        let reduce = reduce_of(writer.source, register);
        let total = writer.name(&format!("{}_{}", writer.label(register), register.0));
        let start = writer.library.start(reduce);
        let first = if wide { format!("vec4<f32>({start})") } else { start.clone() };
        writer.line(level, &format!("var {total} = {first};"));
        totals.push((total, start, reduce, register));
    }
    totals
}

/// Declares what one lane has of each of these reductions; returns the texts.
fn totals(
    writer: &mut Writer<'_>,
    registers: &[Register],
    result: &Result<'_>,
    terms: &Terms,
    share: Share,
    (first_term, step, wide): (&str, usize, bool),
) -> Vec<String> {
    let level = result.level;
    let flat = match (result.text, terms.results) {
        ("0u", _) => first(terms.results, share),
        _ => format!("{} + {}", first(terms.results, share), result.text),
    };
    let flat = writer.index(flat, level, false);
    let place = terms.kept.at(&flat.text);
    let place = if wide { quotient(&place, 4) } else { place };
    let base = writer.index(place, level, false);
    let totals = starts(writer, registers, level, wide);
    let text = writer.run(Run { first: first_term, step, terms, base: &base, wide }, &totals);
    writer.line(level, text.trim_end());
    totals
        .into_iter()
        .map(|(total, _, reduce, _)| {
            if !wide {
                return total;
            }
            let [a, b] = [["x", "y"], ["z", "w"]].map(|[a, b]| {
                let joined = join(reduce, &format!("{total}.{a}"), &format!("{total}.{b}"));
                format!("({joined})")
            });
            join(reduce, &a, &b)
        })
        .collect()
}

/// Joins the results of `lanes` neighbouring lanes into the first one's.
fn tree(reduces: &[Reduce], lanes: usize) -> String {
    let mut text = String::new();
    let mut stride = 1;
    while stride < lanes {
        let fan_in = FAN_IN.min(lanes / stride);
        let mut lines = String::new();
        for (index, reduce) in reduces.iter().enumerate() {
            let place = |step: usize| match step * stride {
                0 => format!("partial_{index}[lane]"),
                distance => format!("partial_{index}[lane + {distance}u]"),
            };
            let pairs = |from: usize, to: usize| (from..to).map(place).reduce(|a, b| join(*reduce, &a, &b));
            // Halves first, for the rounding.
            let (low, high) = (pairs(0, fan_in.div_ceil(2)), pairs(fan_in.div_ceil(2), fan_in));
            if let (Some(low), Some(high)) = (low, high) {
                let joined = join(*reduce, &low, &format!("({high})"));
                writeln!(lines, "    partial_{index}[lane] = {joined};").ok();
            }
        }
        stride *= fan_in;
        writeln!(text, "if ({} == 0u) {{\n{lines}}}\nworkgroupBarrier();", remainder("part", stride)).ok();
    }
    text
}

/// Writes what is stored: registers of one length in one loop.
fn stores(writer: &mut Writer<'_>, share: Share) -> String {
    let source = writer.source;
    let lengths: SortedSet<usize> = source.fused.stores.iter().map(|(register, _)| source.each(*register)).collect();
    let mut text = String::new();
    for each in lengths.into_iter().rev().filter(|&each| each > 0) {
        let wide = each.is_multiple_of(4) && !super::is_scattered(writer, each, share.rows == 1);
        let outer = open(writer, share);
        let inner = writer.open();
        let k = writer.name("k");
        let unit = if wide { each / 4 } else { each };
        let index = writer.index(format!("{} + {k}", first(unit, share)), inner, wide);
        super::store(writer, each, &index);
        let (lines, lanes, here) = (indented(&writer.close()), share.lanes, here(unit, share));
        writer.line(outer, &format!("for (var {k} = lane; {k} < {here}; {k} += {lanes}u) {{\n{lines}}}"));
        text += &format!("{{\n{}}}\n", indented(&writer.close()));
    }
    text
}
