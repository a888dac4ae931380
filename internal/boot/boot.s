#include "textflag.h"

// See boot.go. It is the size of the frame that matters.
TEXT ·growStack(SB), 0, $49152-0
	RET
