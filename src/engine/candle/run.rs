//! Walking a program.

use std::sync::{Arc, atomic::Ordering};

use candle_core::Tensor;

use super::{
    Context, Storage, bytes, convolution, elementwise, gather, matmul, movement, random, reduce, sample, solve,
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
    /// Small constant tensors that a node needs on the device.
    prepared: Vec<Vec<Tensor>>,
    bytes: u64,
}

struct Step {
    node: usize,
    /// Nodes whose values nobody reads after this step.
    last_read: Vec<usize>,
}

impl Loaded {
    pub(super) fn new(context: Arc<Context>, program: &Program) -> Result<Loaded> {
        let steps = steps(program);
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
        arguments.evaluate(node, scalars)
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
            let node = &self.program.nodes()[step.node];
            let value = self.evaluate(step.node, &values, scalars);
            values[step.node] = Some(value.map_err(self.context.failure(bytes(node.kind, node.shape)))?);
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
                let value = if self.is_view(id) { value.force_contiguous() } else { value.contiguous() };
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

/// A step a node that is no leaf, with the values it is the last to read. Slots and constants are left alone: buffers
/// hold the former, the program the latter.
fn steps(program: &Program) -> Vec<Step> {
    let nodes = program.nodes();
    let computed = |index: &usize| !is_leaf(&nodes[*index].op);
    let mut steps: Vec<Step> =
        (0..nodes.len()).filter(computed).map(|node| Step { node, last_read: Vec::new() }).collect();
    let mut last = vec![None; nodes.len()];
    for (step, Step { node, .. }) in steps.iter().enumerate() {
        for id in &nodes[*node].inputs {
            last[id.index()] = Some(step);
        }
    }
    for id in program.slots().iter().filter_map(|slot| slot.role.written()) {
        last[id.index()] = None;
    }
    for (node, step) in last.into_iter().enumerate() {
        if let Some(step) = step {
            steps[step].last_read.push(node);
        }
    }
    steps
}

/// Whether a node's value is there before a run begins.
fn is_leaf(op: &Op) -> bool {
    matches!(op, Op::Slot { .. } | Op::Fill { .. } | Op::Constant { .. } | Op::Iota { .. })
}

/// The value of a leaf that is the same in every run.
fn leaf(context: &Context, program: &Program, node: &Node) -> Result<Option<Tensor>, candle_core::Error> {
    let shape = node.shape;
    if shape.elements() == 0 && is_leaf(&node.op) {
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

/// What a node wants to find on the device.
fn prepare(context: &Context, program: &Program, node: &Node) -> Result<Vec<Tensor>, candle_core::Error> {
    let operand = |index: usize| program.node(node.inputs[index]).shape;
    if node.shape.elements() == 0 || node.inputs.iter().any(|&id| program.node(id).shape.elements() == 0) {
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
    fn evaluate(&self, node: &Node, scalars: &Scalars) -> Result<Tensor, candle_core::Error> {
        let (x, context, out) = (self.operands, self.context, node.shape);
        match &node.op {
            Op::Scalar { index } => Tensor::new(scalars.values[*index as usize], &context.device),
            Op::Random { law, stream } => random::draw(*law, *stream, scalars, out, &context.device),
            Op::Unary(function) => elementwise::unary(*function, x[0]),
            Op::Binary(function) => elementwise::binary(*function, x[0], x[1]),
            Op::Compare(compare) => elementwise::compare(*compare, x[0], x[1]),
            Op::Select => elementwise::select(x[0], x[1], x[2]),
            Op::Reshape => x[0].contiguous()?.reshape(out.dims()),
            Op::Permute { axes } => movement::permute(x[0], axes),
            Op::Expand => x[0].broadcast_as(out.dims()),
            Op::Concat { axis } => movement::concat(x, *axis as usize),
            Op::Flip { axes } => movement::flip(x[0], axes, self.prepared),
            Op::Slice { start, step } => movement::slice(x[0], start, step, out),
            Op::Pad { low, interior } => movement::pad(x[0], low, interior, out),
            Op::Reduce { reduce, axes } => reduce::reduce(x[0], *reduce, axes),
            Op::Matmul { ta, tb } => matmul::matmul((x[0], *ta), (x[1], *tb), out),
            Op::Conv2d(conv) => convolution::forward(conv, x[0], x[1]),
            Op::Conv2dInputGrad(conv) => convolution::input_grad(conv, x[0], x[1], &self.prepared[0], out),
            Op::Conv2dWeightGrad(conv) => convolution::weight_grad(conv, x[0], x[1], out),
            Op::Sample2d { border } => sample::sample(x[0], x[1], self.prepared, *border, out),
            Op::Sample2dTranspose { border } => sample::transpose(x[0], x[1], self.prepared, *border, out),
            Op::Take => gather::take(x[0], x[1], out),
            Op::TakeTranspose => gather::take_transpose(x[0], x[1], out),
            Op::SolveSpd => solve::solve(x[0], x[1], out),
            Op::Slot { .. } | Op::Fill { .. } | Op::Constant { .. } | Op::Iota { .. } | Op::StopGradient => {
                candle_core::bail!("{:?} is no step of a program", node.op)
            }
        }
    }
}
