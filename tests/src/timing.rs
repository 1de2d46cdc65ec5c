//! Detects timing side channels, on a machine with other load.

use std::time::Duration;

/// Panics if there is one: one of the two was faster in four of five rounds, and their medians differ by more than a
/// fifth. Each round measured both, one right after the other, so that other load affects both alike. A burst of load
/// can move a median, and a tiny difference can decide many rounds on an idle machine, but neither does both.
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
    fn noise_and_tiny_differences_pass() {
        // Every other round of the second had load.
        assert_times_alike("noise", &rounds(|n| 1000 + n, |n| 990 + n + 1000 * (n % 2)));
        assert_times_alike("tiny", &rounds(|n| 1000 + n, |n| 1001 + n));
    }

    #[test]
    #[should_panic(expected = "leak")]
    fn a_difference_in_nearly_all_rounds_fails() {
        assert_times_alike("leak", &rounds(|n| 1000 + n, |n| 1300 + n));
    }
}
