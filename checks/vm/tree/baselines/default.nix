# The tree of the VM tests: one baseline, one rule, one appliance.
{ vm = ./vm; }
