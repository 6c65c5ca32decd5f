// Package report turns what a run measured into what people and programs
// read: summary.json with stable names, time series as CSV and Parquet,
// plots as SVG, and one self-contained report.html.
//
// A results folder holds the scenario as it was run, too, so that a run can be
// repeated from its results alone. Bounds are judged here, since they name
// metrics of the summary.
package report
