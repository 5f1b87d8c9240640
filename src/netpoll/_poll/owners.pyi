# C functions alone; see owners.pxd.
