package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"caravela/simulator"
)

// The files of a results folder, beside the plots.
const (
	SummaryFile  = "summary.json"
	ScenarioFile = "scenario.toml"
	SeriesCSV    = "series.csv"
	SeriesFile   = "series.parquet"
	DataFile     = "distributions.json"
	ReportFile   = "report.html"
)

// Prepare makes an empty results folder. An existing one is refused, so that
// no result is overwritten.
func Prepare(dir string) error {
	err := os.MkdirAll(filepath.Dir(dir), 0o750)
	if err == nil {
		err = os.Mkdir(dir, 0o750)
	}
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("results folder %s exists", dir)
	}
	if err != nil {
		return fmt.Errorf("make the results folder: %w", err)
	}
	return nil
}

// Write writes everything into a prepared folder. scenario is the text that
// was run.
func Write(dir string, s *Summary, m *simulator.Measures, scenario string) error {
	d := distributionsOf(m)
	var failed error
	put := func(name string, content []byte, err error) {
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), content, 0o640) //nolint:gosec // results are for colleagues, too
		}
		if err != nil && failed == nil {
			failed = fmt.Errorf("write %s: %w", name, err)
		}
	}
	text, err := indented(s)
	put(SummaryFile, text, err)
	put(ScenarioFile, []byte(scenario), nil)
	text, err = indented(d)
	put(DataFile, text, err)
	text, err = csvOf(d.Series)
	put(SeriesCSV, text, err)
	text, err = parquetOf(d.Series)
	put(SeriesFile, text, err)
	if failed != nil {
		return failed
	}
	return Render(dir, s, d)
}

// Render writes the plots and report.html of results into their folder.
func Render(dir string, s *Summary, d *Distributions) error {
	plots := plotsOf(s, d)
	for _, p := range plots {
		if err := os.WriteFile(filepath.Join(dir, p.File), []byte(p.SVG), 0o640); err != nil { //nolint:gosec // as above
			return fmt.Errorf("write %s: %w", p.File, err)
		}
	}
	var page bytes.Buffer
	if err := pageOf(&page, s, plots); err != nil {
		return fmt.Errorf("write %s: %w", ReportFile, err)
	}
	if err := os.WriteFile(filepath.Join(dir, ReportFile), page.Bytes(), 0o640); err != nil { //nolint:gosec // as above
		return fmt.Errorf("write %s: %w", ReportFile, err)
	}
	return nil
}

// Read reads the results of a folder.
func Read(dir string) (*Summary, *Distributions, error) {
	s, err := ReadSummary(dir)
	if err != nil {
		return nil, nil, err
	}
	d := &Distributions{}
	if err := readJSON(filepath.Join(dir, DataFile), d); err != nil {
		return nil, nil, err
	}
	return s, d, nil
}

// ReadSummary reads the summary of a folder, or of a file. Results of another
// version are refused.
func ReadSummary(path string) (*Summary, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, SummaryFile)
	}
	s := &Summary{}
	if err := readJSON(path, s); err != nil {
		return nil, err
	}
	if s.Version != Version {
		return nil, fmt.Errorf("%s is of version %d, and this program compares version %d: run its scenario again", path, s.Version, Version)
	}
	return s, nil
}

func readJSON(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read results: %w", err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("read results: %s: %w", path, err)
	}
	return nil
}

func indented(v any) ([]byte, error) {
	text, err := json.MarshalIndent(v, "", "  ")
	return append(text, '\n'), err
}
