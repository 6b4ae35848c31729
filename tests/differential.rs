//! Random programs on every engine, against the reference.

mod common;

use attar::engine::reference::Reference;
use common::{agreement, engines, generator, run};

/// How many programs each engine has to agree on.
const PROGRAMS: usize = 500;

#[test]
fn engines_agree_with_the_reference() {
    agreement::check(PROGRAMS, &engines());
}

#[test]
fn the_generator_covers_the_primitives() {
    let mut seen = std::collections::BTreeSet::new();
    for case in generator::cases(1).take(PROGRAMS) {
        for node in case.program.nodes() {
            seen.insert(case.program.operation(node).split(' ').next().unwrap_or_default().to_owned());
        }
    }
    let wanted = [
        "f32",
        "rows",
        "pixels",
        "scalar",
        "fill",
        "constant",
        "iota",
        "random",
        "neg",
        "exp",
        "log",
        "sin",
        "cos",
        "sqrt",
        "tanh",
        "recip",
        "floor",
        "add",
        "sub",
        "mul",
        "div",
        "max",
        "gt",
        "ge",
        "eq",
        "select",
        "reshape",
        "permute",
        "expand",
        "concat",
        "flip",
        "slice",
        "pad",
        "sum",
        "matmul",
        "conv2d",
        "conv2d_input_grad",
        "conv2d_weight_grad",
        "sample2d",
        "sample2d_transpose",
        "take",
        "take_transpose",
        "solve_spd",
    ];
    let missing: Vec<&str> = wanted.into_iter().filter(|name| !seen.contains(*name)).collect();
    assert!(missing.is_empty(), "never generated: {missing:?}");
}

/// A program is its own meaning: running it twice gives the same bits.
#[test]
fn runs_repeat_to_the_bit() {
    let mut engines = engines();
    engines.push(std::sync::Arc::new(Reference::f32()));
    for case in generator::cases(2).take(20) {
        for engine in &engines {
            let once = run(engine.as_ref(), &case.program, &case.values, &case.scalars).expect("it ran before");
            let again = run(engine.as_ref(), &case.program, &case.values, &case.scalars).expect("it ran before");
            assert_eq!(once, again, "{}", engine.name());
        }
    }
}
