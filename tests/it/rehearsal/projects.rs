//! Projects with code of their own, rehearsed by the deployment that has to go back.

use super::traces::assert_nothing_left;
use crate::support::Project;

#[test]
fn a_django_project_whose_release_is_bad() {
    let Some(project) = Project::django("[rehearsal]\npg_stat_statements = false\n") else {
        return;
    };
    project.expect(&["migration", "run", "--release", "v1"], 0);
    project
        .pg
        .sql("INSERT INTO catalog_product (name) VALUES ('chair')");
    let parent = project.site.folder().join("journal/rehearsal");

    // A nullable column: the old code lives with it.
    project.site.release("v2", "500");
    let said = project.expect(&["deploy", "v2", "--json"], 1).json();
    assert_eq!(said["outcome"], "rolled_back", "{said}");
    assert_eq!(said["plan"]["class"], "CodeOnly", "{said}");
    assert_eq!(
        said["rehearsal"]["migrations"][0]["id"], "catalog.0002_price",
        "{said}"
    );
    assert_eq!(
        said["rehearsal"]["migrations"][0]["reversible"], true,
        "{said}"
    );
    assert_eq!(project.columns(), "id name price");
    assert_eq!(project.site.serving().as_deref(), Some("v1"));
    assert_nothing_left(&project.site.folder().join("journal"), &parent);

    // Another name: it has to be taken back, and it is.
    let said = project.expect(&["deploy", "v3", "--json"], 1).json();
    assert_eq!(said["outcome"], "rolled_back", "{said}");
    assert_eq!(said["plan"]["class"], "Revert", "{said}");
    assert_eq!(said["plan"]["basis"], "proved", "{said}");
    assert_eq!(project.columns(), "id name price");
    assert_eq!(project.applied(), ["0001_initial", "0002_price"]);
    assert_eq!(
        project.pg.sql("SELECT name FROM catalog_product"),
        ["chair"]
    );
    assert_eq!(project.site.serving().as_deref(), Some("v1"));
    assert_nothing_left(&project.site.folder().join("journal"), &parent);
}
