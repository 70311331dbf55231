//! The directory backend with real processes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ripcord_rollback::backends::DirectoryBackend;
use ripcord_rollback::managers::{CommandManager, CommandOptions, Writer};
use ripcord_rollback::test_util::backend_conformance;
use ripcord_rollback::{
    Backend, Child, ErrorKind, Ledger, Run, Running, Statement, Tag, WayBack, Witness, process,
};

/// Asks the service: it keeps its release in a file while it lives, with its pid.
#[derive(Debug)]
struct FileWitness(PathBuf);

#[async_trait]
impl Witness for FileWitness {
    async fn running(&self) -> Running {
        let unknown = |reason: &str| Running::Unknown {
            reason: reason.to_owned(),
        };
        let Ok(text) = fs::read_to_string(&self.0) else {
            return unknown("no answer");
        };
        let mut words = text.split_whitespace();
        let (Some(release), Some(pid)) = (words.next(), words.next().and_then(|p| p.parse().ok()))
        else {
            return unknown("half an answer");
        };
        match process::start_time(pid) {
            Some(_) => Running::Proved {
                release: release.to_owned(),
            },
            None => unknown("its process is gone"),
        }
    }
}

struct Site {
    root: tempfile::TempDir,
    service: String,
}

impl Site {
    fn new(releases: &[&str]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let service = format!(
            "it-{}/test",
            root.path().file_name().unwrap().to_str().unwrap()
        );
        let site = Self { root, service };
        for release in releases {
            site.add(release, "exec sleep 600");
        }
        site
    }

    fn path(&self) -> &Path {
        self.root.path()
    }

