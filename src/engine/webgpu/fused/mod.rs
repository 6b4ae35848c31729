//! Fused kernels: the body of a plan's kernel as one shader.
//!
//! Where nothing passes between rows' elements but what each can compute for itself, the grid is flat: a lane an element,
//! or four. Else a workgroup takes a row or a few ([`rows`]), or some columns ([`columns`]).

mod columns;
mod expr;
mod library;
mod reduction;
mod rows;
mod schedule;

use std::fmt::Write;

use self::{
    columns::Sums,
    expr::{Index, Source, Writer},
    schedule::Schedule,
};
use super::{
    index::{Axis, indented},
    memory::{Space, Want},
    shader::{Kernel, Shader},
    values::Values,
};
use crate::{
    graph::Reduce,
    program::{Frame, Fused, Register, ValueId, View, What},
    sorted::{SortedMap, SortedSet},
};

/// Invocations of a workgroup of a flat grid: few where there is little to do.
const FLAT_LANES: [usize; 2] = [64, 256];

/// The kernels of a fused step.
pub(super) fn kernels(fused: &Fused, values: &Values<'_>) -> Vec<Kernel> {
    // Which values are used in fours shows only when the text is written.
    let mut all: SortedSet<ValueId> = fused.stores.iter().map(|(_, value)| *value).collect();
    all.extend(loads(fused).map(|(value, _)| value));
    let (_, fours) = Attempt { fused, values, fours: &all }.kernels();
    Attempt { fused, values, fours: &fours }.kernels().0
}

fn loads(fused: &Fused) -> impl Iterator<Item = (ValueId, &View)> {
    fused.code.iter().filter_map(|instruction| match &instruction.what {
        What::Load { value, view } => Some((*value, view)),
        _ => None,
    })
}

/// A text written with some values bound as arrays of fours.
struct Attempt<'a> {
    fused: &'a Fused,
    values: &'a Values<'a>,
    fours: &'a SortedSet<ValueId>,
}

