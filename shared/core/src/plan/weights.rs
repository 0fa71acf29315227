//! The arithmetic of weights: whole percentages that add up to 100, before and after.

use std::cmp::Reverse;

/// What to do with the percentages of some destinations, which are named by their number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    /// These get so much, the others keep theirs.
    Set(Vec<(usize, u32)>),
    /// This one gets so much more, taken from the others as they have it.
    By {
        /// Per cent.
        percent: u32,
        /// Who gets it.
        to: usize,
    },
    /// This one gets everything.
    AllTo(usize),
    /// The two exchange theirs.
    Swap,
}

/// Why there are no percentages after a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeightError {
    /// All together would not be 100.
    #[error("the weights would add up to {sum}, not to 100")]
    Sum {
        /// What they would be.
        sum: u32,
    },
    /// The others have less than that.
    #[error("the others have {left}% to give")]
    TooMuch {
        /// What they have.
        left: u32,
    },
    /// Only two can be exchanged.
    #[error("only two destinations can be exchanged, not {count}")]
    NotTwo {
        /// How many there are.
        count: usize,
    },
}

/// Shares of `total` in proportion to weights: whole numbers that add up to it, the largest remainders rounded up.
/// Without any weight all get nothing.
#[must_use]
pub fn shares(total: u32, weights: &[u32]) -> Vec<u32> {
    let sum: u64 = weights.iter().map(|w| u64::from(*w)).sum();
    if sum == 0 {
        return vec![0; weights.len()];
    }
    let exact = |w: &u32| u64::from(*w) * u64::from(total);
    let whole = |w: &u32| u32::try_from(exact(w) / sum).unwrap_or(u32::MAX);
    let mut result: Vec<u32> = weights.iter().map(whole).collect();
    let given: u32 = result.iter().sum();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|n| Reverse(weights.get(*n).map_or(0, |w| exact(w) % sum)));
    let missing = usize::try_from(total.saturating_sub(given)).unwrap_or(0);
    for n in order.into_iter().take(missing) {
        if let Some(share) = result.get_mut(n) {
            *share += 1;
        }
    }
    result
}

/// What the written weights of a rule come to, in per cent: an omitted weight is 0, other sums than 100 are
/// normalised, and a single destination has everything whatever its weight.
#[must_use]
pub fn effective(written: &[Option<i32>]) -> Vec<u32> {
    match written {
        [_] => vec![100],
        several => shares(100, &positive(several)),
    }
}

/// Whether written weights are exactly these percentages: `1` and `1` are 50 and 50, but three times `1` are not
/// 34, 33 and 33.
#[must_use]
pub fn stand_already(written: &[Option<i32>], percentages: &[u32]) -> bool {
    if let [_] = written {
        return percentages == [100];
    }
    let written = positive(written);
    let sum: u64 = written.iter().map(|w| u64::from(*w)).sum();
    sum > 0
        && written
            .iter()
            .zip(percentages)
            .all(|(w, p)| u64::from(*w) * 100 == u64::from(*p) * sum)
}

fn positive(written: &[Option<i32>]) -> Vec<u32> {
    let weight = |w: &Option<i32>| w.and_then(|w| u32::try_from(w).ok()).unwrap_or(0);
    written.iter().map(weight).collect()
}

/// The percentages after a move; they add up to 100.
///
/// # Errors
/// When there are no such percentages.
pub fn moved(now: &[u32], by: &Move) -> Result<Vec<u32>, WeightError> {
    let after = match by {
        Move::Set(set) => {
            let mut after = now.to_vec();
            for (n, percent) in set {
                if let Some(share) = after.get_mut(*n) {
                    *share = *percent;
                }
            }
            after
        }
        Move::By { percent, to } => {
            let others: Vec<u32> = now
                .iter()
                .enumerate()
                .map(|(n, share)| if n == *to { 0 } else { *share })
                .collect();
            let left: u32 = others.iter().sum();
            if *percent > left {
                return Err(WeightError::TooMuch { left });
            }
            let taken = shares(*percent, &others);
            let given = now.iter().zip(taken).enumerate();
            given
                .map(|(n, (share, taken))| {
                    if n == *to {
                        share + percent
                    } else {
                        share.saturating_sub(taken)
                    }
                })
                .collect()
        }
        Move::AllTo(to) => (0..now.len())
            .map(|n| if n == *to { 100 } else { 0 })
            .collect(),
        Move::Swap => match now {
            [a, b] => vec![*b, *a],
            _ => return Err(WeightError::NotTwo { count: now.len() }),
        },
    };
    match after.iter().sum() {
        100 => Ok(after),
        sum => Err(WeightError::Sum { sum }),
    }
}

