//! The PostgreSQL check, against a real server where there is one.

use std::time::Duration;

use ripcord_conninfo::{Conninfo, Nothing};
use ripcord_health_probe::checks::{PostgresCheck, PostgresConfig, Query, ReplicationLimits};
use ripcord_health_probe::test_util::conformance;
use ripcord_health_probe::{CheckResult, HealthCheck, Reason, Verdict};

use crate::peers::{self, After};
use crate::services;

const POSTGRES: &str = "RIPCORD_TEST_POSTGRES_URL";

fn conninfo(url: &str) -> Conninfo {
    Conninfo::parse(url, &Nothing).unwrap()
}

fn check(url: &str, config: PostgresConfig) -> PostgresCheck {
    PostgresCheck::new("db", conninfo(url), config)
}

fn asking(sql: &str, expect: &str) -> PostgresConfig {
    let mut config = PostgresConfig::default();
    config.query = Some(Query {
        sql: sql.to_owned(),
        expect: expect.to_owned(),
    });
    config
}

fn outcome(result: &CheckResult) -> (Verdict, Reason) {
    (result.verdict, result.reason)
}

#[tokio::test]
async fn a_query_with_its_answer() {
    let Some(url) = services::url(POSTGRES) else {
        return;
    };
    let ask = |sql: &'static str, expect: &'static str| {
        let check = check(&url, asking(sql, expect));
        async move { check.check().await }
    };
    assert_eq!(
        outcome(&ask("SELECT 1", "1").await),
        (Verdict::Pass, Reason::Ok)
    );
    assert_eq!(ask("SELECT true", "t").await.verdict, Verdict::Pass);
    for (sql, reason) in [
        ("SELECT 2", Reason::BodyMismatch),
        ("SELECT NULL", Reason::BodyMismatch),
        ("SELECT 1 WHERE false", Reason::BodyMismatch),
        ("SELECT * FROM no_such_table", Reason::Query),
        ("SELEC", Reason::Query),
        // A check reads.
        ("CREATE TABLE ripcord_never (a int)", Reason::Query),
    ] {
        let result = ask(sql, "1").await;
        assert_eq!(outcome(&result), (Verdict::Fail, reason), "{sql}: {result}");
    }
    let mut slow = asking("SELECT pg_sleep(60)", "");
    slow.timeout = Duration::from_millis(300);
    let result = check(&url, slow).check().await;
    assert_eq!(outcome(&result), (Verdict::Fail, Reason::Timeout));
}

#[tokio::test]
async fn limits() {
    let Some(url) = services::url(POSTGRES) else {
        return;
    };
    let mut config = PostgresConfig::default();
    config.limits.max_active_connections = Some(10_000);
    config.limits.min_free_connections = Some(0);
    config.limits.max_database_bytes = Some(u64::MAX);
    config.limits.max_transaction = Some(Duration::from_secs(1_000_000));
    let result = check(&url, config).check().await;
    assert_eq!(outcome(&result), (Verdict::Pass, Reason::Ok), "{result}");
    let metrics: Vec<&str> = result.observed.iter().map(|o| o.metric.as_str()).collect();
    for metric in [
        "active_connections",
        "longest_transaction",
        "free_connections",
        "database_size",
    ] {
        assert!(metrics.contains(&metric), "{metrics:?}");
    }

    let mut config = PostgresConfig::default();
    config.limits.max_database_bytes = Some(1);
    let result = check(&url, config).check().await;
    assert_eq!(outcome(&result), (Verdict::Fail, Reason::Resource));
    let mut config = PostgresConfig::default();
    config.limits.min_free_connections = Some(1_000_000);
    let result = check(&url, config).check().await;
    assert_eq!(outcome(&result), (Verdict::Fail, Reason::Resource));
}

#[tokio::test]
async fn an_old_open_transaction_is_found() {
    let Some(url) = services::url(POSTGRES) else {
        return;
    };
    let other = conninfo(&url).connect().await.unwrap();
    other.batch_execute("BEGIN; SELECT 1").await.unwrap();
    let mut config = PostgresConfig::default();
    config.limits.max_transaction = Some(Duration::ZERO);
    let result = check(&url, config.clone()).check().await;
    assert_eq!(outcome(&result), (Verdict::Fail, Reason::Resource));
    assert!(result.detail.contains("longest_transaction"));

    let busy = conninfo(&url).connect().await.unwrap();
    let running = tokio::spawn(async move { busy.batch_execute("SELECT pg_sleep(30)").await });
    let mut config = PostgresConfig::default();
    config.limits.max_active_connections = Some(0);
    let check = check(&url, config);
    let found = async {
        while check.check().await.reason != Reason::Resource {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), found)
        .await
        .unwrap();
    running.abort();
    other.batch_execute("ROLLBACK").await.unwrap();
}

