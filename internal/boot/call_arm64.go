package boot

const (
	sysSetAffinity = 122
	sysGetAffinity = 123
)
