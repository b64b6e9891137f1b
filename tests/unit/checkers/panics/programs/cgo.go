// Breaks inside C, where the Go runtime sees only the signal.
package main

/*
#include <stdlib.h>
static void wild(void) { *(volatile int *)8 = 1; }
static void give_up(void) { abort(); }
*/
import "C"
import "os"

func main() {
	if os.Args[1] == "abort" {
		C.give_up()
	}
	C.wild()
}
