{ writ, ... }:
writ.appliance { }
