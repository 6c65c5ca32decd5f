//go:build linux

// Command toolbox is all that the test image holds: one static program that
// does what a test asks for. docker/fake plays the same verbs in memory.
//
//	sleep               until a signal ends it
//	stubborn            the same, but ignores SIGTERM
//	exit CODE
//	print LINE...       to stdout
//	complain LINE...    to stderr
//	count               numbers, one every 10 ms, for ever
//	cat                 stdin to stdout
//	env KEY
//	write FILE TEXT
//	read FILE
//	web PORT TEXT       answers every request with the text
//	dial HOST:PORT      exit 0 if it connects within 2 s
//	lookup HOST
//	eat MIB             allocates
//	fork N              children that sleep; exit 1 if one cannot be made
//	status KEY          a line of /proc/self/status
//	size                rows and columns of the terminal, at each change, for ever
//	id                  numeric user and group
//	cgroup              /proc/self/cgroup
//
// As sh -c "VERB WORD..." it runs one verb: docker's health checks need a shell.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

func main() {
	args := os.Args[1:]
	if filepath.Base(os.Args[0]) == "sh" && len(args) == 2 {
		args = strings.Fields(args[1])
	}
	if len(args) == 0 {
		args = []string{"sleep"}
	}
	if err := run(args[0], args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "toolbox:", err)
		os.Exit(1)
	}
}

func run(verb string, args []string) error {
	arg := func(i int) string {
		if i < len(args) {
			return args[i]
		}
		return ""
	}
	switch verb {
	case "sleep":
		time.Sleep(1 << 62)
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("ready")
		time.Sleep(time.Hour)
	case "exit":
		code, _ := strconv.Atoi(arg(0))
		os.Exit(code)
	case "print":
		for _, a := range args {
			fmt.Println(a)
		}
	case "complain":
		for _, a := range args {
			fmt.Fprintln(os.Stderr, a)
		}
	case "count":
		for i := 0; ; i++ {
			fmt.Println(i)
			time.Sleep(10 * time.Millisecond)
		}
	case "cat":
		_, err := io.Copy(os.Stdout, os.Stdin)
		return err
	case "env":
		fmt.Println(os.Getenv(arg(0)))
	case "write":
		return os.WriteFile(arg(0), []byte(arg(1)), 0o644)
	case "read":
		b, err := os.ReadFile(arg(0))
		fmt.Print(string(b))
		return err
	case "web":
		return http.ListenAndServe(":"+arg(0), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, arg(1))
		}))
	case "dial":
		c, err := net.DialTimeout("tcp", arg(0), 2*time.Second)
		if err == nil {
			c.Close()
		}
		return err
	case "lookup":
		addrs, err := net.LookupHost(arg(0))
		fmt.Println(addrs)
		return err
	case "eat":
		n, _ := strconv.Atoi(arg(0))
		b := make([]byte, n<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		fmt.Println("ate", len(b)>>20)
		time.Sleep(1 << 62)
	case "fork":
		return fork(arg(0))
	case "status":
		return grep("/proc/self/status", arg(0))
	case "cgroup":
		return grep("/proc/self/cgroup", "")
	case "size":
		return sizes()
	case "id":
		fmt.Println(os.Getuid(), os.Getgid())
	default:
		return fmt.Errorf("no verb %q", verb)
	}
	return nil
}

func fork(count string) error {
	n, _ := strconv.Atoi(count)
	for range n {
		if err := exec.Command("/proc/self/exe", "sleep").Start(); err != nil {
			return err
		}
	}
	return nil
}

func grep(file, prefix string) error {
	b, err := os.ReadFile(file)
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, prefix) {
			fmt.Print(line)
		}
	}
	return err
}

func sizes() error {
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, syscall.SIGWINCH)
	for {
		var ws struct{ Row, Col, X, Y uint16 }
		_, _, no := syscall.Syscall(syscall.SYS_IOCTL, 0, syscall.TIOCGWINSZ, uintptr(unsafe.Pointer(&ws)))
		if no != 0 {
			return no
		}
		fmt.Println(ws.Row, ws.Col)
		<-changed
	}
}
