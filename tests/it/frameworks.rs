//! Real Django and Alembic projects, deployed by `ripcord`: their own code goes forward, and the code of the release that
//! owns a migration takes it back.

use std::fs;

use crate::support::{MODELS, Project, RENAME, UNREHEARSED, processes, step, until};

const SLEEPS: &str = "migrations.AddField('product', 'size', models.IntegerField(null=True)), migrations.RunPython(lambda apps, editor: \
    connection.cursor().execute('SELECT pg_sleep(600)'), migrations.RunPython.noop)";
const ONE_WAY: &str = "migrations.RunPython(lambda apps, editor: None), migrations.RenameField('product', 'price', 'cost')";

#[test]
fn django_goes_forward_and_back_by_the_code_of_the_release_that_owns_it() {
    let Some(project) = Project::django(UNREHEARSED) else {
        return;
    };
    project.expect(&["migration", "run", "--release", "v1"], 0);
    let status = project.expect(&["migration", "status", "--release", "v2", "--json"], 0);
    let status = status.json();
    assert_eq!(status["applied"][0], "catalog.0001_initial");
    assert_eq!(status["pending"][0]["id"], "catalog.0002_price", "{status}");

    let said = project.expect(&["deploy", "v2", "--json"], 0);
    assert_eq!(said.json()["plan"]["class"], "CodeOnly", "{said:?}");
    assert_eq!(project.columns(), "id name price");
    project
        .pg
        .sql("INSERT INTO catalog_product (name, price) VALUES ('chair', 7)");

    // v3 renames a column, and answers 500: only its own code knows how to take that back.
    let plan = project.expect(&["plan", "v3", "--json"], 0).json();
    assert_eq!(plan["plan"]["class"], "Revert", "{plan}");
    let said = project.expect(&["deploy", "v3", "--json"], 1);
    assert_eq!(said.json()["outcome"], "rolled_back", "{said:?}");
    assert_eq!(project.columns(), "id name price");
    assert_eq!(project.applied(), ["0001_initial", "0002_price"]);
    assert_eq!(
        project.pg.sql("SELECT name FROM catalog_product"),
        ["chair"]
    );
    assert_eq!(project.site.serving().as_deref(), Some("v2"));
}

#[test]
fn a_django_migration_without_a_way_back_is_blocked_and_a_conflict_is_named() {
    let Some(project) = Project::django(UNREHEARSED) else {
        return;
    };
    project.expect(&["migration", "run", "--release", "v2"], 0);
    let before = project.columns();
    project.site.release("v4", "200");
    project.like("v4", "v2");
    project.step("v4", "0003_cost", &step("0002_price", ONE_WAY));
    let said = project.expect(&["deploy", "v4", "--json"], 3);
    assert_eq!(
        said.json()["reason_code"],
        "restore_needs_consent",
        "{said:?}"
    );

    project.step("v4", "0003_title", &step("0002_price", RENAME));
    let said = project.expect(&["deploy", "v4", "--json"], 3);
    assert_eq!(said.json()["reason_code"], "migration_conflict", "{said:?}");
    let check = ["migration", "check", "--release", "v4", "--json"];
    let said = project.expect(&check, 3).json();
    assert_eq!(said["found"][0]["kind"], "merge", "{said}");
    assert!(said["found"].to_string().contains("0003_cost"), "{said}");
    assert_eq!(project.columns(), before);
}

#[test]
fn a_changed_model_without_a_migration_is_found_in_a_checkout() {
    let Some(project) = Project::django(UNREHEARSED) else {
        return;
    };
    let checkout = project.code("v2");
    // The model of v2 does not say what its migration does.
    let words = ["migration", "check", checkout.to_str().unwrap(), "--json"];
    let said = project.expect(&words, 3).json();
    assert_eq!(said["found"][0]["kind"], "migration", "{said}");
    let models = format!("{MODELS}    price = models.IntegerField(null=True)\n");
    fs::write(checkout.join("catalog/models.py"), models).unwrap();
    project.expect(&words, 0);
    let said = project.run(&["migration", "check", "no/such/folder"]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{said:?}");
}

#[test]
fn what_a_killed_run_left_of_a_projects_code_is_ended() {
    let Some(project) = Project::django(UNREHEARSED) else {
        return;
    };
    project.expect(&["migration", "run", "--release", "v2"], 0);
    project.site.release("v4", "200");
    project.like("v4", "v2");
    project.step("v4", "0003_slow", &step("0002_price", SLEEPS));
    let children = || {
        let all = processes().into_iter();
        all.filter(|p| {
            p.cwd
                .as_ref()
                .is_some_and(|cwd| cwd.starts_with(project.code("v4")))
                && p.vars.contains_key("RIPCORD_RUN")
        })
        .count()
    };
    let running = project.call(&["deploy", "v4"]).start();
    let slow = "SELECT application_name FROM pg_stat_activity
         WHERE query LIKE '%pg_sleep(600)%' AND state = 'active' AND pid <> pg_backend_pid()";
    until("the slow statement", || project.pg.sql(slow).pop());
    assert!(children() > 0);
    running.kill();
    project.expect(&["resume"], 1);
    assert_eq!(children(), 0);
    until("the end of its session", || {
        project.pg.sql(slow).is_empty().then_some(())
    });
    assert_eq!(project.applied(), ["0001_initial", "0002_price"]);
    assert_eq!(project.site.serving().as_deref(), Some("v1"));
}

#[test]
fn alembic_goes_forward_and_back_by_the_code_of_the_release_that_owns_it() {
    let Some(project) = Project::alembic(UNREHEARSED) else {
        return;
    };
    project.like("v3", "v1");
    let rename = "op.alter_column('notes', 'id', new_column_name='key')";
    let back = "op.alter_column('notes', 'key', new_column_name='id')";
    project.revision("v3", "b2", "'a1'", rename, back);

    let said = project.expect(&["migration", "check", "--release", "v1", "--json"], 5);
    assert!(said.json()["unknown"][0].is_string(), "{said:?}");
    project.expect(&["migration", "run", "--release", "v1"], 0);
    project.expect(&["migration", "check", "--release", "v1"], 0);
    let column = "SELECT column_name FROM information_schema.columns WHERE table_name = 'notes'";
    assert_eq!(project.pg.sql(column), ["id"]);

    let lint = ["migration", "lint", "--release", "v3", "--format", "sarif"];
    let sarif = project.run(&lint).stdout;
    assert!(sarif.contains("b2_step.py"), "{sarif}");
    let said = project.expect(&["deploy", "v3", "--json"], 1);
    assert_eq!(said.json()["outcome"], "rolled_back", "{said:?}");
    assert_eq!(project.pg.sql(column), ["id"]);
    assert_eq!(
        project.pg.sql("SELECT version_num FROM alembic_version"),
        ["a1"]
    );

    project.revision(
        "v3",
        "c3",
        "'a1'",
        "op.add_column('notes', sa.Column('c', sa.Integer))",
        "pass",
    );
    let said = project.expect(&["migration", "check", "--release", "v3", "--json"], 3);
    assert!(said.stdout.contains("b2, c3"), "{said:?}");
    assert!(
        said.json()["found"][0]["help"]
            .as_str()
            .unwrap()
            .contains("merge"),
        "{said:?}"
    );
    let said = project.expect(
        &["migration", "revert", "--release", "v1", "--to", "none"],
        0,
    );
    assert!(said.stdout.contains("reverted: a1"), "{said:?}");
}
