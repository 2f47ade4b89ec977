# The operating standards that baselines and rules must come to terms with, by group and range of their ids, and those that
# are nobody's source here, each with where it is instead. content.nix holds both against the policies.
{
  demanded = {
    IR = [ "4-6" "9-9" "12-14" "20-22" "24-25" "27-30" "32-32" "41-41" "46-46" "57-57" "65-65" ];
    EC = [ "1-32" ];
    PT = [ "1-18" ];
    BK = [ "1-19" ];
    AV = [ "1-21" ];
    LM = [ "1-19" ];
    AC = [ "1-25" ];
    CM = [ "1-25" ];
    LL = [ "12-15" "23-35" ];
    KY = [ "10-10" "14-16" "32-39" ];
    BM = [ "1-10" ];
    EV = [ "49-52" ];
    MA = [ "1-19" ];
    HC = [ "1-29" ];
    RP = [ "1-34" ];
    CK = [ "1-50" ];
  };

  leftOut = {
    # Escalation and whom to call: people are of each site.
    EC-02 = "who stands in is a contact of each site, with the role \"secondary\"";
    EC-13 = "the first tier is nobody to call: it is the rules themselves";
    EC-18 = "mailboxes of the service, which are no matter of a clinic's policy";
    EC-19 = "the contacts \"primary\" and \"secondary\" of each site";
    EC-20 = "the contact \"manager\" of each site";
    EC-22 = "the contact \"clinic\" of each site";
    EC-23 = "a person of the service, who answers for no clinic's incident";
    EC-24 = "mailboxes of the service, which are no matter of a clinic's policy";
    EC-25 = "a supplier that nothing here is kept at";
    EC-29 = "the contacts of each site, by role";
    EC-30 = "forums of software, which are no contact of an incident";
    EC-31 = "an issue and a pull request on this repository";
    EC-32 = "the contacts of each site, by role";
    # Patches.
    PT-14 = "a matter of Windows, which is not managed yet";
    PT-15 = "the failures of the first tier, after which the next one is asked, as of any rule";
    PT-16 = "the failures of the second tier, after which a person is asked, as of any rule";
    PT-18 = "a bundle of every switch and every incident, whatever it is of";
    # Backups.
    BK-12 = "volume shadow copies are a matter of Windows, which is not managed yet";
    BK-15 = "the runbook RB-BACKUP-001 in rules/runbooks/backup.nix, with steps that appliances have";
    # Malware.
    AV-10 = "the bundle of the incident, as of any incident";
    AV-11 = "nothing is released from quarantine by itself: a person decides, by the duty review.malware";
    AV-12 = "nothing but a person judges a detection: the planner may only choose a runbook";
    # Logs.
    LM-16 = "a program of an earlier system: the enforcer's unit takes its place";
    LM-17 = "log files of an earlier system: the journal and the evidence take their place";
    LM-18 = "a plan for what LM-11 to LM-15 demand";
    LM-19 = "writ-logs chains the batches of every source, and the enforcer follows the chains: nothing is asked of the machine";
    # Access.
    AC-19 = "every bundle names the program that acted";
    # Changes.
    CM-21 = "the enforcer and `writ check` count a check again from the exception's end on";
    CM-23 = "baselines/hipaa is that file";
    CM-24 = "writ.exception demands what that procedure does";
    CM-25 = "a release with older content and a higher number";
    # Measures and alerts.
    MA-01 = "notify of each site says where mail goes";
    MA-12 = "notifications of each site name the event \"escalated\"";
    MA-18 = "`writ audit compare` gives each machine its score, from the outcomes of its checks";
    MA-19 = "the depot's own health is no matter of an appliance's policy";
    # Maps.
    HC-21 = "the table of procedures in docs/hipaa.md";
    HC-22 = "the table of procedures in docs/hipaa.md";
    HC-23 = "the table of procedures in docs/hipaa.md";
    HC-24 = "the table of procedures in docs/hipaa.md";
    HC-25 = "the table of procedures in docs/hipaa.md";
    HC-26 = "the table of procedures in docs/hipaa.md";
    HC-27 = "`writ check` refuses a rule without controls";
    HC-28 = "docs/hipaa.md is that page";
    # The business.
    BM-01 = "what the service is, and nothing that an appliance obeys";
    BM-02 = "what the service costs, and nothing that an appliance obeys";
    BM-07 = "settings.retention, which a site changes by an override with a reason";
    BM-08 = "settings.sla, which a site changes by an override with a reason";
    BM-09 = "a plan of the service";
    BM-10 = "the tier of each site";
    # Reports and checklists.
    RP-06 = "a plan to make what RP-01 to RP-05 demand";
    RP-07 = "a plan to write the procedure of RP-01 to RP-05";
    RP-18 = "a plan to write the procedure of RP-08 to RP-17";
    RP-32 = "the folder rules/ is the library, and changes by pull request";
    CK-42 = "the check of signatures on a schedule is not written yet";
    CK-43 = "the packet on a schedule is not written yet";
    CK-44 = "the checks capacity.* do it";
    CK-45 = "notifications of each site name the event \"escalated\"";
    CK-46 = "the unit behind RB-BACKUP-004 has a timer";
    CK-48 = "the quarterly report on a schedule is not written yet";
  };
}
