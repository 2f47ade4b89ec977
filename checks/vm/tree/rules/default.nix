# The rules of the VM tests.
{
  families.vm = ./vm.nix;
  runbooks = [ ./runbooks/vm.nix ];
}