impl Attempt<'_> {
    fn kernels(&self) -> (Vec<Kernel>, SortedSet<ValueId>) {
        match self.fused.frame {
            Frame::Rows { rows } => self.rows(rows),
            Frame::Columns { rows, columns } => self.columns(rows, columns),
        }
    }

    /// What is read, each value from the first element that a load shows to the last.
    fn reads(&self) -> Vec<(ValueId, usize, Want)> {
        let mut extents: SortedMap<ValueId, (usize, usize)> = SortedMap::new();
        for (value, view) in loads(self.fused) {
            if Axis::of(self.values.plan, value).is_some() {
                continue;
            }
            let (first, end) = extent(view);
            let known = extents.or_insert_with(value, || (first, end));
            *known = (known.0.min(first), known.1.max(end));
        }
        let want = |(value, (first, end)): (ValueId, (usize, usize))| {
            // In fours from the first.
            let first = first / 4 * 4;
            let want = self.values.want(value, first, end - first, false);
            (value, first, Want { quads: self.fours.contains(&value), ..want })
        };
        extents.into_iter().map(want).collect()
    }

    fn write(&self, value: ValueId) -> Want {
        let len = self.values.plan.values[value.index()].len;
        Want { quads: self.fours.contains(&value), ..self.values.want(value, 0, len, true) }
    }

    /// The source of a kernel that stores these values, and its memory; `more` is bound too.
    fn source(&self, rows: usize, stored: &[ValueId], more: Vec<Want>) -> (Source<'_>, Space) {
        let reads = self.reads();
        let mut wants: Vec<Want> = reads.iter().map(|(_, _, want)| want.clone()).collect();
        wants.extend(stored.iter().map(|&value| self.write(value)));
        wants.extend(more);
        let space = Space::new(&wants, &self.values.caps);
        let memory = |index: usize| space.memories[index].clone();
        let source = Source {
            fused: self.fused,
            plan: self.values.plan,
            rows,
            reads: reads.iter().enumerate().map(|(i, (value, first, _))| (*value, (memory(i), *first))).collect(),
            writes: stored.iter().enumerate().map(|(i, value)| (*value, memory(reads.len() + i))).collect(),
        };
        (source, space)
    }

    fn rows(&self, rows: usize) -> (Vec<Kernel>, SortedSet<ValueId>) {
        let stored: Vec<ValueId> = self.fused.stores.iter().map(|(_, value)| *value).collect();
        let (source, space) = self.source(rows, &stored, Vec::new());
        let mut writer = Writer::new(&source);
        let longest = self.fused.registers.iter().copied().max().unwrap_or(1);
        let mut share = rows::Share::new(rows, longest, &self.values.caps);
        // Each array of one element a lane takes its part.
        let words = self.values.caps.shared_words.saturating_sub(4 * share.lanes);
        let mut schedule = Schedule::new(&source, share.rows, words);
        if share.rows > 1 && !schedule.is_flat() && schedule != Schedule::new(&source, share.rows, usize::MAX) {
            share.rows = 1;
            schedule = Schedule::new(&source, share.rows, words);
        }
        let (declarations, body, groups, lanes) = if schedule.is_flat() {
            let (body, groups, lanes) = flat(&mut writer, self.values.caps.lanes);
            (String::new(), body, groups, lanes)
        } else {
            let (declarations, body) = rows::write(&mut writer, &schedule, share);
            (declarations, body, share.groups(rows), share.lanes)
        };
        let fours = std::mem::take(&mut writer.fours);
        if groups == 0 {
            return (Vec::new(), fours);
        }
        let kernel = finish(&writer, &space, &declarations).groups(groups, lanes, &body);
        (vec![kernel], fours)
    }

    fn columns(&self, rows: usize, columns: usize) -> (Vec<Kernel>, SortedSet<ValueId>) {
        let share = columns::Share::new(rows, columns, &self.values.caps);
        let is_sum = |register: Register| {
            let found = self.fused.code.iter().find(|instruction| instruction.to == register);
            found.is_some_and(|instruction| matches!(instruction.what, What::Reduce { .. }))
        };
        let (sums, full): (Vec<_>, Vec<_>) = self.fused.stores.iter().partition(|(register, _)| is_sum(*register));
        let stored: Vec<ValueId> = full.iter().map(|(_, value)| *value).collect();
        let mut targets: Vec<Want> =
            sums.iter().map(|(_, value)| Want { quads: false, ..self.write(*value) }).collect();
        let partial = (share.chunks > 1).then(|| self.values.scratch(sums.len(), share.chunks * columns));
        if let Some(partial) = &partial {
            targets.clone_from(partial);
        }
        let (source, space) = self.source(rows, &stored, targets);
        let mut memory: Sums = Sums::new();
        for ((register, _), target) in sums.iter().zip(&space.memories[space.memories.len() - sums.len()..]) {
            memory.or_insert_with(*register, Vec::new).push(target.clone());
        }
        for (register, _) in columns::reductions(&source) {
            memory.or_insert_with(register, Vec::new);
        }
        let mut writer = Writer::new(&source);
        let (declarations, body) = columns::write(&mut writer, share, &memory);
        let fours = std::mem::take(&mut writer.fours);
        let mut kernels = vec![finish(&writer, &space, &declarations).groups(share.groups(), share.lanes(), &body)];
        if let Some(partial) = partial {
            let reduces = columns::reductions(&source);
            for ((register, value), partial) in sums.iter().zip(partial) {
                let reduce = reduces.iter().find(|(to, _)| to == register).map_or(Reduce::Sum, |(_, reduce)| *reduce);
                kernels.push(self.second_stage(partial, *value, reduce, (share.chunks, columns)));
            }
        }
        (kernels, fours)
    }

    /// The kernel that joins what chunks of rows gave.
    fn second_stage(&self, partial: Want, value: ValueId, reduce: Reduce, (chunks, columns): (usize, usize)) -> Kernel {
        let wants = [partial, Want { quads: false, ..self.write(value) }];
        let space = Space::new(&wants, &self.values.caps);
        let term = space.memories[0].word(&format!("chunk * {columns}u + i"));
        let body = format!(
            "var total = {};\nfor (var chunk = 1u; chunk < {chunks}u; chunk += 1u) {{\n    total = {};\n}}\n{} = total;",
            space.memories[0].word("i"),
            reduction::join(reduce, "total", &term),
            space.memories[1].word("i"),
        );
        Shader::new(&space).each(columns, &body)
    }
}

