//! Counter-based random numbers: Philox4x32-10, so that a draw depends on what it is for and never on when it is made.
//!
//! Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011 (Random123); the rounds are
//! the paper's figure 4, the known answers in the tests those of Random123's `kat_vectors`. [`Stream`] is ours: it names
//! a sequence of draws by a seed and labels such as (step, prompt, sample). Not for cryptography.

/// Number of rounds; seven pass every test of the paper, ten are its recommendation.
const ROUNDS: usize = 10;
/// Multipliers of the two lanes.
const MULTIPLIER: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
/// Key increments (golden ratio and sqrt(3) - 1, in 32 bits).
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
/// Fourth counter word of the draws that turn a label into a key; draws of a stream have a zero there.
const LABEL: u32 = 0x6C61_6265;

/// Four random words: the bijection Philox4x32-10 of `counter` under `key`.
#[must_use]
pub fn philox(key: [u32; 2], counter: [u32; 4]) -> [u32; 4] {
    let [mut k0, mut k1] = key;
    let [mut c0, mut c1, mut c2, mut c3] = counter;
    for _ in 0..ROUNDS {
        let p0 = u64::from(MULTIPLIER[0]) * u64::from(c0);
        let p1 = u64::from(MULTIPLIER[1]) * u64::from(c2);
        (c0, c1, c2, c3) = (
            (p1 >> 32) as u32 ^ c1 ^ k0,
            p1 as u32,
            (p0 >> 32) as u32 ^ c3 ^ k1,
            p0 as u32,
        );
        k0 = k0.wrapping_add(WEYL[0]);
        k1 = k1.wrapping_add(WEYL[1]);
    }
    [c0, c1, c2, c3]
}