/// Percentages near to those that were asked for and that add up to 100: for the command to type instead. Those
/// that were not named give or take the rest; with none of them the named ones keep their proportion.
#[must_use]
pub fn nearest(now: &[u32], set: &[(usize, u32)]) -> Vec<u32> {
    let named = |n: usize| {
        set.iter()
            .find(|(m, _)| *m == n)
            .map(|(_, percent)| *percent)
    };
    let asked: Vec<u32> = (0..now.len()).map(|n| named(n).unwrap_or(0)).collect();
    let sum: u32 = asked.iter().sum();
    let unnamed: Vec<usize> = (0..now.len()).filter(|n| named(*n).is_none()).collect();
    if sum > 100 || (unnamed.is_empty() && sum > 0) {
        return shares(100, &asked);
    }
    let mut weights: Vec<u32> = unnamed
        .iter()
        .map(|n| now.get(*n).copied().unwrap_or(0))
        .collect();
    if weights.iter().all(|w| *w == 0) {
        weights.fill(1);
    }
    let mut after = asked;
    for (n, share) in unnamed.iter().zip(shares(100 - sum, &weights)) {
        if let Some(place) = after.get_mut(*n) {
            *place = share;
        }
    }
    if after.iter().sum::<u32>() < 100 {
        // Only zeros were asked for, and of everything there is.
        return now.to_vec();
    }
    after
}

