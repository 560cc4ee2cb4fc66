//! `tributary plan`: what reading will take and cost, and what the last runs took.

mod report;

use std::collections::BTreeMap;

use crate::arguments::{self, Global};
use crate::display::say_json;
use crate::failure::{Exit, Failure};
use crate::plan::survey::{Asked, survey};
use crate::plan::{Prices, Schedule};
use crate::session::Session;

pub(crate) async fn run(global: &Global, plan: &arguments::Plan) -> Result<Exit, Failure> {
    let prices = Prices::of_region(&plan.region)?;
    let session = Session::open(global).await?;
    let surveyed = ask(&session, plan).await;
    session.close().await;
    let survey = surveyed?;
    if global.json {
        say_json(&report::document(&survey, &prices))?;
    } else {
        report::print(&survey, &prices, plan.explain);
    }
    Ok(if survey.silent.is_empty() { Exit::Success } else { Exit::Failed })
}

async fn ask(
    session: &Session,
    plan: &arguments::Plan,
) -> Result<crate::plan::survey::Survey, Failure> {
    let selection = plan.selected.selection();
    session.require_secrets(&selection).await?;
    let named = |said: &[(String, f64)]| said.iter().cloned().collect::<BTreeMap<_, _>>();
    let asked = Asked {
        selection,
        schedule: Schedule { every_minutes: plan.every.as_secs_f64() / 60.0 },
        pages: plan.pages,
        rows: named(&plan.rows),
        rows_per_month: named(&plan.rows_per_month),
    };
    Ok(survey(&session.hub, &asked).await?)
}
