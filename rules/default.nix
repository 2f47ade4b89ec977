# Rule families of our own, by name, and the runbooks that their rules name. Those of Writ stand in library.nix, which a
# newer version of Writ replaces; this file and learned/ stay as they are.
{
  families = {
    learned = ./learned/rules.nix;
  };
  runbooks = [
  ];
}
