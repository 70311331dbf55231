//! Which tables have to be filled before which.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::Client;

use super::super::session::refused;
use super::drift::Target;
use crate::Error;

/// Foreign keys between these tables: who refers, and to whom.
const REFERENCES: &str = "
SELECT DISTINCT conrelid, confrelid FROM pg_constraint
WHERE contype = 'f' AND conrelid = ANY ($1) AND confrelid = ANY ($1) AND conrelid <> confrelid";

/// Groups of tables, by their place in `targets`. Those of one group refer to each other in a
/// circle, so they can only be filled by one statement, at the end of which keys are looked at.
pub(super) async fn groups(client: &Client, targets: &[Target]) -> Result<Vec<Vec<usize>>, Error> {
    let oids: Vec<u32> = targets.iter().map(|target| target.live.oid).collect();
    let rows = client
        .query(REFERENCES, &[&oids])
        .await
        .map_err(|source| refused("read the foreign keys of", "the tables", source))?;
    let place: BTreeMap<u32, usize> = oids.iter().copied().zip(0..).collect();
    let mut parents: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for row in rows {
        if let (Some(child), Some(parent)) = (place.get(&row.get(0)), place.get(&row.get(1))) {
            parents.entry(*child).or_default().insert(*parent);
        }
    }
    Ok(sorted(targets.len(), &parents))
}

/// Parents first, and otherwise in the given order. What is left of a circle, and what refers to
/// it, is one group.
fn sorted(count: usize, parents: &BTreeMap<usize, BTreeSet<usize>>) -> Vec<Vec<usize>> {
    let mut groups = Vec::new();
    let mut done: BTreeSet<usize> = BTreeSet::new();
    while done.len() < count {
        let waiting: Vec<usize> = (0..count).filter(|table| !done.contains(table)).collect();
        let ready = waiting
            .iter()
            .find(|table| parents.get(table).is_none_or(|p| p.is_subset(&done)));
        let group = ready.map_or_else(|| waiting.clone(), |table| vec![*table]);
        done.extend(&group);
        groups.push(group);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sort(count: usize, references: &[(usize, usize)]) -> Vec<Vec<usize>> {
        let mut parents: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for (child, parent) in references {
            parents.entry(*child).or_default().insert(*parent);
        }
        sorted(count, &parents)
    }

    #[test]
    fn parents_come_first() {
        assert_eq!(sort(3, &[]), [[0], [1], [2]]);
        assert_eq!(sort(3, &[(0, 1), (1, 2)]), [[2], [1], [0]]);
        assert_eq!(sort(4, &[(1, 2), (2, 1), (3, 1)]), [vec![0], vec![1, 2, 3]]);
    }
}
