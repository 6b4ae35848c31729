//! What a dispatch binds: ranges of buffers, and the names by which its text reads and writes them.

use std::fmt::Write;

use super::index::{quotient, remainder};
use crate::{graph::Kind, sorted::insert_by_key};

/// Bindings begin at multiples of this many words: every device allows that (256 bytes).
pub(super) const ALIGNMENT: usize = 64;

/// A buffer that dispatches bind ranges of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Place {
    /// The buffer bound to this slot.
    Slot(usize),
    /// The memory that values share during a run.
    Arena,
    /// The program's constants.
    Constants,
}

/// A range of a buffer, in words, that a dispatch binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Binding {
    pub place: Place,
    pub start: usize,
    pub len: usize,
    /// Ranges of the arena are always bound to be written, since a buffer cannot be bound both ways at once.
    pub writes: bool,
}

/// Memory that a kernel wants to use.
#[derive(Debug, Clone)]
pub(super) struct Want {
    pub place: Place,
    /// Where the value of which this is a part begins: parts of one value share a binding.
    pub value: usize,
    pub start: usize,
    pub len: usize,
    pub kind: Kind,
    pub writes: bool,
    pub name: String,
    /// Whether it is read or written four elements at a time.
    pub quads: bool,
}

/// Memory by the name that the text has for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Memory {
    variable: String,
    /// Words from the variable's first to the memory's.
    offset: usize,
    pub kind: Kind,
    quads: bool,
    /// There is nothing there, and nothing bound.
    empty: bool,
}

/// What a device lets one dispatch use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Caps {
    /// Storage buffers.
    pub bindings: usize,
    /// Words of one binding.
    pub binding_words: usize,
    /// Words of workgroup memory.
    pub shared_words: usize,
    /// Invocations of a workgroup.
    pub lanes: usize,
    pub hardware: Hardware,
}

/// What a device is made of, as far as kernels are cut for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hardware {
    /// A processor that plays a GPU, with a compiler that optimises (Mesa's lavapipe).
    Processor,
    /// The processor as Chromium's SwiftShader plays a GPU on it: it compiles fast and optimises little.
    SwiftShader,
    /// A GPU beside a processor, or one that a browser does not tell more of.
    Gpu,
    /// A card of its own.
    Discrete,
}

impl Hardware {
    /// Workgroups that keep it busy. (On an H100 the product of 1024^3 takes 1.6 times as long with 128, and a weight
    /// gradient 2.8 times.)
    pub(super) fn busy(self) -> usize {
        match self {
            Hardware::Processor | Hardware::SwiftShader | Hardware::Gpu => 128,
            Hardware::Discrete => 512,
        }
    }
}

impl Caps {
    /// What every WebGPU device has.
    pub const LEAST: Caps =
        Caps { bindings: 8, binding_words: 32 << 20, shared_words: 4096, lanes: 256, hardware: Hardware::Gpu };
}

/// The bindings of a dispatch.
#[derive(Debug, Default)]
pub(super) struct Space {
    pub bindings: Vec<Binding>,
    /// One for each want.
    pub memories: Vec<Memory>,
    /// The variables.
    pub declarations: String,
}

/// Wants that share a variable.
struct Variable {
    place: Place,
    value: usize,
    start: usize,
    end: usize,
    kind: Kind,
    writes: bool,
    quads: bool,
    name: String,
    wants: Vec<usize>,
}

impl Space {
    /// Binds what is wanted, each value by itself if there are bindings enough, else what stands in one buffer together.
    pub fn new(wants: &[Want], caps: &Caps) -> Space {
        let mut variables = each_by_itself(wants);
        for shared in [Place::Arena, Place::Constants] {
            if variables.len() > caps.bindings {
                variables = together(variables, shared, caps.binding_words);
            }
        }
        name(&mut variables);
        let mut space =
            Space { memories: wants.iter().map(|want| Memory::empty(want.kind)).collect(), ..Space::default() };
        for (index, variable) in variables.iter().enumerate() {
            space.declare(index, variable);
            for &want in &variable.wants {
                space.memories[want] = Memory {
                    variable: variable.name.clone(),
                    offset: wants[want].start - variable.start,
                    kind: variable.kind,
                    quads: variable.quads,
                    empty: false,
                };
            }
        }
        space
    }

    fn declare(&mut self, index: usize, variable: &Variable) {
        let access = if variable.writes { "read_write" } else { "read" };
        let element = match (variable.kind, variable.quads) {
            (Kind::F32, true) => "vec4<f32>",
            (Kind::F32, false) => "f32",
            (Kind::Rows | Kind::Pixels, _) => "u32",
        };
        let name = &variable.name;
        writeln!(self.declarations, "@group(0) @binding({index}) var<storage, {access}> {name}: array<{element}>;")
            .ok();
        self.bindings.push(Binding {
            place: variable.place,
            start: variable.start,
            // Whole fours: buffers and the places of values leave room for them.
            len: (variable.end - variable.start).next_multiple_of(4),
            writes: variable.writes,
        });
    }
}

