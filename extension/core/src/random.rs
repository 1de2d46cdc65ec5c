//! Portable random numbers: SplitMix64 (Steele, Lea and Flood, *Fast Splittable Pseudorandom Number Generators*, 2014).

use std::f64::consts::TAU;

/// A stream of random numbers.
pub(crate) struct Random(u64);

impl Random {
    /// Stream number `stream` of a seed.
    pub fn new(seed: u64, stream: u64) -> Self {
        Self(mixed(seed ^ mixed(stream)))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    /// Uniform in [0, 1).
    pub fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform integer below `count`.
    pub fn below(&mut self, count: usize) -> usize {
        ((self.uniform() * count as f64) as usize).min(count.saturating_sub(1))
    }

    /// Standard normal (Box and Muller, 1958).
    pub fn normal(&mut self) -> f64 {
        let (radius, angle) = (1.0 - self.uniform(), self.uniform());
        (-2.0 * radius.ln()).sqrt() * (TAU * angle).cos()
    }
}

fn mixed(state: u64) -> u64 {
    let mut z = state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_uniform_and_normal() {
        let mut random = Random::new(7, 0);
        let uniform: Vec<f64> = (0..10_000).map(|_| random.uniform()).collect();
        assert!(uniform.iter().all(|value| (0.0..1.0).contains(value)));
        assert!((uniform.iter().sum::<f64>() / 1e4 - 0.5).abs() < 0.01);
        let normal: Vec<f64> = (0..10_000).map(|_| random.normal()).collect();
        let variance = normal.iter().map(|value| value * value).sum::<f64>() / 1e4;
        assert!((normal.iter().sum::<f64>() / 1e4).abs() < 0.03 && (variance - 1.0).abs() < 0.05);
        assert!((0..1000).all(|_| random.below(3) < 3));
    }

    #[test]
    fn streams_and_seeds_differ() {
        let first = |seed, stream| Random::new(seed, stream).next();
        let all = [first(0, 0), first(0, 1), first(1, 0), first(1, 1)];
        assert!(all.iter().enumerate().all(|(at, value)| !all[..at].contains(value)));
    }
}
