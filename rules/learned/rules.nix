# Rules that were learned from what people did: each is a file of its own beside this one, merged by a reviewed pull request
# (see README.md), and named here. None has been promoted yet.
{ writ, ... }: {
  rules = { };
}
