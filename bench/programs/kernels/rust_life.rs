//! Bounds-checked arrays of arrays, closures, trait objects: a cellular automaton under several rules.
trait Rule {
    fn next(&self, alive: bool, neighbours: u8) -> bool;
}

struct Table {
    born: u16,
    stays: u16,
}

impl Rule for Table {
    fn next(&self, alive: bool, neighbours: u8) -> bool {
        (if alive { self.stays } else { self.born }) >> neighbours & 1 == 1
    }
}

struct Majority;

impl Rule for Majority {
    fn next(&self, alive: bool, neighbours: u8) -> bool {
        neighbours + u8::from(alive) > 4
    }
}

fn step(from: &[Vec<bool>], rule: &dyn Rule) -> Vec<Vec<bool>> {
    let (height, width) = (from.len(), from[0].len());
    (0..height)
        .map(|y| {
            (0..width)
                .map(|x| {
                    let mut neighbours = 0;
                    for dy in [height - 1, 0, 1] {
                        for dx in [width - 1, 0, 1] {
                            if (dy, dx) != (0, 0) {
                                neighbours += u8::from(from[(y + dy) % height][(x + dx) % width]);
                            }
                        }
                    }
                    rule.next(from[y][x], neighbours)
                })
                .collect()
        })
        .collect()
}

fn main() {
    let rules: [Box<dyn Rule>; 3] = [Box::new(Table { born: 1 << 3, stays: 3 << 2 }), Box::new(Table { born: 0b1_0100_1000, stays: 0b1100 }), Box::new(Majority)];
    for rule in &rules {
        let mut cells: Vec<Vec<bool>> = (0..180u32).map(|y| (0..220u32).map(|x| (x * 7919 ^ y * 104_729).wrapping_mul(2_654_435_761) >> 30 == 0).collect()).collect();
        for _ in 0..360 {
            cells = step(&cells, rule.as_ref());
        }
        println!("{}", cells.iter().enumerate().map(|(y, row)| row.iter().filter(|cell| **cell).count() * (y + 1)).sum::<usize>());
    }
}
