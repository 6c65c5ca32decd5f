package simulator

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"
)

func TestTry(t *testing.T) {
	c := DefaultConfig()
	c.Nodes, _ = strconv.Atoi(os.Getenv("N"))
	m, _ := strconv.Atoi(os.Getenv("MIN"))
	c.Duration = time.Duration(m) * time.Minute
	fmt.Print(New(c).Run(t.Context()))
}
