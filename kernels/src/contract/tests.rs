//! Every form, instruction set and variant against plain loops in f64, and against itself on other numbers of threads.

use super::{Contraction, Form};
use crate::{Conv, Isa, parallel};

/// Numbers in [-1, 1), the same on every run.
struct Numbers(u64);

impl Numbers {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        self.0 >> 33
    }

    fn below(&mut self, end: usize) -> usize {
        (self.bits() % end as u64) as usize
    }

    fn slice(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| (self.bits() as f64 / (1u64 << 30) as f64 - 1.0) as f32).collect()
    }
}

impl Form {
    fn operands(&self) -> [usize; 2] {
        match *self {
            Form::Matmul { batch, size: [m, k, n], .. } => [batch * m * k, batch * k * n],
            Form::Conv2d { x, kernel, .. } => [x.iter().product(), kernel.iter().product()],
            Form::InputGrad { conv, x, kernel } => {
                [Form::Conv2d { conv, x, kernel }.elements(), kernel.iter().product()]
            }
            Form::WeightGrad { conv, x, kernel } => [x.iter().product(), Form::Conv2d { conv, x, kernel }.elements()],
        }
    }

    /// Calls `term(a index, b index, out index)` for every product of the definition.
    fn terms(&self, mut term: impl FnMut(usize, usize, usize)) {
        match *self {
            Form::Matmul { batch, size: [m, k, n], transposed: [ta, tb] } => {
                for (p, i, j, l) in (0..batch)
                    .flat_map(|p| (0..m).flat_map(move |i| (0..n).flat_map(move |j| (0..k).map(move |l| (p, i, j, l)))))
                {
                    let a = p * m * k + if ta { l * m + i } else { i * k + l };
                    let b = p * k * n + if tb { j * k + l } else { l * n + j };
                    term(a, b, (p * m + i) * n + j);
                }
            }
            Form::Conv2d { conv, x, kernel } => products(conv, x, kernel, term),
            Form::InputGrad { conv, x, kernel } => products(conv, x, kernel, |x, k, y| term(y, k, x)),
            Form::WeightGrad { conv, x, kernel } => products(conv, x, kernel, |x, k, y| term(x, y, k)),
        }
    }

    fn run(&self, isa: Isa, variant: Option<super::Variant>, a: &[f32], b: &[f32]) -> Vec<f32> {
        let contraction = Contraction::new(isa, *self);
        let contraction = match variant {
            Some(variant) => contraction.forced(variant).unwrap(),
            None => contraction,
        };
        let mut out = vec![f32::NAN; self.elements()];
        let mut scratch = vec![f32::NAN; contraction.scratch()];
        contraction.run(a, b, &mut out, &mut scratch);
        out
    }
}

fn products(conv: Conv, x: [usize; 4], k: [usize; 4], mut term: impl FnMut(usize, usize, usize)) {
    let (stride, padding, groups) = (conv.stride as usize, conv.padding as usize, conv.groups as usize);
    let [oh, ow] = super::output(conv, x, k);
    let [n, ci, h, w] = x;
    let [co, per_group, kh, kw] = k;
    for (n, o, p, q) in
        (0..n).flat_map(|n| (0..co).flat_map(move |o| (0..oh).flat_map(move |p| (0..ow).map(move |q| (n, o, p, q)))))
    {
        for (i, r, s) in (0..per_group).flat_map(|i| (0..kh).flat_map(move |r| (0..kw).map(move |s| (i, r, s)))) {
            let channel = o / (co / groups) * per_group + i;
            let (row, column) = ((p * stride + r).wrapping_sub(padding), (q * stride + s).wrapping_sub(padding));
            if row < h && column < w {
                let x = ((n * ci + channel) * h + row) * w + column;
                term(x, ((o * per_group + i) * kh + r) * kw + s, ((n * co + o) * oh + p) * ow + q);
            }
        }
    }
}

/// Holds every instruction set and variant to the rule of agreement.
fn check(form: Form, numbers: &mut Numbers) {
    let [a, b] = form.operands().map(|len| numbers.slice(len));
    let (mut exact, mut plain) = (vec![0.0f64; form.elements()], vec![0.0f32; form.elements()]);
    form.terms(|i, j, o| {
        exact[o] += f64::from(a[i]) * f64::from(b[j]);
        plain[o] += a[i] * b[j];
    });
    let error =
        |got: &[f32]| got.iter().zip(&exact).map(|(&got, want)| (f64::from(got) - want).abs()).fold(0.0, f64::max);
    let largest = exact.iter().fold(0.0, |max: f64, x| max.max(x.abs()));
    for isa in Isa::available() {
        for variant in Contraction::new(isa, form).variants() {
            let got = form.run(isa, Some(variant), &a, &b);
            assert!(got.iter().all(|x| x.is_finite()), "{form:?} {isa:?} {variant:?}: not all written");
            let (error, allowed) = (error(&got), 16.0 * error(&plain) + 1e-6 * largest);
            assert!(error <= allowed, "{form:?} {isa:?} {variant:?}: {error:e} > {allowed:e}, largest {largest:e}");
        }
    }
}

