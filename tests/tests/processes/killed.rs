//! Probe.
use e2e::process::Laptop;
use e2e::stand::settled;

#[tokio::test(flavor = "multi_thread")]
async fn probe() {
    let laptop = Laptop::with(simulator::Settings { people: 30, ..settled() }, "export_page_size = 5").await;
    laptop.desk().set_page_size(5);
    let begun = std::time::Instant::now();
    let ended = laptop.run(&["sync"]).await;
    println!("{:?} {:?}", begun.elapsed(), ended.status);
    for run in ended.runs() { println!("{} {} {} {} {} {:?}", run["stream"], run["outcome"], run["pages"], run["fetched"], run["seconds"], run["error"]); }
    println!("requests {}", laptop.desk().requests().len());
    let begun = std::time::Instant::now();
    let ended = laptop.run(&["sync"]).await;
    println!("again {:?} {:?}", begun.elapsed(), ended.status);
    let begun = std::time::Instant::now();
    laptop.landed().await.assert_is(&laptop.desk().truth());
    println!("read {:?} files {}", begun.elapsed(), laptop.files().len());
}
