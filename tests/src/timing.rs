//! Whether the time of an answer tells two questions apart, on a machine that does other work too.

use std::time::Duration;

/// Panics where it does: one of the two was quicker in four of five rounds, and their medians are more than a fifth
/// apart. Each round asked both, one right after the other, so that other work on the machine affects both alike; a
/// burst of it moves a median, and a tiny difference decides many rounds of a quiet machine, but neither does both.
pub fn assert_times_alike(what: &str, took: &[Vec<Duration>; 2]) {
    assert_eq!(took[0].len(), took[1].len());
    let first_was_quicker = took[0].iter().zip(&took[1]).filter(|(first, second)| first < second).count();
    let share = first_was_quicker as f64 / took[0].len() as f64;
    let ratio = median(&took[0]) / median(&took[1]);
    println!("{what}: the first was quicker in {:.0} % of rounds, medians {ratio:.2} : 1", share * 100.0);
    assert!(
        (0.2..=0.8).contains(&share) || (ratio - 1.0).abs() < 0.2,
        "{what}: the first was quicker in {:.0} % of rounds, medians {ratio:.2} : 1",
        share * 100.0
    );
}

fn median(times: &[Duration]) -> f64 {
    let mut times = times.to_vec();
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(first: impl Fn(u64) -> u64, second: impl Fn(u64) -> u64) -> [Vec<Duration>; 2] {
        let of = |time: &dyn Fn(u64) -> u64| (0..100).map(|n| Duration::from_micros(time(n))).collect();
        [of(&first), of(&second)]
    }

    #[test]
    fn noise_and_a_tiny_difference_pass() {
        // The machine was busy in every other round of the second.
        assert_times_alike("noise", &rounds(|n| 1000 + n, |n| 990 + n + 1000 * (n % 2)));
        assert_times_alike("tiny", &rounds(|n| 1000 + n, |n| 1001 + n));
    }

    #[test]
    #[should_panic(expected = "leak")]
    fn a_difference_in_nearly_all_rounds_does_not() {
        assert_times_alike("leak", &rounds(|n| 1000 + n, |n| 1300 + n));
    }
}
