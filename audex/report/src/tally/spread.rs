/// How many steps each doubling is divided into.
const STEPS: u64 = 512;

/// Values up to which each is counted for itself.
const EXACT: u64 = 2 * STEPS;

/// The greatest value that is told from greater ones: about 136 years.
const MOST: u64 = u32::MAX as u64;

/// Where 32 doublings end.
const PLACES: usize = 12_288;

/// How values in seconds are spread: exact to 1023, then to within 0.2 per cent.
#[derive(Clone)]
pub(crate) struct Spread {
    places: Vec<u64>,
    count: u64,
    sum: u64,
    greatest: u64,
}

impl Spread {
    pub(crate) fn new() -> Self {
        Self { places: vec![0; PLACES], count: 0, sum: 0, greatest: 0 }
    }

    pub(crate) fn add(&mut self, value: u64) {
        let value = value.min(MOST);
        if let Some(place) = self.places.get_mut(place(value)) {
            *place += 1;
        }
        self.count += 1;
        self.sum = self.sum.saturating_add(value);
        self.greatest = self.greatest.max(value);
    }

    pub(crate) const fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn greatest(&self) -> Option<u64> {
        (self.count > 0).then_some(self.greatest)
    }

    pub(crate) fn mean(&self) -> Option<u64> {
        self.sum.checked_div(self.count)
    }

    /// Returns the value that this many per cent do not exceed (nearest rank), rounded down within its step.
    pub(crate) fn percentile(&self, percent: u64) -> Option<u64> {
        let rank = (self.count * percent).div_ceil(100).max(1);
        let mut seen = 0;
        self.places.iter().enumerate().find_map(|(place, count)| {
            seen += count;
            (seen >= rank && self.count > 0).then(|| first_of(place))
        })
    }
}

fn place(value: u64) -> usize {
    let mut place = value;
    if value >= EXACT {
        // Of the leading digits as many as number the steps.
        let shift = u64::from(value.ilog2()) - u64::from(STEPS.ilog2());
        place = shift * STEPS + (value >> shift);
    }
    usize::try_from(place).unwrap_or(usize::MAX)
}

/// Returns the least value of a place: of round times, which lifetimes are, that is the time itself.
fn first_of(place: usize) -> u64 {
    let place = u64::try_from(place).unwrap_or(u64::MAX);
    if place < EXACT {
        return place;
    }
    let shift = place / STEPS - 1;
    (place - shift * STEPS) << shift
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn few_values_are_exact() {
        let mut spread = Spread::new();
        assert_eq!((spread.percentile(50), spread.mean(), spread.greatest()), (None, None, None));
        for value in [240, 10, 20, 30] {
            spread.add(value);
        }
        assert_eq!((spread.percentile(50), spread.percentile(95)), (Some(20), Some(240)));
        assert_eq!((spread.mean(), spread.greatest(), spread.count()), (Some(75), Some(240), 4));
    }

    #[test]
    fn places_follow_each_other_without_a_gap() {
        assert_eq!(place(MOST), PLACES - 1);
        for number in 0..PLACES - 1 {
            assert_eq!(place(first_of(number)), number);
            assert_eq!(place(first_of(number + 1) - 1), number);
        }
        assert!(
            [300, 900, 1_800, 3_600, 28_800, 43_200, 86_400]
                .into_iter()
                .all(|round| first_of(place(round)) == round)
        );
    }

    proptest! {
        #[test]
        fn what_is_told_is_nearly_what_it_is(values in prop::collection::vec(0_u64..10_000_000, 1..60), percent in 1_u64..=100) {
            let mut spread = Spread::new();
            values.iter().for_each(|value| spread.add(*value));
            let mut sorted = values.clone();
            sorted.sort_unstable();
            let rank = (sorted.len() as u64 * percent).div_ceil(100) as usize;
            let (exact, told) = (sorted[rank - 1], spread.percentile(percent).unwrap());
            prop_assert!(told <= exact && told + told / 500 + 1 >= exact, "{exact} {told}");
        }
    }
}
