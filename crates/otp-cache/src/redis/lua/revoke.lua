local n = find(ARGV[1])
if not n then return UNCHANGED .. stored end
table.remove(challenges, n)
save()
return OK .. stored
