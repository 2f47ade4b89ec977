# A small tree for checks/policy: two baselines that overlap, one site that settles it and one full of mistakes. Alpha is
# the library's, and beta is our own instead of the library's.
{
  beta = ./beta;
}
