//! Every address of the depot: one file each, one list of all.

mod cache_file;
mod cache_info;
mod check_in;
mod document;
mod evidence_bundles;
mod evidence_submit;
mod evidence_summary;
mod evidence_verify;
mod health;
mod heartbeats;
mod log_batch;
mod log_batch_submit;
mod log_checkpoint;
mod log_cosignature;
mod log_restart;
mod log_sources;
mod log_tile;
mod log_times;
mod log_timestamp;
mod metrics;
mod nar;
mod notices;
mod orders;
mod provision;
mod provision_all;
mod publish_cosignature;
mod publish_document;
mod publish_nar;
mod publish_narinfo;
mod publish_order;
mod publish_release;
mod publish_restart;
mod publish_timestamp;
mod publish_trust;
mod ready;
mod release;
mod releases;
mod shape;
mod sync;
mod trust;

use std::sync::Arc;

use axum::routing::{MethodRouter, get, post, put};

use crate::depot::Depot;

/// Every address, and what answers there. The address is also the endpoint's name in `/metrics`.
#[rustfmt::skip]
pub fn all() -> Vec<(&'static str, MethodRouter<Arc<Depot>>)> {
    vec![
        // Operations.
        ("/health",                                 get(health::get)),
        ("/ready",                                  get(ready::get)),
        ("/metrics",                                get(metrics::get)),
        // Appliances.
        ("/agent/sync",                             get(sync::get)),
        ("/agent/checkin",                          post(check_in::post)),
        ("/documents/{digest}",                     get(document::get)),
        ("/trust/{version}",                        get(trust::get)),
        // The binary cache.
        ("/nix-cache-info",                         get(cache_info::get)),
        ("/{file}",                                 get(cache_file::get)),
        ("/nar/{file}",                             get(nar::get)),
        // The site logs.
        ("/log/{site}/checkpoint",                  get(log_checkpoint::get)),
        ("/log/{site}/tile/{*tile}",                get(log_tile::get)),
        ("/log/{site}/{number}/checkpoint",         get(log_checkpoint::get_number)),
        ("/log/{site}/{number}/tile/{*tile}",       get(log_tile::get_number)),
        ("/log/{site}/{number}/restart",            get(log_restart::get)),
        ("/log/{site}/timestamps",                  get(log_times::get)),
        ("/log/{site}/timestamps/{name}",           get(log_timestamp::get)),
        ("/log/{site}/{number}/timestamps",         get(log_times::get_number)),
        ("/log/{site}/{number}/timestamps/{name}",  get(log_timestamp::get_number)),
        ("/log/{site}/{number}/cosignatures/{name}", get(log_cosignature::get)),
        // Evidence, releases, heartbeats.
        ("/api/evidence/sites/{site}/submit",       post(evidence_submit::post)),
        ("/api/evidence/sites/{site}/bundles",      get(evidence_bundles::get)),
        ("/api/evidence/sites/{site}/summary",      get(evidence_summary::get)),
        ("/api/evidence/sites/{site}/verify",       get(evidence_verify::get)),
        ("/api/releases/{site}",                    get(releases::get)),
        ("/api/releases/{site}/{release}",          get(release::get)),
        ("/api/heartbeats/{site}",                  get(heartbeats::get)),
        // Logs, notices, orders.
        ("/api/logs/sites/{site}",                  get(log_sources::get)),
        ("/api/logs/sites/{site}/{source}/{number}", post(log_batch_submit::post)),
        ("/api/logs/batches/{site}/{digest}",       get(log_batch::get)),
        ("/api/notices/{site}",                     post(notices::post).get(notices::get)),
        ("/api/orders/{site}",                      get(orders::get)),
        // First boot.
        ("/api/provision",                          get(provision_all::get)),
        ("/api/provision/{mac}",                    post(provision::post).get(provision::get)),
        // Publishing.
        ("/publish/trust/{version}",                put(publish_trust::put)),
        ("/publish/restart/{site}",                 put(publish_restart::put)),
        ("/publish/timestamps/{site}",              put(publish_timestamp::put)),
        ("/publish/cosignatures/{site}",            put(publish_cosignature::put)),
        ("/publish/releases/{site}",                put(publish_release::put).get(publish_release::get)),
        ("/publish/orders/{site}",                  put(publish_order::put)),
        ("/publish/documents/{digest}",             put(publish_document::put)),
        ("/publish/narinfo/{path}",                 put(publish_narinfo::put)),
        ("/publish/nar/{file}",                     put(publish_nar::put)),
    ]
}
