//! `PUT /publish/nar/{file}`: the NAR that a narinfo names which waits for it.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::Response;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;
use writ_durable::crash_point;
use writ_trust::digest::Digest;
use writ_wire::paths;

use super::publish_release::answer;
use super::shape::anybody;
use crate::depot::Depot;
use crate::fault::Fault;
use crate::limits::body::{Pace, next, stated_length};
use crate::publication::{Waiting, activate_complete, nar};

/// Bytes taken in before they are written out.
const PIECE: usize = 256 * 1024;

pub async fn put(
    State(depot): State<Arc<Depot>>,
    Path(file): Path<String>,
    request: Request,
) -> Result<Response<Body>, Fault> {
    let url = format!("nar/{file}");
    let name = paths::nar_file(&url).ok_or(Fault::NotFound)?.to_owned();
    let (part, waiting) = depot.publications.waiting_for(&name).into_iter().next().ok_or(Fault::NotFound)?;
    let (site, _) = depot.publications.missing_path(&part).into_iter().next().ok_or(Fault::NotFound)?;
    let receiving = depot.publications.uploads.begin(&part)?;
    let uploaded = receive(&depot, request, &waiting).await?;
    let turn = depot.publications.uploads.examination().await;
    depot
        .blocking(move |depot| {
            let _held = (receiving, turn);
            take(depot, &name, &waiting, uploaded)
        })
        .await?;
    activate_complete(&depot, Some(&site)).await?;
    answer(&depot, &site)
}

/// Receives a file of the size that the narinfo states, bounded by it.
async fn receive(depot: &Arc<Depot>, request: Request, waiting: &Waiting) -> Result<NamedTempFile, Fault> {
    let (parts, mut body) = request.into_parts();
    stated_length(&parts.headers, &body, waiting.size)?;
    let (mut share, mut pace) = (depot.body_memory.share(anybody(&parts)), Pace::new(&depot.options));
    let folder = depot.folders.uploads();
    let path = folder.clone();
    let mut file = depot.blocking(move |_| NamedTempFile::new_in(&path).map_err(Fault::io(&path))).await?;
    let (mut hash, mut size, mut piece) = (Sha256::new(), 0_u64, Vec::new());
    loop {
        let data = next(&mut body, &mut pace).await?;
        size += data.as_ref().map_or(0, |data| data.len() as u64);
        if size > waiting.size {
            return Err(Fault::TooLarge(waiting.size));
        }
        let ended = data.is_none();
        piece.extend_from_slice(&data.unwrap_or_default());
        share.cover(piece.len() as u64).await?;
        if ended || piece.len() >= PIECE {
            let (full, folder) = (std::mem::take(&mut piece), folder.clone());
            (file, hash) = depot
                .blocking(move |_| {
                    hash.update(&full);
                    file.write_all(&full).map_err(Fault::io(&folder))?;
                    Ok((file, hash))
                })
                .await?;
        }
        if ended {
            break;
        }
    }
    let found = Digest::from_bytes(hash.finalize().into());
    if size != waiting.size || found != waiting.hash {
        return Err(Fault::Refused(format!("{size} bytes with {found}: the narinfo names another file")));
    }
    Ok(file)
}

/// Unpacks and hashes an uploaded file against what the closure says, and gives it its name.
fn take(depot: &Depot, name: &str, waiting: &Waiting, uploaded: NamedTempFile) -> Result<(), Fault> {
    let path = uploaded.path().to_owned();
    let Some((part, _)) = depot.publications.waiting_for(name).into_iter().next() else {
        // Another upload of the same file was here first.
        return Ok(());
    };
    let packed = waiting.file.ends_with(".zst");
    let mut refusal = Fault::NotFound;
    let fits = depot
        .publications
        .missing_path(&part)
        .into_iter()
        .any(|(_, expected)| nar::examine_file(&path, packed, expected).map_err(|fault| refusal = fault).is_ok());
    if !fits {
        return Err(refusal);
    }
    let (nars, target) = (depot.folders.nars(), depot.folders.nars().join(name));
    uploaded.as_file().set_permissions(std::fs::Permissions::from_mode(0o644)).map_err(Fault::io(&target))?;
    uploaded.as_file().sync_all().map_err(Fault::io(&path))?;
    uploaded.persist(&target).map_err(|e| Fault::io(&target)(e.error))?;
    writ_durable::sync_directory(&nars).map_err(Fault::io(&nars))?;
    crash_point!("nar-stored");
    depot.file_memory.forget(&format!("/nar/{name}"));
    nar::release_waiting(depot, name, &target)?;
    Ok(())
}