fn each_by_itself(wants: &[Want]) -> Vec<Variable> {
    let mut variables: Vec<Variable> = Vec::new();
    for (index, want) in wants.iter().enumerate().filter(|(_, want)| want.len > 0) {
        let (start, end) = (want.start / ALIGNMENT * ALIGNMENT, want.start + want.len);
        let same = |other: &&mut Variable| (other.place, other.value) == (want.place, want.value);
        if let Some(known) = variables.iter_mut().find(same) {
            (known.start, known.end) = (known.start.min(start), known.end.max(end));
            known.writes |= want.writes;
            known.quads |= want.quads;
            known.wants.push(index);
        } else {
            variables.push(Variable {
                place: want.place,
                value: want.value,
                start,
                end,
                kind: want.kind,
                writes: want.writes || want.place == Place::Arena,
                quads: want.quads,
                name: want.name.clone(),
                wants: vec![index],
            });
        }
    }
    variables
}

/// Variables in `shared` become as few as bindings of at most `most` words allow.
fn together(variables: Vec<Variable>, shared: Place, most: usize) -> Vec<Variable> {
    let (inside, outside): (Vec<_>, Vec<_>) = variables.into_iter().partition(|variable| variable.place == shared);
    let mut sorted = Vec::with_capacity(inside.len());
    inside.into_iter().for_each(|variable| insert_by_key(&mut sorted, variable, |variable| variable.start));
    let mut joined: Vec<Variable> = Vec::new();
    for mut variable in sorted {
        match joined.last_mut() {
            Some(last) if variable.end - last.start <= most => {
                last.end = last.end.max(variable.end);
                last.wants.append(&mut variable.wants);
            }
            _ => {
                let name = if shared == Place::Arena { "arena" } else { "constants" };
                joined.push(Variable { name: name.into(), quads: false, ..variable });
            }
        }
    }
    outside.into_iter().chain(joined).collect()
}

/// Makes names identifiers, no two of them equal.
fn name(variables: &mut [Variable]) {
    for index in 0..variables.len() {
        let wanted = identifier(&variables[index].name);
        let taken = |name: &str| variables[..index].iter().any(|other| other.name == name);
        let numbered = (2..).map(|number| format!("{wanted}_{number}"));
        let free = std::iter::once(wanted.clone()).chain(numbered).find(|name| !taken(name));
        variables[index].name = free.unwrap_or(wanted);
    }
}

/// A name as WGSL allows it; the prefix keeps it apart from keywords and from what kernels declare.
fn identifier(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let text: String = name.chars().map(plain).collect();
    let doubled = text.contains("__");
    let text =
        if doubled { text.split('_').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("_") } else { text };
    format!("m_{}", text.trim_matches('_'))
}

impl Memory {
    fn empty(kind: Kind) -> Memory {
        Memory { variable: String::new(), offset: 0, kind, quads: false, empty: true }
    }

    /// Whether there is nothing there.
    pub fn is_empty(&self) -> bool {
        self.empty
    }

    /// Whether four elements at a time can be used: [`Memory::four`] of index i is elements 4 i and on.
    pub fn in_fours(&self) -> bool {
        self.quads && self.offset.is_multiple_of(4)
    }

    /// The word at this index, to be read or written.
    pub fn word(&self, index: &str) -> String {
        let index = match self.offset {
            0 => index.into(),
            offset => format!("{offset}u + {index}"),
        };
        if self.quads {
            return format!("{}[{}][{}]", self.variable, quotient(&index, 4), remainder(&index, 4));
        }
        format!("{}[{index}]", self.variable)
    }

    /// Four elements at once.
    pub fn four(&self, index: &str) -> String {
        match self.offset / 4 {
            0 => format!("{}[{index}]", self.variable),
            offset => format!("{}[{offset}u + {index}]", self.variable),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(place: Place, start: usize, len: usize, writes: bool) -> Want {
        Want { place, value: start, start, len, kind: Kind::F32, writes, name: "x".into(), quads: false }
    }

    #[test]
    fn each_value_is_bound_by_itself_while_there_are_bindings() {
        let wants =
            [want(Place::Arena, 64, 10, false), want(Place::Slot(0), 0, 5, true), want(Place::Arena, 64, 10, false)];
        let space = Space::new(&wants, &Caps::LEAST);
        assert_eq!(space.bindings.len(), 2);
        assert_eq!(space.bindings[0], Binding { place: Place::Arena, start: 64, len: 12, writes: true });
        assert_eq!(space.memories[0], space.memories[2]);
        assert_eq!(space.memories[1].word("i"), "m_x_2[i]");
    }

    #[test]
    fn many_values_of_the_arena_share_one_binding() {
        let wants: Vec<Want> = (0..20).map(|index| want(Place::Arena, 64 * index, 10, index == 3)).collect();
        let space = Space::new(&wants, &Caps::LEAST);
        assert_eq!(space.bindings, [Binding { place: Place::Arena, start: 0, len: 19 * 64 + 12, writes: true }]);
        assert_eq!(space.memories[3].word("i"), "m_arena[192u + i]");
        let narrow = Space::new(&wants, &Caps { binding_words: 640, ..Caps::LEAST });
        assert_eq!(narrow.bindings.len(), 2);
    }

    #[test]
    fn names_are_identifiers_apart() {
        assert_eq!(identifier("ncfm.total.match"), "m_ncfm_total_match");
        assert_eq!(identifier("_a__b."), "m_a_b");
    }
}
