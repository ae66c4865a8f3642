//! Strings, a hash map with the standard hasher, sorting of structures, iterators.
use std::collections::HashMap;

struct Count {
    word: String,
    times: usize,
}

fn main() {
    let mut state: u64 = 7;
    let mut next = |limit: u64| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) % limit
    };
    let parts = ["al", "be", "ca", "du", "er", "fo", "gi", "hu"];
    let text: Vec<String> = (0..400_000)
        .map(|_| (0..1 + next(4)).map(|_| parts[next(8) as usize]).collect::<String>())
        .collect();
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for _ in 0..14 {
        for word in &text {
            *counts.entry(word.as_str()).or_insert(0) += word.len();
        }
    }
    let mut sorted: Vec<Count> = counts.iter().map(|(word, times)| Count { word: word.to_uppercase(), times: *times }).collect();
    sorted.sort_by(|a, b| b.times.cmp(&a.times).then_with(|| a.word.cmp(&b.word)));
    let joined = sorted.iter().take(5).map(|each| format!("{}={}", each.word, each.times)).collect::<Vec<_>>().join(" ");
    let digits: usize = text.iter().map(|word| word.bytes().filter(|byte| *byte == b'a').count()).sum();
    println!("{} {} {}", sorted.len(), joined, digits);
}
