# Patterns that were proposed and turned down, so that they are not proposed again unseen. They are reviewed every month.
# Each: { id, seen_first, seen_last, occurrences, success_percent, rejected_at, by, why }.
[ ]
