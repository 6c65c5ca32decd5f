package caravela_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The architecture, as ARCHITECTURE.md draws it: what a package, and every
// package below it, may import of this module besides its own subpackages.
// The longest path that matches counts. A new package needs an entry here,
// and so a decision.
var mayImport = map[string][]string{
	"market":    {},
	"trader":    {"market"},
	"ledger":    {"market"},
	"supplier":  {"market", "ledger"},
	"buyer":     {"market", "ledger"},
	"discovery": {"market", "ledger", "trader", "supplier", "buyer"},

	"overlay":          {"market"},
	"overlay/kademlia": {"market", "overlay"},
	"overlay/memory":   {"market", "overlay"},
	"docker":           {"market"},
	"docker/engine":    {"market", "docker"},
	"docker/fake":      {"market", "docker"},
	"remote":           {"market"},
	"remote/libp2p":    {"market", "remote"},
	"remote/memory":    {"market", "remote"},

	"node":          {"market", "ledger", "discovery", "overlay", "docker", "remote", "api", "configuration"},
	"simulator":     {"market", "ledger", "discovery", "configuration"},
	"configuration": {"market"},
	"api":           {"market"},

	"cmd":     {"market", "ledger", "discovery", "overlay", "docker", "remote", "node", "simulator", "configuration", "api"},
	"bench":   {"market", "api", "hosts"},
	"demo":    {},
	"hosts":   {"market", "api"},
	"scripts": {},
}

// core are the deterministic state machines and their vocabulary.
var core = []string{"market", "ledger", "trader", "supplier", "buyer", "discovery"}

// onlyByCmd are chosen where the program is put together, and nowhere else.
var onlyByCmd = []string{"overlay/kademlia", "docker/engine", "remote/libp2p"}

// notInCore would let the world in: time, chance, other goroutines, I/O.
var notInCore = []string{
	"context", "crypto/rand", "io/ioutil", "log", "log/slog", "math/rand", "math/rand/v2", "net", "net/http", "os", "os/exec", "os/signal",
	"runtime", "sync", "sync/atomic", "syscall", "unsafe",
}

// notOfTime reads a clock or waits; durations and calendars are fine.
var notOfTime = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

const module = "caravela/"

// file is one Go file of the module, whatever its build tags.
type file struct {
	pkg  string // path below the module
	path string
	test bool
	ast  *ast.File
	fset *token.FileSet
}

func (f *file) at(n ast.Node) string {
	return fmt.Sprintf("%s:%d", f.path, f.fset.Position(n.Pos()).Line)
}

// imports lists the packages of this module that f imports.
func (f *file) imports() (own []string) {
	for _, i := range f.ast.Imports {
		if p, ok := strings.CutPrefix(strings.Trim(i.Path.Value, `"`), module); ok {
			own = append(own, p)
		}
	}
	return own
}

func below(pkg, root string) bool { return pkg == root || strings.HasPrefix(pkg, root+"/") }

func inAny(pkg string, roots []string) bool {
	return slices.ContainsFunc(roots, func(r string) bool { return below(pkg, r) })
}

// forTests reports whether a package exists for tests only: a battery such
// as overlay/overlaytest, with what stands below it.
func forTests(pkg string) bool {
	return slices.ContainsFunc(strings.Split(pkg, "/"), func(s string) bool { return strings.HasSuffix(s, "test") })
}

