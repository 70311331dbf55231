//! One restore at a time into one name, and a server that cannot drop a database.

use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use object_store::memory::InMemory;
use ripcord_backup::sources::{PostgresOptions, PostgresSource};
use ripcord_backup::{
    BackupId, CreateOptions, Destination, ErrorKind, Progress, Source as _, Stage, Vault,
};

use crate::pg::Db;

/// Stops in the middle of a restore until it is told to go on.
#[derive(Debug)]
struct Paused {
    reached: Mutex<mpsc::Sender<()>>,
    go_on: Mutex<mpsc::Receiver<()>>,
}

impl Progress for Paused {
    fn stage(&self, _: &BackupId, stage: Stage) {
        if stage == Stage::Comparing {
            self.reached.lock().unwrap().send(()).unwrap();
            // What waits for this thread goes on elsewhere.
            tokio::task::block_in_place(|| self.go_on.lock().unwrap().recv().unwrap());
        }
    }

    fn bytes(&self, _: u64) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_restore_into_the_same_name_is_refused() {
    let Some(db) = Db::new("CREATE TABLE t (a int); INSERT INTO t VALUES (1)").await else {
        return;
    };
    let source = db.source();
    let vault = Vault::new(Arc::new(InMemory::new()), "");
    let id = vault
        .create(&source, &CreateOptions::default(), &())
        .await
        .unwrap()
        .id;
    let into = format!("{}_restored", db.name());
    let ((reached, is_there), (go_on, may_go_on)) = (mpsc::channel(), mpsc::channel());
    let first = tokio::spawn({
        let (vault, source, id, into) = (vault.clone(), source.clone(), id.clone(), into.clone());
        async move {
            let paused = Paused {
                reached: Mutex::new(reached),
                go_on: Mutex::new(may_go_on),
            };
            vault.restore(&source, &id, &into, &paused).await
        }
    });
    tokio::task::spawn_blocking(move || is_there.recv().unwrap())
        .await
        .unwrap();
    let before = source.find(&into).await.unwrap();

    // Another process would have another source.
    let second = vault.restore(&db.source(), &id, &into, &()).await;
    let after = source.find(&into).await.unwrap();
    go_on.send(()).unwrap();

    let error = second.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyRunning, "{error}");
    assert!(error.to_string().contains("is running (pid "), "{error}");
    assert_eq!(before, after);
    assert!(first.await.unwrap().unwrap().report.is_some());
    // And when it is over, it can be had.
    vault.restore(&source, &id, &into, &()).await.unwrap();
}

#[tokio::test]
async fn a_drop_that_the_server_cannot_finish_is_told_and_done_later() {
    let Some(db) = Db::new("").await else { return };
    let patient = db.source();
    let mut options = PostgresOptions::default();
    options.drop_timeout = Duration::from_secs(1);
    let impatient = PostgresSource::new(db.conninfo.clone(), options);
    let purpose = "ripcord: scratch copy of a test";
    let scratch = format!("ripcord_scratch_of_{}", db.name());
    let into = Destination::new(&scratch, purpose).briefly();
    let archive = {
        let mut bytes = Vec::new();
        patient.dump(&mut bytes).await.unwrap();
        bytes
    };
    patient
        .restore(&mut archive.as_slice(), &into)
        .await
        .unwrap();

    // It prints without end to somebody who does not read.
    let mut deaf = Command::new("psql")
        .args([
            "-X",
            "-c",
            "COPY (SELECT repeat('x', 1000) FROM generate_series(1, 100000000)) TO STDOUT",
        ])
        .envs(db.conninfo.libpq_env())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let admin = db.admin().await;
    let stuck = async || {
        let sql =
            "SELECT pid FROM pg_stat_activity WHERE datname = $1 AND wait_event = 'ClientWrite'";
        let row = admin.query_opt(sql, &[&db.name()]).await.unwrap();
        row.map(|row| row.get::<_, i32>(0))
    };
    let signal = |signal: &str, pid: i32| {
        let sent = Command::new("kill")
            .args([signal, &pid.to_string()])
            .status();
        assert!(sent.unwrap().success());
    };
    // Stopped as well, because a full socket may find some room yet.
    let pid = loop {
        let Some(pid) = stuck().await else {
            tokio::task::yield_now().await;
            continue;
        };
        signal("-STOP", pid);
        if stuck().await == Some(pid) {
            break pid;
        }
        signal("-CONT", pid);
    };

    let first = impatient.discard(&scratch).await;
    signal("-CONT", pid);
    deaf.kill().unwrap();
    deaf.wait().unwrap();
    while stuck().await.is_some() {
        tokio::task::yield_now().await;
    }
    let error = first.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InUse, "{error}");
    assert!(
        error.to_string().contains(&format!("pid {pid} of ")),
        "{error}"
    );
    let help = error.help().unwrap();
    assert!(
        help.contains(&format!("DROP DATABASE \"{scratch}\"")),
        "{help}"
    );
    patient.discard(&scratch).await.unwrap();
    assert_eq!(patient.find(&scratch).await.unwrap(), None);
}
