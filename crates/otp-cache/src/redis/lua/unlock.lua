if stored == '' then return UNCHANGED end
clear_counters()
save()
return OK .. stored
