//! The convolution family. `batch` numbers groups of channels; pixels of all images are one axis of the product.

use super::{Neighbour, Neighbours, Place, Product, Side, Slide, multiply};
use crate::{
    engine::webgpu::{shader::Kernel, task::Task},
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

    /// How neighbours in a row of an image or kernel have pixels in common.
    fn slide(&self, within: usize, to: Neighbour) -> Option<Slide> {
        (self.conv.stride == 1).then_some(Slide { within, to })
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
pub(super) fn conv2d(task: &Task<'_>, conv: Conv) -> Vec<Kernel> {
    let sizes = Sizes::new(conv, task.shapes[0], task.shapes[1], task.node.shape);
    let [images, _, oh, ow] = sizes.y;
    let [_, ci, kh, kw] = sizes.k;
    let product = Product { batches: sizes.groups(), m: sizes.outputs(), n: images * oh * ow, terms: [ci, kh, kw] };
    let weights = Side {
        line: "return vec4<u32>((batch * CO_GROUP + line) * K, 0u, 0u, 0u);".into(),
        place: String::new(),
        element: "weight_(line.x + k)".into(),
        inside: None,
        neighbours: Neighbours::Terms,
        slide: None,
    };
    let pixels = Side {
        line: "let first = (line / (OH * OW) * CI + batch * CI_GROUP) * (H * W);
    return vec4<u32>(first, line / OW % OH * STRIDE - PADDING, line % OW * STRIDE - PADDING, 0u);"
            .into(),
        place: "let y = line.y + term.y;
    let x = line.z + term.z;
    "
        .into(),
        element: "image(line.x + (term.x * H + y) * W + x)".into(),
        inside: Some("(y < H) & (x < W)"),
        neighbours: Neighbours::Lines,
        slide: sizes.slide(ow, Neighbour::Next),
    };
    let place =
        Place { first: "(column / (OH * OW) * CO + batch * CO_GROUP) * (OH * OW) + column % (OH * OW)", row: oh * ow };
    multiply(task, &product, ["image", "weight_"], &[weights, pixels], &sizes.constants(), &place)
}

/// An image pixel collects from the output pixels whose window it lies in.
pub(super) fn conv2d_input_grad(task: &Task<'_>, conv: Conv) -> Vec<Kernel> {
    let sizes = Sizes::new(conv, task.node.shape, task.shapes[1], task.shapes[0]);
    let [images, _, h, w] = sizes.x;
    let [_, ci, kh, kw] = sizes.k;
    let product = Product { batches: sizes.groups(), m: ci, n: images * h * w, terms: [sizes.outputs(), kh, kw] };
    let weights = Side {
        line: "return vec4<u32>((batch * CO_GROUP * CI_GROUP + line) * (KH * KW), 0u, 0u, 0u);".into(),
        place: String::new(),
        element: "weight_(line.x + term.x * (CI_GROUP * KH * KW) + term.y * KW + term.z)".into(),
        inside: None,
        neighbours: Neighbours::Terms,
        slide: None,
    };
    let (pixel, inside) = if sizes.conv.stride == 1 {
        ("let oy = line.y - term.y;\n    let ox = line.z - term.z;\n    ", "(oy < OH) & (ox < OW)")
    } else {
        (
            "let oy = (line.y - term.y) / STRIDE;
    let ox = (line.z - term.z) / STRIDE;
    let between = ((line.y - term.y) % STRIDE != 0u) | ((line.z - term.z) % STRIDE != 0u);
    ",
            "!between & (line.y >= term.y) & (line.z >= term.z) & (oy < OH) & (ox < OW)",
        )
    };
    let pixels = Side {
        line: "let first = (line / (H * W) * CO + batch * CO_GROUP) * (OH * OW);
    return vec4<u32>(first, line / W % H + PADDING, line % W + PADDING, 0u);"
            .into(),
        place: pixel.into(),
        element: "grad(line.x + (term.x * OH + oy) * OW + ox)".into(),
        inside: Some(inside),
        neighbours: Neighbours::Lines,
        slide: sizes.slide(w, Neighbour::Before),
    };
    let place = Place { first: "(column / (H * W) * CI + batch * CI_GROUP) * (H * W) + column % (H * W)", row: h * w };
    multiply(task, &product, ["grad", "weight_"], &[weights, pixels], &sizes.constants(), &place)
}

/// A weight sums over all output pixels of all images: as long a sum as there is, so workgroups divide it.
pub(super) fn conv2d_weight_grad(task: &Task<'_>, conv: Conv) -> Vec<Kernel> {
    let sizes = Sizes::new(conv, task.shapes[0], task.node.shape, task.shapes[1]);
    let [images, _, oh, ow] = sizes.y;
    let [_, ci, kh, kw] = sizes.k;
    let product = Product { batches: sizes.groups(), m: sizes.outputs(), n: ci * kh * kw, terms: [images, oh, ow] };
    let grads = Side {
        line: "return vec4<u32>((batch * CO_GROUP + line) * (OH * OW), 0u, 0u, 0u);".into(),
        place: String::new(),
        element: "grad(line.x + term.x * (CO * OH * OW) + term.y * OW + term.z)".into(),
        inside: None,
        neighbours: Neighbours::Terms,
        slide: None,
    };
    let pixels = Side {
        line: "let first = (batch * CI_GROUP + line / (KH * KW)) * (H * W);
    return vec4<u32>(first, line / KW % KH - PADDING, line % KW - PADDING, 0u);"
            .into(),
        place: "let y = term.y * STRIDE + line.y;
    let x = term.z * STRIDE + line.z;
    "
        .into(),
        element: "image(line.x + term.x * (CI * H * W) + y * W + x)".into(),
        inside: Some("(y < H) & (x < W)"),
        // Neighbouring terms would do as well, but what is known of a line is dear.
        neighbours: Neighbours::Lines,
        slide: sizes.slide(kw, Neighbour::Next),
    };
    let place = Place { first: "batch * (CO_GROUP * N) + column", row: product.n };
    multiply(task, &product, ["image", "grad"], &[grads, pixels], &sizes.constants(), &place)
}
