if stored == '' then return '-' end
clear_counters()
save()
return 'O' .. stored
