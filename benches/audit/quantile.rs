//! Medians and percentiles.

/// Returns the value that `share` of the values are below.
pub(crate) fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    // A share of at most 1 of a length.
    let place = (last as f64 * share).round() as usize;
    values.get(place.min(last)).copied().unwrap_or(f64::NAN)
}

pub(crate) fn median(values: Vec<f64>) -> f64 {
    quantile(values, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_one_of_the_values() {
        let values: Vec<f64> = (0..=100).rev().map(f64::from).collect();
        assert_eq!((median(values.clone()), quantile(values.clone(), 0.99)), (50.0, 99.0));
        assert_eq!((quantile(values, 1.0), median(vec![7.0])), (100.0, 7.0));
        assert!(median(Vec::new()).is_nan());
    }
}
