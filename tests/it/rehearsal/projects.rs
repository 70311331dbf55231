//! Projects with code of their own, rehearsed by the deployment that has to go back.

use super::traces::assert_nothing_left;
use crate::support::Project;

/// A nullable column and another name of one: both are the release's own code to take back.
#[test]
fn a_django_project_whose_release_is_bad() {
    let tables = "[rehearsal]\npg_stat_statements = false\nfolder = \"rehearsal\"\n";
    let Some(project) = Project::django(tables) else {
        return;
    };
    project.expect(&["migration", "run", "--release", "v1"], 0);
    let insert = "INSERT INTO catalog_product (name) VALUES ('chair')";
    project.pg.sql(insert);
    let parent = project.site.folder().join("rehearsal");
    let said = project.expect(&["deploy", "v3", "--json"], 1).json();
    assert_eq!(said["outcome"], "rolled_back", "{said}");
    assert_eq!(said["plan"]["class"], "PreserveAndRevert", "{said}");
    assert_eq!(said["plan"]["basis"], "proved", "{said}");
    let tried = &said["rehearsal"]["migrations"];
    for (number, id) in ["catalog.0002_price", "catalog.0003_title"]
        .iter()
        .enumerate()
    {
        assert_eq!(tried[number]["id"], **id, "{said}");
        assert_eq!(tried[number]["reversible"], true, "{said}");
    }
    let preserve = said["rehearsal"]["preserve"].to_string();
    assert!(
        preserve.contains("catalog_product") && preserve.contains("price"),
        "{said}"
    );
    assert_eq!(project.columns(), "id name");
    assert_eq!(project.applied(), ["0001_initial"]);
    let kept = project.pg.sql("SELECT name FROM catalog_product");
    assert_eq!(kept, ["chair"]);
    assert_eq!(project.site.serving().as_deref(), Some("v1"));
    // That is where it was.
    assert!(parent.is_dir());
    assert_nothing_left(project.site.folder(), &parent);
}
