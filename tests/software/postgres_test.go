//go:build linux

package software

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"jails/tests/host"
)

// TestPostgreSQL has clients in a second jail commit numbers over TCP, one by
// one, each over a connection of its own, while PostgreSQL is restarted, and
// once killed. What is asked for meanwhile fails, wherever it runs: so a
// number is lost if a client was told that it is committed and it is not
// there afterwards. The clients go on by themselves.
func TestPostgreSQL(t *testing.T) {
	bin := postgres(t)
	shell, err := exec.LookPath("busybox")
	if err != nil {
		t.Skip("no busybox; install the package busybox-static")
	}
	h := host.New(t)
	if alone(t) {
		t.Skip("PostgreSQL does not run as root, and there is no other user in this user namespace; run as root")
	}
	port := host.FreePort(t)
	db := postgresRoot(t, h, bin, shell)
	startJail(t, h, "db", fmt.Sprintf(`root  = %q
level = "high"
allow = ["sysvipc"] # its lock against a second server is a piece of shared memory
ports = ["%d/tcp"]

[[service]]
name    = "initdb"
type    = "oneshot"
user    = "postgres"
command = ["%[3]s/initdb", "-D", "/data/db", "-A", "trust", "--no-locale", "-E", "UTF8", "--no-sync"]
environment = { LC_ALL = "C" }

[[service]]
name    = "postgres"
user    = "postgres"
command = ["%[3]s/postgres", "-D", "/data/db", "-h", "127.0.0.1", "-p", "%[2]d", "-k", ""]
after   = ["initdb:completed"]
ready   = "tcp:%[2]d"
environment = { LC_ALL = "C" }
stop    = { signal = "INT", timeout = "30s" }
`, db, port, bin))

	client := clientRoot(t, h, bin, shell, port)
	h.Run(t, "jailctl", "create", "-n", "once", client)
	sql := func(text string) string {
		return h.Run(t, "jailctl", "exec", "once", filepath.Join(bin, "psql"), "-h", "127.0.0.1", "-p", strconv.Itoa(port), "-U", "postgres", "-Atqc", text, "postgres")
	}
	sql("create table numbers (n bigint primary key)")
	var writers strings.Builder
	for i := range 2 {
		fmt.Fprintf(&writers, "\n[[service]]\nname = \"writer%d\"\ncommand = [\"/bin/sh\", \"/writer\", \"%d\"]\n", i, i*1000000)
	}
	startJail(t, h, "app", fmt.Sprintf("root = %q\nlevel = \"high\"\n%s", client, &writers))

	more := func(n int) {
		t.Helper()
		before := len(committed(t, h))
		host.Eventually(t, "more commits", func() bool { return len(committed(t, h)) >= before+n })
	}
	for range 3 {
		more(10)
		t.Log(h.Run(t, "jailctl", "service", "db", "restart", "postgres"))
	}
	more(10)
	t.Log(h.Run(t, "jailctl", "service", "-s", "KILL", "db", "kill", "postgres"))
	more(20)
	h.Run(t, "jailmgr", "stop", "app")
	told, there := committed(t, h), map[string]bool{}
	for _, n := range strings.Fields(sql("select n from numbers")) {
		there[n] = true
	}
	for _, n := range told {
		if !there[n] {
			t.Errorf("%s was committed, and is not there", n)
		}
	}
	t.Logf("%d commits told of, %d there", len(told), len(there))
	h.Run(t, "jailctl", "destroy", "-k", "once")
	stop(t, h, "db")
}

// committed are the numbers of which clients were told that they are.
func committed(t *testing.T, h *host.Host) (numbers []string) {
	t.Helper()
	for _, found := range regexp.MustCompile(`(?m)committed (\d+)$`).FindAllStringSubmatch(h.Run(t, "jailmgr", "logs", "app"), -1) {
		numbers = append(numbers, found[1])
	}
	return numbers
}

// postgres is the directory of PostgreSQL's programs.
func postgres(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil || len(found) == 0 {
		t.Skip("no postgres; install the package postgresql")
	}
	bin := filepath.Dir(found[len(found)-1])
	if !exists(filepath.Join(bin, "psql")) {
		t.Skip("no psql; install the package postgresql-client")
	}
	return bin
}

// alone says whether there is only one user here.
func alone(t *testing.T) bool {
	t.Helper()
	text, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text))
	return len(fields) == 3 && fields[2] == "1"
}

const postgresUser = 999

// postgresRoot has the server, what it loads, and a shell for initdb.
func postgresRoot(t *testing.T, h *host.Host, bin, shell string) string {
	t.Helper()
	version := filepath.Base(filepath.Dir(bin))
	lib, share := filepath.Join(filepath.Dir(bin), "lib"), filepath.Join("/usr/share/postgresql", version)
	root := rootWith(t, h, "db", filepath.Join(bin, "postgres"), filepath.Join(bin, "initdb"),
		filepath.Join(lib, "plpgsql.so"), filepath.Join(lib, "dict_snowball.so"))
	mkdir(t, filepath.Join(root, filepath.Dir(share)))
	if out, err := exec.Command("cp", "-R", "-L", share, filepath.Join(root, share)).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	copyFile(t, shell, filepath.Join(root, "bin/sh"))
	write(t, filepath.Join(root, "etc/passwd"), fmt.Sprintf("root:x:0:0:root:/:/bin/sh\npostgres:x:%d:%[1]d::/data:/bin/sh\n", postgresUser))
	write(t, filepath.Join(root, "etc/group"), fmt.Sprintf("root:x:0:\npostgres:x:%d:\n", postgresUser))
	mkdir(t, filepath.Join(root, "data"))
	if err := os.Chown(filepath.Join(root, "data"), postgresUser, postgresUser); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(root, "tmp"), 0o777); err != nil {
		t.Fatal(err)
	}
	return root
}

// clientRoot has psql, a shell, and the program of the clients.
func clientRoot(t *testing.T, h *host.Host, bin, shell string, port int) string {
	t.Helper()
	psql := filepath.Join(bin, "psql")
	root := rootWith(t, h, "app", psql)
	for _, name := range []string{"sh", "sleep"} {
		copyFile(t, shell, filepath.Join(root, "bin", name))
	}
	write(t, filepath.Join(root, "writer"), fmt.Sprintf(`n=$1
while :; do
	n=$((n + 1))
	if %s -h 127.0.0.1 -p %d -U postgres -qc "insert into numbers values ($n)" postgres 2>/dev/null; then
		echo "committed $n"
	else
		sleep 0.1
	fi
done
`, psql, port))
	return root
}
