package boot

const (
	sysPrctl       = 157
	sysSetAffinity = 203
	sysGetAffinity = 204
)