func goFiles(t *testing.T) []*file {
	t.Helper()
	var list []*file
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && p != "." && (name[0] == '.' || name[0] == '_' || name == "testdata" || name == "bin") {
			return filepath.SkipDir
		}
		if d.IsDir() || path.Ext(name) != ".go" || filepath.Dir(p) == "." {
			return nil
		}
		f := &file{pkg: filepath.ToSlash(filepath.Dir(p)), path: p, test: strings.HasSuffix(name, "_test.go"), fset: token.NewFileSet()}
		f.ast, err = parser.ParseFile(f.fset, p, nil, parser.ParseComments|parser.SkipObjectResolution)
		list = append(list, f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 {
		t.Fatal("no Go files found: the test is blind")
	}
	return list
}

// rule returns the entry of mayImport that a package falls under.
func rule(pkg string) (root string, allowed []string, known bool) {
	for r := range mayImport {
		if below(pkg, r) && len(r) >= len(root) {
			root, known = r, true
		}
	}
	return root, mayImport[root], known
}

func TestArrows(t *testing.T) {
	files := goFiles(t)
	for root := range mayImport {
		if !slices.ContainsFunc(files, func(f *file) bool { return below(f.pkg, root) }) {
			t.Logf("%s does not exist yet: nothing was tested of it", root)
		}
	}
	for _, f := range files {
		root, allowed, known := rule(f.pkg)
		if !known {
			t.Errorf("%s: package %s has no place in the architecture; add it to mayImport", f.path, f.pkg)
			continue
		}
		for _, i := range f.imports() {
			switch {
			case below(i, "cmd"):
				t.Errorf("%s imports %s: nothing imports cmd", f.path, i)
			case f.test || forTests(f.pkg):
				// tests may put things together that the program must not
			case forTests(i):
				t.Errorf("%s imports %s, which is for tests", f.path, i)
			case below(i, root) && !inAny(i, onlyByCmd):
			case inAny(i, onlyByCmd) && !below(f.pkg, "cmd") && !below(f.pkg, i):
				t.Errorf("%s imports %s: only cmd chooses an implementation", f.path, i)
			case !inAny(i, allowed):
				t.Errorf("%s imports %s: %s may import %v only", f.path, i, root, allowed)
			}
		}
	}
}

// Foreign modules stay outside of the core, and so does what makes a run
// differ from the next one.
func TestCoreImports(t *testing.T) {
	files := goFiles(t)
	for _, pkg := range core {
		if !slices.ContainsFunc(files, func(f *file) bool { return f.pkg == pkg && !f.test }) {
			t.Errorf("%s is gone: the tests of the core are blind", pkg)
		}
	}
	for _, f := range files {
		if f.test || !inAny(f.pkg, core) || forTests(f.pkg) {
			continue
		}
		for _, i := range f.ast.Imports {
			p := strings.Trim(i.Path.Value, `"`)
			first, _, _ := strings.Cut(p, "/")
			if strings.Contains(first, ".") || p == "C" || slices.Contains(notInCore, p) || strings.HasPrefix(p, "net/") {
				t.Errorf("%s: the core imports %s", f.at(i), p)
			}
		}
	}
}

// The core is data in, data out: nothing runs beside a step, nothing waits,
// nothing is rounded, and no order depends on a map's.
func TestCoreSyntax(t *testing.T) {
	for _, f := range goFiles(t) {
		if f.test || !inAny(f.pkg, core) || forTests(f.pkg) {
			continue
		}
		maps := mapNames(f.ast)
		ordered := orderedLines(f)
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s: go statement", f.at(n))
			case *ast.SelectStmt:
				t.Errorf("%s: select", f.at(n))
			case *ast.ChanType, *ast.SendStmt:
				t.Errorf("%s: channel", f.at(n))
			case *ast.Ident:
				if slices.Contains([]string{"float32", "float64", "complex64", "complex128"}, n.Name) {
					t.Errorf("%s: floating point", f.at(n))
				}
			case *ast.BasicLit:
				if n.Kind == token.FLOAT {
					t.Errorf("%s: floating point", f.at(n))
				}
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(notOfTime, n.Sel.Name) {
					t.Errorf("%s: time.%s", f.at(n), n.Sel.Name)
				}
			case *ast.RangeStmt:
				if overMap(n.X, maps) && !ordered[f.fset.Position(n.Pos()).Line] {
					t.Errorf("%s: range over a map; mark it with a comment \"in any order: ...\" that says why that is harmless", f.at(n))
				}
			}
			return true
		})
	}
}

// mapNames collects the names that a file declares with a map type. Types
// are not resolved: the core has few maps, and names them itself.
func mapNames(f *ast.File) map[string]bool {
	names := map[string]bool{}
	note := func(ids []*ast.Ident, typ ast.Expr) {
		if _, ok := typ.(*ast.MapType); ok {
			for _, id := range ids {
				names[id.Name] = true
			}
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			note(n.Names, n.Type)
		case *ast.ValueSpec:
			note(n.Names, n.Type)
			for i, v := range n.Values {
				if overMap(v, names) && i < len(n.Names) {
					names[n.Names[i].Name] = true
				}
			}
		case *ast.AssignStmt:
			for i, v := range n.Rhs {
				if id, ok := n.Lhs[min(i, len(n.Lhs)-1)].(*ast.Ident); ok && overMap(v, names) {
					names[id.Name] = true
				}
			}
		}
		return true
	})
	return names
}

