package fake

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"caravela/market"
)

// Toolbox plays docker/dockertest's test image: the verbs that need no
// network, as its documentation describes them.
func Toolbox(ctx context.Context, p *Process) int {
	if len(p.Args) == 0 {
		p.Args = []string{"sleep"}
	}
	verb, args := p.Args[0], slices.Concat(p.Args[1:], []string{"", ""})
	switch verb {
	case "exit":
		n, _ := strconv.Atoi(args[0])
		return n
	case "print":
		printLines(p.Out, p.Args[1:])
	case "complain":
		printLines(p.Err, p.Args[1:])
	case "cat":
		_, _ = io.Copy(p.Out, p.In) // ends with either side
	case "env":
		for _, kv := range p.Env {
			if v, ok := strings.CutPrefix(kv, args[0]+"="); ok {
				fmt.Fprintln(p.Out, v)
			}
		}
	case "write":
		if !p.Files.Write(args[0], args[1]) {
			return 1
		}
	case "read":
		text, ok := p.Files.Read(args[0])
		if !ok {
			return 1
		}
		fmt.Fprint(p.Out, text)
	case "id":
		fmt.Fprintln(p.Out, 0, 0)
	case "dial", "lookup":
		return 1
	default:
		return toolboxStays(ctx, p, verb, args)
	}
	return 0
}

// toolboxStays plays the verbs that do not end by themselves.
func toolboxStays(ctx context.Context, p *Process, verb string, args []string) int {
	switch verb {
	case "sleep", "web", "fork":
	case "stubborn":
		p.Ignore(sigTerm)
		fmt.Fprintln(p.Out, "ready")
	case "eat":
		n, _ := strconv.Atoi(args[0])
		if market.Bytes(n)*market.MiB > p.Memory {
			p.OutOfMemory()
			return 0
		}
		fmt.Fprintln(p.Out, "ate", n)
	case "count":
		count(ctx, p.Out)
	case "size":
		for {
			select {
			case s := <-p.Sizes:
				fmt.Fprintf(p.Out, "%d %d\r\n", s.Rows, s.Cols)
			case <-ctx.Done():
				return 0
			}
		}
	default:
		fmt.Fprintf(p.Err, "toolbox: no verb %q\n", verb)
		return 1
	}
	<-ctx.Done()
	return 0
}

func count(ctx context.Context, w io.Writer) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		fmt.Fprintln(w, i)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func printLines(w io.Writer, lines []string) {
	for _, l := range lines {
		fmt.Fprintln(w, l)
	}
}
