//! From a plan to dispatches: needs no device.

use super::{
    fused,
    memory::{ALIGNMENT, Caps, Place},
    settle::{Transfer, settle},
    shader::Kernel,
    single,
    values::Values,
};
use crate::program::{self, Frame, Plan, Program, Step, Target, ValueId};

/// What fused kernels are cut to: a row of f32s fits workgroup memory.
const TARGET: Target = Target { longest_row: 4096, alignment: ALIGNMENT };

/// A program as the device runs it: copies, dispatches, copies.
pub(super) struct Compiled {
    #[cfg_attr(target_arch = "wasm32", expect(dead_code, reason = "only explanations read it"))]
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
        let values = Values::new(&plan, caps);
        let steps: Vec<Vec<Kernel>> = plan.steps.iter().map(|one| step(one, &values)).collect();
        let scratch_end = |kernel: &Kernel| {
            let spans = kernel.bindings.iter().filter(|binding| binding.place == Place::Arena);
            spans.map(|span| span.start + span.len).max().unwrap_or(0)
        };
        let arena = steps.iter().flatten().map(scratch_end).max().unwrap_or(0).max(plan.arena);
        let commits = plan.commits.iter().map(|&(value, slot)| commit(value, slot as usize, &values)).collect();
        let constants = values.constants;
        Compiled { steps, saved, commits, arena: arena.next_multiple_of(ALIGNMENT), constants, plan }
    }

    /// The plan, then each step's shaders.
    #[cfg(not(target_arch = "wasm32"))]
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

/// The kernels of a step.
fn step(step: &Step, values: &Values<'_>) -> Vec<Kernel> {
    let mut kernels = match step {
        Step::Fused(fused) => fused::kernels(fused, values),
        Step::Single(single) => single::kernels(single, values),
    };
    let (label, flops) = (label(step, values.plan), flops(step, values.plan));
    for kernel in &mut kernels {
        kernel.label.clone_from(&label);
        kernel.flops = flops;
    }
    kernels
}

fn flops(step: &Step, plan: &Plan) -> u64 {
    match step {
        Step::Single(single) => plan.program.node_cost(plan.program.node(single.node)).flops,
        Step::Fused(fused) => {
            let rows = match fused.frame {
                Frame::Rows { rows } => rows,
                Frame::Columns { columns, .. } => columns,
            };
            (rows * fused.registers.iter().sum::<usize>()) as u64
        }
    }
}

fn label(step: &Step, plan: &Plan) -> String {
    let program = &plan.program;
    match step {
        Step::Single(single) => {
            let node = program.node(single.node);
            format!("%{} = {} : {}", single.node.0, program.operation(node), node.shape)
        }
        Step::Fused(fused) => {
            let store = |value: ValueId| {
                let node = plan.values[value.index()].node;
                format!("%{} : {}", node.0, program.node(node).shape)
            };
            let stores: Vec<String> = fused.stores.iter().map(|(_, value)| store(*value)).collect();
            format!("fused {}", stores.join(", "))
        }
    }
}

/// The copy of a value to a slot.
fn commit(value: ValueId, slot: usize, values: &Values<'_>) -> Transfer {
    let want = values.want(value, 0, values.plan.values[value.index()].len, false);
    Transfer { from: (want.place, want.start), to: (Place::Slot(slot), 0), words: want.len }
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
