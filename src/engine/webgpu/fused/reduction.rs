//! Reductions: where their terms are, and the loops that join them.

use super::expr::{Index, Source, Term, Writer};
use crate::{
    engine::webgpu::index::{Walk, indented},
    graph::Reduce,
    program::{Instruction, Operand, Register, What},
};

/// Terms summed one after another before they join the total, which keeps rounding errors far below those of one long
/// running sum.
const PART: usize = 32;

impl Writer<'_> {
    /// A reduction by one invocation.
    pub fn fold(&mut self, instruction: &Instruction, reduce: Reduce, index: &Index) -> Term {
        let terms = Terms::of(self.source, instruction);
        if terms.count == 0 {
            return Term::one(self.library.start(reduce));
        }
        let base = self.index(terms.kept.at(&index.text), index.level, false);
        if terms.count <= 4 {
            let elements: Vec<String> = (0..terms.count)
                .map(|term| {
                    let at = self.index(format!("{} + {}u", base.text, terms.place(term)), index.level, false);
                    self.term(instruction, &at).text
                })
                .collect();
            return Term::one(match reduce {
                Reduce::Sum => elements.join(" + "),
                Reduce::Max => {
                    elements[1..].iter().fold(elements[0].clone(), |most, other| format!("max({most}, {other})"))
                }
            });
        }
        let total = self.name("total");
        let start = self.library.start(reduce);
        self.line(index.level, &format!("var {total} = {start};"));
        let text = self.run(
            Run { first: "0u", step: 1, terms: &terms, base: &base, wide: false },
            &[(total.clone(), start, reduce, instruction.to)],
        );
        self.line(index.level, text.trim_end());
        Term::one(total)
    }

    /// One term of a reduction.
    pub fn term(&mut self, instruction: &Instruction, at: &Index) -> Term {
        let first = self.operand(instruction.inputs[0], at);
        if !matches!(instruction.what, What::Dot) {
            return first;
        }
        let second = self.operand(instruction.inputs[1], at);
        let text = format!("{} * {}", first.text, second.text);
        Term { text: format!("({text})"), wide: first.wide || second.wide }
    }

    /// The loop in which one invocation takes its share of the terms of reductions of equal form.
    pub fn run(&mut self, run: Run<'_>, totals: &[Total]) -> String {
        let count = if run.wide { run.terms.count / 4 } else { run.terms.count };
        let level = self.open();
        let term = Index { text: self.name("term"), level, wide: run.wide };
        let walk = if run.wide { run.terms.reduced.quads() } else { Some(run.terms.reduced.clone()) };
        let place = walk.unwrap_or_else(|| run.terms.reduced.clone()).at(&term.text);
        let base = if run.base.text == "0u" { String::new() } else { format!("{} + ", run.base.text) };
        let at = self.index(format!("{base}{place}"), level, run.wide);
        let end = format!("{count}u");
        let turns = Turns { variable: &term.text, first: run.first, end: &end, step: run.step, wide: run.wide };
        let in_parts = turns.are_many(count, totals);
        self.add(totals, &at, in_parts);
        let lines = self.close();
        turns.around(&lines, totals, in_parts)
    }

    /// Joins the terms at an index to the totals, or to their parts.
    pub fn add(&mut self, totals: &[Total], at: &Index, in_parts: bool) {
        for (total, _, reduce, register) in totals {
            let source = self.source;
            let value = self.term(source.instruction(*register), at);
            let into = if in_parts { format!("part_{total}") } else { total.clone() };
            let value = if at.wide { value.spread() } else { value.text };
            self.line(at.level, &format!("{into} = {};", join(*reduce, &into, &value)));
        }
    }
}

/// What a reduction is joined to: its name, the text that it begins with, and what it is.
pub(super) type Total = (String, String, Reduce, Register);

/// A loop in which a variable takes every `step`th value from `first` to below `end`.
pub(super) struct Turns<'t> {
    pub variable: &'t str,
    pub first: &'t str,
    pub end: &'t str,
    pub step: usize,
    /// Whether totals are fours.
    pub wide: bool,
}

