# C functions alone; see waitq.pxd.