fn convolutions(conv: Conv, x: [usize; 4], kernel: [usize; 4]) -> [Form; 3] {
    [Form::Conv2d { conv, x, kernel }, Form::InputGrad { conv, x, kernel }, Form::WeightGrad { conv, x, kernel }]
}

fn conv(stride: u32, padding: u32, groups: u32) -> Conv {
    Conv { stride, padding, groups }
}

#[test]
fn matrix_products_agree() {
    let mut numbers = Numbers(1);
    let sides = [(false, false), (false, true), (true, false), (true, true)];
    for (ta, tb) in sides {
        for size in [[5, 7, 3], [1, 1, 1], [1, 300, 40], [70, 3, 1], [0, 3, 4], [3, 0, 4], [3, 4, 0], [28, 14, 14]] {
            for batch in [0, 1, 3] {
                check(Form::Matmul { batch, size, transposed: [ta, tb] }, &mut numbers);
            }
        }
        for size in [[64, 520, 300], [300, 64, 65], [33, 1100, 10], [10, 600, 33], [200, 70, 20]] {
            check(Form::Matmul { batch: 1, size, transposed: [ta, tb] }, &mut numbers);
        }
        check(Form::Matmul { batch: 300, size: [28, 14, 14], transposed: [ta, tb] }, &mut numbers);
        for _ in 0..20 {
            let size = [40, 90, 70].map(|end| numbers.below(end) + 1);
            check(Form::Matmul { batch: 2, size, transposed: [ta, tb] }, &mut numbers);
        }
    }
}

#[test]
fn convolutions_agree() {
    let mut numbers = Numbers(2);
    let cases = [
        (conv(1, 1, 1), [2, 3, 32, 32], [16, 3, 3, 3]),
        (conv(1, 3, 1), [2, 1, 28, 28], [16, 1, 3, 3]),
        (conv(1, 1, 1), [5, 20, 8, 8], [33, 20, 3, 3]),
        (conv(1, 1, 1), [3, 17, 4, 4], [18, 17, 3, 3]),
        (conv(2, 1, 1), [2, 6, 9, 8], [5, 6, 3, 3]),
        (conv(2, 0, 1), [2, 6, 9, 8], [5, 6, 1, 1]),
        (conv(3, 2, 2), [2, 6, 13, 11], [4, 3, 5, 4]),
        (conv(1, 5, 1), [1, 2, 5, 6], [3, 2, 11, 11]),
        (conv(4, 2, 1), [1, 3, 31, 31], [8, 3, 11, 11]),
        (conv(1, 4, 1), [2, 2, 3, 3], [2, 2, 2, 2]),
        (conv(2, 3, 1), [2, 2, 3, 4], [2, 2, 2, 2]),
        (conv(1, 1, 6), [3, 6, 7, 7], [6, 1, 3, 3]),
        (conv(1, 0, 1), [1, 1, 1, 1], [1, 1, 1, 1]),
        (conv(1, 0, 1), [0, 2, 5, 5], [3, 2, 3, 3]),
    ];
    for (conv, x, kernel) in cases {
        for form in convolutions(conv, x, kernel) {
            check(form, &mut numbers);
        }
    }
    for _ in 0..40 {
        let groups = numbers.below(2) + 1;
        let [ci, co] = [(); 2].map(|()| (numbers.below(9) + 1) * groups);
        let [kh, kw] = [(); 2].map(|()| numbers.below(4) + 1);
        let [h, w] = [kh, kw].map(|k| k + numbers.below(12));
        let conv = conv(numbers.below(3) as u32 + 1, numbers.below(4) as u32, groups as u32);
        for form in convolutions(conv, [numbers.below(4) + 1, ci, h, w], [co, ci / groups, kh, kw]) {
            check(form, &mut numbers);
        }
    }
}

#[test]
fn wide_convolutions_agree() {
    for form in convolutions(conv(1, 1, 1), [2, 128, 8, 8], [128, 128, 3, 3]) {
        check(form, &mut Numbers(3));
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let mut numbers = Numbers(4);
    let mut forms = convolutions(conv(1, 1, 1), [9, 33, 8, 8], [40, 33, 3, 3]).to_vec();
    forms.extend(convolutions(conv(2, 1, 1), [9, 3, 32, 32], [32, 3, 3, 3]));
    forms.push(Form::Matmul { batch: 1, size: [20, 3000, 30], transposed: [true, false] });
    forms.push(Form::Matmul { batch: 40, size: [28, 14, 14], transposed: [false, false] });
    for form in forms {
        let [a, b] = form.operands().map(|len| numbers.slice(len));
        for isa in Isa::available() {
            for variant in Contraction::new(isa, form).variants() {
                let run = || form.run(isa, Some(variant), &a, &b);
                let (one, all) = (parallel::alone(run), run());
                let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<_>>();
                assert_eq!(bits(one), bits(all), "{form:?} {isa:?} {variant:?}");
            }
        }
    }
}