impl Turns<'_> {
    /// Whether totals of `count` terms are summed in parts, for the rounding.
    pub fn are_many(&self, count: usize, totals: &[Total]) -> bool {
        !totals.is_empty() && count.div_ceil(self.step) > 2 * PART
    }

    /// The loop around these lines.
    pub fn around(&self, lines: &str, totals: &[Total], in_parts: bool) -> String {
        let Turns { variable, first, end, step, wide } = self;
        let lines = indented(lines);
        if !in_parts {
            return format!(
                "for (var {variable} = {first}; {variable} < {end}; {variable} += {step}u) {{\n{lines}}}\n"
            );
        }
        let span = PART * step;
        let mut text =
            format!("for (var first_{variable} = {first}; first_{variable} < {end}; first_{variable} += {span}u) {{\n");
        for (total, start, ..) in totals {
            let start = if *wide { format!("vec4<f32>({start})") } else { start.clone() };
            text += &format!("    var part_{total} = {start};\n");
        }
        let inner = format!(
            "for (var {variable} = first_{variable}; {variable} < min(first_{variable} + {span}u, {end}); {variable} += {step}u) {{\n{lines}}}\n"
        );
        text += &indented(&inner);
        for (total, _, reduce, _) in totals {
            text += &format!("    {total} = {};\n", join(*reduce, total, &format!("part_{total}")));
        }
        text + "}\n"
    }
}

/// A loop over terms: every `step`th from `first`.
pub(super) struct Run<'t> {
    pub first: &'t str,
    pub step: usize,
    pub terms: &'t Terms,
    /// Where the terms of this result begin.
    pub base: &'t Index,
    pub wide: bool,
}

/// Where the terms of a reduction are.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Terms {
    /// From a result's index to its first term.
    pub kept: Walk,
    /// From a term's number to its distance from the first.
    pub reduced: Walk,
    pub count: usize,
    /// Results in each row.
    pub results: usize,
}

impl Terms {
    /// Those of a reduction or dot product of a [`crate::program::Frame::Rows`].
    pub fn of(source: &Source<'_>, instruction: &Instruction) -> Terms {
        let whole = match instruction.inputs.first() {
            Some(Operand::Array { register, .. }) => source.each(*register),
            _ => 1,
        };
        let (dims, axes) = match &instruction.what {
            What::Reduce { dims, axes, .. } => (dims.clone(), axes.clone()),
            _ => (vec![whole], vec![0]),
        };
        let mut stride = dims.iter().product::<usize>() as isize;
        let strides = dims.iter().map(|&dim| {
            stride /= (dim as isize).max(1);
            (dim, stride)
        });
        let (reduced, kept): (Vec<_>, Vec<_>) = strides.enumerate().partition(|(axis, _)| axes.contains(axis));
        let walk = |axes: Vec<(usize, (usize, isize))>| Walk::new(0, axes.into_iter().map(|(_, axis)| axis));
        let (kept, reduced) = (walk(kept), walk(reduced));
        let number = |walk: &Walk| walk.axes.iter().map(|axis| axis.0).product();
        Terms { results: number(&kept), count: number(&reduced), kept: kept.in_rows(source.rows, whole), reduced }
    }

    /// The distance of a term from the first.
    fn place(&self, term: usize) -> usize {
        let mut rest = term;
        let mut place = 0;
        for &(size, stride) in self.reduced.axes.iter().rev() {
            place += rest % size * stride.unsigned_abs();
            rest /= size;
        }
        place
    }

    /// Whether they are all elements of a row, in order.
    pub fn are_row(&self) -> bool {
        self.results == 1 && self.reduced.at("term") == "term"
    }

    /// Whether terms can be taken in fours of neighbours.
    pub fn in_fours(&self) -> bool {
        let outer = self.kept.axes.iter().all(|&(size, stride)| size == 1 || stride % 4 == 0);
        outer && self.reduced.quads().is_some()
    }
}

/// The text that joins two terms of a reduction.
pub(super) fn join(reduce: Reduce, a: &str, b: &str) -> String {
    match reduce {
        Reduce::Sum => format!("{a} + {b}"),
        Reduce::Max => format!("max({a}, {b})"),
    }
}
