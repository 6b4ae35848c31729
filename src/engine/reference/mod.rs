//! The reference engine: plain loops, in f64 or f32. It is the meaning of every primitive and the judge of the other
//! engines; it is not meant to be fast.

mod contraction;
mod movement;
mod number;
mod pointwise;
mod sample;

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

pub use number::Number;

use super::{Buffer, Data, Engine, Executable, Host, Limits, Readback, Scalars};
use crate::{
    error::{Error, Result},
    graph::{Kind, Node, Op},
    program::Program,
    rng,
    shape::Shape,
};

/// The reference engine, computing in `T`: f64 (the truth) or f32 (how far single precision strays by itself).
pub struct Reference<T: Number> {
    held: Arc<AtomicU64>,
    number: std::marker::PhantomData<T>,
}

impl Reference<f32> {
    /// The reference in single precision.
    pub fn f32() -> Reference<f32> {
        Reference::default()
    }
}

impl Reference<f64> {
    /// The reference in double precision.
    pub fn f64() -> Reference<f64> {
        Reference::default()
    }

    /// The contents of an f32 buffer in the precision they were computed in.
    ///
    /// # Errors
    /// [`Error::Engine`] if the buffer belongs to another engine, or is not of kind f32.
    pub fn read_f64(&self, buffer: &Buffer) -> Result<Vec<f64>> {
        match &*lock(storage::<f64>(buffer)?) {
            Values::Real(values) => Ok(values.clone()),
            Values::Rows(_) | Values::Pixels(_) => Err(Error::Engine {
                engine: f64::ENGINE.into(),
                message: format!("a buffer of {:?} was read as numbers", buffer.kind()),
            }),
        }
    }
}

impl<T: Number> Default for Reference<T> {
    fn default() -> Self {
        Reference { held: Arc::default(), number: std::marker::PhantomData }
    }
}

/// The value of a node or buffer.
#[derive(Debug, Clone)]
pub(super) enum Values<T> {
    Real(Vec<T>),
    Rows(Vec<u32>),
    Pixels(Vec<u8>),
}

impl<T: Number> Values<T> {
    fn zeros(kind: Kind, len: usize) -> Values<T> {
        match kind {
            Kind::F32 => Values::Real(vec![T::from_f64(0.0); len]),
            Kind::Rows => Values::Rows(vec![0; len]),
            Kind::Pixels => Values::Pixels(vec![0; len]),
        }
    }

    fn real(&self) -> &[T] {
        match self {
            Values::Real(values) => values,
            Values::Rows(_) | Values::Pixels(_) => &[],
        }
    }
}

struct Storage<T> {
    values: Mutex<Values<T>>,
    bytes: u64,
    held: Arc<AtomicU64>,
}