// overMap reports whether an expression is seen to be a map.
func overMap(x ast.Expr, names map[string]bool) bool {
	switch x := x.(type) {
	case *ast.Ident:
		return names[x.Name]
	case *ast.SelectorExpr:
		return names[x.Sel.Name]
	case *ast.CompositeLit:
		_, ok := x.Type.(*ast.MapType)
		return ok
	case *ast.CallExpr: // make(map[K]V), maps.Keys(m), maps.All(m)
		if len(x.Args) > 0 {
			if _, ok := x.Args[0].(*ast.MapType); ok {
				return true
			}
		}
		sel, ok := x.Fun.(*ast.SelectorExpr)
		if !ok {
			return false
		}
		id, ok := sel.X.(*ast.Ident)
		return ok && id.Name == "maps"
	}
	return false
}

// orderedLines are the lines that a comment "in any order" stands on or above.
func orderedLines(f *file) map[int]bool {
	lines := map[int]bool{}
	for _, g := range f.ast.Comments {
		if strings.Contains(g.Text(), "in any order") {
			end := f.fset.Position(g.End()).Line
			lines[end], lines[end+1] = true, true
		}
	}
	return lines
}

// Below the drivers nobody knows whether the network is real.
func TestOnlyDriversKnowTheSimulator(t *testing.T) {
	rooms := append(slices.Clone(core), "overlay", "docker", "remote")
	for _, f := range goFiles(t) {
		if f.test || !inAny(f.pkg, rooms) || forTests(f.pkg) {
			continue
		}
		text, err := os.ReadFile(f.path)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			if strings.Contains(strings.ToLower(line), "simulat") {
				t.Errorf("%s:%d: %s", f.path, i+1, strings.TrimSpace(line))
			}
		}
	}
}

// House rules that hold everywhere.
func TestHouseRules(t *testing.T) {
	documented := map[string]bool{}
	packages := map[string]bool{}
	for _, f := range goFiles(t) {
		if !f.test {
			packages[f.pkg] = true
			documented[f.pkg] = documented[f.pkg] || f.ast.Doc != nil
		}
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if fn.Name.Name == "init" && fn.Recv == nil {
				t.Errorf("%s: init()", f.at(fn))
			}
			if f.test || forTests(f.pkg) {
				noSkips(t, f, fn)
			}
		}
		for _, g := range f.ast.Comments {
			if strings.HasPrefix(g.List[0].Text, "//nolint") && !justified.MatchString(g.List[0].Text) {
				t.Errorf("%s: nolint without a linter and a reason", f.at(g))
			}
		}
	}
	for pkg := range packages {
		if !documented[pkg] {
			t.Errorf("%s: no package comment", pkg)
		}
	}
}

// A package's variables are set once, where they are declared.
func TestNoMutableGlobals(t *testing.T) {
	files := goFiles(t)
	globals := map[string]bool{} // package, a space, name
	for _, f := range files {
		for _, d := range f.ast.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.VAR && !f.test {
				for _, s := range g.Specs {
					for _, name := range s.(*ast.ValueSpec).Names {
						globals[f.pkg+" "+name.Name] = name.Name != "_"
					}
				}
			}
		}
	}
	for _, f := range files {
		if f.test || forTests(f.pkg) {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				for _, l := range n.Lhs {
					if n.Tok != token.DEFINE && globals[f.pkg+" "+rootName(l)] {
						t.Errorf("%s: assignment to the global %s", f.at(n), rootName(l))
					}
				}
			case *ast.IncDecStmt:
				if globals[f.pkg+" "+rootName(n.X)] {
					t.Errorf("%s: the global %s changes", f.at(n), rootName(n.X))
				}
			}
			return true
		})
	}
}

// rootName is x of x, x.y and x[i].
func rootName(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		return rootName(x.X)
	case *ast.IndexExpr:
		return rootName(x.X)
	}
	return ""
}

var justified = regexp.MustCompile(`^//nolint:[a-z,]+ // .+`)

// noSkips keeps tests from passing without having run: what needs more than
// Go stands behind a build tag, and fails where its need is missing.
func noSkips(t *testing.T, f *file, fn *ast.FuncDecl) {
	ast.Inspect(fn, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if sel, ok := call.Fun.(*ast.SelectorExpr); ok && slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, sel.Sel.Name) {
			t.Errorf("%s: %s; put the test behind a build tag instead", f.at(call), sel.Sel.Name)
		}
		return true
	})
}
