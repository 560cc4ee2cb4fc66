//! Union-find over indexes.

/// Disjoint sets of `0..n`, each known by its smallest member.
#[derive(Debug)]
pub(super) struct Sets {
    parent: Vec<u32>,
}

impl Sets {
    /// Every index alone.
    pub(super) fn new(size: usize) -> Self {
        Self { parent: (0..index(size)).collect() }
    }

    /// The smallest index of the set that holds this one.
    pub(super) fn find(&mut self, mut at: u32) -> u32 {
        while self.parent[at as usize] != at {
            let above = self.parent[self.parent[at as usize] as usize];
            self.parent[at as usize] = above;
            at = above;
        }
        at
    }

    /// Joins the two sets.
    pub(super) fn join(&mut self, one: u32, other: u32) {
        let (one, other) = (self.find(one), self.find(other));
        self.parent[one.max(other) as usize] = one.min(other);
    }
}

/// An index as it is stored; a single solve never sees four billion records.
pub(super) fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
