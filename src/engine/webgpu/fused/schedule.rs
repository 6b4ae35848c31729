//! Which registers of a fused kernel are put into workgroup memory, and in which phase.
//!
//! Everything is computed where it is read, again and again, unless that is dear: reductions of many terms into few
//! results are shared by the workgroup's lanes, and what would be computed often is computed once.

use super::{expr::Source, reduction::Terms};
use crate::{
    graph::{Binary, Unary},
    program::{Elementwise, Instruction, Operand, Register, What},
    sorted::SortedMap,
};

/// Reductions of more terms than this, into fewer results than [`FEW`], are shared by lanes.
const MANY: usize = 16;
const FEW: usize = 256;

/// Simple operations an element that computing a register once must save to be worth a barrier.
const WORTH: f64 = 8.0;

/// How a register that is not computed where it is read comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Each element by one lane.
    Kept,
    /// Each element by several lanes, each of which takes a part of the terms.
    Shared,
    /// A sum or maximum of the whole row, in the loop that keeps what it reads.
    Carried,
}

/// The phases of a kernel: each ends with a barrier, after which its registers are in workgroup memory. What is stored
/// follows the last.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Schedule {
    pub phases: Vec<Vec<(Register, Way)>>,
}

impl Schedule {
    /// For workgroups of `rows` rows with `words` of memory.
    pub fn new(source: &Source<'_>, rows: usize, words: usize) -> Schedule {
        let costs = costs(source);
        let mut ways = choose(source, &costs, rows);
        // Too much: what saves least is computed where it is read after all.
        let size = |register: Register| rows * source.each(register);
        while ways.keys().map(|register| size(*register)).sum::<usize>() > words {
            let cheapest = ways.iter().min_by(|a, b| a.1.1.total_cmp(&b.1.1)).map(|(register, _)| *register);
            let Some(cheapest) = cheapest else { break };
            ways.remove(&cheapest);
        }
        Schedule { phases: phases(source, &ways, rows) }
    }

    /// Whether nothing passes between lanes.
    pub fn is_flat(&self) -> bool {
        self.phases.is_empty()
    }
}

type Ways = SortedMap<Register, (Way, f64)>;

/// Simple operations that one element of each register takes.
fn costs(source: &Source<'_>) -> Vec<f64> {
    let mut costs = vec![0.0f64; source.fused.registers.len()];
    for instruction in &source.fused.code {
        let inputs: f64 = registers(instruction).map(|(register, _)| costs[register.index()]).sum();
        let own = match &instruction.what {
            What::Elementwise(function) => match function {
                Elementwise::Fill => 0.0,
                Elementwise::Unary(Unary::Exp | Unary::Log | Unary::Sin | Unary::Cos | Unary::Tanh) => 12.0,
                Elementwise::Unary(Unary::Sqrt | Unary::Recip) | Elementwise::Binary(Binary::Div) => 4.0,
                _ => 1.0,
            },
            What::Random { .. } => 40.0,
            What::Load { .. } | What::Reduce { .. } | What::Dot | What::Move { .. } => 1.0,
        };
        let times = match &instruction.what {
            What::Reduce { .. } | What::Dot if is_shared(source, instruction) => 0.0,
            What::Reduce { .. } | What::Dot => Terms::of(source, instruction).count as f64,
            _ => 1.0,
        };
        costs[instruction.to.index()] = (own + times * inputs).min(1e9);
    }
    costs
}

fn is_shared(source: &Source<'_>, instruction: &Instruction) -> bool {
    let terms = Terms::of(source, instruction);
    terms.count > MANY && terms.results < FEW
}

fn is_reduction(what: &What) -> bool {
    matches!(what, What::Reduce { .. } | What::Dot)
}

/// Whether it reads elements at other indices than its own.
fn moves(what: &What) -> bool {
    matches!(what, What::Move { .. }) || is_reduction(what)
}