impl<T> Drop for Storage<T> {
    fn drop(&mut self) {
        self.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

fn storage<T: Number>(buffer: &Buffer) -> Result<&Mutex<Values<T>>> {
    Ok(&buffer.storage::<Storage<T>>(T::ENGINE)?.values)
}

/// A panic elsewhere leaves the values as they were: they are only ever replaced whole.
fn lock<T>(values: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    values.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T: Number> Engine for Reference<T> {
    fn name(&self) -> &str {
        T::ENGINE
    }

    fn limits(&self) -> Limits {
        Limits { buffer_bytes: u64::MAX, cache_bytes: Some(1 << 20) }
    }

    fn memory_in_use(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    fn load(&self, program: &Program) -> Result<Arc<dyn Executable>> {
        Ok(Arc::new(Loaded::<T> { program: program.clone(), number: std::marker::PhantomData }))
    }

    fn buffer(&self, kind: Kind, shape: Shape) -> Result<Buffer> {
        let values = Values::<T>::zeros(kind, shape.elements());
        let bytes = (shape.elements() * if kind == Kind::F32 { size_of::<T>() } else { 4 }) as u64;
        self.held.fetch_add(bytes, Ordering::Relaxed);
        Ok(Buffer::new(kind, shape, Storage { values: Mutex::new(values), bytes, held: self.held.clone() }))
    }

    fn write(&self, buffer: &Buffer, data: Data<'_>) -> Result<()> {
        data.check(buffer)?;
        *lock(storage::<T>(buffer)?) = match data {
            Data::F32(values) => Values::Real(values.iter().map(|&v| T::from_f64(v.into())).collect()),
            Data::Rows(values) => Values::Rows(values.to_vec()),
            Data::Pixels(values) => Values::Pixels(values.to_vec()),
        };
        Ok(())
    }

    fn copy(&self, from: &Buffer, to: &Buffer) -> Result<()> {
        super::check_copy(from, to)?;
        let values = lock(storage::<T>(from)?).clone();
        *lock(storage::<T>(to)?) = values;
        Ok(())
    }

    fn read(&self, buffer: &Buffer) -> Readback {
        Readback::ready(storage::<T>(buffer).map(|values| match &*lock(values) {
            Values::Real(values) => Host::F32(values.iter().map(|v| v.into_f64() as f32).collect()),
            Values::Rows(values) => Host::Rows(values.clone()),
            Values::Pixels(values) => Host::Pixels(values.clone()),
        }))
    }
}

struct Loaded<T> {
    program: Program,
    number: std::marker::PhantomData<T>,
}

impl<T: Number> Executable for Loaded<T> {
    fn run(&self, buffers: &[&Buffer], scalars: &Scalars) -> Result<()> {
        let program = &self.program;
        super::check_run(program, buffers, scalars)?;
        let mut uses = program.uses();
        let mut values: Vec<Option<Values<T>>> = Vec::with_capacity(program.nodes().len());
        for node in program.nodes() {
            let value = {
                let operands: Vec<&Values<T>> =
                    node.inputs.iter().filter_map(|id| values[id.index()].as_ref()).collect();
                evaluate(program, node, &operands, buffers, scalars)?
            };
            values.push(Some(value));
            for input in &node.inputs {
                uses[input.index()] -= 1;
                if uses[input.index()] == 0 {
                    values[input.index()] = None;
                }
            }
        }
        for (slot, buffer) in program.slots().iter().zip(buffers) {
            if let Some(value) = slot.role.written().and_then(|id| values[id.index()].clone()) {
                *lock(storage::<T>(buffer)?) = value;
            }
        }
        Ok(())
    }
}

/// The value of one node.
fn evaluate<T: Number>(
    program: &Program,
    node: &Node,
    operands: &[&Values<T>],
    buffers: &[&Buffer],
    scalars: &Scalars,
) -> Result<Values<T>> {
    let x = |index: usize| operands[index].real();
    let shape = |index: usize| program.node(node.inputs[index]).shape;
    let out = node.shape;
    let n = out.elements();
    Ok(Values::Real(match &node.op {
        Op::Slot { slot } => return Ok(lock(storage::<T>(buffers[*slot as usize])?).clone()),
        Op::Scalar { index } => vec![T::from_f64(scalars.values[*index as usize].into())],
        Op::Fill { value } => vec![T::from_f64(value.value()); n],
        Op::Constant { index } => program.constants()[*index as usize].iter().map(|&v| T::from_f64(v.into())).collect(),
        Op::Iota { axis } => {
            let (size, stride) = (out.dim(*axis as usize), out.strides()[*axis as usize]);
            (0..n).map(|i| T::from_f64((i / stride % size) as f64)).collect()
        }
        Op::Random { law, stream } => pointwise::random(*law, *stream, n, scalars),
        Op::Unary(function) => x(0).iter().map(|v| v.unary(*function)).collect(),
        Op::Binary(function) => x(0).iter().zip(x(1)).map(|(a, b)| a.binary(*function, *b)).collect(),
        Op::Compare(compare) => x(0).iter().zip(x(1)).map(|(a, b)| a.compare(*compare, *b)).collect(),
        Op::Select => pointwise::select(x(0), x(1), x(2)),
        Op::StopGradient | Op::Reshape => x(0).to_vec(),
        Op::Permute { axes } => movement::permute(x(0), shape(0), axes, out),
        Op::Expand => movement::expand(x(0), shape(0), out),
        Op::Concat { axis } => {
            let parts: Vec<(&[T], Shape)> = (0..operands.len()).map(|i| (x(i), shape(i))).collect();
            movement::concat(&parts, *axis as usize, out)
        }
        Op::Flip { axes } => movement::flip(x(0), axes, out),
        Op::Slice { start, step } => movement::slice(x(0), shape(0), start, step, out),
        Op::Pad { low, interior } => movement::pad(x(0), shape(0), low, interior, out),
        Op::Reduce { reduce, axes } => movement::reduce(x(0), shape(0), *reduce, axes, out),
        Op::Matmul { ta, tb } => contraction::matmul((x(0), shape(0), *ta), (x(1), shape(1), *tb), out),
        Op::Conv2d(conv) => contraction::conv2d(conv, (x(0), shape(0)), (x(1), shape(1)), out),
        Op::Conv2dInputGrad(conv) => contraction::input_grad(conv, (x(0), shape(0)), (x(1), shape(1)), out),
        Op::Conv2dWeightGrad(conv) => contraction::weight_grad(conv, (x(0), shape(0)), (x(1), shape(1)), out),
        Op::Sample2d { border } => sample::sample(x(0), shape(0), x(1), *border, out),
        Op::Sample2dTranspose { border } => sample::transpose(x(0), shape(0), x(1), *border, out),
        Op::Take => movement::take(operands[0], shape(0), rows(operands[1]), out),
        Op::TakeTranspose => movement::take_transpose(x(0), rows(operands[1]), out),
        Op::SolveSpd => contraction::solve_spd(x(0), shape(0).dim(0), x(1), out.dim(1)),
    }))
}

fn rows<T>(values: &Values<T>) -> &[u32] {
    match values {
        Values::Rows(rows) => rows,
        Values::Real(_) | Values::Pixels(_) => &[],
    }
}

/// Words of the random draws `0 .. len` of a stream, in order.
fn words(seed: u64, stream: u32, unit: u32, len: usize) -> impl Iterator<Item = [u32; 4]> {
    (0..len.div_ceil(4)).map(move |block| rng::block(seed, stream, unit, block as u32))
}
