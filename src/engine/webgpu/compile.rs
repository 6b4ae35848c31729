//! From a plan to dispatches: needs no device.

use super::{
    fused,
    index::Axis,
    memory::{ALIGNMENT, Caps, Place, Want},
    settle::{Transfer, settle},
    shader::Kernel,
    single,
};
use crate::{
    graph::Kind,
    program::{self, Frame, Plan, Program, Step, Target, ValueId},
};

/// What fused kernels are cut to: a row of f32s fits workgroup memory.
const TARGET: Target = Target { longest_row: 4096, alignment: ALIGNMENT };

/// A program as the device runs it: copies, dispatches, copies.
pub(super) struct Compiled {
    pub plan: Plan,
    /// The kernels of each step.
    pub steps: Vec<Vec<Kernel>>,
    /// Slots' contents that kernels read elsewhere, copied before the first.
    pub saved: Vec<Transfer>,
    /// What is copied to slots after the last.
    pub commits: Vec<Transfer>,
    /// Words of the arena, scratch included.
    pub arena: usize,
    pub constants: Vec<f32>,
}

impl Compiled {
    /// Lowers a program and writes its kernels.
    pub fn new(program: &Program, caps: Caps) -> Compiled {
        let mut plan = program::lower(program, &TARGET);
        let saved = settle(&mut plan, &caps);
        let (constants, constant_at) = constants(&plan);
        let compiler = Compiler { plan: &plan, caps, constant_at };
        let mut steps = Vec::with_capacity(plan.steps.len());
        for step in &plan.steps {
            steps.push(compiler.step(step));
        }
        let scratch_end = |kernel: &Kernel| {
            let spans = kernel.bindings.iter().filter(|binding| binding.place == Place::Arena);
            spans.map(|span| span.start + span.len).max().unwrap_or(0)
        };
        let arena = steps.iter().flatten().map(scratch_end).max().unwrap_or(0).max(plan.arena);
        let commits = plan.commits.iter().map(|&(value, slot)| compiler.commit(value, slot as usize)).collect();
        Compiled { steps, saved, commits, arena: arena.next_multiple_of(ALIGNMENT), constants, plan }
    }

    /// The plan, then each step's shaders.
    pub fn explain(&self) -> String {
        let mut text = self.plan.to_string();
        for kernel in self.kernels() {
            let [across, down] = kernel.groups;
            text += &format!("\n// {}\n// {} workgroups\n{}", kernel.label, across * down, kernel.source);
        }
        text
    }

    /// All kernels, in order.
    pub fn kernels(&self) -> impl Iterator<Item = &Kernel> {
        self.steps.iter().flatten()
    }
}

/// Tells kernels where values are.
pub(super) struct Compiler<'a> {
    pub plan: &'a Plan,
    pub caps: Caps,
    /// Where each value that is a constant begins among the constants.
    constant_at: Vec<usize>,
}