/// A uniform number in `[0, 1)` made of a word's upper 24 bits: every value is a multiple of 2^-24, so 1 cannot be reached.
#[must_use]
pub fn unit_f32(word: u32) -> f32 {
    (word >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// A sequence of random numbers with a name: a seed and labels. Equal names give equal sequences, different names
/// unrelated ones, and no two streams share state.
///
/// ```
/// use recode_kernels::random::Stream;
///
/// let (seed, step, prompt, sample) = (7, 3, 0, 5);
/// let mut stream = Stream::new(seed, &[step, prompt, sample]);
/// let draws = [stream.uniform(), stream.uniform()];
/// assert!(draws.iter().all(|u| (0.0..1.0).contains(u)));
/// assert_eq!(draws[0], Stream::new(seed, &[step, prompt, sample]).uniform());
/// assert_ne!(draws[0], Stream::new(seed, &[step, prompt, sample + 1]).uniform());
/// ```
#[derive(Debug, Clone)]
pub struct Stream {
    key: [u32; 2],
    block: u64,
    words: [u32; 4],
    /// Words of the block that are spent; 4 before the first draw.
    used: usize,
}

impl Stream {
    /// The stream of `seed` and `labels`, at its beginning.
    ///
    /// The seed is the key; each label, with its place, is a counter whose image is the next key. `[1, 2]`, `[2, 1]`,
    /// `[1]` and `[1, 0]` are four names.
    #[must_use]
    pub fn new(seed: u64, labels: &[u64]) -> Self {
        let mut key = [seed as u32, (seed >> 32) as u32];
        for (place, &label) in labels.iter().enumerate() {
            let image = philox(
                key,
                [label as u32, (label >> 32) as u32, place as u32, LABEL],
            );
            key = [image[0], image[1]];
        }
        Self {
            key,
            block: 0,
            words: [0; 4],
            used: 4,
        }
    }

    /// Block `index` of the stream, four words, wherever the sequence stands: random access for parallel loops.
    #[must_use]
    pub fn at(&self, index: u64) -> [u32; 4] {
        philox(self.key, [index as u32, (index >> 32) as u32, 0, 0])
    }

    /// The next 32 random bits.
    pub fn word(&mut self) -> u32 {
        if self.used == 4 {
            self.words = self.at(self.block);
            self.block += 1;
            self.used = 0;
        }
        self.used += 1;
        self.words[self.used - 1]
    }

    /// The next number, uniform in `[0, 1)`, a multiple of 2^-24.
    pub fn uniform(&mut self) -> f32 {
        unit_f32(self.word())
    }

    /// The next number, uniform in `[0, 1)`, a multiple of 2^-53: fine enough to pick among a vocabulary's tail.
    pub fn uniform_f64(&mut self) -> f64 {
        let bits = u64::from(self.word()) << 32 | u64::from(self.word());
        (bits >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// The next number of the standard normal distribution (Box-Muller, the cosine half).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform_f64()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform_f64()).cos()
    }

    /// The next whole number in `0..bound`, every one as likely (Lemire's method, rejections included).
    ///
    /// # Panics
    /// Where `bound` is 0.
    pub fn below(&mut self, bound: u32) -> u32 {
        assert!(bound > 0, "Stream::below: bound is 0");
        // Products whose lower half is under 2^32 mod bound belong to the incomplete last round of the mapping.
        let incomplete = bound.wrapping_neg() % bound;
        loop {
            let product = u64::from(self.word()) * u64::from(bound);
            if product as u32 >= incomplete {
                return (product >> 32) as u32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_gives_the_known_answers_of_random123() {
        let ones = u32::MAX;
        assert_eq!(
            philox([0; 2], [0; 4]),
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
        );
        assert_eq!(
            philox([ones; 2], [ones; 4]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            philox(
                [0xa409_3822, 0x299f_31d0],
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344]
            ),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn names_that_differ_in_order_length_or_seed_give_other_numbers() {
        let names: [(u64, &[u64]); 7] = [
            (1, &[]),
            (1, &[1]),
            (1, &[1, 0]),
            (1, &[1, 2]),
            (1, &[2, 1]),
            (2, &[1, 2]),
            (1, &[1 << 32]),
        ];
        for (i, a) in names.iter().enumerate() {
            for b in &names[..i] {
                assert_ne!(
                    Stream::new(a.0, a.1).at(0),
                    Stream::new(b.0, b.1).at(0),
                    "{a:?} and {b:?}"
                );
            }
        }
    }

    #[test]
    fn the_sequence_is_the_blocks_one_after_the_other() {
        let mut stream = Stream::new(3, &[1, 4]);
        let drawn: Vec<u32> = (0..12).map(|_| stream.word()).collect();
        let blocks: Vec<u32> = (0..3).flat_map(|i| stream.at(i)).collect();
        assert_eq!(drawn, blocks);
    }

    #[test]
    fn the_largest_word_stays_below_one() {
        assert_eq!(unit_f32(u32::MAX), 1.0 - 1.0 / 16_777_216.0);
        assert_eq!(unit_f32(0), 0.0);
    }

    /// Mean and variance of 40,000 draws within five standard errors: uniform 1/2 and 1/12, normal 0 and 1.
    #[test]
    fn moments_are_those_of_the_distributions() {
        let n = 40_000;
        let moments = |draws: Vec<f64>| {
            let mean = draws.iter().sum::<f64>() / n as f64;
            let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n as f64;
            (mean, variance)
        };
        let mut stream = Stream::new(11, &[0]);
        let (mean, variance) = moments((0..n).map(|_| f64::from(stream.uniform())).collect());
        // Standard errors: sqrt(1/12 / n) = 0.00144; of the variance sqrt((1/80 - 1/144) / n) = 0.00037.
        assert!((mean - 0.5).abs() < 0.0072, "mean {mean}");
        assert!(
            (variance - 1.0 / 12.0).abs() < 0.0019,
            "variance {variance}"
        );
        let (mean, variance) = moments((0..n).map(|_| stream.normal()).collect());
        // sqrt(1 / n) = 0.005; sqrt(2 / n) = 0.0071.
        assert!(mean.abs() < 0.025, "mean {mean}");
        assert!((variance - 1.0).abs() < 0.036, "variance {variance}");
    }

    /// 30,000 draws below 3 are 10,000 each, within five standard deviations of sqrt(30,000 * 2/9) = 82.
    #[test]
    fn whole_numbers_below_a_bound_are_equally_likely() {
        let mut stream = Stream::new(5, &[]);
        let mut counts = [0i64; 3];
        for _ in 0..30_000 {
            counts[stream.below(3) as usize] += 1;
        }
        assert!(
            counts.iter().all(|c| (c - 10_000).abs() < 410),
            "{counts:?}"
        );
    }
}
