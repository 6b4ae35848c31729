//! Places in shared memory for what lives for a while.

use crate::{
    program::{Place, Step, Value, ValueId},
    sorted::{SortedSet, insert_by_key},
};

/// When something is needed, and how much of it: from step `first` to step `last`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    pub first: usize,
    pub last: usize,
    pub len: usize,
}

/// Where each interval's elements begin so that no two that live at one time overlap, and how many elements that takes
/// in all. Large ones choose first, each the lowest place that is free.
pub fn allocate(intervals: &[Interval], alignment: usize) -> (Vec<usize>, usize) {
    let mut order: Vec<usize> = Vec::with_capacity(intervals.len());
    let rank = |index: &usize| (std::cmp::Reverse(intervals[*index].len), intervals[*index].first);
    (0..intervals.len()).for_each(|index| insert_by_key(&mut order, index, rank));
    let mut places = vec![0; intervals.len()];
    let mut placed: Vec<usize> = Vec::new();
    let mut total = 0;
    for index in order {
        let own = intervals[index];
        let taken: SortedSet<(usize, usize)> = placed
            .iter()
            .filter(|&&other| intervals[other].first <= own.last && own.first <= intervals[other].last)
            .map(|&other| (places[other], places[other] + intervals[other].len))
            .collect();
        let mut place = 0;
        for (from, to) in taken {
            if place + own.len <= from {
                break;
            }
            place = place.max(to.next_multiple_of(alignment));
        }
        places[index] = place;
        total = total.max(place + own.len);
        placed.push(index);
    }
    (places, total)
}

/// Gives every value in the arena its place; returns the arena's length.
pub(super) fn place(values: &mut [Value], steps: &[Step], commits: &[(ValueId, u32)], alignment: usize) -> usize {
    let mut lives: Vec<Option<Interval>> = vec![None; values.len()];
    for (index, step) in steps.iter().enumerate() {
        for value in step.inputs().chain(step.outputs()) {
            let len = values[value.index()].len;
            lives[value.index()].get_or_insert(Interval { first: index, last: index, len }).last = index;
        }
    }
    for (value, _) in commits {
        if let Some(life) = &mut lives[value.index()] {
            life.last = steps.len();
        }
    }
    let shared: Vec<usize> =
        (0..values.len()).filter(|&index| matches!(values[index].place, Place::Arena(_))).collect();
    let intervals: Vec<Interval> =
        shared.iter().map(|&index| lives[index].unwrap_or(Interval { first: 0, last: 0, len: 0 })).collect();
    let (places, total) = allocate(&intervals, alignment);
    for (&index, place) in shared.iter().zip(places) {
        values[index].place = Place::Arena(place);
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lives_at_one_time_does_not_overlap() {
        let life = |first, last, len| Interval { first, last, len };
        let lives = [life(0, 2, 10), life(1, 3, 5), life(3, 4, 12), life(4, 6, 3), life(0, 6, 1)];
        let (places, total) = allocate(&lives, 4);
        for (i, a) in lives.iter().enumerate() {
            assert!(places[i] % 4 == 0 && places[i] + a.len <= total);
            for (j, b) in lives.iter().enumerate().skip(i + 1) {
                let together = a.first <= b.last && b.first <= a.last;
                let apart = places[i] + a.len <= places[j] || places[j] + b.len <= places[i];
                assert!(!together || apart, "{i} and {j}: {places:?}");
            }
        }
        assert!(total < 31, "{total}");
    }
}
