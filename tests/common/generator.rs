//! Random programs: every primitive, values kept small, comparisons away from ties.

use attar::{
    engine::Scalars,
    graph::{Border, Conv, Graph, Tensor},
    program::Program,
    rng::Draws,
    shape::Shape,
};

use super::{Value, run_f64};

/// A program with the contents of its slots and its scalars.
pub struct Case {
    pub program: Program,
    /// The same before simplification.
    pub verbatim: Program,
    pub values: Vec<(String, Value)>,
    pub scalars: Scalars,
}

/// Cases without end, from a seed: those candidates whose values are within [-4, 4] and whose comparisons are decided
/// by more than rounding.
pub fn cases(seed: u64) -> impl Iterator<Item = Case> {
    (0..).filter_map(move |candidate| accepted(seed, candidate))
}

fn accepted(seed: u64, candidate: u32) -> Option<Case> {
    let scalars = Scalars { values: vec![0.75, -0.5], seed, unit: candidate };
    let name = format!("random {seed}/{candidate}");
    let (probe, values) = build(seed, candidate, true);
    let probe = Program::new(&*name, probe).expect("the generator builds valid programs");
    let watched = run_f64(&probe, &values, &scalars).ok()?;
    for (slot, values) in probe.slots().iter().filter(|slot| slot.role.written().is_some()).zip(&watched) {
        let fine: fn(&f64) -> bool =
            if slot.name.starts_with("margin") { |v| v.abs() > 1e-3 } else { |v| v.abs() <= 4.0 };
        if !values.iter().all(fine) {
            return None;
        }
    }
    let program = Program::new(&*name, build(seed, candidate, false).0).ok()?;
    let verbatim = Program::verbatim(name, build(seed, candidate, false).0).ok()?;
    Some(Case { program, verbatim, values, scalars })
}

/// Builds candidate number `candidate` with the contents of its slots; with `probe` all of its values are outputs.
fn build(seed: u64, candidate: u32, probe: bool) -> (Graph, Vec<(String, Value)>) {
    let graph = Graph::new();
    let mut maker = Maker {
        graph: &graph,
        draws: Draws::new(seed, 0, candidate),
        values: Vec::new(),
        pool: Vec::new(),
        margins: Vec::new(),
    };
    maker.inputs();
    for _ in 0..4 + maker.draws.below(14) {
        maker.step();
    }
    maker.outputs(probe);
    let values = std::mem::take(&mut maker.values);
    (graph, values)
}

struct Maker<'g> {
    graph: &'g Graph,
    draws: Draws,
    values: Vec<(String, Value)>,
    pool: Vec<Tensor<'g>>,
    /// Differences that decide comparisons and floors.
    margins: Vec<Tensor<'g>>,
}

impl<'g> Maker<'g> {
    fn inputs(&mut self) {
        // Both scalars are always declared, so that the block has one layout.
        let _ = (self.graph.scalar("a"), self.graph.scalar("b"));
        for index in 0..2 + self.draws.below(2) {
            let shape = self.shape();
            let input = self.input(&format!("x{index}"), shape);
            self.pool.push(input);
        }
    }

    fn shape(&mut self) -> Shape {
        let rank = 1 + self.draws.below(4);
        let dims: Vec<usize> = (0..rank).map(|_| 1 + self.draws.below(6)).collect();
        Shape::try_new(&dims).expect("small")
    }

