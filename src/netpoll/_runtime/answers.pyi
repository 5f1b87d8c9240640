# C functions alone; see answers.pxd.
