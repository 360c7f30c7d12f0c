// jail-exporter is a program of its own: linked into the other commands' one,
// what its libraries do at start would more than double the time of each.
package main

import (
	"os"

	"jails/src/jailexporter"
)

func main() { os.Exit(jailexporter.Main(os.Args, os.Stdin, os.Stdout, os.Stderr)) }
