//! Random programs on every engine, against the reference.

mod common;

use attar::engine::reference::Reference;
use common::{distance, engines, generator, largest, run, run_f64};

/// How many programs each engine has to agree on.
const PROGRAMS: usize = 500;

/// The rule of agreement: an engine's error against the f64 reference is at most 16 times the f32 reference's own
/// error plus 1e-6 of the largest entry.
#[test]
fn engines_agree_with_the_reference() {
    let engines = engines();
    for case in generator::cases(1).take(PROGRAMS) {
        let truth = run_f64(&case.program, &case.values, &case.scalars).expect("the reference runs everything");
        let single = run(&Reference::f32(), &case.program, &case.values, &case.scalars).expect("as above");
        for engine in &engines {
            let found = run(engine.as_ref(), &case.program, &case.values, &case.scalars)
                .unwrap_or_else(|error| panic!("{}: {error}\n{}", engine.name(), case.program));
            for (output, truth) in truth.iter().enumerate() {
                let allowed = 16.0 * distance(&single[output], truth) + 1e-6 * largest(truth);
                let error = distance(&found[output], truth);
                assert!(
                    error <= allowed,
                    "{}: written slot {output} is off by {error:.3e}, {allowed:.3e} allowed\n{}\nfound {:?}\ntruth {:?}",
                    engine.name(),
                    case.program,
                    &found[output][..found[output].len().min(8)],
                    &truth[..truth.len().min(8)],
                );
            }
        }
    }
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
