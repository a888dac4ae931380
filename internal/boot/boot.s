#include "textflag.h"

// See boot.go. It is the size of the frame that matters.
TEXT ·growStack(SB), 0, $49152-0
	RET

// What entry adds to the environment.
DATA ·processors+0(SB)/8, $"GOMAXPRO"
DATA ·processors+8(SB)/8, $"CS=1\x00\x00\x00\x00"
GLOBL ·processors(SB), RODATA|NOPTR, $16
