// The names that an instruction set's file makes of TJ_ISA.
#ifndef TJ_NAMES_H
#define TJ_NAMES_H

#define TJ_JOIN2(a, b) a##b
#define TJ_JOIN(a, b) TJ_JOIN2(a, b)
#define TJ_TEXT2(a) #a
#define TJ_TEXT(a) TJ_TEXT2(a)

#endif
