//! One file per command.

mod athena;
mod backfill;
mod check;
mod config;
mod customer;
mod demo;
mod init;
mod new;
mod pipe;
mod plan;
mod preview;
mod quarantine;
mod query;
mod recognise;
mod replay;
mod resolve;
mod schema;
mod secrets;
mod serve;
mod status;
mod streams;
mod sync;
mod tables;

use crate::arguments::{Arguments, Command, Config, Secrets};
use crate::failure::{Exit, Failure};

/// Runs the command that was asked for.
pub(crate) async fn run(arguments: Arguments) -> Result<Exit, Failure> {
    let global = &arguments.global;
    match &arguments.command {
        Command::Demo(demo) => demo::run(global, demo).await,
        Command::Init(init) if global.aws.is_some() => init::aws::run(global, init).await,
        Command::Init(init) => init::run(global, init),
        Command::Check(selected) => Box::pin(check::run(global, &selected.selection())).await,
        Command::Streams(streams) => streams::run(global, streams),
        Command::Preview(preview) => preview::run(global, preview).await,
        Command::Plan(plan) => plan::run(global, plan).await,
        Command::Sync(sync) => sync::run(global, sync).await,
        Command::Backfill(backfill) => backfill::run(global, backfill).await,
        Command::Serve(serve) => serve::run(global, serve).await,
        Command::Customer(customer) => customer::run(global, customer).await,
        Command::Status(selected) => status::run(global, &selected.selection()).await,
        Command::Quarantine(quarantine) => quarantine::run(global, quarantine).await,
        Command::Replay(selected) => replay::run(global, &selected.selection()).await,
        Command::Tables(tables) => tables::run(global, tables).await,
        Command::Query(query) => query::run(global, query).await,
        Command::Recognise => recognise::run(global).await,
        Command::Resolve(resolve) => resolve::run(global, resolve).await,
        Command::Pipe(pipe) => pipe::run(global, pipe).await,
        Command::AthenaDdl(options) => athena::run(global, options).await,
        Command::Schema(schema) => schema::run(global, schema),
        Command::Config(Config::Push) => config::push(global).await,
        Command::Secrets(Secrets::Put(put)) => secrets::put::run(global, put).await,
        Command::Secrets(Secrets::List) => secrets::list(global).await,
        Command::New(new) => new::run(global, new),
    }
}

/// Returns when the operator or the system asks the process to end.
pub(crate) async fn interrupt() {
    let ctrl_c = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = ctrl_c => {}
        () = terminate => {}
    }
}
