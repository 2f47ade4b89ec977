# Two runbooks that say that they help where the notice cannot be read. One does.
{ writ, ... }:
let
  restore = title: path: content: verify: writ.runbook {
    inherit title verify;
    version = "1.0";
    steps = [
      { id = "restore"; step = "file.restore"; parameters = { inherit path content; mode = "0644"; }; timeout = "10s"; }
    ];
  };
in
{
  runbooks."RB-DESK-001" = restore "Put the banner back" "@folder@/banner" "Authorised use only.\n" [ "desk.banner" "desk.notice-mode" ];
  runbooks."RB-DESK-002" =
    restore "Put the notice back" "@folder@/notice" "How we use what we know of you.\n" [ "desk.notice-mode" "desk.notice-text" ];
}
