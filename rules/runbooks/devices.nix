# Runbooks for devices that can be carried away.
{ writ, ... }: {
  runbooks."RB-USB-001" = writ.runbook {
    title = "Unload the driver of memory sticks";
    version = "1.0";
    steps = [
      { id = "unload"; step = "exec"; parameters = { program = writ.program "unload-usb-storage"; }; timeout = "30s"; }
    ];
    verify = [ "devices.usb-storage" ];
  };
}
