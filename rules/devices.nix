# Devices that can be carried away. Programs: "activate", "unload-usb-storage".
{ writ, ... }: {
  rules."L1-USB-001" = writ.rule {
    title = "The driver of memory sticks is loaded or can be";
    when = { check = "devices.usb-storage"; };
    run = "RB-USB-001";
    priority = 100;
    attempts = 2;
    cooldown = "10m";
    controls = [ "164.310(d)(1)" ];
  };
}