#[tokio::test]
async fn a_user_that_may_not_look_gives_no_verdict() {
    let Some(url) = services::url(POSTGRES) else {
        return;
    };
    let admin = conninfo(&url).connect().await.unwrap();
    let role = format!("probe_{}", std::process::id());
    let create =
        format!("DROP ROLE IF EXISTS {role}; CREATE ROLE {role} LOGIN PASSWORD 'S3CRET-pg'");
    admin.batch_execute(&create).await.unwrap();
    // The session is the superuser's; what it may see is the role's.
    let limited = conninfo(&url).with_setting("role", &role);
    let mut config = PostgresConfig::default();
    config.limits.max_active_connections = Some(10_000);
    let check = PostgresCheck::new("db", limited.clone(), config);
    let result = check.check().await;
    assert_eq!(outcome(&result), (Verdict::Inconclusive, Reason::Auth));
    // What everybody may see is measured all the same.
    let mut config = PostgresConfig::default();
    config.limits.min_free_connections = Some(0);
    config.limits.max_database_bytes = Some(u64::MAX);
    let result = PostgresCheck::new("db", limited, config).check().await;
    assert_eq!(outcome(&result), (Verdict::Pass, Reason::Ok), "{result}");
    let drop = format!("DROP ROLE {role}");
    admin.batch_execute(&drop).await.unwrap();
}

#[tokio::test]
async fn a_primary_without_the_standbys_it_should_have_fails() {
    let Some(url) = services::url(POSTGRES) else {
        return;
    };
    let mut config = PostgresConfig::default();
    config.replication = Some(ReplicationLimits::new(Duration::from_secs(10), 0));
    let result = check(&url, config.clone()).check().await;
    assert_eq!(outcome(&result), (Verdict::Pass, Reason::Ok), "{result}");
    config.replication = Some(ReplicationLimits::new(Duration::from_secs(10), 1));
    let result = check(&url, config).check().await;
    assert_eq!(outcome(&result), (Verdict::Fail, Reason::Resource));
}

#[tokio::test]
async fn every_way_of_not_connecting_has_its_reason() {
    let at = |address: std::net::SocketAddr| {
        format!("postgres://u:S3CRET-pw@{address}/d?sslmode=disable")
    };
    let quick = || {
        let mut config = PostgresConfig::default();
        config.timeout = Duration::from_millis(400);
        config
    };
    let result = check(&at(peers::refusing().await), quick()).check().await;
    assert_eq!(outcome(&result), (Verdict::Fail, Reason::ConnectRefused));
    let result = check(&at(peers::hanging().await), quick()).check().await;
    assert_eq!(outcome(&result), (Verdict::Fail, Reason::Timeout));
    let other = peers::saying(b"HTTP/1.1 400 Bad Request\r\n\r\n", After::Close).await;
    let garbage = check(&at(other), quick());
    assert_eq!(garbage.check().await.verdict, Verdict::Fail);
    let broken = conformance(&garbage, Duration::from_secs(20), &["S3CRET-pw"]).await;
    assert_eq!(broken, [""; 0]);
    let nobody = "postgres://u@no-such-host.invalid/d";
    let result = check(nobody, PostgresConfig::default()).check().await;
    assert_eq!(outcome(&result), (Verdict::SourceBroken, Reason::Dns));
    let result = check("postgres://u@%2Fno%2Fsuch%2Fsocket/d", quick())
        .check()
        .await;
    assert_eq!(outcome(&result), (Verdict::Fail, Reason::Unreachable));
}

#[tokio::test]
async fn a_database_that_is_not_there_and_a_check_that_conforms() {
    let Some(url) = services::url(POSTGRES) else {
        return;
    };
    let gone = conninfo(&url).with_database("ripcord_no_such_database");
    let result = PostgresCheck::new("db", gone, PostgresConfig::default())
        .check()
        .await;
    assert_eq!(outcome(&result), (Verdict::Fail, Reason::Query));

    let check = check(&url, PostgresConfig::default());
    let secrets = conninfo(&url);
    let broken = conformance(&check, Duration::from_secs(20), &secrets.secrets()).await;
    assert_eq!(broken, [""; 0]);
}
