//! Parity fixtures: inputs and outputs computed in float64, with a tolerance for each output. See
//! `tests/fixtures/README.md`.

use std::{cell::RefCell, collections::BTreeMap, collections::BTreeSet, path::PathBuf, sync::Arc};

use attar::{
    engine::{Engine, Scalars},
    graph::{Graph, Tensor},
    nn::{Architecture, ImageSize, Network, Table},
    program::Program,
    shape::Shape,
};
use safetensors::{Dtype, SafeTensors};

use super::{Value, run};

/// The tensors of one file, and what has been checked of its outputs.
pub struct Topic {
    name: String,
    tensors: BTreeMap<String, Stored>,
    tolerances: BTreeMap<String, Tolerance>,
    checked: RefCell<BTreeSet<String>>,
}

struct Stored {
    shape: Vec<usize>,
    values: Vec<f64>,
}

#[derive(Clone, Copy)]
enum Tolerance {
    /// Of the largest entry of the reference.
    Relative(f64),
    /// Where the reference is zero in exact arithmetic.
    Absolute(f64),
    Exact,
}

/// Where the files of fixtures are.
pub trait Fixtures {
    /// The contents of a file.
    fn read(&self, file: &str) -> Vec<u8>;
}

/// Files in a folder.
pub struct Folder(PathBuf);

impl Default for Folder {
    /// The one that `ATTAR_FIXTURES` names, else the crate's own.
    fn default() -> Folder {
        let own = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures"));
        Folder(std::env::var_os("ATTAR_FIXTURES").map_or_else(own, PathBuf::from))
    }
}

impl Fixtures for Folder {
    fn read(&self, file: &str) -> Vec<u8> {
        let path = self.0.join(file);
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }
}

impl Topic {
    /// Reads a topic's tensors and tolerances.
    pub fn load(name: &str, fixtures: &dyn Fixtures) -> Topic {
        let bytes = fixtures.read(&format!("{name}.safetensors"));
        let file = SafeTensors::deserialize(&bytes).expect("a safetensors file");
        let stored = |view: &safetensors::tensor::TensorView<'_>| {
            let words = view.data().chunks_exact(4).map(|word| [word[0], word[1], word[2], word[3]]);
            let values = match view.dtype() {
                Dtype::F32 => words.map(|word| f64::from(f32::from_le_bytes(word))).collect(),
                Dtype::I32 => words.map(|word| f64::from(i32::from_le_bytes(word))).collect(),
                other => panic!("a tensor of {other:?}"),
            };
            Stored { shape: view.shape().to_vec(), values }
        };
        let tensors = file.iter().map(|(name, view)| (name.to_owned(), stored(&view))).collect();
        let all: serde_json::Value = serde_json::from_slice(&fixtures.read("tolerances.json")).expect("JSON");
        let tolerance = |entry: &serde_json::Value| {
            let tol = entry["tol"].as_f64().expect("a number");
            match entry["kind"].as_str() {
                Some("rel") => Tolerance::Relative(tol),
                Some("abs") => Tolerance::Absolute(tol),
                Some("exact") => Tolerance::Exact,
                other => panic!("a tolerance of kind {other:?}"),
            }
        };
        let listed = all[name].as_object().expect("an object a topic");
        let tolerances = listed.iter().map(|(name, entry)| (name.clone(), tolerance(entry))).collect();
        Topic { name: name.into(), tensors, tolerances, checked: RefCell::default() }
    }

    /// That every output was compared.
    pub fn assert_complete(&self) {
        let checked = self.checked.borrow();
        let missed: Vec<&String> = self.tolerances.keys().filter(|name| !checked.contains(*name)).collect();
        assert!(missed.is_empty(), "{}: unchecked outputs {missed:?}", self.name);
    }

    /// What stands before `suffix` in the names that end with it: the independent cases of a file.
    pub fn cases(&self, suffix: &str) -> Vec<String> {
        let found: Vec<String> =
            self.tensors.keys().filter_map(|name| name.strip_suffix(suffix)).map(str::to_owned).collect();
        assert!(!found.is_empty(), "{}: no case has `{suffix}`", self.name);
        found
    }

    /// Whether there is a tensor of this name.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    fn stored(&self, name: &str) -> &Stored {
        self.tensors.get(name).unwrap_or_else(|| panic!("{}: no tensor `{name}`", self.name))
    }

    pub fn shape(&self, name: &str) -> Shape {
        Shape::try_new(&self.stored(name).shape).expect("a small shape")
    }

    pub fn f32s(&self, name: &str) -> Vec<f32> {
        self.stored(name).values.iter().map(|&value| value as f32).collect()
    }

    pub fn ints(&self, name: &str) -> Vec<usize> {
        self.stored(name).values.iter().map(|&value| value as usize).collect()
    }

    pub fn int(&self, name: &str) -> usize {
        self.ints(name)[0]
    }

    /// A scalar as the decimal constant that it was rounded from.
    pub fn decimal(&self, name: &str) -> f64 {
        let rounded = self.f32s(name)[0];
        rounded.to_string().parse().expect("a float prints as a float")
    }

    /// The network that an `arch` tensor describes: channels, width, depth, size, classes.
    pub fn network(&self, arch: &str) -> Network {
        let [channels, width, depth, size, classes] = self.ints(arch)[..] else { panic!("{arch} has five entries") };
        let image = ImageSize { channels, height: size, width: size };
        Network::new(Architecture::convnet(depth, width), image, classes).expect("the fixture's network")
    }

    /// The flat parameters of a network whose tensors are called `prefix` and its own names.
    pub fn theta(&self, network: &Network, prefix: &str) -> Vec<f32> {
        network.table().params().iter().flat_map(|param| self.f32s(&format!("{prefix}{}", param.name))).collect()
    }

    /// Compares an output with the fixture's.
    pub fn compare(&self, engine: &str, name: &str, found: &[f32]) {
        let wanted = &self.stored(name).values;
        let tolerance = self.tolerances.get(name).unwrap_or_else(|| panic!("{}: `{name}` is no output", self.name));
        assert_eq!(found.len(), wanted.len(), "{}: length of {name}", self.name);
        let largest = |values: &mut dyn Iterator<Item = f64>| {
            values.fold(0.0f64, |max, v| if v.is_nan() { f64::INFINITY } else { max.max(v.abs()) })
        };
        let apart = largest(&mut found.iter().zip(wanted).map(|(a, b)| f64::from(*a) - b));
        let (error, allowed) = match tolerance {
            Tolerance::Relative(tol) => (apart, tol * largest(&mut wanted.iter().copied())),
            Tolerance::Absolute(tol) => (largest(&mut found.iter().map(|&v| f64::from(v))), *tol),
            Tolerance::Exact => (apart, 0.0),
        };
        assert!(error <= allowed, "{} on {engine}: {name} is off by {error:.3e}, {allowed:.3e} allowed", self.name);
        self.checked.borrow_mut().insert(name.into());
    }
}