/// The first element that a view shows, and the one after the last.
fn extent(view: &View) -> (usize, usize) {
    if view.is_empty() {
        return (view.offset, view.offset);
    }
    let (mut first, mut last) = (view.offset as isize, view.offset as isize);
    for (&dim, &stride) in view.dims.iter().zip(&view.strides) {
        let reach = (dim as isize - 1) * stride;
        first += reach.min(0);
        last += reach.max(0);
    }
    (first as usize, last as usize + 1)
}

fn finish(writer: &Writer<'_>, space: &Space, declarations: &str) -> Shader {
    let shader = Shader::new(space).with(&writer.library.text()).with(declarations);
    if writer.library.reads_call { shader.reading_call() } else { shader }
}

/// A grid of a lane an element, or four: its body, workgroups and lanes.
fn flat(writer: &mut Writer<'_>, most_lanes: usize) -> (String, usize, usize) {
    let source = writer.source;
    let lengths: SortedSet<usize> =
        source.fused.stores.iter().map(|(register, _)| source.each(*register)).filter(|&each| each > 0).collect();
    let mut text = String::new();
    let mut most = 0;
    for &each in &lengths {
        let len = source.rows * each;
        let wide = len.is_multiple_of(4) && !is_scattered(writer, each, false);
        let count = if wide { len / 4 } else { len };
        most = most.max(count);
        let level = writer.open();
        store(writer, each, &Index { text: "i".into(), level, wide });
        let lines = writer.close();
        writeln!(text, "if (i < {count}u) {{\n{}}}", indented(&lines)).ok();
    }
    let lanes = FLAT_LANES[usize::from(most >= 1 << 16)].min(most_lanes);
    (format!("let i = group * {lanes}u + lane;\n{text}"), most.div_ceil(lanes), lanes)
}

/// Whether storing registers of this length in fours would compute something more than a load four times over.
fn is_scattered(writer: &Writer<'_>, each: usize, one_row: bool) -> bool {
    let mut probe = Writer::new(writer.source);
    probe.shared.clone_from(&writer.shared);
    probe.row = one_row.then(|| Index { text: "row".into(), level: 0, wide: false });
    store(&mut probe, each, &Index { text: "i".into(), level: 0, wide: true });
    probe.scattered
}

/// Writes the lines that store all registers of this length at an index. All are computed before any is stored: one may
/// take the place of what another reads.
fn store(writer: &mut Writer<'_>, each: usize, index: &Index) {
    let source = writer.source;
    let stores = source
        .fused
        .stores
        .iter()
        .filter(|(register, value)| source.each(*register) == each && source.writes.contains_key(value));
    let terms: Vec<_> = stores.map(|(register, value)| (writer.register(*register, index), *value)).collect();
    for (term, value) in terms {
        let memory = &source.writes[&value];
        if !index.wide {
            writer.line(index.level, &format!("{} = {};", memory.word(&index.text), term.text));
        } else if memory.in_fours() {
            writer.fours.insert(value);
            writer.line(index.level, &format!("{} = {};", memory.four(&index.text), term.spread()));
        } else {
            for (word, part) in ["x", "y", "z", "w"].iter().enumerate() {
                let value = if term.wide { format!("{}.{part}", term.text) } else { term.text.clone() };
                let place = memory.word(&format!("4u * {} + {word}u", index.text));
                writer.line(index.level, &format!("{place} = {value};"));
            }
        }
    }
}
