//! The handlers: from a question to an answer, or to a problem.

use axum::Json;
use axum::extract::{Path, Query, State};
use shared::clock;
use shared::customers::{Answer, Customer, Customers, Records, Ruled, Timeline};
use uuid::Uuid;

use crate::problem::Failed;
use crate::questions::{Link, NeverLink, PageOf, Split, Who};

type Answered<T> = Result<Json<T>, Failed>;

pub(crate) async fn find(
    State(customers): State<Customers>,
    Query(who): Query<Who>,
) -> Answered<Answer> {
    Ok(Json(customers.find(&who.lookup()?).await?))
}

pub(crate) async fn lookup(
    State(customers): State<Customers>,
    Json(who): Json<Who>,
) -> Answered<Answer> {
    Ok(Json(customers.find(&who.lookup()?).await?))
}

pub(crate) async fn customer(
    State(customers): State<Customers>,
    Path(person): Path<Uuid>,
) -> Answered<Customer> {
    Ok(Json(customers.customer(person, clock::now()).await?))
}

pub(crate) async fn timeline(
    State(customers): State<Customers>,
    Path(person): Path<Uuid>,
    Query(page): Query<PageOf>,
) -> Answered<Timeline> {
    let (before, limit) = page.parts()?;
    Ok(Json(customers.timeline(person, before.as_ref(), limit).await?))
}

pub(crate) async fn records(
    State(customers): State<Customers>,
    Path(person): Path<Uuid>,
) -> Answered<Records> {
    Ok(Json(customers.records(person).await?))
}

pub(crate) async fn link(
    State(customers): State<Customers>,
    Json(link): Json<Link>,
) -> Answered<Ruled> {
    let signed = link.signed()?;
    Ok(Json(customers.link(link.record_keys, signed).await?))
}

pub(crate) async fn never_link(
    State(customers): State<Customers>,
    Path(person): Path<Uuid>,
    Json(never): Json<NeverLink>,
) -> Answered<Ruled> {
    let (opposite, signed) = never.parts()?;
    Ok(Json(customers.never_link(person, opposite, signed).await?))
}

pub(crate) async fn split(
    State(customers): State<Customers>,
    Path(person): Path<Uuid>,
    Json(split): Json<Split>,
) -> Answered<Ruled> {
    let signed = split.signed()?;
    Ok(Json(customers.split(person, split.groups, signed).await?))
}
