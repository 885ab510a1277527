//! Many like calls side by side, bounded.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Lambda's control plane takes about 15 calls a second of one account; more at once would only be throttled.
const AT_ONCE: usize = 8;

/// Does the same with each, at most eight at once; the results come in the order of the items.
pub(crate) fn side_by_side<'a, T: Sync, R: Send>(items: &'a [T], work: impl Fn(&'a T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(items.len()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(items.len()) {
            scope.spawn(|| {
                while let Some((nth, item)) = {
                    let nth = next.fetch_add(1, Ordering::Relaxed);
                    items.get(nth).map(|item| (nth, item))
                } {
                    let result = work(item);
                    if let Ok(mut results) = results.lock() {
                        results.push((nth, result));
                    }
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_default();
    results.sort_by_key(|(nth, _)| *nth);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn keeps_the_order() {
        let items: Vec<usize> = (0..100).collect();
        assert_eq!(super::side_by_side(&items, |item| item * 2), items.iter().map(|item| item * 2).collect::<Vec<_>>());
        assert!(super::side_by_side(&[], |item: &usize| *item).is_empty());
    }
}
