//! Processes that are killed at random moments: what they leave can always be gone on from, to the same files.
#![cfg(unix)]

mod common;

use std::time::Duration;

use attar::rng::Draws;
use common::{Place, Ran, TINY};

const KILLS: usize = 25;

/// Time in which a process gets through much of its work.
const LONGEST: f64 = 0.5;

/// Kills `line` at random moments, beginning with `first`, until it ends by itself; how often it took a kill.
fn kill_until_done(place: &Place, draws: &mut Draws, first: &[&str], then: &[&str], check: impl Fn(&Ran)) -> usize {
    let mut kills = 0;
    loop {
        let line = if kills == 0 { first } else { then };
        let ran = place.killed_after(line, Duration::from_secs_f64(draws.range(0.01, LONGEST)));
        match ran.code {
            Some(_) => {
                check(&ran);
                return kills;
            }
            None => kills += 1,
        }
    }
}

#[test]
fn a_run_survives_kills_at_any_moment() {
    let place = Place::with_toy();
    let more = ["--seed=5", "--iterations=40", "--set=pool.networks=3", "--repeats=2", "--checkpoint-every=0.01s"];
    let line = |out| [&["distill", "toy", "-q", "--force", "--out", out], TINY, &more].concat();
    let whole = place.attar(&[&line("whole")[..], &["--json"]].concat()).json();
    let (mut draws, mut kills) = (Draws::new(1, 0, 0), 0);
    while kills < KILLS {
        // One that was killed before its first state begins again; any other goes on.
        let resume = ["distill", "--resume", "x", "-q", "--checkpoint-every=0.01s"];
        let begin = line("x");
        while !place.path("x/run.toml").exists() {
            kills += usize::from(
                place.killed_after(&begin, Duration::from_secs_f64(draws.range(0.01, LONGEST))).code.is_none(),
            );
        }
        kills += kill_until_done(&place, &mut draws, &resume, &resume, |ran| {
            assert!(ran.code == Some(0) || ran.stderr.contains("complete"), "{ran:#?}");
        });
        assert!(place.read("x/distilled.attar") == place.read("whole/distilled.attar"));
        assert_eq!(place.json("x/result.json")["accuracy"], whole["accuracy"]);
        std::fs::remove_dir_all(place.path("x")).unwrap();
    }
}

#[test]
fn a_pool_survives_kills_at_any_moment() {
    let place = Place::with_toy();
    let line = |out| {
        let all = [
            "--set=network.width=8",
            "--set=pool.networks=60",
            "--set=pool.epochs=2",
            "--seed=1",
            "--checkpoint-every=0.01s",
            "--out",
            out,
        ];
        [&["pool", "toy", "-q", "--engine=reference:f32"], &all[..]].concat()
    };
    place.attar(&line("whole.pool")).well();
    let (mut draws, mut kills) = (Draws::new(2, 0, 0), 0);
    while kills < KILLS {
        kills += kill_until_done(&place, &mut draws, &line("x.pool"), &line("x.pool"), |ran| {
            assert!(ran.code == Some(0) || ran.stderr.contains("there already"), "{ran:#?}");
        });
        assert!(place.read("x.pool") == place.read("whole.pool"));
        std::fs::remove_file(place.path("x.pool")).unwrap();
    }
}
