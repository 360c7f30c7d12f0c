//go:build !386

package root

const is386 = 0