/// How a share is spread over destinations that are the same: as it was, else to the first.
#[must_use]
pub fn spread(share: u32, before: &[u32]) -> Vec<u32> {
    if before.iter().all(|w| *w == 0) {
        let first = |n: usize| if n == 0 { share } else { 0 };
        return (0..before.len()).map(first).collect();
    }
    shares(share, before)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Random numbers that are the same in every run.
    struct Random(u64);

    impl Random {
        fn next(&mut self, below: u32) -> u32 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            u32::try_from(self.0 >> 33).unwrap() % below
        }

        fn percentages(&mut self) -> Vec<u32> {
            let count = 1 + self.next(5);
            let weights: Vec<u32> = (0..count).map(|_| self.next(101)).collect();
            if weights.iter().all(|w| *w == 0) {
                return self.percentages();
            }
            shares(100, &weights)
        }

        fn a_move(&mut self, count: usize) -> Move {
            let n = |random: &mut Self| random.next(u32::try_from(count).unwrap()) as usize;
            match self.next(4) {
                0 => {
                    let set = (0..count).filter(|_| true).map(|m| (m, self.next(101)));
                    Move::Set(set.collect())
                }
                1 => Move::By {
                    percent: self.next(101),
                    to: n(self),
                },
                2 => Move::AllTo(n(self)),
                _ => Move::Swap,
            }
        }
    }

    const RUNS: usize = 20_000;

    #[test]
    fn every_result_adds_up_to_a_hundred() {
        let mut random = Random(0x5eed);
        let mut good = 0;
        for _ in 0..RUNS {
            let now = random.percentages();
            assert_eq!(now.iter().sum::<u32>(), 100, "{now:?}");
            let by = random.a_move(now.len());
            if let Ok(after) = moved(&now, &by) {
                assert_eq!(after.iter().sum::<u32>(), 100, "{now:?} {by:?} {after:?}");
                assert_eq!(after.len(), now.len());
                good += 1;
            }
            if let Move::Set(set) = &by {
                let set = &set[..set.len() / 2];
                assert_eq!(
                    nearest(&now, set).iter().sum::<u32>(),
                    100,
                    "{now:?} {set:?}"
                );
            }
        }
        assert!(good > RUNS / 3, "{good}");
    }

    #[test]
    fn what_is_near_keeps_what_was_asked_where_it_can() {
        assert_eq!(nearest(&[80, 20], &[(0, 60)]), [60, 40]);
        assert_eq!(nearest(&[80, 20], &[(0, 60), (1, 60)]), [50, 50]);
        assert_eq!(nearest(&[60, 20, 20], &[(0, 80)]), [80, 10, 10]);
        assert_eq!(nearest(&[100, 0, 0], &[(0, 50)]), [50, 25, 25]);
        assert_eq!(nearest(&[100, 0], &[(0, 0), (1, 0)]), [100, 0]);
    }

    #[test]
    fn twice_exchanged_is_as_before() {
        let mut random = Random(7);
        for _ in 0..RUNS {
            let a = random.next(101);
            let now = [a, 100 - a];
            let once = moved(&now, &Move::Swap).unwrap();
            assert_eq!(moved(&once, &Move::Swap).unwrap(), now);
        }
        assert_eq!(
            moved(&[50, 25, 25], &Move::Swap),
            Err(WeightError::NotTwo { count: 3 })
        );
    }

    #[test]
    fn by_nothing_changes_nothing_and_by_something_changes_just_that() {
        let mut random = Random(11);
        for _ in 0..RUNS {
            let now = random.percentages();
            let to = random.next(u32::try_from(now.len()).unwrap()) as usize;
            assert_eq!(moved(&now, &Move::By { percent: 0, to }).unwrap(), now);
            let percent = random.next(101);
            match moved(&now, &Move::By { percent, to }) {
                Ok(after) => {
                    assert_eq!(after[to], now[to] + percent);
                    let less = now
                        .iter()
                        .zip(&after)
                        .enumerate()
                        .all(|(n, (a, b))| n == to || b <= a);
                    assert!(less, "{now:?} {after:?}");
                }
                Err(error) => assert_eq!(
                    error,
                    WeightError::TooMuch {
                        left: 100 - now[to]
                    }
                ),
            }
        }
    }

    #[test]
    fn written_weights_come_to_percentages() {
        assert_eq!(effective(&[Some(80), Some(20)]), [80, 20]);
        assert_eq!(effective(&[Some(0)]), [100]);
        assert_eq!(effective(&[None]), [100]);
        assert_eq!(effective(&[None, Some(5)]), [0, 100]);
        assert_eq!(effective(&[Some(1), Some(1), Some(1)]), [34, 33, 33]);
        assert_eq!(effective(&[Some(300), Some(100)]), [75, 25]);
        assert_eq!(effective(&[Some(-1), Some(100)]), [0, 100]);
        assert_eq!(effective(&[None, None]), [0, 0]);
    }

    #[test]
    fn what_stands_already_is_exact() {
        assert!(stand_already(&[Some(1), Some(1)], &[50, 50]));
        assert!(stand_already(&[Some(8), Some(2)], &[80, 20]));
        assert!(stand_already(&[None], &[100]));
        assert!(stand_already(&[None, Some(100)], &[0, 100]));
        assert!(!stand_already(&[Some(1), Some(1), Some(1)], &[34, 33, 33]));
        assert!(!stand_already(&[None, None], &[0, 0]));
    }

    #[test]
    fn the_largest_remainder_gives_first() {
        assert_eq!(
            moved(&[34, 33, 33], &Move::By { percent: 10, to: 2 }),
            Ok(vec![29, 28, 43])
        );
        assert_eq!(
            moved(&[80, 20, 0], &Move::By { percent: 10, to: 2 }),
            Ok(vec![72, 18, 10])
        );
        assert_eq!(
            moved(&[5, 95], &Move::By { percent: 10, to: 1 }),
            Err(WeightError::TooMuch { left: 5 })
        );
        assert_eq!(
            moved(&[80, 20], &Move::Set(vec![(0, 60)])),
            Err(WeightError::Sum { sum: 80 })
        );
    }

    #[test]
    fn a_share_is_spread_as_it_was() {
        assert_eq!(spread(40, &[60, 20]), [30, 10]);
        assert_eq!(spread(40, &[0, 0]), [40, 0]);
        assert_eq!(spread(0, &[3, 4]), [0, 0]);
    }
}
