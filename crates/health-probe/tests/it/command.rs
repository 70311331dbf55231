//! The command check with real programs.

use std::time::Duration;

use ripcord_health_probe::checks::{CommandCheck, CommandConfig};
use ripcord_health_probe::test_util::conformance;
use ripcord_health_probe::{ErrorKind, HealthCheck, Reason, Verdict};
use tokio::time::timeout;

fn shell(script: &str, config: CommandConfig) -> CommandCheck {
    let argv = ["sh", "-c", script].map(str::to_owned).to_vec();
    CommandCheck::new("smoke", argv, config).unwrap()
}

fn quick() -> CommandConfig {
    let mut config = CommandConfig::default();
    config.timeout = Duration::from_millis(300);
    config
}

/// Seconds to sleep that no other test, and no other run of this one, sleeps.
fn marker(test: u32) -> String {
    format!("1002.{test}{}", std::process::id())
}

/// Ends when no process has `marker` in its command line any more.
async fn gone(marker: &str) {
    let running = || {
        std::fs::read_dir("/proc").unwrap().flatten().any(|entry| {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(marker)
        })
    };
    let wait = async {
        while running() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(20), wait)
        .await
        .unwrap_or_else(|_| panic!("{marker} is still running"));
}

#[tokio::test]
async fn exit_status_output_and_release() {
    let script = "echo booting; echo release=v7; echo done";
    let result = shell(script, CommandConfig::default()).check().await;
    assert_eq!(result.verdict, Verdict::Pass);
    assert_eq!(result.release.as_deref(), Some("v7"));

    let script = "echo out; echo err >&2; exit 3";
    let result = shell(script, CommandConfig::default()).check().await;
    assert_eq!(
        (result.verdict, result.reason),
        (Verdict::Fail, Reason::ExitStatus)
    );
    assert_eq!(result.observed[0].value, 3.0);
    assert!(result.detail.contains("err") && result.detail.contains("out"));

    let result = shell("kill -9 $$", CommandConfig::default()).check().await;
    assert_eq!(result.reason, Reason::ExitStatus);
}

#[tokio::test]
async fn a_program_that_cannot_start_is_a_broken_source() {
    let check = CommandCheck::new("smoke", vec!["/no/such/program".into()], quick()).unwrap();
    let result = check.check().await;
    assert_eq!(result.verdict, Verdict::SourceBroken);
    let error = CommandCheck::new("smoke", vec![], quick()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Setting);
}

#[tokio::test]
async fn a_timeout_kills_the_whole_group() {
    let seconds = marker(1);
    let script = format!("sleep {seconds} & (sleep {seconds} & wait) & sleep {seconds}");
    let result = shell(&script, quick()).check().await;
    assert_eq!(
        (result.verdict, result.reason),
        (Verdict::Fail, Reason::Timeout)
    );
    gone(&seconds).await;
}

#[tokio::test]
async fn dropping_the_check_kills_the_whole_group() {
    let seconds = marker(2);
    let script = format!("sleep {seconds} & sleep {seconds}");
    let check = shell(&script, CommandConfig::default());
    let _ = timeout(Duration::from_millis(200), check.check()).await;
    gone(&seconds).await;
}

#[tokio::test]
async fn a_leftover_that_holds_the_pipe_neither_delays_nor_survives() {
    let seconds = marker(3);
    let script = format!("sleep {seconds} & exit 0");
    let result = shell(&script, CommandConfig::default()).check().await;
    assert_eq!(result.verdict, Verdict::Pass);
    gone(&seconds).await;
}

#[tokio::test]
async fn endless_output_is_cut_to_its_end() {
    let script = "head -c 3000000 /dev/zero | tr '\\0' x; echo; echo THE-END; exit 1";
    let result = shell(script, CommandConfig::default()).check().await;
    assert_eq!(result.reason, Reason::ExitStatus);
    assert!(result.detail.len() < 5000, "{}", result.detail.len());
    assert!(result.detail.contains("THE-END"));
    // Endless lines end with the time, not with the memory.
    let result = shell("cat /dev/zero", quick()).check().await;
    assert_eq!(result.reason, Reason::Timeout);
}

#[tokio::test]
async fn secrets_in_the_environment_are_not_in_the_report() {
    let mut config = CommandConfig::default();
    config.env.insert("TOKEN".into(), "planted-secret-1".into());
    let check = shell("env; env >&2; exit 1", config);
    let broken = conformance(&check, Duration::from_secs(30), &["planted-secret-1"]).await;
    assert_eq!(broken, [""; 0]);
    let result = check.check().await;
    assert!(result.detail.contains("TOKEN=***"), "{}", result.detail);
}
