//! Every kind of mistake in a tree of policy, by the stable code that `writ check` prints.
//!
//! SARIF's rules, the reference in docs/mistakes.md and whoever explains a code read this table. A code is never given
//! another meaning: programs filter by it.

use super::Level;

/// One kind of mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// What programs call it, for instance `dangling-reference`.
    pub name: &'static str,
    /// What it is, in a few words.
    pub title: &'static str,
    /// Why it matters, and what to do about it.
    pub help: &'static str,
    /// Whether it stands in the way of a release.
    pub level: Level,
    /// Only a policy document that the policy library did not write can have it.
    pub documents_only: bool,
}

/// The code of that name.
pub fn code(name: &str) -> Option<&'static Code> {
    CODES.iter().find(|code| code.name == name)
}

const fn error(name: &'static str, title: &'static str, help: &'static str) -> Code {
    Code { name, title, help, level: Level::Error, documents_only: false }
}

const fn warning(name: &'static str, title: &'static str, help: &'static str) -> Code {
    Code { name, title, help, level: Level::Warning, documents_only: false }
}

const fn in_documents(name: &'static str, title: &'static str, help: &'static str) -> Code {
    Code { name, title, help, level: Level::Error, documents_only: true }
}

/// All of them, in order of name.
pub const CODES: &[Code] = &[
    error(
        "appliance-in-no-ring",
        "An appliance in no ring",
        "Where a site has rings, each appliance takes up a release when its ring does, and this one never would. Name it in a \
         ring, or give the last ring `appliances = \"others\"`.",
    ),
    error(
        "appliance-in-two-rings",
        "An appliance in two rings",
        "It would take up a release at two times, and which of them counts would be chance. Leave it in one.",
    ),
    error(
        "approval-differs",
        "What was approved is not what lies there",
        "An exception names the document of its approval by digest, and another one lies beside it: it was changed after it \
         was approved, or the digest is of something else. Whoever accepted the risk accepted what they signed.",
    ),
    error(
        "baselines-disagree",
        "Two baselines demand what cannot both hold",
        "Where one demand is the stricter, merging takes it; here neither is. Decide with an override at the site, which \
         says why.",
    ),
    warning(
        "check-shared-widely",
        "One check supports many controls",
        "A check that everything leans on seldom shows something of each. Give a control a check of its own, or let it \
         be partial and say what is not looked at.",
    ),
    error(
        "conflicting-overrides",
        "A site's override and an appliance's disagree",
        "Each has its reason, and one of them would be ignored in silence. Keep one, or narrow the site's to the \
         appliances that need it.",
    ),
    warning(
        "contact-unreachable",
        "A contact whom nothing can reach",
        "An escalation names this person, and nobody knows how to call or write to them. Say `phone`, `email` or both.",
    ),
    error(
        "control-checks",
        "A control is assessed by machine, and nothing assesses it",
        "An automated or partial control is a promise that some check looks. Name the checks, or make it procedural.",
    ),
    error(
        "control-duties",
        "Nobody is told when to do it",
        "A procedural or inherited control is shown by what people attach when a duty is due. Name the duties.",
    ),
    error(
        "control-not-assessed",
        "A partial control does not say what is left out",
        "Whoever reads the report must know which part of the requirement no check looks at. Say it in `not_assessed`.",
    ),
    error(
        "control-procedure",
        "A control that people fulfil does not say how",
        "Say in `procedure` who does what, how often, and where it is recorded.",
    ),
    error(
        "dangling-reference",
        "A name that nothing has",
        "An id refers to a check, control, duty, rule or runbook that is not part of this policy. It is misspelt, or the \
         item is in a baseline or family that the site does not use.",
    ),
    error(
        "duplicate-id",
        "One id is declared twice",
        "Which of the two counts would be chance. Rename one; to change a value of the first, write an override.",
    ),
    error(
        "duplicate-key",
        "Two appliances have one public key",
        "Evidence is signed by the appliance's own key, and with a shared one it shows nothing of either. Make a key for \
         each.",
    ),
    error(
        "duplicate-step",
        "Two steps of a runbook have one name",
        "Evidence tells by the name which step did what. Give each a name of its own.",
    ),
    error(
        "duty-cadence",
        "A duty is never due",
        "Say how often (`cadence.every`), or upon which event (`cadence.on`).",
    ),
    warning(
        "empty-family",
        "A rule family of which no rule applies",
        "All of its rules answer checks that neither the site's baselines nor its appliances have, so nothing of it heals \
         anything here. Name the baseline that has those checks, or leave the family out.",
    ),
    warning(
        "empty-ring",
        "A ring with nobody in it",
        "A ring goes first so that others are spared what goes wrong there. With nobody in it nothing is tried before the next.",
    ),
    warning(
        "empty-site",
        "A site without appliances",
        "A folder below the site's is an appliance when it holds a policy.nix. Without one nobody obeys what the site says.",
    ),
    warning(
        "exception-ends-soon",
        "An exception ends within 30 days",
        "What it lifts will count again. Repair the cause, or have another exception approved. Asked for by `--soon` \
         alone, so that a policy does not turn yellow by waiting.",
    ),
    warning(
        "exception-not-yet",
        "An exception is not in force yet",
        "It was approved for a later day. Until then what it would lift counts.",
    ),
    error(
        "exception-order",
        "An exception ends before it begins",
        "It could never be in force. `expires` comes after `approved_at`.",
    ),
    error(
        "exception-subject",
        "An exception is for nothing, or for two things",
        "It lifts one control or one check. Name exactly one of them.",
    ),
    warning(
        "exception-too-long",
        "An exception lasts more than a year",
        "Reasons and risks change. Let it end within a year, and have it approved again if it is still needed.",
    ),
    error(
        "expired-exception",
        "An exception has ended",
        "What it lifted counts again, and a report says so. Remove it, or give it a later end with a new approval.",
    ),
    error(
        "impossible-predicate",
        "A predicate that no observation can satisfy",
        "The check would always fail, or one of its alternatives would never count. Look at the operators of the field.",
    ),
    error(
        "impossible-value",
        "A value that the probe never shows",
        "The comparison is decided before anything looks: the check always fails, or a part of it counts for nothing. \
         `writ explain probe:NAME` has the values of each field.",
    ),
    error(
        "missing-field",
        "A field is missing",
        "Everything that a reader of the policy or of its evidence needs has to be said.",
    ),
    error(
        "missing-file",
        "A file is named or needed, and is not there",
        "A list names a file that does not exist, or a folder of hosts/ lacks what would make it a site or an appliance.",
    ),
    error(
        "missing-parameter",
        "A probe or step lacks a parameter",
        "Without it there is nothing to look at or to act on.",
    ),
    error(
        "missing-setting",
        "A setting that baselines prescribe is prescribed by none",
        "How fast people must answer, when an incident is escalated, and how long evidence is kept come from a baseline. \
         Add one that says so.",
    ),
    error(
        "nix-error",
        "Nix cannot evaluate a file",
        "A syntax error, an undefined variable, a function that Nix refuses. Only that file is left out, with what it lists, and \
         the rest is checked; a note says what is not looked for until it can be read.",
    ),
    error(
        "not-an-override",
        "A bare value where an override belongs",
        "Whoever changes a value of a baseline says why: writ.override { value = …; reason = \"…\"; }.",
    ),
    error(
        "not-evaluated",
        "Nothing could be looked at",
        "The tree cannot be found or evaluated as a whole, so that no finding means nothing. People read it on standard error, \
         with what to do next; `--format json`, `sarif` and `github` have this code, and the command ends with 2. Also said, \
         with 1, where more files are wrong than are left out one by one.",
    ),
    error(
        "nothing-to-override",
        "An override of what is not there",
        "It would add an operator beside those that the check has, and change none of them. Name one of them, or override \
         the field as a whole.",
    ),
    error(
        "operator-not-applicable",
        "An operator that gives no answer for this kind of value",
        "Text has no order, and numbers contain nothing. The check would never be assessable.",
    ),
    error(
        "out-of-bounds",
        "A value beyond what this version does",
        "A check runs at most once a second; a step takes an hour at most; an integer has at most 53 bits, because JSON \
         carries no larger ones exactly. A model is waited for 5 seconds, asked a thousand times a day and names 5 runbooks, \
         at most.",
    ),
    error(
        "overlapping-rules",
        "Two rules of one priority answer the same finding",
        "Which one runs would be chance. Give one another priority, or narrow both so that they exclude each other.",
    ),
    error(
        "override-path",
        "An override leads into a value that has no keys",
        "The way to the value goes through something that is no attribute set. Let it end there.",
    ),
    error(
        "override-too-wide",
        "An override replaces a whole item",
        "An override changes one value, so that its reason is about one thing. Lengthen the path.",
    ),
    error(
        "probation-unobserved",
        "Probation demands what cannot be observed here",
        "A check that is named there must hold before a new generation is kept; this one never can: this version cannot look, \
         or only another process looks, over the network. Every generation would be rolled back.",
    ),
    error(
        "rings-out-of-order",
        "A ring that would go before the one in front of it",
        "Rings stand in the order in which they take up a release, so that each is tried before the next. Give it a delay that \
         is no shorter than the one before it, or let it change places.",
    ),
    error(
        "rule-never-matches",
        "A rule is narrowed to observations of a check that holds",
        "It would never run: a rule answers a check that fails.",
    ),
    error(
        "rule-on-network",
        "A rule runs something because of what was seen over the network",
        "Whoever can forge an answer on the network could have it run, again and again. Escalate to people, or answer a check \
         that looks at this machine.",
    ),
    error(
        "rule-run",
        "A rule does two things, or none",
        "It runs a runbook or escalates to people. Say exactly one of the two.",
    ),
    in_documents(
        "rule-without-controls",
        "A rule serves no control",
        "Whoever reads the evidence must be told which requirement the repair served.",
    ),
    in_documents(
        "rules-version",
        "The digest of the rules is another",
        "`rules_version` is the digest of the rules and runbooks, and every appliance refuses a policy where it is not. \
         Let the policy library write the document.",
    ),
    in_documents("runbook-without-steps", "A runbook does nothing", "It has at least one step."),
    in_documents(
        "runbook-without-verify",
        "A runbook does not say what decides whether it helped",
        "Exit codes inform, the re-scan decides: without a check in `verify` an incident could never be closed.",
    ),
    warning(
        "search-failed",
        "Nobody knows whether the repository has a secret key",
        "git lists the files that may hold one, and it failed or took too long; or a tree without git has too many files. A key that \
         lies there would go unnoticed. Mend what git says, and run it again.",
    ),
    error(
        "secret-in-clear",
        "A secret stands in the source",
        "Whoever reads the repository or its history has it: replace it, give the new one to the site's secrets, and \
         name it with writ.secret. It is never printed.",
    ),
    warning(
        "secret-missing",
        "An appliance lacks a secret",
        "Its policy names it, or nobody at the site has it: give it with writ secret set, or lay it down on the appliance \
         by hand.",
    ),
    error(
        "secret-stale",
        "A secret that its appliance cannot decrypt",
        "It is encrypted to a key that the appliance has not, as when the machine was replaced. Nobody else can decrypt it: \
         give the value again, with writ secret set, or another one with writ secret rotate.",
    ),
    warning(
        "secret-undeclared",
        "A file of a secret that the site does not keep",
        "No appliance gets it. `secrets` in site.nix names those that the site keeps.",
    ),
    warning(
        "secret-unnoted",
        "Nobody knows for which key a secret is",
        "The note beside an age file says when it was set, and for which key; without it a file that its appliance cannot \
         decrypt goes unnoticed. Set it again with writ secret set.",
    ),
    error(
        "shadowed-rule",
        "A rule never runs, because another always answers first",
        "A rule of higher priority matches whatever this one matches and uses up all attempts. Narrow it, give it fewer \
         attempts, or remove this one.",
    ),
    error(
        "symbolic-link",
        "A symbolic link where policy is read from",
        "A link may lead out of the tree, or count one appliance twice, so what it leads to is not read. Put the file or \
         folder itself there.",
    ),
    error(
        "text-field",
        "A predicate on free text",
        "Free text is scrubbed of patient data before it is kept, so a verdict on it could not be repeated by an auditor.",
    ),
    warning(
        "unit-doubtful",
        "A bound that is probably in another unit",
        "An age must stay below less than passes between two looks. writ.inSeconds turns \"26h\" into seconds.",
    ),
    error(
        "unknown-approver",
        "Somebody who may not approve exceptions",
        "The risk is the clinic's, so the clinic's people approve it. `approvers` in site.nix names them.",
    ),
    error(
        "unknown-contact",
        "A route to nobody",
        "An incident of this severity would reach nobody of that name. `contacts` in site.nix names them.",
    ),
    error(
        "unknown-field",
        "A field that does not exist",
        "It would count for nothing. It is misspelt, or belongs elsewhere. Controls, and checks that all appliances of a site \
         have, stand in a baseline (https://github.com/writ-project/writ/blob/main/docs/policy.md#5-a-baseline-of-your-own).",
    ),
    error(
        "unknown-name",
        "A word that is none of those that fit here",
        "One of a fixed set of names is expected, or the id of something in this tree.",
    ),
    error(
        "unknown-observation",
        "A predicate on a field that the probe does not observe",
        "What is not observed is unknown, and unknown never passes: the check could not be assessed.",
    ),
    error(
        "unknown-operator",
        "An operator that does not exist",
        "A predicate compares a field by one of a few operators.",
    ),
    error(
        "unknown-parameter",
        "A parameter that the probe or step does not take",
        "It would count for nothing. It is misspelt, or belongs to another probe or step.",
    ),
    error(
        "unknown-probe",
        "A probe that this version does not know",
        "It is misspelt, or needs a newer version of writ, here and on the appliances.",
    ),
    error(
        "unknown-program",
        "A program that the appliance's system does not have",
        "A runbook runs programs by symbol, and the system provides them. `programs` in policy.nix names those it has.",
    ),
    in_documents(
        "unknown-schema",
        "A policy of a schema that this version does not know",
        "It was written for another version of writ.",
    ),
    error(
        "unknown-secret",
        "A secret that the site does not keep",
        "The appliance would have nothing to decrypt. `secrets` in site.nix names those that the site keeps.",
    ),
    error(
        "unknown-step",
        "A step that this version does not know",
        "It is misspelt, or needs a newer version of writ, here and on the appliances.",
    ),
    error(
        "unknown-time-zone",
        "A time zone that does not exist",
        "Maintenance windows and duties go by the site's clock. Names are those of the IANA time zone database.",
    ),
    error(
        "unknown-version",
        "A baseline that is here in another version",
        "A site names the version that it was read and accepted in. Read what changed, then name the new one.",
    ),
    warning(
        "unlisted-file",
        "A file that no list names",
        "It has no effect. Name it in the folder's default.nix, or remove it.",
    ),
    warning(
        "untracked-file",
        "A file that git does not track",
        "A flake does not see it, so what is released differs from what was checked here. Add it to git.",
    ),
    warning(
        "unused-check",
        "A check that supports no control",
        "It runs, and shows nothing of any requirement. Name it in a control, or remove it.",
    ),
    warning(
        "unused-family",
        "A rule family that no site chooses",
        "It heals nothing anywhere. Name it in the `rule_families` of a site or appliance, or remove it.",
    ),
    warning("unused-runbook", "A runbook that no rule runs", "It is never run. Name it in a rule, or remove it."),
    error(
        "verify-unobserved",
        "A runbook is judged by what cannot be observed here",
        "No incident would ever be closed by it: this version cannot look, or only another process looks, over the network. \
         Verify by checks that look at this machine.",
    ),
    error(
        "wrong-address",
        "An address that leads to nobody",
        "An e-mail address has one \"@\" and no spaces, a telephone number has digits, a webhook begins with https://, and \
         PagerDuty is told by a routing key, which is a secret. A model's address has no user, password or query, and begins \
         with https://; http:// is for this machine, and with `insecure = true` for a private address.",
    ),
    error(
        "wrong-constructor",
        "An item that is made by another constructor",
        "Each section has its own: controls are made by writ.control, checks by writ.check, and so on.",
    ),
    error(
        "wrong-key",
        "A file that holds no public key",
        "key.pub is a minisign public key: a comment line and the key.",
    ),
    error(
        "wrong-name",
        "A folder's name that cannot be a site's or an appliance's",
        "Names of sites and appliances stand in addresses and file names: 3 to 40 of a-z, 0-9 and \"-\".",
    ),
    error(
        "wrong-operand",
        "A field is compared with a value of another kind",
        "The comparison would never give an answer. Mind the unit in the field's name.",
    ),
    error(
        "wrong-parameter",
        "A parameter has a value of another kind",
        "The probe or step would refuse it on the appliance.",
    ),
    error(
        "wrong-recipient",
        "A recipient that the appliance did not sign",
        "Secrets of an appliance are encrypted to secrets.pub. Whoever could put another one there could read them, so it \
         counts only with the signature of the appliance's own key.",
    ),
    error(
        "wrong-secret",
        "A file that holds no secret that its appliance could decrypt",
        "The files of secrets are armored age files for X25519 keys. One that is locked with a passphrase, or is none, is \
         refused by the appliance.",
    ),
    error(
        "wrong-type",
        "A value of another kind than fits here",
        "Text, a number, a duration, a time, a list or an attribute set is expected.",
    ),
    error(
        "wrong-value",
        "A value that contradicts itself or cannot be computed",
        "Its form is right, and what it says is not.",
    ),
    error(
        "wrong-window",
        "A maintenance window, or quiet hours, without a minute in it",
        "Nothing could ever happen in it. A window that passes midnight ends earlier than it begins.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_in_order_and_each_says_something() {
        assert!(CODES.windows(2).all(|two| two[0].name < two[1].name));
        for one in CODES {
            assert!(one.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", one.name);
            assert!(one.help.ends_with(['.', '}']) && !one.title.ends_with('.'), "{}", one.name);
            assert_eq!(code(one.name), Some(one));
        }
        assert_eq!(code("no-such-code"), None);
    }
}
