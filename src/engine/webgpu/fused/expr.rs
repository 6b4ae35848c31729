//! From the instructions of a fused kernel to expressions: elements are computed where they are asked for.
//!
//! Every register is a function of an index into its elements in all rows. Asking for an element writes the `let`s that
//! compute it, each once in its scope: what does not depend on a loop's index stands before the loop. An index counts
//! elements, or fours of neighbours; a term that is the same for all four is a scalar.

use super::library::{Library, literal};
use crate::{
    engine::webgpu::{
        index::{Axis, Walk, is_atom, quotient},
        memory::Memory,
        shader::scalar,
    },
    graph::{Binary, Compare, Reduce, Unary},
    program::{Elementwise, Fused, Instruction, Operand, Plan, Register, ValueId, What},
    sorted::{SortedMap, SortedSet},
};

/// A kernel's body and where its values are.
pub(super) struct Source<'a> {
    pub fused: &'a Fused,
    pub plan: &'a Plan,
    /// What is read, with the element of the value where the memory begins.
    pub reads: SortedMap<ValueId, (Memory, usize)>,
    pub writes: SortedMap<ValueId, Memory>,
    pub rows: usize,
}

impl Source<'_> {
    pub fn instruction(&self, register: Register) -> &Instruction {
        // Each register is assigned once; bodies are short.
        self.fused.code.iter().find(|instruction| instruction.to == register).expect("every register is assigned")
    }

    pub fn each(&self, register: Register) -> usize {
        self.fused.registers[register.index()]
    }
}

/// An index into a register's elements.
#[derive(Debug, Clone)]
pub(super) struct Index {
    /// A name or number.
    pub text: String,
    /// The scope that declares it.
    pub level: usize,
    /// Whether it counts fours.
    pub wide: bool,
}

/// A computed value: a name or literal.
#[derive(Debug, Clone)]
pub(super) struct Term {
    pub text: String,
    /// Four elements, else one (or one that is four times the same).
    pub wide: bool,
}

impl Term {
    pub fn one(text: impl Into<String>) -> Term {
        Term { text: text.into(), wide: false }
    }

    /// As four elements.
    pub fn spread(&self) -> String {
        if self.wide { self.text.clone() } else { format!("vec4<f32>({})", self.text) }
    }
}

#[derive(Default)]
struct Scope {
    lines: String,
    known: SortedMap<(Register, String, bool), Term>,
    indices: SortedMap<String, String>,
}

pub(super) struct Writer<'a> {
    pub source: &'a Source<'a>,
    /// Registers in workgroup memory, with the text of the first element that is there.
    pub shared: SortedMap<Register, String>,
    /// The row of the workgroup, if it has just one.
    pub row: Option<Index>,
    pub library: Library,
    /// Values that are used in fours.
    pub fours: SortedSet<ValueId>,
    /// Whether something more than a load was computed four times for want of neighbours.
    pub scattered: bool,
    scopes: Vec<Scope>,
    names: SortedMap<String, usize>,
}

