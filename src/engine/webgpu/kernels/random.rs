//! Random draws.

use super::{
    Task,
    elementwise::{LOG, TRIG},
};
use crate::{
    engine::webgpu::kernel::{Kernel, Shader},
    graph::Law,
};

const PHILOX: &str = include_str!("../wgsl/random.wgsl");
const NORMAL: &str = include_str!("../wgsl/normal.wgsl");

/// One invocation a block of four draws.
pub(super) fn draw(task: &Task<'_>, law: Law, stream: u32) -> Kernel {
    let shader = Shader::new().scalars().with(PHILOX);
    let (shader, values) = match law {
        Law::Uniform => {
            (shader, "vec4<f32>(uniform_of(words.x), uniform_of(words.y), uniform_of(words.z), uniform_of(words.w))")
        }
        Law::Normal => (
            shader.with(LOG).with(TRIG).with(NORMAL),
            "vec4<f32>(normal_pair(words.x, words.y), normal_pair(words.z, words.w))",
        ),
    };
    let len = task.len();
    let body = format!(
        "let words = philox(i, {stream}u);
var values = {values};
for (var word = 0u; word < min(4u, {len}u - 4u * i); word += 1u) {{
    result[4u * i + word] = values[word];
}}"
    );
    shader.each(len.div_ceil(4), &body)
}
