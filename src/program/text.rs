//! The readable form of a program.

use std::fmt;

use super::Program;
use crate::graph::{Conv, Node, Op, Role};

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
                format!("{} `{}`", format!("{:?}", slot.kind).to_ascii_lowercase(), slot.name)
            }
            Op::Scalar { index } => format!("scalar `{}`", self.scalars[*index as usize]),
            Op::Fill { value } => format!("fill {value:?}"),
            Op::Constant { index } => format!("constant #{index}"),
            Op::Iota { axis } => format!("iota {axis}"),
            Op::Random { law, stream } => format!("random {law:?} stream {stream}").to_ascii_lowercase(),
            Op::Unary(function) => format!("{function:?}").to_ascii_lowercase(),
            Op::Binary(function) => format!("{function:?}").to_ascii_lowercase(),
            Op::Compare(compare) => format!("{compare:?}").to_ascii_lowercase(),
            Op::Select => "select".into(),
            Op::StopGradient => "stop_gradient".into(),
            Op::Reshape => "reshape".into(),
            Op::Permute { axes } => format!("permute {axes:?}"),
            Op::Expand => "expand".into(),
            Op::Concat { axis } => format!("concat {axis}"),
            Op::Flip { axes } => format!("flip {axes:?}"),
            Op::Slice { start, step } => format!("slice {start:?} by {step:?}"),
            Op::Pad { low, interior } => format!("pad {low:?} interior {interior:?}"),
            Op::Reduce { reduce, axes } => format!("{} {axes:?}", format!("{reduce:?}").to_ascii_lowercase()),
            Op::Matmul { ta, tb } => format!("matmul{}{}", if *ta { " ta" } else { "" }, if *tb { " tb" } else { "" }),
            Op::Conv2d(conv) => format!("conv2d {}", geometry(conv)),
            Op::Conv2dInputGrad(conv) => format!("conv2d_input_grad {}", geometry(conv)),
            Op::Conv2dWeightGrad(conv) => format!("conv2d_weight_grad {}", geometry(conv)),
            Op::Sample2d { border } => format!("sample2d {border:?}").to_ascii_lowercase(),
            Op::Sample2dTranspose { border } => format!("sample2d_transpose {border:?}").to_ascii_lowercase(),
            Op::Take => "take".into(),
            Op::TakeTranspose => "take_transpose".into(),
            Op::SolveSpd => "solve_spd".into(),
        }
    }
}

fn geometry(conv: &Conv) -> String {
    format!("stride {} padding {} groups {}", conv.stride, conv.padding, conv.groups)
}

#[cfg(test)]
mod tests {
    use crate::{
        graph::{Conv, Graph},
        program::Program,
    };

    const TEXT: &str = "\
program step
  %0 = pixels `images` : [9, 1, 4, 4]
  %1 = f32 `theta` : [2, 1, 3, 3]
  %2 = rows `batch` : [5]
  %3 = take %0 %2 : [5, 1, 4, 4]
  %4 = constant #0 : [1, 1, 1, 1]
  %5 = expand %4 : [5, 1, 4, 4]
  %6 = sub %3 %5 : [5, 1, 4, 4]
  %7 = conv2d stride 1 padding 1 groups 1 %6 %1 : [5, 2, 4, 4]
  %8 = fill 0 : [5, 2, 4, 4]
  %9 = gt %7 %8 : [5, 2, 4, 4]
  %10 = select %9 %7 %8 : [5, 2, 4, 4]
  %11 = sum [0, 1, 2, 3] %10 : [1, 1, 1, 1]
  %12 = reshape %11 : []
  %13 = fill 0.00625 : []
  %14 = mul %12 %13 : []
  %15 = scalar `lr` : []
  %16 = random normal stream 7 : [2, 1, 3, 3]
  %17 = reshape %15 : [1, 1, 1, 1]
  %18 = expand %17 : [2, 1, 3, 3]
  %19 = mul %16 %18 : [2, 1, 3, 3]
  %20 = sub %1 %19 : [2, 1, 3, 3]
  update theta <- %20
  output loss <- %14
";

    #[test]
    fn the_text_of_a_small_program() {
        let g = Graph::new();
        let images = g.pixels("images", [9, 1, 4, 4]);
        let theta = g.input("theta", [2, 1, 3, 3]);
        let x = images.take(g.rows("batch", 5)) - g.constant(&[0.5], [1, 1, 1, 1]);
        let y = x.conv2d(theta, Conv::padded(1)).relu();
        let loss = y.mean(&[0, 1, 2, 3]);
        g.output("loss", loss);
        g.update(theta, theta - g.scalar("lr") * g.random_normal(7, theta.shape()));
        let program = Program::new("step", g).expect("a valid graph");
        assert_eq!(program.to_string(), TEXT);
    }
}