/// One program on one engine: inputs from the fixture, outputs compared with it.
pub struct Trial<'t> {
    topic: &'t Topic,
    engine: &'t dyn Engine,
    values: Vec<(String, Value)>,
    expected: Vec<String>,
}

impl<'t> Trial<'t> {
    pub fn new(topic: &'t Topic, engine: &'t Arc<dyn Engine>) -> Trial<'t> {
        Trial { topic, engine: engine.as_ref(), values: Vec::new(), expected: Vec::new() }
    }

    /// A tensor of the fixture.
    pub fn input<'g>(&mut self, g: &'g Graph, name: &str) -> Tensor<'g> {
        self.given(g, name, self.topic.shape(name), self.topic.f32s(name))
    }

    /// A scalar of the fixture, shape `[]`.
    pub fn scalar<'g>(&mut self, g: &'g Graph, name: &str) -> Tensor<'g> {
        self.input(g, name).reshape([])
    }

    /// Integers of the fixture as rows.
    pub fn rows<'g>(&mut self, g: &'g Graph, name: &str) -> Tensor<'g> {
        self.given_rows(g, name, self.topic.ints(name).iter().map(|&row| row as u32).collect())
    }

    /// Rows that the test computes.
    pub fn given_rows<'g>(&mut self, g: &'g Graph, name: &str, rows: Vec<u32>) -> Tensor<'g> {
        let slot = g.rows(name, rows.len());
        self.values.push((name.into(), Value::Rows(rows)));
        slot
    }

    /// An input that the test computes.
    pub fn given<'g>(&mut self, g: &'g Graph, name: &str, shape: impl Into<Shape>, values: Vec<f32>) -> Tensor<'g> {
        self.values.push((name.into(), Value::Real(values)));
        g.input(name, shape)
    }

    /// Contents of an input that is declared elsewhere.
    pub fn fill(&mut self, name: &str, values: Vec<f32>) {
        self.values.push((name.into(), Value::Real(values)));
    }

    /// The flat parameters of a network.
    pub fn theta<'g>(&mut self, g: &'g Graph, network: &Network, prefix: &str) -> Tensor<'g> {
        let values = self.topic.theta(network, prefix);
        self.given(g, &format!("{prefix}theta"), [values.len()], values)
    }

    /// Declares that this value is the fixture's tensor `name`.
    pub fn expect<'g>(&mut self, g: &'g Graph, name: &str, value: Tensor<'g>) {
        g.output(&format!("out.{name}"), value);
        self.expected.push(name.into());
    }

    /// Declares that the slices of a flat vector are the fixture's tensors called `prefix` and the table's names.
    pub fn expect_flat<'g>(&mut self, g: &'g Graph, table: &Table, prefix: &str, flat: Tensor<'g>) {
        for param in table.params() {
            self.expect(g, &format!("{prefix}{}", param.name), table.get(flat, &param.name));
        }
    }

    /// Runs and compares.
    pub fn check(self, g: Graph) {
        let program = Program::new(self.topic.name.clone(), g).unwrap_or_else(|error| panic!("{error}"));
        let found = run(self.engine, &program, &self.values, &Scalars::default());
        let found = found.unwrap_or_else(|error| panic!("{}: {error}", self.engine.name()));
        for (name, values) in self.expected.iter().zip(&found) {
            self.topic.compare(self.engine.name(), name, values);
        }
    }
}
