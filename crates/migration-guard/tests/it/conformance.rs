use ripcord_migration_guard::Layout;
use ripcord_migration_guard::test_util::{FakeMigrator, conformance};

use crate::server;

#[tokio::test]
async fn the_fake_conforms() {
    for layout in [Layout::Sqlx, Layout::GolangMigrate, Layout::Rails] {
        let folder = tempfile::tempdir().unwrap();
        conformance(&FakeMigrator::new(layout), folder.path()).await;
    }
}

#[tokio::test]
async fn postgres_conforms() {
    for layout in [Layout::Sqlx, Layout::GolangMigrate, Layout::Rails] {
        let Some(db) = server::database("conformance").await else {
            return;
        };
        let folder = tempfile::tempdir().unwrap();
        conformance(&db.migrator(layout, "conformance"), folder.path()).await;
        db.drop().await;
    }
}
