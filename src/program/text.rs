//! The readable form of a program.

use std::fmt;

use super::{Program, Role};
use crate::graph::{Node, Op};

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "program {}", self.name)?;
        for (index, node) in self.nodes.iter().enumerate() {
            write!(f, "  %{index} = {}", self.operation(node))?;
            for input in &node.inputs {
                write!(f, " %{}", input.0)?;
            }
            writeln!(f, " : {}", node.shape)?;
        }
        for slot in &self.slots {
            match slot.role {
                Role::Input => {}
                Role::State { next } => writeln!(f, "  update {} <- %{}", slot.name, next.0)?,
                Role::Output { value } => writeln!(f, "  output {} <- %{}", slot.name, value.0)?,
            }
        }
        Ok(())
    }
}

impl Program {
    /// The name and attributes of a node's operation, without operands.
    pub fn operation(&self, node: &Node) -> String {
        match &node.op {
            Op::Slot { slot } => {
                let slot = &self.slots[*slot as usize];
                format!("{} `{}`", format!("{:?}", slot.kind).to_lowercase(), slot.name)
            }
            Op::Scalar { index } => format!("scalar `{}`", self.scalars[*index as usize]),
            Op::Fill { value } => format!("fill {value:?}"),
            Op::Constant { index } => format!("constant #{index}"),
            Op::Iota { axis } => format!("iota {axis}"),
            Op::Random { law, stream } => format!("random {law:?} stream {stream}").to_lowercase(),
            Op::Unary(function) => format!("{function:?}").to_lowercase(),
            Op::Binary(function) => format!("{function:?}").to_lowercase(),
            Op::Compare(compare) => format!("{compare:?}").to_lowercase(),
            Op::Select => "select".into(),
            Op::StopGradient => "stop_gradient".into(),
            Op::Reshape => "reshape".into(),
            Op::Permute { axes } => format!("permute {axes:?}"),
            Op::Expand => "expand".into(),
            Op::Concat { axis } => format!("concat {axis}"),
            Op::Flip { axes } => format!("flip {axes:?}"),
            Op::Slice { start, step } => format!("slice {start:?} by {step:?}"),
            Op::Pad { low, interior } => format!("pad {low:?} interior {interior:?}"),
            Op::Reduce { reduce, axes } => format!("{} {axes:?}", format!("{reduce:?}").to_lowercase()),
            Op::Matmul { ta, tb } => format!("matmul{}{}", if *ta { " ta" } else { "" }, if *tb { " tb" } else { "" }),
            Op::Conv2d(conv) => format!("conv2d {}", conv.text()),
            Op::Conv2dInputGrad(conv) => format!("conv2d_input_grad {}", conv.text()),
            Op::Conv2dWeightGrad(conv) => format!("conv2d_weight_grad {}", conv.text()),
            Op::Sample2d { border } => format!("sample2d {border:?}").to_lowercase(),
            Op::Sample2dTranspose { border } => format!("sample2d_transpose {border:?}").to_lowercase(),
            Op::Take => "take".into(),
            Op::TakeTranspose => "take_transpose".into(),
            Op::SolveSpd => "solve_spd".into(),
        }
    }
}

impl crate::graph::Conv {
    fn text(&self) -> String {
        format!("stride {} padding {} groups {}", self.stride, self.padding, self.groups)
    }
}