impl Compiler<'_> {
    fn step(&self, step: &Step) -> Vec<Kernel> {
        let mut kernels = match step {
            Step::Fused(fused) => fused::kernels(fused, self),
            Step::Single(single) => single::kernels(single, self),
        };
        let (label, flops) = (self.label(step), self.flops(step));
        for kernel in &mut kernels {
            kernel.label.clone_from(&label);
            kernel.flops = flops;
        }
        kernels
    }

    fn flops(&self, step: &Step) -> u64 {
        match step {
            Step::Single(single) => self.plan.program.node_cost(self.plan.program.node(single.node)).flops,
            Step::Fused(fused) => {
                let rows = match fused.frame {
                    Frame::Rows { rows } => rows,
                    Frame::Columns { columns, .. } => columns,
                };
                (rows * fused.registers.iter().sum::<usize>()) as u64
            }
        }
    }

    fn label(&self, step: &Step) -> String {
        let program = &self.plan.program;
        match step {
            Step::Single(single) => {
                let node = program.node(single.node);
                format!("%{} = {} : {}", single.node.0, program.operation(node), node.shape)
            }
            Step::Fused(fused) => {
                let stores: Vec<String> = fused
                    .stores
                    .iter()
                    .map(|(_, value)| {
                        let value = &self.plan.values[value.index()];
                        format!("%{} : {}", value.node.0, program.node(value.node).shape)
                    })
                    .collect();
                format!("fused {}", stores.join(", "))
            }
        }
    }

    /// `len` elements of a value, from the `first` on.
    pub fn want(&self, value: ValueId, first: usize, len: usize, writes: bool) -> Want {
        let index = value.index();
        let found = &self.plan.values[index];
        let node = self.plan.program.node(found.node);
        let (place, start, key) = match &found.place {
            program::Place::Slot(slot) => (Place::Slot(*slot as usize), 0, 0),
            program::Place::Constant(_) => (Place::Constants, self.constant_at[index], index),
            program::Place::Arena(start) => (Place::Arena, *start, index),
        };
        let kind = if writes { Kind::F32 } else { node.kind };
        let name = match (place, &node.op) {
            (Place::Slot(slot), _) => self.plan.program.slots()[slot].name.clone(),
            (_, op) => {
                let operation = self.plan.program.operation(&crate::graph::Node { op: op.clone(), ..node.clone() });
                operation.split(' ').next().unwrap_or_default().to_owned()
            }
        };
        let words = |elements: usize| if kind == Kind::Pixels { elements.div_ceil(4) } else { elements };
        // A part of packed pixels is bound from the first on.
        let (first, len) = if kind == Kind::Pixels { (0, first + len) } else { (first, len) };
        Want { place, value: key, start: start + first, len: words(len), kind, writes, name, quads: false }
    }

    /// Memory for the time of a step: so many pieces of `words` each.
    pub fn scratch(&self, pieces: usize, words: usize) -> Vec<Want> {
        let piece = words.next_multiple_of(ALIGNMENT);
        let first = self.plan.arena.next_multiple_of(ALIGNMENT);
        let want = |index: usize| Want {
            place: Place::Arena,
            value: self.plan.values.len() + index,
            start: first + index * piece,
            len: words,
            kind: Kind::F32,
            writes: true,
            name: "scratch".into(),
            quads: false,
        };
        (0..pieces).map(want).collect()
    }

    fn commit(&self, value: ValueId, slot: usize) -> Transfer {
        let want = self.want(value, 0, self.plan.values[value.index()].len, false);
        Transfer { from: (want.place, want.start), to: (Place::Slot(slot), 0), words: want.len }
    }
}

