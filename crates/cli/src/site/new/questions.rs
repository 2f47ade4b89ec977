//! The questions of `writ site new`, in order. Each answer is put into a site that has no mistake otherwise, and what
//! `writ check` says of that site is what is wrong with the answer.

use std::path::Path;
use std::str::FromStr;

use super::description::{Baseline, Channel, Contact, Site};
use super::trial::Trial;
use super::{Arguments, ask, gather};
use crate::check::checked::Known;
use crate::failure::{Failure, Outcome};

/// The site so far, and what judges it.
struct Asked<'a> {
    trial: &'a Trial<'a>,
    site: Site,
}

/// Asks for whatever was not given.
pub fn ask(given: &Arguments, root: &Path, trial: &Trial<'_>, known: &Known) -> Outcome<Site> {
    let mut asked = Asked { trial, site: placeholder(known) };
    sound(&asked)?;
    match &given.name {
        Some(name) => {
            let refused = |wrong: String| Failure::refused(wrong).next("choose another name; nothing was written");
            gather::site_name(name, root).map_err(refused)?;
            asked.site.name.clone_from(name);
        }
        None => ask::one("Name of the site, also of its folder in hosts/", None, |answer| {
            Ok(gather::site_name(answer, root)
                .map(|()| asked.site.name = answer.to_owned())
                .map_err(|wrong| vec![wrong]))
        })?,
    }
    asked
        .one("Its name for people", given.title.as_deref(), None, |site, answer| answer.clone_into(&mut site.title))?;
    let zone = |site: &mut Site, answer: &str| answer.clone_into(&mut site.time_zone);
    asked.one("Time zone, such as America/Denver", given.time_zone.as_deref(), None, zone)?;
    asked.baselines(given, known)?;
    asked.appliances(given)?;
    asked.approvers(given)?;
    asked.contacts(given)?;
    asked.heals(given, known)?;
    asked.outbound(given)?;
    Ok(asked.site)
}

/// A site that nobody has described yet, and that has no mistake.
fn placeholder(known: &Known) -> Site {
    let nobody = Contact {
        role: "primary".to_owned(),
        person: "nobody yet".to_owned(),
        email: Some("nobody@new-site.invalid".to_owned()),
        phone: None,
    };
    Site {
        name: "new-site".to_owned(),
        title: "A new site".to_owned(),
        time_zone: "Etc/UTC".to_owned(),
        tier: None,
        baselines: gather::baselines(&[first_baseline(known)], known),
        rule_families: Vec::new(),
        approvers: vec!["nobody yet".to_owned()],
        contacts: vec![nobody],
        notify: Vec::new(),
        windows: Vec::new(),
        review: gather::REVIEW.to_owned(),
        secrets: gather::SECRETS.map(str::to_owned).to_vec(),
        appliances: vec!["new-appliance".to_owned()],
        programs: Vec::new(),
    }
}

/// `hipaa`, or else the first that there is.
fn first_baseline(known: &Known) -> Baseline {
    let name = if known.baselines.contains_key("hipaa") { Some("hipaa") } else { None };
    let name = name.or_else(|| known.baselines.keys().next().map(String::as_str)).unwrap_or("hipaa");
    Baseline { name: name.to_owned(), version: None }
}

/// Mistakes of the tree itself would be told as mistakes of every answer.
fn sound(asked: &Asked<'_>) -> Outcome<()> {
    let checked = asked.trial.check(&asked.site)?;
    if checked.is_clean() {
        return Ok(());
    }
    let failure = Failure::refused("this tree has mistakes before a site is added");
    Err(checked.sentences().into_iter().take(3).fold(failure, Failure::because).next("writ check"))
}