/// The registers that an instruction reads, and whether at its own index.
fn registers(instruction: &Instruction) -> impl Iterator<Item = (Register, bool)> + '_ {
    let moves = moves(&instruction.what);
    instruction.inputs.iter().filter_map(move |input| match input {
        Operand::Array { register, repeat } => Some((*register, *repeat == 1 && !moves)),
        Operand::Number(_) | Operand::Scalar(_) => None,
    })
}

/// What goes to workgroup memory, with the operations that this saves.
fn choose(source: &Source<'_>, costs: &[f64], rows: usize) -> Ways {
    // How often each register is computed by each of the loops that need it: those of what is stored (by their
    // length), and of what is in workgroup memory.
    let mut asked: Vec<SortedMap<Loop, f64>> = vec![SortedMap::new(); costs.len()];
    for &(register, _) in &source.fused.stores {
        let each = source.each(register);
        asked[register.index()].insert(Loop::Store(each), each as f64);
    }
    let mut ways = Ways::new();
    for instruction in source.fused.code.iter().rev() {
        let to = instruction.to;
        let each = source.each(to) as f64;
        let times: f64 = asked[to.index()].values().sum();
        let saved = (times - each) * costs[to.index()];
        let shared = is_reduction(&instruction.what) && is_shared(source, instruction);
        // What every row has one of is computed before a loop over one row.
        let hoisted = rows == 1 && each == 1.0 && !is_reduction(&instruction.what);
        if shared {
            ways.insert(to, (Way::Shared, f64::INFINITY));
            let whole = (each * Terms::of(source, instruction).count as f64).max(1.0);
            asked[to.index()] = SortedMap::from_iter([(Loop::Register(to), whole)]);
        } else if saved > WORTH * each && !hoisted && !matches!(instruction.what, What::Load { .. }) {
            ways.insert(to, (Way::Kept, saved));
            asked[to.index()] = SortedMap::from_iter([(Loop::Register(to), each)]);
        }
        let terms = match &instruction.what {
            What::Reduce { .. } | What::Dot if !shared => Terms::of(source, instruction).count as f64,
            _ => 1.0,
        };
        for (loop_, times) in asked[to.index()].clone() {
            for (input, in_place) in registers(instruction) {
                let known = asked[input.index()].or_insert_with(loop_, || 0.0);
                // At an index that the loop has anyway it is computed once.
                *known = if in_place { known.max(times) } else { *known + times * terms };
            }
        }
    }
    ways
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Loop {
    Store(usize),
    Register(Register),
}

fn phases(source: &Source<'_>, ways: &Ways, rows: usize) -> Vec<Vec<(Register, Way)>> {
    let mut phases: Vec<Vec<(Register, Way)>> = Vec::new();
    // The phase from which on each register can be had, and whether its elements can be had before, in the loop of the
    // phase that keeps it or what it is made of.
    let mut from = vec![(0, false); source.fused.registers.len()];
    for instruction in &source.fused.code {
        let to = instruction.to.index();
        let is_sum = is_reduction(&instruction.what);
        // A term of a row's reduction is needed where the loop is.
        let in_row = is_sum && rows == 1 && Terms::of(source, instruction).are_row();
        let needs = registers(instruction).map(|(register, _)| from[register.index()].0).max().unwrap_or(0);
        let had = |input: &Operand| match input {
            Operand::Array { register, repeat } => {
                let (first, within) = from[register.index()];
                first < needs || (within && *repeat == 1 && (in_row || !moves(&instruction.what)))
            }
            Operand::Number(_) | Operand::Scalar(_) => true,
        };
        let early = needs > 0 && instruction.inputs.iter().all(had);
        from[to] = (needs, early && !is_sum);
        if let Some(&(way, _)) = ways.get(&instruction.to) {
            let phase = needs - usize::from(early);
            if phases.len() == phase {
                phases.push(Vec::new());
            }
            let way = if early && way == Way::Shared { Way::Carried } else { way };
            phases[phase].push((instruction.to, way));
            from[to] = (phase + 1, way == Way::Kept);
        }
    }
    phases
}
