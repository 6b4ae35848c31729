//! Walking a program.

use std::sync::{Arc, atomic::Ordering};

use candle_core::Tensor;

use super::{
    Context, Storage, bytes, convolution, elementwise,
    fuse::{self, Group, Work},
    gather, matmul, movement, random, reduce, sample, solve, tile, unfold,
};
use crate::{
    engine::{Buffer, Executable, Scalars, check_run},
    error::Result,
    graph::{Node, NodeId, Op},
    program::Program,
};

/// A program with everything prepared that does not change from run to run.
pub(super) struct Loaded {
    context: Arc<Context>,
    program: Program,
    steps: Vec<Step>,
    /// Values of constant leaves; the others come and go during a run.
    initial: Vec<Option<Tensor>>,
    /// Small constant tensors that the portable implementation of a node needs.
    prepared: Vec<Vec<Tensor>>,
    bytes: u64,
}

struct Step {
    work: Work,
    /// Nodes whose values nobody reads after this step.
    last_read: Vec<usize>,
}

impl Loaded {
    pub(super) fn new(context: Arc<Context>, program: &Program) -> Result<Loaded> {
        let work = if context.host { fuse::grouped(program) } else { fuse::single(program) };
        let steps = with_lifetimes(program, work);
        let (mut initial, mut prepared, mut held) = (Vec::new(), Vec::new(), 0);
        for node in program.nodes() {
            let failed = context.failure(bytes(node.kind, node.shape));
            initial.push(leaf(&context, program, node).map_err(&failed)?);
            prepared.push(prepare(&context, program, node).map_err(&failed)?);
            if matches!(node.op, Op::Constant { .. }) {
                held += bytes(node.kind, node.shape);
            }
        }
        context.held.fetch_add(held, Ordering::Relaxed);
        Ok(Loaded { context, program: program.clone(), steps, initial, prepared, bytes: held })
    }

    fn evaluate(
        &self,
        index: usize,
        values: &[Option<Tensor>],
        scalars: &Scalars,
    ) -> Result<Tensor, candle_core::Error> {
        let node = &self.program.nodes()[index];
        let operands = operands(values, &node.inputs)?;
        let empty = |x: &&Tensor| x.elem_count() == 0;
        let concat = matches!(node.op, Op::Concat { .. });
        if node.shape.elements() == 0 || !concat && operands.iter().any(empty) {
            // An empty sum is zero; so is what is resampled or taken from nothing.
            return self.context.zeros(node.kind, node.shape);
        }
        let arguments = Arguments { context: &self.context, operands: &operands, prepared: &self.prepared[index] };
        if self.context.host { arguments.host(node, scalars) } else { arguments.portable(node, scalars) }
    }