impl<'a> Writer<'a> {
    pub fn new(source: &'a Source<'a>) -> Writer<'a> {
        Writer {
            source,
            shared: SortedMap::new(),
            row: None,
            library: Library::default(),
            fours: SortedSet::new(),
            scattered: false,
            scopes: vec![Scope::default()],
            names: SortedMap::new(),
        }
    }

    /// Opens a scope within the others; returns its level.
    pub fn open(&mut self) -> usize {
        self.scopes.push(Scope::default());
        self.scopes.len() - 1
    }

    /// Closes the innermost scope and returns its lines.
    pub fn close(&mut self) -> String {
        self.scopes.pop().map(|scope| scope.lines).unwrap_or_default()
    }

    /// Adds lines to a scope.
    pub fn line(&mut self, level: usize, text: &str) {
        let lines = &mut self.scopes[level].lines;
        lines.push_str(text);
        lines.push('\n');
    }

    /// A name that nothing else has.
    pub fn name(&mut self, wanted: &str) -> String {
        let count = self.names.or_insert_with(wanted.into(), || 0);
        *count += 1;
        if *count == 1 { wanted.into() } else { format!("{wanted}_{count}") }
    }

    /// An index by its text.
    pub fn index(&mut self, text: String, level: usize, wide: bool) -> Index {
        if is_atom(&text) {
            return Index { text, level, wide };
        }
        if let Some(known) = self.scopes[level].indices.get(&text) {
            return Index { text: known.clone(), level, wide };
        }
        let name = self.name("at");
        self.line(level, &format!("let {name} = {text};"));
        self.scopes[level].indices.insert(text, name.clone());
        Index { text: name, level, wide }
    }

    /// A register's element (or four) at an index.
    pub fn register(&mut self, register: Register, index: &Index) -> Term {
        let key = (register, index.text.clone(), index.wide);
        if let Some(known) = self.scopes[index.level].known.get(&key) {
            return known.clone();
        }
        let term = if self.shared.contains_key(&register) {
            self.shared_element(register, index)
        } else {
            self.compute(register, index)
        };
        let term = self.declare(register, term, index.level);
        self.scopes[index.level].known.insert(key, term.clone());
        term
    }

    /// Gives a term a name, if it is more than one.
    fn declare(&mut self, register: Register, term: Term, level: usize) -> Term {
        if is_atom(&term.text) {
            return term;
        }
        let wanted = format!("{}_{}", self.label(register), register.0);
        let name = self.name(&wanted);
        self.line(level, &format!("let {name} = {};", term.text));
        Term { text: name, wide: term.wide }
    }

    /// The name of a register's operation.
    pub fn label(&self, register: Register) -> &'static str {
        match &self.source.instruction(register).what {
            What::Load { .. } => "x",
            What::Elementwise(function) => match function {
                Elementwise::Fill => "fill",
                Elementwise::Unary(function) => match function {
                    Unary::Neg => "neg",
                    Unary::Exp => "exp",
                    Unary::Log => "log",
                    Unary::Sin => "sin",
                    Unary::Cos => "cos",
                    Unary::Sqrt => "sqrt",
                    Unary::Tanh => "tanh",
                    Unary::Recip => "recip",
                    Unary::Floor => "floor",
                },
                Elementwise::Binary(function) => match function {
                    Binary::Add => "add",
                    Binary::Sub => "sub",
                    Binary::Mul => "mul",
                    Binary::Div => "div",
                    Binary::Max => "larger",
                },
                Elementwise::Compare(_) => "mask",
                Elementwise::Select => "chosen",
                Elementwise::MulAdd => "mul_add",
                Elementwise::Gated => "gated",
            },
            What::Random { .. } => "draw",
            What::Reduce { reduce: Reduce::Sum, .. } => "sum",
            What::Reduce { reduce: Reduce::Max, .. } => "max",
            What::Dot => "dot",
            What::Move { .. } => "moved",
        }
    }

    /// The array of a register in workgroup memory.
    pub fn array(&self, register: Register) -> String {
        format!("all_{}_{}", self.label(register), register.0)
    }

    fn shared_element(&mut self, register: Register, index: &Index) -> Term {
        let (array, first) = (self.array(register), self.shared[&register].clone());
        if self.row.is_some() && self.source.each(register) == 1 {
            return Term::one(format!("{array}[0]"));
        }
        if !index.wide {
            return Term::one(format!("{array}[{} - {first}]", index.text));
        }
        let place = self.index(format!("4u * {} - {first}", index.text), index.level, false).text;
        let four = [0, 1, 2, 3].map(|word| format!("{array}[{place} + {word}u]"));
        Term { text: format!("vec4<f32>({})", four.join(", ")), wide: true }
    }

    fn compute(&mut self, register: Register, index: &Index) -> Term {
        let source = self.source;
        let instruction = source.instruction(register);
        match &instruction.what {
            What::Load { value, view } => {
                let mut walk = Walk::of(view);
                if let Some(axis) = Axis::of(source.plan, *value) {
                    let number =
                        |_: &mut Writer<'a>, at: &Index| Term::one(format!("f32({})", axis.index(&at.text, false)));
                    return self.along(&walk, index, false, &number);
                }
                let (memory, origin) = source.reads[value].clone();
                if memory.is_empty() {
                    return Term::one("0.0");
                }
                walk.start -= origin;
                let fours = memory.in_fours();
                let value = *value;
                self.along(&walk, index, fours, &move |writer, at| {
                    if at.wide {
                        writer.fours.insert(value);
                        return Term { text: memory.four(&at.text), wide: true };
                    }
                    Term::one(memory.word(&at.text))
                })
            }
            What::Random { law, stream } => {
                let function = self.library.draws(*law, index.wide);
                Term { text: format!("{function}({}, {stream}u)", index.text), wide: index.wide }
            }
            What::Move { from, view } => {
                let walk = Walk::of(view).in_rows(source.rows, *from);
                let input = instruction.inputs[0];
                self.scattered |= index.wide && walk.quads().or(walk.repeated()).is_none() && !self.is_light(input);
                self.along(&walk, index, true, &move |writer, at| writer.operand(input, at))
            }
            What::Reduce { .. } | What::Dot if index.wide => {
                self.scattered = true;
                self.four_times(index, &move |writer, at| writer.register(register, at))
            }
            What::Reduce { reduce, .. } => self.fold(instruction, *reduce, index),
            What::Dot => self.fold(instruction, Reduce::Sum, index),
            What::Elementwise(function) => {
                let terms: Vec<Term> = instruction.inputs.iter().map(|&input| self.operand(input, index)).collect();
                self.elementwise(*function, &terms)
            }
        }
    }

    /// Elements at a walk's places; `fours` tells whether four neighbours can be had at once.
    fn along(
        &mut self,
        walk: &Walk,
        index: &Index,
        fours: bool,
        element: &dyn Fn(&mut Writer<'a>, &Index) -> Term,
    ) -> Term {
        if !index.wide {
            let at = self.index(walk.at(&index.text), index.level, false);
            return element(self, &at);
        }
        if let (Some(walk), true) = (walk.quads(), fours) {
            let at = self.index(walk.at(&index.text), index.level, true);
            return element(self, &at);
        }
        if let Some(walk) = walk.repeated() {
            let at = self.index(walk.at(&index.text), index.level, false);
            return element(self, &at);
        }
        self.four_times(index, &|writer, index| {
            let at = writer.index(walk.at(&index.text), index.level, false);
            element(writer, &at)
        })
    }

    /// Four elements, one after another.
    fn four_times(&mut self, index: &Index, element: &dyn Fn(&mut Writer<'a>, &Index) -> Term) -> Term {
        let four = [0, 1, 2, 3].map(|word| {
            let at = self.index(format!("4u * {} + {word}u", index.text), index.level, false);
            element(self, &at).text
        });
        Term { text: format!("vec4<f32>({})", four.join(", ")), wide: true }
    }

    /// What an instruction reads, at an index of its result.
    pub fn operand(&mut self, operand: Operand, index: &Index) -> Term {
        match operand {
            Operand::Number(number) => Term::one(literal(number, &mut self.library)),
            Operand::Scalar(number) => {
                self.library.reads_call = true;
                Term::one(scalar(number))
            }
            Operand::Array { register, repeat: 1 } => self.register(register, index),
            Operand::Array { register, repeat } => self.repeated(register, repeat, index),
        }
    }

    /// A register of which each element is shown several times.
    fn repeated(&mut self, register: Register, repeat: usize, index: &Index) -> Term {
        if let (Some(row), 1) = (self.row.clone(), self.source.each(register)) {
            return self.register(register, &row);
        }
        if index.wide && !repeat.is_multiple_of(4) {
            self.scattered |= !self.is_light(Operand::Array { register, repeat: 1 });
            return self.four_times(index, &|writer, at| writer.repeated(register, repeat, at));
        }
        let repeat = if index.wide { repeat / 4 } else { repeat };
        let at = self.index(quotient(&index.text, repeat), index.level, false);
        self.register(register, &at)
    }

    /// Whether an operand takes no computing.
    fn is_light(&self, operand: Operand) -> bool {
        let Operand::Array { register, .. } = operand else { return true };
        let light = matches!(self.source.instruction(register).what, What::Load { .. });
        light || self.shared.contains_key(&register)
    }

    fn elementwise(&mut self, function: Elementwise, terms: &[Term]) -> Term {
        let wide = terms.iter().any(|term| term.wide);
        let all = |index: usize| if wide { terms[index].spread() } else { terms[index].text.clone() };
        let any = |index: usize| terms[index].text.clone();
        let (zero, one) = if wide { ("vec4<f32>()", "vec4<f32>(1.0)") } else { ("0.0", "1.0") };
        let text = match function {
            Elementwise::Fill => any(0),
            Elementwise::Unary(function) => self.library.unary(function, &any(0), wide),
            Elementwise::Binary(Binary::Add) => format!("{} + {}", any(0), any(1)),
            Elementwise::Binary(Binary::Sub) => format!("{} - {}", any(0), any(1)),
            Elementwise::Binary(Binary::Mul) => format!("{} * {}", any(0), any(1)),
            Elementwise::Binary(Binary::Div) => format!("{} / {}", any(0), any(1)),
            Elementwise::Binary(Binary::Max) => format!("max({}, {})", all(0), all(1)),
            Elementwise::Compare(compare) => {
                let sign = match compare {
                    Compare::Gt => ">",
                    Compare::Ge => ">=",
                    Compare::Eq => "==",
                };
                format!("select({zero}, {one}, {} {sign} {})", all(0), all(1))
            }
            Elementwise::Select => format!("select({}, {}, {} != {zero})", all(2), all(1), all(0)),
            Elementwise::MulAdd => format!("{} * {} + {}", any(0), any(1), any(2)),
            Elementwise::Gated => format!("select({zero}, {}, {} > {zero})", all(1), all(0)),
        };
        Term { text, wide }
    }
}
