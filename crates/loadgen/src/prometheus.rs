//! Reads the few numbers the measurement needs from `/metrics`.

/// Sum of all series of a metric whose labels contain `label` (everything when it is empty).
pub fn sum(text: &str, metric: &str, label: &str) -> f64 {
    series(text, metric, label).sum()
}

fn series<'a>(text: &'a str, metric: &'a str, label: &'a str) -> impl Iterator<Item = f64> + 'a {
    text.lines().filter(|line| !line.starts_with('#')).filter_map(move |line| {
        let (name, value) = line.rsplit_once(' ')?;
        let (found, labels) = name.split_once('{').unwrap_or((name, ""));
        if found == metric && labels.contains(label) { value.parse().ok() } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_of_one_metric_are_added_up() {
        let text = "# HELP a b\na{x=\"1\"} 2\na{x=\"2\"} 3\nab 7\n";
        assert!((sum(text, "a", "") - 5.0).abs() < f64::EPSILON);
        assert!((sum(text, "a", "x=\"2\"") - 3.0).abs() < f64::EPSILON);
        assert!((sum(text, "ab", "") - 7.0).abs() < f64::EPSILON);
    }
}
