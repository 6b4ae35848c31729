//! The convolution family. `batch` numbers groups of channels; pixels of all images are one axis of the product.

use super::{Neighbours, Product, Side, tile::kernels};
use crate::{
    engine::webgpu::{shader::Kernel, single::Task},
    graph::Conv,
    shape::Shape,
};

/// The sizes of a convolution, from the shapes of image, kernel and result.
struct Sizes {
    conv: Conv,
    x: [usize; 4],
    k: [usize; 4],
    y: [usize; 4],
}

impl Sizes {
    fn new(conv: Conv, x: Shape, k: Shape, y: Shape) -> Sizes {
        let dims = |shape: Shape| std::array::from_fn(|axis| shape.dim(axis));
        Sizes { conv, x: dims(x), k: dims(k), y: dims(y) }
    }

    fn groups(&self) -> usize {
        self.conv.groups as usize
    }

    /// Output channels of a group.
    fn outputs(&self) -> usize {
        self.k[0] / self.groups()
    }

    /// Elements of a kernel's window in one channel.
    fn window(&self) -> usize {
        self.k[2] * self.k[3]
    }

    fn constants(&self) -> String {
        let [_, ci, h, w] = self.x;
        let [co, ci_group, kh, kw] = self.k;
        let [_, _, oh, ow] = self.y;
        [
            ("CI", ci),
            ("CO", co),
            ("CI_GROUP", ci_group),
            ("CO_GROUP", self.outputs()),
            ("H", h),
            ("W", w),
            ("KH", kh),
            ("KW", kw),
            ("OH", oh),
            ("OW", ow),
            ("STRIDE", self.conv.stride as usize),
            ("PADDING", self.conv.padding as usize),
        ]
        .map(|(name, size)| format!("const {name} = {size}u;\n"))
        .concat()
    }
}

/// Row and column of the image that output pixel (oy, ox) reads with kernel element (ky, kx) are `oy STRIDE + ky -
/// PADDING` and so on; below zero they wrap around to numbers far above the image's size.
pub(in super::super) fn conv2d(task: &Task<'_>, conv: Conv) -> Vec<Kernel> {
    let sizes = Sizes::new(conv, task.shapes[0], task.shapes[1], task.node.shape);
    let [images, _, oh, ow] = sizes.y;
    let product =
        Product { batches: sizes.groups(), m: sizes.outputs(), n: images * oh * ow, k: sizes.k[1] * sizes.window() };
    let weights = Side {
        line: "return vec4<u32>((batch * CO_GROUP + line) * K, 0u, 0u, 0u);".into(),
        at: "return weight_(line.x + k);".into(),
        neighbours: Neighbours::Terms,
    };
    let pixels = Side {
        line: "let first = (line / (OH * OW) * CI + batch * CI_GROUP) * (H * W);
    return vec4<u32>(first, line / OW % OH * STRIDE - PADDING, line % OW * STRIDE - PADDING, 0u);"
            .into(),
        at: "let y = line.y + k / KW % KH;
    let x = line.z + k % KW;
    if (y >= H || x >= W) {
        return 0.0;
    }
    return image(line.x + (k / (KH * KW) * H + y) * W + x);"
            .into(),
        neighbours: Neighbours::Lines,
    };
    let place = "(column / (OH * OW) * CO + batch * CO_GROUP + row) * (OH * OW) + column % (OH * OW)";
    kernels(task, &product, ["image", "weight_"], &[weights, pixels], &sizes.constants(), place)
}

/// An image pixel collects from the output pixels whose window it lies in.
pub(in super::super) fn conv2d_input_grad(task: &Task<'_>, conv: Conv) -> Vec<Kernel> {
    let sizes = Sizes::new(conv, task.node.shape, task.shapes[1], task.shapes[0]);
    let [images, _, h, w] = sizes.x;
    let product =
        Product { batches: sizes.groups(), m: sizes.k[1], n: images * h * w, k: sizes.outputs() * sizes.window() };
    let weights = Side {
        line: "return vec4<u32>((batch * CO_GROUP * CI_GROUP + line) * (KH * KW), 0u, 0u, 0u);".into(),
        at: "return weight_(line.x + k / (KH * KW) * (CI_GROUP * KH * KW) + k % (KH * KW));".into(),
        neighbours: Neighbours::Terms,
    };
    let inside = if sizes.conv.stride == 1 {
        "let oy = line.y - k / KW % KH;
    let ox = line.z - k % KW;
    if (oy >= OH || ox >= OW) {
        return 0.0;
    }"
    } else {
        "let ky = k / KW % KH;
    let kx = k % KW;
    let oy = (line.y - ky) / STRIDE;
    let ox = (line.z - kx) / STRIDE;
    let between = (line.y - ky) % STRIDE != 0u || (line.z - kx) % STRIDE != 0u;
    if (between || line.y < ky || line.z < kx || oy >= OH || ox >= OW) {
        return 0.0;
    }"
    };
    let pixels = Side {
        line: "let first = (line / (H * W) * CO + batch * CO_GROUP) * (OH * OW);
    return vec4<u32>(first, line / W % H + PADDING, line % W + PADDING, 0u);"
            .into(),
        at: format!("{inside}\n    return grad(line.x + (k / (KH * KW) * OH + oy) * OW + ox);"),
        neighbours: Neighbours::Lines,
    };
    let place = "(column / (H * W) * CI + batch * CI_GROUP + row) * (H * W) + column % (H * W)";
    kernels(task, &product, ["grad", "weight_"], &[weights, pixels], &sizes.constants(), place)
}

/// A weight sums over all output pixels of all images: as long a sum as there is, so workgroups divide it.
pub(in super::super) fn conv2d_weight_grad(task: &Task<'_>, conv: Conv) -> Vec<Kernel> {
    let sizes = Sizes::new(conv, task.shapes[0], task.node.shape, task.shapes[1]);
    let [images, _, oh, ow] = sizes.y;
    let product =
        Product { batches: sizes.groups(), m: sizes.outputs(), n: sizes.k[1] * sizes.window(), k: images * oh * ow };
    let grads = Side {
        line: "return vec4<u32>((batch * CO_GROUP + line) * (OH * OW), 0u, 0u, 0u);".into(),
        at: "return grad(line.x + k / (OH * OW) * (CO * OH * OW) + k % (OH * OW));".into(),
        neighbours: Neighbours::Terms,
    };
    let pixels = Side {
        line: "let first = (batch * CI_GROUP + line / (KH * KW)) * (H * W);
    return vec4<u32>(first, line / KW % KH - PADDING, line % KW - PADDING, 0u);"
            .into(),
        at: "let y = k / OW % OH * STRIDE + line.y;
    let x = k % OW * STRIDE + line.z;
    if (y >= H || x >= W) {
        return 0.0;
    }
    return image(line.x + k / (OH * OW) * (CI * H * W) + y * W + x);"
            .into(),
        // Neighbouring terms would do as well, but what is known of a line is dear.
        neighbours: Neighbours::Lines,
    };
    let place = "(batch * CO_GROUP + row) * N + column";
    kernels(task, &product, ["image", "grad"], &[grads, pixels], &sizes.constants(), place)
}
