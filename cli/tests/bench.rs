//! What `attar bench` says of an engine.

mod common;

use common::Place;

const WORKLOADS: [&str; 4] = ["convnet_forward", "convnet_input_gradient", "convnet_training_step", "ncfm_class_step"];

#[test]
fn speeds_are_shares_of_the_peak() {
    let report = Place::new().attar(&["bench", "--engine", "candle:cpu", "--width", "16", "--json"]).json();
    assert_eq!((&report["engine"], &report["width"]), (&"candle:cpu".into(), &16.into()));
    let peak = report["gemm_peak_gflops"].as_f64().unwrap();
    assert!(peak > 1.0, "{report}");
    for workload in WORKLOADS {
        let [gflops, share] = ["gflops", "of_gemm_peak"].map(|table| report[table][workload].as_f64().unwrap());
        assert!(gflops > 0.0 && (gflops / peak - share).abs() < 1e-9, "{workload} in {report}");
    }
}

/// A GPU is held against its own products, and what it dispatches is told.
#[test]
#[cfg(feature = "webgpu")]
fn plans_of_webgpu_are_told() {
    if !Place::new().attar(&["engines"]).stdout.contains("webgpu") {
        return;
    }
    let report = Place::new().attar(&["bench", "--engine", "webgpu", "--width", "8", "--json"]).json();
    assert!(report["gemm_peak_gflops"].as_f64().unwrap() > 0.0, "{report}");
    let programs = report["programs"].as_array().unwrap();
    let planned = programs.iter().find(|program| program["program"] == "ncfm.match").unwrap();
    let [few, many] = ["dispatches", "dispatches_one_by_one"].map(|key| planned[key].as_u64().unwrap());
    assert!(0 < few && 4 * few <= many, "{planned}");
}

#[test]
fn mistakes_are_usage_errors() {
    for width in ["0", "wide", "5000"] {
        let ran = Place::new().attar(&["bench", "--width", width]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{width}: {ran:?}");
    }
}
