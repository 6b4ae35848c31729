//! From the nodes of a kernel to its code.

use super::{
    group::{Body, BodyShape, Grouping, is_movement},
    view::{Axes, View},
};
use crate::{
    graph::{Binary, Compare, Node, NodeId, Op, Reduce},
    program::{Elementwise, Frame, Fused, Instruction, Operand, Program, Register, ValueId, What},
    sorted::{SortedMap, SortedSet},
};

/// Elements of a block that an engine likes to compute at once: the rows are made as long as that allows, so that what
/// repeats along a row is one number.
const BLOCK: usize = 2048;

/// Writes the code of a kernel; `value` tells where nodes stand in memory.
pub(super) fn assemble(
    grouping: &Grouping<'_>,
    program: &Program,
    body: &Body,
    value: &dyn Fn(usize) -> ValueId,
) -> Fused {
    let frame = match &body.shape {
        BodyShape::Columns { rows, columns } => Frame::Columns { rows: *rows, columns: *columns },
        BodyShape::Rows { counts } => {
            let longest = |rows: usize| body.largest().div_ceil(rows.max(1));
            let rows = counts.iter().copied().find(|&rows| longest(rows) <= BLOCK);
            Frame::Rows { rows: rows.or(counts.last().copied()).unwrap_or(1) }
        }
    };
    let mut writer = Writer {
        grouping,
        program,
        body,
        value,
        frame,
        fused: Fused { frame, registers: Vec::new(), code: Vec::new(), stores: Vec::new() },
        operands: SortedMap::new(),
        loaded: Vec::new(),
    };
    writer.write();
    writer.fused
}

/// A kernel that copies a value of `len` elements to another.
pub(super) fn copy(node: NodeId, (from, to): (ValueId, ValueId), len: usize) -> Fused {
    let (what, register) = (What::Load { value: from, view: View::whole(len) }, Register(0));
    let code = vec![Instruction { what, inputs: Vec::new(), to: register, node }];
    Fused { frame: Frame::Rows { rows: len }, registers: vec![1], code, stores: vec![(register, to)] }
}

struct Writer<'a> {
    grouping: &'a Grouping<'a>,
    program: &'a Program,
    body: &'a Body,
    value: &'a dyn Fn(usize) -> ValueId,
    frame: Frame,
    fused: Fused,
    /// What readers of a node read.
    operands: SortedMap<usize, Operand>,
    /// What is loaded already.
    loaded: Vec<(ValueId, View, Register)>,
}

/// A node's function after its neighbours are taken into account, with the nodes that it then reads.
enum Chosen {
    What(What, Vec<usize>),
    /// The same elements as another node, each some times in a row.
    Repeat(usize, usize),
}

