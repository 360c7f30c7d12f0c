package main

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha512"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// program is a file of the set, and the other names it is to be found under.
type program struct {
	source string // on this machine
	name   string // in the jail
	links  []string
}

// makeSets makes a directory as a release has it: base.tgz and SHA512.
func makeSets(dir string) error {
	p, err := userland()
	if err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(dir, "base.tgz"))
	if err != nil {
		return err
	}
	defer file.Close()
	zip := gzip.NewWriter(file)
	archive := tar.NewWriter(zip)
	for _, d := range []string{"./", "./bin/", "./dev/", "./etc/", "./home/", "./root/", "./tmp/", "./usr/", "./var/", "./var/log/", "./var/run/", "./var/tmp/"} {
		mode := int64(0o755)
		if d == "./tmp/" || d == "./var/tmp/" {
			mode = 0o1777
		}
		if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: d, Mode: mode, ModTime: time.Now()}); err != nil {
			return err
		}
	}
	binary, err := os.ReadFile(p.source)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		mode int64
		data []byte
	}{
		{"./bin/" + p.name, 0o555, binary},
		{"./etc/passwd", 0o644, []byte("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n")},
		{"./etc/group", 0o644, []byte("wheel:x:0:\nnobody:x:65534:\n")},
	} {
		if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: f.name, Mode: f.mode, Size: int64(len(f.data)), ModTime: time.Now()}); err != nil {
			return err
		}
		if _, err := archive.Write(f.data); err != nil {
			return err
		}
	}
	for _, l := range p.links {
		if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: "./bin/" + l, Linkname: p.name, ModTime: time.Now()}); err != nil {
			return err
		}
	}
	if err := archive.Close(); err != nil {
		return err
	}
	if err := zip.Close(); err != nil {
		return err
	}
	return checksum(dir, "base.tgz")
}

func checksum(dir, name string) error {
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	line := fmt.Sprintf("SHA512 (%s) = %x\n", name, sha512.Sum512(data))
	return os.WriteFile(filepath.Join(dir, "SHA512"), []byte(line), 0o600)
}
