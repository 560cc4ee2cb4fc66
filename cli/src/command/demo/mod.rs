//! `tributary demo`: everything at work on a simulated company, with no account and nothing to set up.
//!
//! The demo lives in `<data>/demo`, apart from real data: its settings, its stand-in secrets and its stores, so that
//! every other command works on them afterwards. The company's clock stands at instants that are kept there, too; so a
//! second demo over the same folder sees the very same things happen, and nothing lands twice.

mod company;
mod report;
mod story;

use crate::arguments::{Demo, Global};
use crate::display::say_json;
use crate::embedded::{Durability, Options};
use crate::failure::{Exit, Failure};
use crate::session::{Session, load};

use company::Company;

pub(crate) async fn run(global: &Global, demo: &Demo) -> Result<Exit, Failure> {
    if global.aws.is_some() {
        return Err(Failure::misuse(
            "the demo runs on this machine only",
            "leave --aws away; docs/deploy.md tells how to deploy",
        ));
    }
    let company = Company::start(&global.data.join("demo"), demo).await?;
    let own =
        Global { config: Some(company.settings()), data: company.folder.clone(), ..global.clone() };
    // The demo's data can be made again; without waiting for the disk it is made sooner.
    let options = Options { durability: Durability::Relaxed, ..Options::default() };
    let session =
        Session::open_with(load(&own)?, &own.data, options, shared::http::Patience::default())
            .await?;
    let told = story::tell_story(&own, &session, &company).await;
    session.close().await;
    let report = told?;
    if global.json {
        say_json(&report)?;
    } else {
        report.print(&company);
    }
    Ok(report.exit())
}
