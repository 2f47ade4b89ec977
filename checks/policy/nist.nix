# Ids of NIST SP 800-53 revision 5: the controls that it has, without those withdrawn, and of their enhancements the ones that
# baselines here name. An enhancement that is used for the first time is looked up and added.
let
  lib = import ../../modules/policy/lib.nix { root = ./.; };
  numbered = family: last: withdrawn:
    builtins.filter (id: !(builtins.elem id (map (n: "${family}-${toString n}") withdrawn)))
      (builtins.genList (i: "${family}-${toString (i + 1)}") last);
in
{
  controls = lib.setOf (
    numbered "AC" 25 [ 13 15 ]
    ++ numbered "AT" 6 [ 5 ]
    ++ numbered "AU" 16 [ 15 ]
    ++ numbered "CA" 9 [ 4 ]
    ++ numbered "CM" 14 [ ]
    ++ numbered "CP" 13 [ 5 ]
    ++ numbered "IA" 12 [ ]
    ++ numbered "IR" 9 [ ]
    ++ numbered "MA" 7 [ ]
    ++ numbered "MP" 8 [ ]
    ++ numbered "PE" 23 [ 7 ]
    ++ numbered "PL" 11 [ 3 5 6 ]
    ++ numbered "PM" 32 [ ]
    ++ numbered "PS" 9 [ ]
    ++ numbered "PT" 8 [ ]
    ++ numbered "RA" 10 [ 4 ]
    ++ numbered "SA" 23 [ 6 7 12 13 14 18 19 ]
    ++ numbered "SC" 51 [ 9 14 19 33 ]
    ++ numbered "SI" 23 [ 9 ]
    ++ numbered "SR" 12 [ ]
  );

  enhancements = [
    "AC-2(3)" # Disable Accounts
    "AC-2(5)" # Inactivity Logout
    "AC-2(6)" # Dynamic Privilege Management
    "AC-3(4)" # Discretionary Access Control
    "AC-3(10)" # Audited Override of Access Control Mechanisms
    "AC-6(2)" # Non-privileged Access for Nonsecurity Functions
    "AC-6(5)" # Privileged Accounts
    "AC-6(7)" # Review of User Privileges
    "AC-6(9)" # Log Use of Privileged Functions
    "AU-5(1)" # Storage Capacity Warning
    "AU-14(1)" # System Start-up
    "CM-2(3)" # Retention of Previous Configurations
    "CM-7(2)" # Prevent Program Execution
    "CP-2(5)" # Continue Mission and Business Functions
    "CP-2(8)" # Identify Critical Assets
    "CP-9(1)" # Testing for Reliability and Integrity
    "IA-2(1)" # Multi-factor Authentication to Privileged Accounts
    "IA-5(1)" # Password-based Authentication
    "IA-5(6)" # Protection of Authenticators
    "IR-4(1)" # Automated Incident Handling Processes
    "SC-8(1)" # Cryptographic Protection
    "SC-28(1)" # Cryptographic Protection
    "SI-7(1)" # Integrity Checks
    "SI-7(6)" # Cryptographic Protection
    "SI-7(9)" # Verify Boot Process
  ];
}
