package boot

const (
	sysSetAffinity = 203
	sysGetAffinity = 204
	sysGetpid      = 39
	sysTgkill      = 234
)
