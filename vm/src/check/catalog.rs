//! What a check needs to know of the commands.

/// The commands that a script can call.
pub trait Catalog {
    /// The names of a command's arguments in order (the `item`s of its interface); `None` if there is no such command.
    fn interface(&self, name: &str) -> Option<Vec<String>>;

    /// A command whose name differs from `name` in little, for "did you mean".
    fn similar(&self, name: &str) -> Option<String>;
}

/// The one of `names` that is most like `name`: same letters but for case, or one or two edits in a long enough name.
pub fn most_similar<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const LENGTH_MAX: usize = 40; // the distance costs the product of both lengths
    if name.len() > LENGTH_MAX {
        return None;
    }
    let wanted = name.to_lowercase();
    names
        .filter(|candidate| candidate.len() <= LENGTH_MAX)
        .map(|candidate| (distance(&wanted, &candidate.to_lowercase()), candidate))
        .filter(|&(edits, candidate)| edits <= candidate.len().min(wanted.len()) / 3)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions and substitutions between two texts (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &b) in right.iter().enumerate() {
            let substituted = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}
