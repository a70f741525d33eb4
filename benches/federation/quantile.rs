//! Figures of a distribution.

/// Returns the value that `percent` of 100 values are below.
pub(crate) fn quantile(values: &[f64], percent: usize) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() * percent / 100).copied().unwrap_or(f64::NAN)
}

/// Forms ratios round by round and returns their quartiles: a machine changes its speed from second to second, but hardly
/// within one round.
pub(crate) fn ratio(ours: &[f64], theirs: &[f64]) -> [f64; 3] {
    let ratios: Vec<f64> = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
    [25, 50, 75].map(|percent| quantile(&ratios, percent))
}
