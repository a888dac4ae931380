package boot

const (
	sysPrctl       = 167
	sysSetAffinity = 122
	sysGetAffinity = 123
)
