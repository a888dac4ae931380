#include "textflag.h"

// See stack.go. It is the size of the frame that matters.
TEXT ·GrowStack(SB), 0, $49152-0
	RET