    /// A release whose service writes its answer and then does `body`.
    fn add(&self, release: &str, body: &str) {
        let folder = self.path().join("releases").join(release);
        fs::create_dir_all(&folder).unwrap();
        let answer = self.path().join("answer");
        let service = format!(
            "#!/bin/sh\necho {release} $$ > {0}.new && mv {0}.new {0}\n{body}\n",
            answer.display()
        );
        let start = "#!/bin/sh\nnohup ./service.sh >/dev/null 2>&1 &\n".to_owned();
        let stop = format!(
            "#!/bin/sh\nread -r r p < {} 2>/dev/null && kill $p 2>/dev/null\nexit 0\n",
            answer.display()
        );
        for (name, text) in [
            ("service.sh", service),
            ("start.sh", start),
            ("stop.sh", stop),
        ] {
            let path = folder.join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    fn backend(&self, options: CommandOptions) -> DirectoryBackend {
        let manager = CommandManager::new(
            &self.service,
            vec!["./start.sh".into()],
            vec!["./stop.sh".into()],
            self.path().join("state"),
            options,
        );
        DirectoryBackend::new(
            "shop",
            self.path().to_owned(),
            Arc::new(manager),
            Arc::new(FileWitness(self.path().join("answer"))),
        )
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        for p in process::marked("RIPCORD_SERVICE", &self.service) {
            process::signal(p.pid, p.started, rustix::process::Signal::KILL);
        }
    }
}

async fn until(mut condition: impl AsyncFnMut() -> bool) {
    tokio::time::timeout(Duration::from_secs(30), async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("in time");
}

#[tokio::test]
async fn it_conforms() {
    let site = Site::new(&["v1", "v2"]);
    let backend = site.backend(CommandOptions::default());
    backend_conformance(&backend, "v1", "v2").await.unwrap();
}

#[tokio::test]
async fn current_is_a_relative_link_and_always_there() {
    let site = Site::new(&["v1", "v2"]);
    let backend = site.backend(CommandOptions::default());
    let run = Run::unrecorded();
    for name in ["v1", "v2"] {
        let release = backend.resolve(name).await.unwrap();
        backend.activate(&release, &run).await.unwrap();
        until(async || backend.observe().await.unwrap().is(&release)).await;
        let target = fs::read_link(site.path().join("current")).unwrap();
        assert_eq!(target, Path::new("releases").join(name));
    }
}

#[tokio::test]
async fn names_and_folders_that_cannot_be_are_refused() {
    let site = Site::new(&["v1"]);
    std::os::unix::fs::symlink("v1", site.path().join("releases/link")).unwrap();
    fs::write(site.path().join("releases/file"), "").unwrap();
    let backend = site.backend(CommandOptions::default());
    for (label, kind) in [
        ("../v1", ErrorKind::Invalid),
        ("", ErrorKind::Invalid),
        (".hidden", ErrorKind::Invalid),
        ("-rf", ErrorKind::Invalid),
        ("v1/..", ErrorKind::Invalid),
        ("v1\n", ErrorKind::Invalid),
        ("link", ErrorKind::NotFound),
        ("file", ErrorKind::NotFound),
        ("v9", ErrorKind::NotFound),
    ] {
        assert_eq!(
            backend.resolve(label).await.unwrap_err().kind(),
            kind,
            "{label:?}"
        );
    }
}

#[tokio::test]
async fn a_current_that_is_no_link_of_ours_is_an_error_and_stays() {
    let site = Site::new(&["v1"]);
    let backend = site.backend(CommandOptions::default());
    fs::create_dir(site.path().join("current")).unwrap();
    assert_eq!(
        backend.observe().await.unwrap_err().kind(),
        ErrorKind::State
    );
    fs::remove_dir(site.path().join("current")).unwrap();
    std::os::unix::fs::symlink("/etc", site.path().join("current")).unwrap();
    assert_eq!(
        backend.observe().await.unwrap_err().kind(),
        ErrorKind::State
    );
}

#[tokio::test]
async fn a_service_that_ignores_stop_is_killed_and_only_then_is_it_stopped() {
    let site = Site::new(&[]);
    site.add("v1", "trap '' TERM; while :; do sleep 1; done");
    let mut options = CommandOptions::default();
    options.stop_timeout = Duration::from_millis(300);
    let backend = site.backend(options);
    let run = Run::unrecorded();
    let v1 = backend.resolve("v1").await.unwrap();
    backend.activate(&v1, &run).await.unwrap();
    until(async || backend.observe().await.unwrap().is(&v1)).await;
    backend.quiesce(&run).await.unwrap();
    assert!(process::marked("RIPCORD_SERVICE", &site.service).is_empty());
}

#[tokio::test]
async fn a_process_that_ended_is_hopeless_at_once_and_a_living_one_is_not() {
    let site = Site::new(&["good"]);
    site.add("dead", "exit 1");
    let backend = site.backend(CommandOptions::default());
    let run = Run::unrecorded();
    let good = backend.resolve("good").await.unwrap();
    backend.activate(&good, &run).await.unwrap();
    until(async || backend.observe().await.unwrap().is(&good)).await;
    assert_eq!(backend.hopeless(&good).await, None);
    let dead = backend.resolve("dead").await.unwrap();
    backend.activate(&dead, &run).await.unwrap();
    until(async || backend.hopeless(&dead).await.is_some()).await;
    let why = backend.hopeless(&dead).await.unwrap();
    assert!(why.contains("is gone"), "{why}");
}

#[tokio::test]
async fn a_crash_loop_is_seen_through_its_supervisor() {
    let site = Site::new(&[]);
    site.add("loop", "");
    let folder = site.path().join("releases/loop");
    fs::write(folder.join("app.sh"), "#!/bin/sh\nexit 1\n").unwrap();
    fs::set_permissions(folder.join("app.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(
        folder.join("service.sh"),
        "#!/bin/sh\nwhile :; do sh ./crash.sh; done\n",
    )
    .unwrap();
    // Long enough to be seen, short enough for many rounds.
    fs::write(folder.join("crash.sh"), "sleep 0.2; exit 1\n").unwrap();
    let backend = site.backend(CommandOptions::default());
    let release = backend.resolve("loop").await.unwrap();
    backend
        .activate(&release, &Run::unrecorded())
        .await
        .unwrap();
    until(async || backend.hopeless(&release).await.is_some()).await;
    let why = backend.hopeless(&release).await.unwrap();
    assert!(why.contains("started again"), "{why}");
}

#[tokio::test]
async fn a_slow_boot_that_polls_is_no_crash_loop() {
    let site = Site::new(&[]);
    site.add("slow", "while :; do sleep 0.05; done");
    let backend = site.backend(CommandOptions::default());
    let release = backend.resolve("slow").await.unwrap();
    backend
        .activate(&release, &Run::unrecorded())
        .await
        .unwrap();
    until(async || backend.observe().await.unwrap().is(&release)).await;
    let mut sleepers = std::collections::BTreeSet::new();
    while sleepers.len() < 12 {
        assert_eq!(backend.hopeless(&release).await, None);
        for p in process::marked("RIPCORD_SERVICE", &site.service) {
            sleepers.insert((p.pid, p.started));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn writers_stop_before_the_service_and_start_after_it() {
    let site = Site::new(&["v1"]);
    let log = site.path().join("order");
    let note = |what: &str| {
        vec![
            "/bin/sh".to_owned(),
            "-c".into(),
            format!("echo {what} >> {}", log.display()),
        ]
    };
    let mut options = CommandOptions::default();
    options.writers = vec![Writer {
        name: "worker".into(),
        start: note("start-worker"),
        stop: note("stop-worker"),
    }];
    let backend = site.backend(options);
    let run = Run::unrecorded();
    let v1 = backend.resolve("v1").await.unwrap();
    backend.activate(&v1, &run).await.unwrap();
    until(async || backend.observe().await.unwrap().is(&v1)).await;
    backend.quiesce(&run).await.unwrap();
    let order = fs::read_to_string(&log).unwrap();
    assert_eq!(
        order.split_whitespace().collect::<Vec<_>>(),
        ["start-worker", "stop-worker"]
    );
}

#[derive(Debug)]
struct Refusing;

#[async_trait]
impl Ledger for Refusing {
    async fn child(&self, _: Child, _: &str) -> Result<(), ripcord_rollback::Error> {
        Err(ripcord_rollback::Error::new(
            "append to",
            "a full disk",
            ErrorKind::Fenced,
        ))
    }
    async fn statement(&self, _: Statement) -> Result<(), ripcord_rollback::Error> {
        Ok(())
    }
    async fn way_back(&self, _: WayBack) -> Result<(), ripcord_rollback::Error> {
        Ok(())
    }
}

#[tokio::test]
async fn a_child_that_could_not_be_written_down_never_runs() {
    let site = Site::new(&["v1"]);
    let marker = site.path().join("ran");
    let argv = vec!["/usr/bin/touch".to_owned(), marker.display().to_string()];
    let run = Run {
        tag: Tag {
            deployment: "d".into(),
            epoch: 1,
        },
        ledger: Arc::new(Refusing),
    };
    let output = site.path().join("out");
    let launch = process::Launch {
        argv: &argv,
        folder: site.path(),
        env: Vec::new(),
        output: &output,
        timeout: Duration::from_secs(5),
    };
    assert!(process::launch(launch, &run).await.is_err());
    let quiet = || process::marked("RIPCORD_TEST", "never").is_empty();
    assert!(process::wait_until(Duration::from_millis(200), quiet).await);
    assert!(!marker.exists());
}

#[tokio::test]
async fn a_command_that_hangs_is_killed_with_its_group() {
    let site = Site::new(&["v1"]);
    let argv: Vec<String> = ["/bin/sh", "-c", "sleep 600 & sleep 600"]
        .map(String::from)
        .to_vec();
    let output = site.path().join("out");
    let value = site.service.clone();
    let launch = process::Launch {
        argv: &argv,
        folder: site.path(),
        env: vec![("RIPCORD_SERVICE".into(), value.clone())],
        output: &output,
        timeout: Duration::from_millis(200),
    };
    let error = process::launch(launch, &Run::unrecorded())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Command);
    let gone = process::wait_until(Duration::from_secs(10), || {
        process::marked("RIPCORD_SERVICE", &value).is_empty()
    });
    assert!(gone.await);
}

#[tokio::test]
async fn a_failing_command_shows_what_it_said() {
    let site = Site::new(&["v1"]);
    let argv: Vec<String> = ["/bin/sh", "-c", "echo the port is taken >&2; exit 7"]
        .map(String::from)
        .to_vec();
    let output = site.path().join("out");
    let launch = process::Launch {
        argv: &argv,
        folder: site.path(),
        env: Vec::new(),
        output: &output,
        timeout: Duration::from_secs(5),
    };
    let error = process::launch(launch, &Run::unrecorded())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("the port is taken"), "{error}");
}
