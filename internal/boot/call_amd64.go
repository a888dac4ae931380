package boot

const (
	sysSetAffinity = 203
	sysGetAffinity = 204
)
