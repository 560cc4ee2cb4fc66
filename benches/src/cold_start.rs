//! Each function's process against a stand-in of the Lambda runtime, over and over.

use e2e::fake_aws::FakeAws;
use e2e::lambda_runtime::LambdaRuntime;

pub(crate) async fn run(starts: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = folder.path().join("tributary.toml");
    let text = "[connections.bench]\nsource = \"zendesk\"\nbase_url = \"https://acme.zendesk.com\"\n\
                email = \"bench@acme.example\"\ntoken = { env = \"BENCH_TOKEN\" }\n\
                webhook_secrets = [{ env = \"BENCH_TOKEN\" }]\n";
    std::fs::write(&settings, text).expect("settings");
    let aws = FakeAws::start().await;
    let queue = aws.create_queue("bench");
    for name in ["helpdesk-sync", "helpdesk-webhook"] {
        let mut times = Vec::new();
        let mut peak = 0;
        for _ in 0..starts {
            let environment = [
                ("TRIBUTARY_CONFIG", settings.display().to_string()),
                ("TRIBUTARY_BUCKET", "bench".to_owned()),
                ("TRIBUTARY_CUSTOMERS_TABLE", "bench-customers".to_owned()),
                ("TRIBUTARY_STATE_TABLE", "bench-state".to_owned()),
                ("TRIBUTARY_QUEUE_URL", queue.url()),
            ];
            let function =
                LambdaRuntime::start().env(aws.env()).spawn(&crate::beside(name), environment);
            times.push(function.first_next().await);
            let status = std::fs::read_to_string(format!("/proc/{}/status", function.id()))
                .unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
            let kib: u64 =
                line.and_then(|line| line.trim().split(' ').next()?.parse().ok()).unwrap_or(0);
            peak = peak.max(kib);
            function.kill().await;
        }
        times.sort_unstable();
        let at =
            |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
        println!(
            "{name:17} start to first next: min {:.1} ms, p50 {:.1} ms, p90 {:.1} ms; RSS then {:.1} MB",
            at(0.0),
            at(0.5),
            at(0.9),
            peak as f64 / 1024.0
        );
    }
}