    fn run_group(&self, group: &Group, values: &mut [Option<Tensor>]) -> Result<(), candle_core::Error> {
        let operands: Vec<Tensor> = operands(values, &group.operands)?.into_iter().cloned().collect();
        for ((_, nodes), value) in group.results.iter().zip(tile::run(group, &operands)?) {
            for id in nodes {
                values[id.index()] = Some(value.reshape(self.program.node(*id).shape.dims())?);
            }
        }
        Ok(())
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        self.context.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Executable for Loaded {
    fn run(&self, buffers: &[&Buffer], scalars: &Scalars) -> Result<()> {
        check_run(&self.program, buffers, scalars)?;
        let storages: Vec<&Storage> =
            buffers.iter().map(|buffer| buffer.storage(&self.context.name)).collect::<Result<_>>()?;
        let mut values = self.initial.clone();
        for (value, node) in values.iter_mut().zip(self.program.nodes()) {
            if let Op::Slot { slot } = node.op {
                *value = Some(storages[slot as usize].lock().clone());
            }
        }
        for step in &self.steps {
            match &step.work {
                Work::Node(index) => {
                    let node = &self.program.nodes()[*index];
                    let value = self.evaluate(*index, &values, scalars);
                    values[*index] = Some(value.map_err(self.context.failure(bytes(node.kind, node.shape)))?);
                }
                Work::Group(group) => {
                    let made = (group.len * group.results.len() * 4) as u64;
                    self.run_group(group, &mut values).map_err(self.context.failure(made))?;
                }
            }
            for &index in &step.last_read {
                values[index] = None;
            }
        }
        self.store(&storages, &values)
    }
}

impl Loaded {
    /// Puts the written values into their buffers, all of them or, on an error, none.
    fn store(&self, storages: &[&Storage], values: &[Option<Tensor>]) -> Result<()> {
        let mut written = Vec::new();
        for (slot, storage) in self.program.slots().iter().zip(storages) {
            if let Some(id) = slot.role.written() {
                let failed = self.context.failure(bytes(slot.kind, slot.shape));
                let value = operands(values, &[id]).map_err(&failed)?[0];
                // A view would keep the whole tensor alive that it looks at.
                let value = if self.is_view(id) { value.force_contiguous() } else { self.context.packed(value) };
                written.push((storage, value.map_err(&failed)?));
            }
        }
        for (storage, value) in written {
            *storage.lock() = value;
        }
        Ok(())
    }

    /// Whether a node's tensor may lie within a larger one.
    fn is_view(&self, id: NodeId) -> bool {
        let node = self.program.node(id);
        match node.op {
            Op::Slice { .. } => true,
            Op::Reshape | Op::Permute { .. } | Op::Expand => self.is_view(node.inputs[0]),
            _ => false,
        }
    }
}

fn operands<'a>(values: &'a [Option<Tensor>], inputs: &[NodeId]) -> Result<Vec<&'a Tensor>, candle_core::Error> {
    let missing = || candle_core::Error::Msg("a value was read before it was computed".into());
    inputs.iter().map(|id| values[id.index()].as_ref().ok_or_else(missing)).collect()
}

/// Adds to each step the values it is the last to read. Slots and constants are left alone: buffers hold the former,
/// the program the latter.
fn with_lifetimes(program: &Program, work: Vec<Work>) -> Vec<Step> {
    let mut last = vec![None; program.nodes().len()];
    for (step, work) in work.iter().enumerate() {
        let reads = match work {
            Work::Node(index) => &program.nodes()[*index].inputs,
            Work::Group(group) => &group.operands,
        };
        for id in reads {
            last[id.index()] = Some(step);
        }
    }
    for id in program.slots().iter().filter_map(|slot| slot.role.written()) {
        last[id.index()] = None;
    }
    let mut steps: Vec<Step> = work.into_iter().map(|work| Step { work, last_read: Vec::new() }).collect();
    for (node, step) in last.into_iter().enumerate() {
        if let Some(step) = step {
            steps[step].last_read.push(node);
        }
    }
    steps
}

/// The value of a leaf that is the same in every run.
fn leaf(context: &Context, program: &Program, node: &Node) -> Result<Option<Tensor>, candle_core::Error> {
    let shape = node.shape;
    if shape.elements() == 0 && fuse::is_leaf(&node.op) {
        return context.zeros(node.kind, shape).map(Some);
    }
    match &node.op {
        Op::Fill { value } => {
            let one = Tensor::full(value.value() as f32, (), &context.device)?;
            one.broadcast_as(shape.dims()).map(Some)
        }
        Op::Constant { index } => {
            let values: &[f32] = &program.constants()[*index as usize];
            Tensor::from_slice(values, shape.dims(), &context.device).map(Some)
        }
        Op::Iota { axis } => {
            let axis = *axis as usize;
            let mut dims = vec![1; shape.rank()];
            dims[axis] = shape.dim(axis);
            let indices: Vec<f32> = (0..shape.dim(axis)).map(|index| index as f32).collect();
            Tensor::from_vec(indices, dims, &context.device)?.broadcast_as(shape.dims()).map(Some)
        }
        _ => Ok(None),
    }
}

/// What the portable implementation of a node wants to find on the device.
fn prepare(context: &Context, program: &Program, node: &Node) -> Result<Vec<Tensor>, candle_core::Error> {
    let operand = |index: usize| program.node(node.inputs[index]).shape;
    if context.host
        || node.shape.elements() == 0
        || node.inputs.iter().any(|&id| program.node(id).shape.elements() == 0)
    {
        return Ok(Vec::new());
    }
    match &node.op {
        Op::Flip { axes } => {
            axes.iter().map(|&axis| movement::reversed(node.shape.dim(axis as usize), &context.device)).collect()
        }
        Op::Conv2dInputGrad(_) => {
            let kernel = operand(1);
            Ok(vec![movement::reversed(kernel.dim(2) * kernel.dim(3), &context.device)?])
        }
        Op::Sample2d { .. } => sample::grid(node.shape, &context.device),
        Op::Sample2dTranspose { .. } => sample::grid(operand(0), &context.device),
        _ => Ok(Vec::new()),
    }
}

