//! Functions that kernels call, and numbers that WGSL has no literals for.

use crate::{
    engine::webgpu::source::wgsl,
    graph::{Law, Reduce, Unary},
    sorted::SortedMap,
};

const EXP: &str = wgsl!("../wgsl/exp.wgsl");
const TANH: &str = wgsl!("../wgsl/tanh.wgsl");
const LOG: &str = wgsl!("../wgsl/log.wgsl");
const TRIG: &str = wgsl!("../wgsl/trig.wgsl");
const PHILOX: &str = wgsl!("../wgsl/random.wgsl");
const NORMAL: &str = wgsl!("../wgsl/normal.wgsl");

/// What a kernel has called so far.
#[derive(Debug, Default, Clone)]
pub(super) struct Library {
    /// Texts by what they hold; the order of names is no order of need, which WGSL does not ask for.
    texts: SortedMap<String, String>,
    pub reads_call: bool,
}

impl Library {
    /// All functions called.
    pub fn text(&self) -> String {
        self.texts.values().map(|text| text.trim_end().to_owned() + "\n").collect()
    }

    fn need(&mut self, name: &str, text: impl Into<String>) {
        self.texts.or_insert_with(name.into(), || text.into());
    }

    /// The text of a function of `x`. Functions whose accuracy WGSL leaves open are our own; division and square root it
    /// holds to 2.5 units in the last place or so.
    pub fn unary(&mut self, function: Unary, x: &str, wide: bool) -> String {
        let (name, texts): (&str, &[(&str, &str)]) = match function {
            Unary::Neg => return format!("-({x})"),
            Unary::Sqrt => return format!("sqrt({x})"),
            Unary::Recip => return format!("1.0 / {x}"),
            Unary::Floor => return format!("floor({x})"),
            Unary::Exp => ("exp", &[("exp", EXP)]),
            Unary::Log => ("log", &[("log", LOG)]),
            Unary::Sin => ("sin", &[("trig", TRIG)]),
            Unary::Cos => ("cos", &[("trig", TRIG)]),
            Unary::Tanh => ("tanh", &[("exp", EXP), ("tanh", TANH)]),
        };
        texts.iter().for_each(|(name, text)| self.need(name, *text));
        if !wide {
            return format!("{name}_f32({x})");
        }
        let each = ["x", "y", "z", "w"].map(|word| format!("{name}_f32(v.{word})")).join(", ");
        self.need(
            &format!("{name}_of_four"),
            format!("fn {name}_of_four(v: vec4<f32>) -> vec4<f32> {{\n    return vec4<f32>({each});\n}}"),
        );
        format!("{name}_of_four({x})")
    }

    /// The function of index and stream that draws: four neighbours, or one.
    pub fn draws(&mut self, law: Law, wide: bool) -> &'static str {
        self.reads_call = true;
        self.need("philox", PHILOX);
        let (four, one) = match law {
            Law::Uniform => ("uniform_four", "uniform_one"),
            Law::Normal => ("normal_four", "normal_one"),
        };
        let values = match law {
            Law::Uniform => "uniform_of(words.x), uniform_of(words.y), uniform_of(words.z), uniform_of(words.w)",
            Law::Normal => {
                self.need("log", LOG);
                self.need("trig", TRIG);
                self.need("normal", NORMAL);
                "normal_pair(words.x, words.y), normal_pair(words.z, words.w)"
            }
        };
        self.need(
            four,
            format!(
                "fn {four}(block: u32, stream: u32) -> vec4<f32> {{\n    let words = philox(block, stream);\n    return \
                 vec4<f32>({values});\n}}"
            ),
        );
        self.need(
            one,
            format!(
                "fn {one}(i: u32, stream: u32) -> f32 {{\n    var block = {four}(i >> 2u, stream);\n    return block[i & \
                 3u];\n}}"
            ),
        );
        if wide { four } else { one }
    }

    /// What a reduction begins with.
    pub fn start(&mut self, reduce: Reduce) -> String {
        match reduce {
            Reduce::Sum => "0.0".into(),
            Reduce::Max => literal(f32::NEG_INFINITY, self),
        }
    }
}

/// The text of a number.
pub(super) fn literal(number: f32, library: &mut Library) -> String {
    if number == 0.0 || number.is_normal() {
        // Parentheses, since `a - -b` is read as a decrement.
        return if number.is_sign_negative() { format!("({number:?}f)") } else { format!("{number:?}f") };
    }
    // WGSL has constants neither for what is not finite nor, surely, for what is subnormal: their bits go through a
    // variable.
    let bits = number.to_bits();
    let name = format!("number_{bits:08x}");
    library.need(
        &name,
        format!("fn {name}() -> f32 {{\n    var bits = 0x{bits:08x}u;\n    return bitcast<f32>(bits);\n}}"),
    );
    format!("{name}()")
}
