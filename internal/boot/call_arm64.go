package boot

const (
	sysSetAffinity = 122
	sysGetAffinity = 123
	sysGetpid      = 172
	sysTgkill      = 131
)