/// All constants one after another, and where each value's begin.
fn constants(plan: &Plan) -> (Vec<f32>, Vec<usize>) {
    let mut all: Vec<f32> = Vec::new();
    let mut starts = vec![0; plan.values.len()];
    for (index, value) in plan.values.iter().enumerate() {
        let is_read = Axis::of(plan, ValueId(index as u32)).is_none();
        if let (program::Place::Constant(values), true) = (&value.place, is_read) {
            all.resize(all.len().next_multiple_of(ALIGNMENT), 0.0);
            starts[index] = all.len();
            all.extend(values.iter());
        }
    }
    all.resize(all.len().next_multiple_of(4), 0.0);
    (all, starts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Graph, Tensor};

    fn compiled(write: impl for<'g> Fn(&'g Graph)) -> Compiled {
        let g = Graph::new();
        write(&g);
        Compiled::new(&Program::new("test", g).unwrap(), Caps::LEAST)
    }

    fn sources(compiled: &Compiled) -> Vec<&str> {
        compiled.kernels().map(|kernel| kernel.source.as_str()).collect()
    }

    #[test]
    fn a_chain_is_one_flat_kernel_in_fours() {
        let chain = compiled(|g| g.output("y", (g.input("x", [64, 64]).sin() * 2.0 + 1.0).relu()));
        let [source] = sources(&chain)[..] else { panic!("{:?}", sources(&chain)) };
        assert!(source.contains("m_x: array<vec4<f32>>") && source.contains("m_y[i] = "), "{source}");
        assert!(!source.contains("workgroupBarrier") && !source.contains("call"), "{source}");
        assert_eq!(chain.arena, 0);
    }

    #[test]
    fn rows_pass_statistics_through_workgroup_memory() {
        let norm = compiled(|g| {
            let x = g.input("x", [100, 1024]);
            let centred = x - x.mean_keep(&[1]);
            g.output("y", centred / (centred.square().mean_keep(&[1]) + 1e-5).sqrt());
        });
        let [source] = sources(&norm)[..] else { panic!("{:?}", sources(&norm)) };
        assert_eq!(norm.kernels().next().unwrap().groups, [100, 1]);
        // The two statistics, and the partial sums of each lane.
        assert_eq!(source.matches("var<workgroup>").count(), 3, "{source}");
        // What depends on the row alone is computed before the loop over the row.
        let (before, inside) = source.rsplit_once("for (").unwrap();
        assert!(before.contains("sqrt(") && !inside.contains("sqrt("), "{source}");
    }

    #[test]
    fn what_is_kept_is_summed_in_the_same_loop() {
        let softmax = compiled(|g| {
            let x = g.input("x", [100, 1024]);
            let exp = (x - x.max_keep(&[1])).exp();
            g.output("y", exp / exp.sum_keep(&[1]));
        });
        let [source] = sources(&softmax)[..] else { panic!("{:?}", sources(&softmax)) };
        // The maximum; the exponentials and their sum; the quotients.
        let [_, _, kept, _] = source.split("for (").collect::<Vec<_>>()[..] else { panic!("{source}") };
        let (inside, _) = kept.split_once('}').unwrap();
        assert!(inside.contains("all_exp") && inside.contains("sum_"), "{source}");
    }

    #[test]
    fn states_are_updated_in_place() {
        let step = compiled(|g| {
            let (theta, gradient) = (g.input("theta", [1000]), g.input("gradient", [1000]));
            g.update(theta, theta - gradient * g.scalar("lr"));
        });
        let kernel = step.kernels().next().unwrap();
        assert_eq!(kernel.bindings.iter().map(|binding| binding.writes).collect::<Vec<_>>(), [true, false]);
        assert!(kernel.reads_call && step.commits.is_empty());
    }

    /// A lane must not write over what another is still to read.
    #[test]
    fn what_reads_its_state_elsewhere_is_copied_at_the_end() {
        let step = compiled(|g| {
            let state = g.input("state", [8, 32]);
            g.update(state, state - state.mean_keep(&[1]));
        });
        assert_eq!((step.kernels().count(), step.commits.len()), (1, 1));
        assert!(step.kernels().all(|kernel| {
            kernel.bindings.iter().all(|binding| binding.place != Place::Slot(0) || !binding.writes)
        }));
    }

    #[test]
    fn more_buffers_than_bindings_find_room_in_the_arena() {
        let sum = compiled(|g| {
            let parts: Vec<Tensor<'_>> = (0..20).map(|i| g.input(&format!("x{i}"), [10])).collect();
            g.output("sum", parts.into_iter().reduce(|a, b| a + b).unwrap());
        });
        assert!(sum.kernels().all(|kernel| kernel.bindings.len() <= Caps::LEAST.bindings));
        assert!(!sum.saved.is_empty());
    }

    #[test]
    fn long_columns_are_divided() {
        let sum = compiled(|g| g.output("y", g.input("x", [100_000, 6]).sin().sum_keep(&[0])));
        let [first, second] = sources(&sum)[..] else { panic!("{:?}", sources(&sum)) };
        assert!(first.contains("let chunk = ") && second.contains("for (var chunk = 1u"), "{first}{second}");
    }
}
