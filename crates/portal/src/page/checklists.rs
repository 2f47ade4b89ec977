//! `GET /checklists`: what people do at each site, when it was last attested, and what is due.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::Uri;
use writ_audit::checklist::LastAttested;
use writ_audit::words::{thousands, when};
use writ_trust::time::Time;

use super::shape::{Answer, basis_of_all};
use super::site::short;
use crate::access::users::User;
use crate::address;
use crate::html::{Block, Line, Page, Shown, Table, cell};
use crate::portal::Portal;
use crate::read::summary::Due;

/// How many duties one part shows.
const EACH: usize = 60;

pub async fn get(State(portal): State<Arc<Portal>>, Extension(who): Extension<Arc<User>>, uri: Uri) -> Answer {
    let fleet = portal.held.fleet();
    let all = fleet.duties(&who);
    let shown = Shown::of(address::part(&uri)?, all.len(), EACH)?;
    let now = portal.now();
    let overdue = all.iter().filter(|(_, duty)| is_due(duty.due(), now)).count() as u64;
    let mut page =
        Page::new("Checklists").resting_on(basis_of_all(fleet.worst_first(&who).into_iter().map(|one| &**one)));
    page.say(
        "What the signed policies ask people to do. It is done when somebody with the right to say so signed that it was: machines \
         cannot see it, and no verdict rests on it.",
    );
    page.say(format!("Duties: {}, of which {} are due.", thousands(all.len() as u64), thousands(overdue)));
    if all.is_empty() {
        return page.answer(Some(&who));
    }
    let columns = ["Duty", "Site", "Control", "Cadence", "By", "Attach", "Last attested", "Due"];
    let mut table = Table::new("Duties, what is due first", &columns);
    for (summary, duty) in shown.slice(&all) {
        table.row(vec![
            cell(short(&duty.title)),
            Line::default().link(address::site(&summary.site), &summary.site).into(),
            Line::default().link(address::control(&summary.site, &duty.control), &duty.control).into(),
            cell(&duty.cadence),
            cell(&duty.by),
            cell(short(&duty.attach)),
            attested(duty.attested.as_ref()).into(),
            due(duty.due(), now).into(),
        ]);
    }
    page.add(Block::Table(table)).parts("/checklists", &shown);
    page.answer(Some(&who))
}

fn is_due(due: Due, now: Time) -> bool {
    match due {
        Due::Never => true,
        Due::By(at) => at <= now,
        Due::WhenItHappens => false,
    }
}

fn due(due: Due, now: Time) -> Line {
    match due {
        Due::Never => Line::default().pill("bad", "due"),
        Due::By(at) if at <= now => Line::default().pill("bad", "due").text(format!(" since {}", when(at))),
        Due::By(at) => Line::of(format!("by {}", when(at))),
        Due::WhenItHappens => Line::of("when it happens"),
    }
}

fn attested(attested: Option<&LastAttested>) -> Line {
    match attested {
        None => Line::of("never"),
        Some(said) => Line::default().link(address::bundle(&said.path), when(said.at)).text(format!(
            " by {}, until {}",
            said.by,
            when(said.until)
        )),
    }
}
