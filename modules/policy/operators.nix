# The operators of a predicate.
[ "eq" "ne" "lt" "le" "gt" "ge" "in" "not_in" "contains" "matches" "exists" "subset_of" "superset_of" ]