impl Asked<'_> {
    /// Takes a change of the site if `writ check` finds nothing in the result.
    fn judge(&mut self, change: impl FnOnce(&mut Site)) -> Outcome<Result<(), ask::Wrong>> {
        let mut changed = self.site.clone();
        change(&mut changed);
        let checked = self.trial.check(&changed)?;
        if !checked.is_clean() {
            return Ok(Err(checked.sentences()));
        }
        self.site = changed;
        Ok(Ok(()))
    }

    /// As [`Self::judge`], of what an option said: nobody is asked again.
    fn given(&mut self, change: impl FnOnce(&mut Site)) -> Outcome<()> {
        self.judge(change)?.map_err(unfit)
    }

    fn one(
        &mut self,
        question: &str,
        given: Option<&str>,
        default: Option<&str>,
        set: impl Fn(&mut Site, &str),
    ) -> Outcome<()> {
        match given {
            Some(given) => self.given(|site| set(site, given)),
            None => ask::one(question, default, |answer| self.judge(|site| set(site, answer))),
        }
    }

    /// A list of words, asked for on one line.
    fn words(
        &mut self,
        question: &str,
        given: &[String],
        default: &[String],
        set: impl Fn(&mut Site, Vec<String>),
    ) -> Outcome<()> {
        if !given.is_empty() {
            return self.given(|site| set(site, given.to_vec()));
        }
        let default = if default.is_empty() { "none".to_owned() } else { default.join(" ") };
        ask::one(question, Some(&default), |answer| self.judge(|site| set(site, words(answer))))
    }

    /// Entries, asked for one by one.
    fn entries<T: FromStr<Err = &'static str>>(
        &mut self,
        question: &str,
        needed: bool,
        mut add: impl FnMut(&mut Site, T, bool),
    ) -> Outcome<()> {
        let mut first = true;
        ask::several(question, needed, |answer| {
            let entry = match answer.parse::<T>() {
                Ok(entry) => entry,
                Err(form) => return Ok(Err(vec![form.to_owned()])),
            };
            let judged = self.judge(|site| add(site, entry, first))?;
            first &= judged.is_err();
            Ok(judged)
        })
    }

    fn baselines(&mut self, given: &Arguments, known: &Known) -> Outcome<()> {
        let parsed = |words: Vec<String>| -> Vec<Baseline> {
            words.iter().map(|word| Baseline::from_str(word).unwrap_or_else(|never| match never {})).collect()
        };
        let named: Vec<String> = given.baseline.iter().map(ToString::to_string).collect();
        let all: Vec<&str> = known.baselines.keys().map(String::as_str).collect();
        let question = format!("Baselines, of {}, separated by spaces", all.join(" "));
        let default = [first_baseline(known).name];
        self.words(&question, &named, &default, |site, words| {
            site.baselines = gather::baselines(&parsed(words), known);
        })
    }

    fn appliances(&mut self, given: &Arguments) -> Outcome<()> {
        if !given.appliance.is_empty() {
            gather::appliance_names(&given.appliance).map_err(Failure::refused)?;
            return self.given(|site| site.appliances.clone_from(&given.appliance));
        }
        ask::one("Appliances, by the names of their folders, separated by spaces", Some("front-desk"), |answer| {
            let names = words(answer);
            match gather::appliance_names(&names) {
                Ok(()) if names.is_empty() => {
                    Ok(Err(vec!["a site without an appliance has nothing to obey".to_owned()]))
                }
                Ok(()) => self.judge(|site| site.appliances = names),
                Err(wrong) => Ok(Err(vec![wrong])),
            }
        })
    }

    fn approvers(&mut self, given: &Arguments) -> Outcome<()> {
        if !given.approver.is_empty() {
            return self.given(|site| site.approvers.clone_from(&given.approver));
        }
        let mut first = true;
        ask::several("Who may accept a risk, one at a time, such as \"Dr. Ellen Ortiz, owner\"", true, |answer| {
            let judged = self.judge(|site| {
                if first {
                    site.approvers.clear();
                }
                site.approvers.push(answer.to_owned());
            })?;
            first &= judged.is_err();
            Ok(judged)
        })
    }

    fn contacts(&mut self, given: &Arguments) -> Outcome<()> {
        if !given.contact.is_empty() {
            return self.given(|site| site.contacts.clone_from(&given.contact));
        }
        let question = "Whom to call, one at a time, as ROLE=PERSON,EMAIL,PHONE, such as \"primary=Sam Reed,sam@msp.example,+1 555 0150\"";
        self.entries(question, true, |site, contact, first| {
            if first {
                site.contacts.clear();
            }
            site.contacts.push(contact);
        })
    }

    fn heals(&mut self, given: &Arguments, known: &Known) -> Outcome<()> {
        let tier = |site: &mut Site, answer: &str| {
            site.tier = (answer != "none").then(|| answer.to_owned());
        };
        self.one("Tier: essential, professional or enterprise", given.tier.as_deref(), Some("none"), tier)?;
        let programs = |site: &mut Site, words: Vec<String>| site.programs = words;
        self.words(
            "Programs that its systems provide to runbooks, separated by spaces",
            &given.program,
            &[],
            programs,
        )?;
        let families = gather::families(known, &self.site.baselines);
        self.words(
            "Rule families that heal there, separated by spaces",
            &given.rule_family,
            &families,
            |site, words| {
                site.rule_families = words;
            },
        )?;
        self.words(
            "Names of further secrets that are kept for it, separated by spaces",
            &given.secret,
            &[],
            |site, words| {
                site.secrets = gather::secrets(&words, &site.notify);
            },
        )
    }

    /// Changes where news goes; what a channel needs is kept from then on.
    fn channels(&mut self, change: impl FnOnce(&mut Vec<Channel>)) -> Outcome<Result<(), ask::Wrong>> {
        let mut channels = self.site.notify.clone();
        change(&mut channels);
        if let Err(wrong) = gather::channel_names(&channels) {
            return Ok(Err(vec![wrong]));
        }
        self.judge(|site| {
            site.secrets = gather::secrets(&site.secrets, &channels);
            site.notify = channels;
        })
    }

    fn outbound(&mut self, given: &Arguments) -> Outcome<()> {
        if given.window.is_empty() {
            let question =
                "When a system may be switched and rebooted, one window at a time, such as \"sun 02:00-06:00\"";
            self.entries(question, false, |site, window, _| site.windows.push(window))?;
        } else {
            self.given(|site| site.windows.clone_from(&given.window))?;
        }
        if given.notify.is_empty() {
            let question = "Where news goes, one at a time, such as \"desk=email:desk@msp.example\"";
            ask::several(question, false, |answer| match answer.parse() {
                Ok(channel) => self.channels(|channels: &mut Vec<Channel>| channels.push(channel)),
                Err(form) => Ok(Err(vec![str::to_owned(form)])),
            })?;
        } else {
            self.channels(|channels| channels.clone_from(&given.notify))?.map_err(unfit)?;
        }
        match &given.review {
            Some(review) => self.given(|site| site.review.clone_from(review)),
            None => Ok(()),
        }
    }
}

/// That an option does not fit, and why.
fn unfit(wrong: ask::Wrong) -> Failure {
    let failure = Failure::refused("an option does not fit");
    wrong.into_iter().fold(failure, Failure::because).next("correct it; nothing was written")
}

/// The words of an answer; `none` is none.
fn words(answer: &str) -> Vec<String> {
    if answer == "none" {
        return Vec::new();
    }
    answer.split([' ', ',']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}
