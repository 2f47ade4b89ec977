# Runbooks for devices that can be carried away.
{ writ, ... }: {
  runbooks."RB-USB-001" = writ.runbook {
    title = "Forbid the driver of memory sticks, and unload it";
    version = "1.1";
    # The released system's modprobe.d(5) forbids it: what is loaded is not all, it must not be loadable either.
    steps = [
      { id = "configure"; step = "exec"; parameters = { program = writ.program "activate"; }; timeout = "2m"; }
      { id = "unload"; step = "exec"; parameters = { program = writ.program "unload-usb-storage"; }; timeout = "30s"; }
    ];
    verify = [ "devices.usb-storage" ];
  };
}