    fn input(&mut self, name: &str, shape: Shape) -> Tensor<'g> {
        let values = (0..shape.elements()).map(|_| self.draws.range(-1.5, 1.5) as f32).collect();
        self.values.push((name.into(), Value::Real(values)));
        self.graph.input(name, shape)
    }

    fn fresh(&mut self, shape: Shape) -> Tensor<'g> {
        let name = format!("y{}", self.values.len());
        self.input(&name, shape)
    }

    fn pick(&mut self) -> Tensor<'g> {
        let index = self.draws.below(self.pool.len());
        self.pool[index]
    }

    /// A value of exactly this shape: one from the pool, one that broadcasts, or a new input.
    fn partner(&mut self, shape: Shape) -> Tensor<'g> {
        let fitting: Vec<Tensor<'g>> =
            self.pool.iter().copied().filter(|x| x.shape().broadcast(shape) == Some(shape)).collect();
        if !fitting.is_empty() && self.draws.chance(0.6) {
            return fitting[self.draws.below(fitting.len())];
        }
        let mut small = shape;
        for axis in 0..shape.rank() {
            if self.draws.chance(0.3) {
                small = small.with(axis, 1);
            }
        }
        self.fresh(small)
    }

    fn step(&mut self) {
        let x = self.pick();
        let made = match self.draws.below(8) {
            0 | 1 => self.unary(x),
            2 | 3 => self.binary(x),
            4 | 5 => self.movement(x),
            6 => self.reduction(x),
            _ => self.contraction(x),
        };
        if made.shape().elements() <= 4096 {
            self.pool.push(made);
        }
    }

    fn unary(&mut self, x: Tensor<'g>) -> Tensor<'g> {
        let positive = x * x + 0.5;
        match self.draws.below(13) {
            0 => -x,
            1 => (x * 0.5).exp(),
            2 => positive.log(),
            3 => x.sin(),
            4 => x.cos(),
            5 => positive.sqrt(),
            6 => x.tanh(),
            7 => positive.recip(),
            8 => {
                let floor = x.floor();
                self.margins.extend([x - floor, floor + 1.0 - x]);
                floor
            }
            9 => {
                self.margins.push(x + 0.0);
                x.relu()
            }
            10 => x.stop_gradient() * 0.5 + x,
            11 => x * self.graph.scalar("a"),
            _ => self.leaf(x),
        }
    }

    fn leaf(&mut self, x: Tensor<'g>) -> Tensor<'g> {
        let stream = 1 + self.draws.below(3) as u32;
        match self.draws.below(4) {
            0 => x + self.graph.random_uniform(stream, x.shape()),
            1 => x * 0.25 + self.graph.random_normal(stream, x.shape()) * 0.25,
            2 => x + self.graph.iota(self.draws.below(x.rank().max(1)).min(x.rank() - 1), x.shape()) * 0.25,
            _ => {
                let values: Vec<f32> = (0..x.shape().elements()).map(|_| self.draws.range(-1.0, 1.0) as f32).collect();
                x * self.graph.constant(&values, x.shape())
            }
        }
    }

    fn binary(&mut self, x: Tensor<'g>) -> Tensor<'g> {
        let y = self.partner(x.shape());
        match self.draws.below(9) {
            0 => x + y,
            1 => x - y * self.graph.scalar("b"),
            2 => x * y,
            3 => x / (y * y + 0.5),
            4 => {
                self.margins.push(x - y);
                x.maximum(y)
            }
            5 => {
                self.margins.push(x - y);
                x.gt(y).select(x, y * 0.5)
            }
            6 => {
                self.margins.push(x - y);
                x.ge(y) * x
            }
            7 => x.equal(x).select(y, x).expand(x.shape()),
            _ => x.square().safe_sqrt() * 0.5 + y.safe_div(x * 0.0 + 2.0),
        }
    }

    fn movement(&mut self, x: Tensor<'g>) -> Tensor<'g> {
        let rank = x.rank();
        let axis = self.draws.below(rank);
        let size = x.dim(axis);
        match self.draws.below(8) {
            0 => {
                let order: Vec<usize> = self.draws.permutation(rank).into_iter().map(|axis| axis as usize).collect();
                x.permute(&order)
            }
            1 => self.reshaped(x),
            2 if rank < 5 => {
                let mut dims = vec![1 + self.draws.below(3)];
                dims.extend(x.shape().iter());
                x.expand(Shape::try_new(&dims).expect("small"))
            }
            3 => {
                let y = self.partner(x.shape()).expand(x.shape());
                Tensor::concat(&[x, y, x * 0.5], axis)
            }
            4 => x.flip(&[axis]),
            5 => {
                let (start, step) = (self.draws.below(size), 1 + self.draws.below(2));
                let mut starts = vec![0; rank];
                let mut steps = vec![1; rank];
                (starts[axis], steps[axis]) = (start, step);
                x.slice(&starts, &steps, x.shape().with(axis, (size - start).div_ceil(step)))
            }
            6 => {
                let (mut low, mut interior) = (vec![0; rank], vec![0; rank]);
                (low[axis], interior[axis]) = (self.draws.below(3), self.draws.below(2));
                let end = low[axis] + size + (size - 1) * interior[axis] + self.draws.below(2);
                x.pad(&low, &interior, x.shape().with(axis, end))
            }
            _ => {
                let rows: Vec<u32> = (0..1 + self.draws.below(7)).map(|_| self.draws.below(x.dim(0)) as u32).collect();
                let name = format!("rows{}", self.values.len());
                let slot = self.graph.rows(&name, rows.len());
                self.values.push((name, Value::Rows(rows)));
                x.take(slot)
            }
        }
    }

    fn reshaped(&mut self, x: Tensor<'g>) -> Tensor<'g> {
        let mut dims = x.shape().dims();
        let at = self.draws.below(dims.len());
        if dims[at].is_multiple_of(2) && dims.len() < 6 {
            dims[at] /= 2;
            dims.insert(at, 2);
        } else if dims.len() > 1 {
            let merged = dims.remove(at.max(1));
            dims[at.max(1) - 1] *= merged;
        }
        x.reshape(Shape::try_new(&dims).expect("small"))
    }

    fn reduction(&mut self, x: Tensor<'g>) -> Tensor<'g> {
        let axes: Vec<usize> = (0..x.rank()).filter(|_| self.draws.chance(0.5)).collect();
        let shape = x.shape();
        let reduced = match self.draws.below(4) {
            0 => x.mean_keep(&axes),
            1 => x.max_keep(&axes),
            2 => x - x.mean_keep(&axes),
            _ => x.log_softmax() * 0.25,
        };
        if self.draws.chance(0.5) { reduced.expand(shape) } else { reduced }
    }

    fn contraction(&mut self, x: Tensor<'g>) -> Tensor<'g> {
        match self.draws.below(6) {
            0 | 1 => self.product(x),
            2 | 3 => self.convolution(x),
            4 => self.resampled(x),
            _ => self.gathered(x),
        }
    }

    fn product(&mut self, x: Tensor<'g>) -> Tensor<'g> {
        let x = if x.rank() < 2 { x.reshape([1, x.shape().elements()]) } else { x };
        let (ta, tb) = (self.draws.chance(0.5), self.draws.chance(0.5));
        let (m, k) = (x.dim(x.rank() - 2), x.dim(x.rank() - 1));
        let inner = if ta { m } else { k };
        let n = 1 + self.draws.below(6);
        let y = self.fresh(if tb { [n, inner] } else { [inner, n] }.into());
        if m <= 6 && x.rank() == 2 && self.draws.chance(0.2) {
            return self.solved(x, m);
        }
        x.matmul_t(ta, y, tb) * (1.0 / inner as f64)
    }

    fn solved(&mut self, x: Tensor<'g>, m: usize) -> Tensor<'g> {
        let eye: Vec<f32> = (0..m * m).map(|i| if i % (m + 1) == 0 { 2.0 } else { 0.0 }).collect();
        let spd = x.matmul_t(false, x, true) + self.graph.constant(&eye, [m, m]);
        let b = self.fresh([m, 3].into());
        spd.solve_spd(b)
    }

    /// The value as images `[n, c, h, w]`.
    fn images(&mut self, x: Tensor<'g>) -> Tensor<'g> {
        let mut dims = x.shape().dims();
        while dims.len() < 4 {
            dims.insert(0, 1);
        }
        while dims.len() > 4 {
            let merged = dims.remove(0);
            dims[0] *= merged;
        }
        x.reshape(Shape::try_new(&dims).expect("small"))
    }

    fn convolution(&mut self, x: Tensor<'g>) -> Tensor<'g> {
        let x = self.images(x);
        let channels = x.dim(1);
        let groups = if channels.is_multiple_of(2) && self.draws.chance(0.3) { 2 } else { 1 };
        let outputs = groups * (1 + self.draws.below(3));
        let (kh, kw) = (1 + self.draws.below(3), 1 + self.draws.below(3));
        let conv = Conv {
            stride: 1 + self.draws.below(2) as u32,
            padding: 1 + self.draws.below(2) as u32,
            groups: groups as u32,
        };
        let kernel = self.fresh([outputs, channels / groups, kh, kw].into());
        let scale = 1.0 / (channels / groups * kh * kw) as f64;
        let y = x.conv2d(kernel, conv) * scale;
        match self.draws.below(3) {
            0 => y,
            1 => y.conv2d_input_grad(kernel, conv, (x.dim(2), x.dim(3))) * scale,
            _ => x.conv2d_weight_grad(y, conv, (kh, kw)) * (1.0 / (x.dim(0) * y.dim(2) * y.dim(3)) as f64),
        }
    }

    fn resampled(&mut self, x: Tensor<'g>) -> Tensor<'g> {
        let x = self.images(x);
        let n = x.dim(0);
        let mut map = Vec::new();
        for _ in 0..n {
            let (angle, scale) = (self.draws.range(-0.6, 0.6), self.draws.range(0.7, 1.4));
            let (sin, cos) = angle.sin_cos();
            let shift = [self.draws.range(-1.2, 1.2), self.draws.range(-1.2, 1.2)];
            map.extend([cos * scale, -sin, shift[0], sin, cos * scale, shift[1]].map(|v| v as f32));
        }
        let map = self.graph.constant(&map, [n, 2, 3]);
        let border = if self.draws.chance(0.5) { Border::Zero } else { Border::Edge };
        x.sample2d(map, (1 + self.draws.below(6), 1 + self.draws.below(6)), border)
    }

    fn gathered(&mut self, x: Tensor<'g>) -> Tensor<'g> {
        let rows: Vec<u32> = (0..x.dim(0)).map(|_| self.draws.below(4) as u32).collect();
        let name = format!("rows{}", self.values.len());
        let slot = self.graph.rows(&name, rows.len());
        let pixels: Vec<u8> = (0..4 * 3 * 5).map(|_| self.draws.below(256) as u8).collect();
        let picture = self.graph.pixels(&format!("{name}.pixels"), [4, 3, 5]);
        self.values.push((name.clone(), Value::Rows(rows)));
        self.values.push((format!("{name}.pixels"), Value::Pixels(pixels)));
        let scattered = x.take_transpose(slot, 4) * 0.5;
        let shown = picture.take(slot).sum(&[1, 2]) * 0.1;
        scattered.sum_all() * 0.05 + shown
    }

    /// The last values, and now and then a first or second derivative of them.
    fn outputs(&mut self, probe: bool) {
        let last: Vec<Tensor<'g>> = self.pool.iter().rev().take(3).copied().collect();
        let mut written = last.clone();
        let inputs: Vec<Tensor<'g>> = self.pool.iter().take(2).copied().collect();
        if self.draws.chance(0.6) {
            let loss = last.iter().map(|x| x.sin().mean_all()).reduce(|a, b| a + b).expect("a pool is never empty");
            let first = self.graph.grad(loss, &inputs);
            written.extend(&first);
            if self.draws.chance(0.5) {
                let norm = first.iter().map(|g| (*g * 2.0).sin().sum_all()).reduce(|a, b| a + b).expect("two inputs");
                written.extend(self.graph.grad(norm, &inputs));
            }
        }
        for (index, value) in written.into_iter().enumerate() {
            self.graph.output(&format!("out{index}"), value);
        }
        if probe {
            for (index, value) in self.pool.iter().enumerate() {
                self.graph.output(&format!("pool{index}"), *value);
            }
            for (index, value) in self.margins.iter().enumerate() {
                self.graph.output(&format!("margin{index}"), *value);
            }
        }
    }
}