/// What a node's implementation may read.
struct Arguments<'a> {
    context: &'a Context,
    operands: &'a [&'a Tensor],
    prepared: &'a [Tensor],
}

impl Arguments<'_> {
    /// A node in main memory, by the host implementation where there is one.
    fn host(&self, node: &Node, scalars: &Scalars) -> Result<Tensor, candle_core::Error> {
        let (x, out) = (self.operands, node.shape);
        match &node.op {
            Op::Flip { axes } => movement::flip_host(x[0], axes, out),
            Op::Slice { start, step } => movement::slice_host(x[0], start, step, out),
            Op::Reduce { reduce, axes } => reduce::host(x[0], *reduce, axes, out),
            Op::Conv2d(conv) => unfold::forward(conv, x[0], x[1], out),
            Op::Conv2dInputGrad(conv) => unfold::input_grad(conv, x[0], x[1], out),
            Op::Conv2dWeightGrad(conv) => unfold::weight_grad(conv, x[0], x[1], out),
            Op::Sample2d { border } => sample::host(x[0], x[1], *border, out),
            Op::Sample2dTranspose { border } => sample::host_transpose(x[0], x[1], *border, out),
            Op::Take => gather::take_host(x[0], x[1], out),
            Op::TakeTranspose => gather::take_transpose_host(x[0], x[1], out),
            _ => self.portable(node, scalars),
        }
    }

    /// A node in tensor operations, on any device.
    fn portable(&self, node: &Node, scalars: &Scalars) -> Result<Tensor, candle_core::Error> {
        let (x, context, out) = (self.operands, self.context, node.shape);
        match &node.op {
            Op::Scalar { index } => Tensor::new(scalars.values[*index as usize], &context.device),
            Op::Random { law, stream } => random::draw(*law, *stream, scalars, out, &context.device),
            Op::Unary(function) => elementwise::unary(*function, x[0]),
            Op::Binary(function) => elementwise::binary(*function, x[0], x[1]),
            Op::Compare(compare) => elementwise::compare(*compare, x[0], x[1]),
            Op::Select => elementwise::select(x[0], x[1], x[2]),
            Op::Reshape => context.packed(x[0])?.reshape(out.dims()),
            Op::Permute { axes } => movement::permute(x[0], axes),
            Op::Expand => x[0].broadcast_as(out.dims()),
            Op::Concat { axis } => movement::concat(x, *axis as usize),
            Op::Flip { axes } => movement::flip(x[0], axes, self.prepared),
            Op::Slice { start, step } => movement::slice(x[0], start, step, out),
            Op::Pad { low, interior } => movement::pad(x[0], low, interior, out),
            Op::Reduce { reduce, axes } => reduce::portable(x[0], *reduce, axes),
            Op::Matmul { ta, tb } => matmul::matmul(context, (x[0], *ta), (x[1], *tb), out),
            Op::Conv2d(conv) => convolution::forward(conv, x[0], x[1]),
            Op::Conv2dInputGrad(conv) => convolution::input_grad(conv, x[0], x[1], &self.prepared[0], out),
            Op::Conv2dWeightGrad(conv) => convolution::weight_grad(conv, x[0], x[1], out),
            Op::Sample2d { border } => sample::portable(x[0], x[1], self.prepared, *border, out),
            Op::Sample2dTranspose { border } => sample::portable_transpose(x[0], x[1], self.prepared, *border, out),
            Op::Take => gather::take(x[0], x[1], out),
            Op::TakeTranspose => gather::take_transpose(x[0], x[1], out),
            Op::SolveSpd => solve::solve(x[0], x[1], out),
            Op::Slot { .. } | Op::Fill { .. } | Op::Constant { .. } | Op::Iota { .. } | Op::StopGradient => {
                candle_core::bail!("{:?} is no step of a program", node.op)
            }
        }
    }
}