impl Writer<'_> {
    fn write(&mut self) {
        for node in self.needed() {
            let operand = self.compute(node);
            self.operands.insert(node, operand);
        }
        for &node in &self.body.outputs {
            let operand = self.operand(node);
            let register = self.dense(operand, node);
            self.fused.stores.push((register, (self.value)(node)));
        }
    }

    /// The nodes that outputs need, operands first.
    fn needed(&self) -> SortedSet<usize> {
        let mut needed = SortedSet::new();
        let mut open: Vec<usize> = self.body.outputs.iter().copied().collect();
        while let Some(node) = open.pop() {
            if !self.body.nodes.contains(&node) || !needed.insert(node) {
                continue;
            }
            match self.choose(node) {
                Chosen::What(_, inputs) => open.extend(inputs),
                Chosen::Repeat(input, _) => open.push(input),
            }
        }
        needed
    }

    fn node(&self, index: usize) -> &Node {
        &self.program.nodes()[index]
    }

    fn elements(&self, node: usize) -> usize {
        self.node(node).shape.elements()
    }

    /// Elements of a node in each row, or in each column.
    fn each(&self, elements: usize) -> usize {
        match self.frame {
            Frame::Rows { rows } => elements / rows.max(1),
            Frame::Columns { columns, .. } => elements / columns.max(1),
        }
    }

    fn choose(&self, index: usize) -> Chosen {
        let node = self.node(index);
        let inputs: Vec<usize> = node.inputs.iter().map(|id| id.index()).collect();
        let what = match &node.op {
            Op::Unary(function) => What::Elementwise(Elementwise::Unary(*function)),
            Op::Binary(function) => return self.binary(*function, inputs),
            Op::Compare(compare) => What::Elementwise(Elementwise::Compare(*compare)),
            Op::Select => return self.select(inputs),
            Op::Random { law, stream } => What::Random { law: *law, stream: *stream },
            Op::Reshape => return Chosen::Repeat(inputs[0], 1),
            Op::Reduce { reduce, axes } => return self.reduce(*reduce, axes, inputs),
            _ if is_movement(&node.op) => return self.movement(index, inputs[0]),
            _ => What::Elementwise(Elementwise::Fill),
        };
        Chosen::What(what, inputs)
    }

    fn reduce(&self, reduce: Reduce, axes: &[u32], inputs: Vec<usize>) -> Chosen {
        let (dims, first) = self.row_dims(inputs[0]);
        let axes: Vec<usize> =
            axes.iter().map(|&axis| axis as usize).filter(|&axis| axis >= first).map(|axis| axis - first).collect();
        let all = dims.iter().enumerate().all(|(axis, &dim)| dim == 1 || axes.contains(&axis));
        let product = self.is_only_step(inputs[0]) && self.node(inputs[0]).op == Op::Binary(Binary::Mul);
        // Short rows are reduced faster many at a time.
        let long = dims.iter().product::<usize>() >= 64;
        if reduce == Reduce::Sum && all && product && long && matches!(self.frame, Frame::Rows { .. }) {
            let factors = self.node(inputs[0]).inputs.iter().map(|id| id.index());
            return Chosen::What(What::Dot, factors.collect());
        }
        Chosen::What(What::Reduce { reduce, axes, dims }, inputs)
    }

    /// `a b + c` in one.
    fn binary(&self, function: Binary, inputs: Vec<usize>) -> Chosen {
        if function == Binary::Add {
            for (product, other) in [(inputs[0], inputs[1]), (inputs[1], inputs[0])] {
                if product != other && self.is_only_step(product) && self.node(product).op == Op::Binary(Binary::Mul) {
                    let factors = self.node(product).inputs.iter().map(|id| id.index());
                    return Chosen::What(What::Elementwise(Elementwise::MulAdd), factors.chain([other]).collect());
                }
            }
        }
        Chosen::What(What::Elementwise(Elementwise::Binary(function)), inputs)
    }

    /// Whether a node is computed here for one reader only.
    fn is_only_step(&self, node: usize) -> bool {
        let readers = self.body.nodes.iter().flat_map(|&reader| &self.node(reader).inputs);
        self.body.nodes.contains(&node)
            && !self.body.outputs.contains(&node)
            && readers.filter(|id| id.index() == node).count() == 1
    }

    /// `select(gate > 0, x, 0)`, relu and its derivative, is one operation.
    fn select(&self, inputs: Vec<usize>) -> Chosen {
        let [mask, x, other] = inputs[..] else { return Chosen::What(What::Elementwise(Elementwise::Select), inputs) };
        let compare = self.node(mask);
        let positive = self.body.nodes.contains(&mask)
            && compare.op == Op::Compare(Compare::Gt)
            && self.is_zero(compare.inputs[1].index());
        if positive && self.is_zero(other) {
            return Chosen::What(What::Elementwise(Elementwise::Gated), vec![compare.inputs[0].index(), x]);
        }
        Chosen::What(What::Elementwise(Elementwise::Select), inputs)
    }

    fn is_zero(&self, node: usize) -> bool {
        let number = self.grouping.uniform(node).map(|uniform| &self.node(uniform).op);
        matches!(number, Some(Op::Fill { value }) if value.value() == 0.0)
    }

    /// The sizes of the axes of a node that lie within a row, and the first of these axes.
    fn row_dims(&self, node: usize) -> (Vec<usize>, usize) {
        let shape = self.node(node).shape;
        let rows = match self.frame {
            Frame::Rows { rows } => rows,
            Frame::Columns { .. } => return (Vec::new(), shape.rank()),
        };
        let (mut product, mut first) = (1, 0);
        while product != rows && first < shape.rank() {
            product *= shape.dim(first);
            first += 1;
        }
        (shape.iter().skip(first).collect(), first)
    }

    /// A movement within rows: a repetition if that is all, else a view of each row.
    fn movement(&self, index: usize, input: usize) -> Chosen {
        let (from, _) = self.row_dims(input);
        let (to, first) = self.row_dims(index);
        let within = match &self.node(index).op {
            Op::Expand => Op::Expand,
            Op::Permute { axes } => {
                Op::Permute { axes: axes.iter().skip(first).map(|&axis| axis - first as u32).collect() }
            }
            Op::Flip { axes } => Op::Flip { axes: axes.iter().map(|&axis| axis - first as u32).collect() },
            Op::Slice { start, step } => Op::Slice { start: start[first..].to_vec(), step: step[first..].to_vec() },
            other => other.clone(),
        };
        let (shape, whole) = (crate::shape::Shape::try_new(&to), crate::shape::Shape::try_new(&from));
        let axes = shape.zip(whole).and_then(|(shape, whole)| Axes::whole(whole).moved(&within, shape));
        let view = axes.map_or_else(|| View::whole(1), |axes| axes.merged());
        if view.repeats() > 1 && view.compact().is_contiguous() && view.offset == 0 {
            return Chosen::Repeat(input, view.repeats());
        }
        if view.is_contiguous() && view.len() == from.iter().product::<usize>() {
            return Chosen::Repeat(input, 1);
        }
        Chosen::What(What::Move { from: from.iter().product(), view }, vec![input])
    }

    fn register(&mut self, each: usize) -> Register {
        self.fused.registers.push(each);
        Register(self.fused.registers.len() as u32 - 1)
    }

    fn emit(&mut self, what: What, inputs: Vec<Operand>, each: usize, node: usize) -> Register {
        let to = self.register(each);
        self.fused.code.push(Instruction { what, inputs, to, node: NodeId(node as u32) });
        to
    }

    fn compute(&mut self, node: usize) -> Operand {
        let each = self.each(self.elements(node));
        match self.choose(node) {
            Chosen::Repeat(input, times) => match self.operand(input) {
                Operand::Array { register, repeat } => Operand::Array { register, repeat: repeat * times },
                uniform => uniform,
            },
            Chosen::What(What::Elementwise(Elementwise::Fill), _) => {
                let number = self.uniform(node).unwrap_or(Operand::Number(0.0));
                Operand::array(self.emit(What::Elementwise(Elementwise::Fill), vec![number], each, node))
            }
            Chosen::What(what, inputs) => {
                let mut operands: Vec<Operand> = inputs.iter().map(|&input| self.operand(input)).collect();
                if matches!(what, What::Reduce { .. } | What::Move { .. } | What::Dot) {
                    for (operand, &input) in operands.iter_mut().zip(&inputs) {
                        *operand = Operand::array(self.dense(*operand, input));
                    }
                }
                Operand::array(self.emit(what, operands, each, node))
            }
        }
    }

    fn uniform(&self, node: usize) -> Option<Operand> {
        match self.node(self.grouping.uniform(node)?).op {
            Op::Fill { value } => Some(Operand::Number(value.value() as f32)),
            Op::Scalar { index } => Some(Operand::Scalar(index)),
            _ => None,
        }
    }

    /// What readers of a node read; loads it if need be.
    fn operand(&mut self, node: usize) -> Operand {
        if let Some(known) = self.operands.get(&node) {
            return *known;
        }
        let operand = match (self.uniform(node), self.body.loads.get(&node)) {
            (Some(uniform), _) => uniform,
            (None, Some((base, view))) => self.load(node, *base, view.clone()),
            (None, None) => unreachable!("a body has all that its nodes read"),
        };
        self.operands.insert(node, operand);
        operand
    }

    /// Loads a node; what repeats evenly within each row is loaded once.
    fn load(&mut self, node: usize, base: usize, view: View) -> Operand {
        let each = self.each(view.len());
        let repeat = match self.frame {
            Frame::Rows { .. } if each.is_multiple_of(view.repeats()) => view.repeats(),
            _ => 1,
        };
        let (value, view) = ((self.value)(base), if repeat > 1 { view.compact() } else { view });
        if let Some((_, _, register)) = self.loaded.iter().find(|known| known.0 == value && known.1 == view) {
            return Operand::Array { register: *register, repeat };
        }
        let register = self.emit(What::Load { value, view: view.clone() }, Vec::new(), each / repeat, node);
        self.loaded.push((value, view, register));
        Operand::Array { register, repeat }
    }

    /// An operand as a register of its own elements.
    fn dense(&mut self, operand: Operand, node: usize) -> Register {
        if let Operand::Array { register, repeat: 1 } = operand {
            return register;
        }
        let each = self.each(self.elements(node));
        self.emit(What::Elementwise(Elementwise::Fill), vec![operand], each, node)
    }
}
