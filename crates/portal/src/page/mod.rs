//! The pages. One file each, and one list of all.

mod bundle;
mod bundles;
mod checklists;
mod control;
mod controls;
mod exceptions;
mod fleet;
mod health;
mod incident;
mod incidents;
mod learning;
mod login;
mod procedure;
mod procedures;
mod raw;
mod release;
mod releases;
mod shape;
mod sign_in;
mod sign_out;
mod site;
mod style;
mod verification;
mod views;

use std::sync::Arc;

use axum::routing::{MethodRouter, get, post};

use crate::portal::Portal;

type Routes = Vec<(&'static str, MethodRouter<Arc<Portal>>)>;

/// What is for those who are signed in. Each look at any of it is recorded.
#[rustfmt::skip]
pub fn inside() -> Routes {
    vec![
        // Over all sites.
        ("/",                                                  get(fleet::get)),
        ("/exceptions",                                        get(exceptions::get)),
        ("/learning",                                          get(learning::get)),
        ("/learning/status",                                   get(learning::status::get)),
        ("/learning/candidates",                               get(learning::candidates::get)),
        ("/checklists",                                        get(checklists::get)),
        ("/procedures",                                        get(procedures::get)),
        ("/procedures/{name}",                                 get(procedure::get)),
        ("/views",                                             get(views::get)),
        // One site.
        ("/site/{site}",                                       get(site::get)),
        ("/site/{site}/verification",                          get(verification::get)),
        ("/site/{site}/controls",                              get(controls::get)),
        ("/site/{site}/controls/{control}",                    get(control::get)),
        ("/site/{site}/incidents",                             get(incidents::get)),
        ("/site/{site}/incidents/{appliance}/{incident}",      get(incident::get)),
        ("/site/{site}/releases",                              get(releases::get)),
        ("/site/{site}/releases/{release}",                    get(release::get)),
        ("/site/{site}/releases/{release}/raw",                get(raw::release)),
        ("/site/{site}/bundles",                               get(bundles::get)),
        ("/site/{site}/bundles/{fingerprint}/{name}",          get(bundle::get)),
        ("/site/{site}/bundles/{fingerprint}/{name}/raw",       get(raw::bundle)),
        ("/site/{site}/bundles/{fingerprint}/{name}/signature", get(raw::signature)),
        ("/site/{site}/bundles/{fingerprint}/{name}/receipt",   get(raw::receipt)),
        ("/sign-out",                                          post(sign_out::post)),
    ]
}

/// What is for everybody.
#[rustfmt::skip]
pub fn outside() -> Routes {
    vec![
        ("/health",              get(health::get)),
        (crate::html::STYLE_PATH, get(style::get)),
        ("/sign-in",             get(sign_in::get).post(sign_in::post)),
        ("/login/{token}",       get(login::get).post(login::post)),
    ]
}
