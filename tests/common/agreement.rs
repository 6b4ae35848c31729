//! The rule of agreement: an engine's error against the f64 reference is at most 16 times the f32 reference's own error
//! plus 1e-6 of the largest entry; of one where all entries are zero, as where terms cancel that GPUs round differently.

use std::sync::Arc;

use attar::engine::{Engine, reference::Reference};

use super::{distance, generator, largest, run, run_f64};

/// Holds these engines to the rule on this many random programs.
pub fn check(programs: usize, engines: &[Arc<dyn Engine>]) {
    for case in generator::cases(1).take(programs) {
        let truth = run_f64(&case.program, &case.values, &case.scalars).expect("the reference runs everything");
        let single = run(&Reference::f32(), &case.program, &case.values, &case.scalars).expect("as above");
        for engine in engines {
            let found = run(engine.as_ref(), &case.program, &case.values, &case.scalars)
                .unwrap_or_else(|error| panic!("{}: {error}\n{}", engine.name(), case.program));
            for (output, truth) in truth.iter().enumerate() {
                let scale = Some(largest(truth)).filter(|&scale| scale > 0.0).unwrap_or(1.0);
                let allowed = 16.0 * distance(&single[output], truth) + 1e-6 * scale;
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
