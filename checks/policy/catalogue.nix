# The operating standards that baselines and rules must come to terms with, by group and range of their ids, and those that
# are nobody's source here, each with where it is instead. content.nix holds both against the policies.
{
  demanded = {
    IR = [ "27-30" ];
    EC = [ "1-17" ];
    PT = [ "1-7" "11-11" "13-13" ];
    BK = [ "1-14" ];
    AV = [ "1-7" "17-20" ];
    LM = [ "1-15" ];
    AC = [ "1-12" ];
    CM = [ "1-7" "17-20" ];
    LL = [ "12-14" "23-26" ];
    KY = [ "10-10" "14-16" "32-39" ];
    BM = [ "3-6" ];
    EV = [ "49-52" ];
    MA = [ "2-10" ];
    RP = [ "1-34" ];
    CK = [ "1-50" ];
  };

  leftOut = {
    EC-02 = "who stands in is a contact of each site, with the role \"secondary\"";
    EC-13 = "the first tier is nobody to call: it is the rules themselves";
    BK-12 = "volume shadow copies are a matter of Windows, which is not managed yet";
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
