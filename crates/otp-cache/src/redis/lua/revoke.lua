-- id
local n = find(ARGV[1])
if not n then return '-' .. stored end
table.remove(challenges, n)
save()
return 'O' .. stored
