//! `GET /ready`: the database can be read and the writing thread takes jobs. 503 when not. A second line warns of a disk that
//! fills.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;

use super::shape::text;
use crate::clock;
use crate::depot::Depot;
use crate::fault::Fault;
use crate::forecast::SHORT;
use crate::store::Connection;
use crate::writer::Job;

pub async fn get(State(depot): State<Arc<Depot>>) -> Result<Response<Body>, Fault> {
    let read = |connection: &dyn Connection| connection.one("SELECT count(*) FROM logs", &[])?.get::<i64>(0);
    depot.blocking(move |depot| Ok(depot.readers.read(read)?)).await?;
    depot.writer.write(Job::Probe).await?;
    let left = depot.space.left(clock::now()).filter(|left| *left < SHORT);
    Ok(match left {
        None => text("ready\n"),
        Some(left) => {
            text(format!("ready\nwarning: at the rate of the last days the disk is full in {} hours\n", left / 3600))
        }
    })
}
