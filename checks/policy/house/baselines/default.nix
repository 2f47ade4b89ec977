# A small tree for checks/policy: two baselines that overlap, one site that settles it and one full of mistakes.
{
  alpha = ./alpha;
  beta = ./beta;
}
