-- ARGV: now in microseconds, most to delete. Returns how many were deleted.
return prune(ARGV[1], ARGV[2])
