# C functions alone; see wait.pxd.
