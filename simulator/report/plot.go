package report

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
)

// Plot is one figure: File names it in the results folder.
type Plot struct {
	File    string
	Title   string
	Caption string
	SVG     string
}

// chart is what is drawn: lines over two axes.
type chart struct {
	title          string
	xLabel, yLabel string
	logX, logY     bool
	low, high      float64 // of y; both 0 = what the lines need
	lines          []line
	marks          []mark // vertical lines
}

type line struct {
	name string
	x, y []float64
}

type mark struct {
	x    float64
	name string
}

const (
	width, height            = 640.0, 360.0
	left, right, top, bottom = 68.0, 20.0, 40.0, 48.0
)

// palette is Okabe and Ito's, which colour-blind readers can tell apart.
func palette(i int) string {
	colours := []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"}
	return colours[i%len(colours)]
}

// axis maps values to places.
type axis struct {
	low, high float64
	from, to  float64 // in the picture
	log       bool
	ticks     []float64
}

func (a *axis) at(v float64) float64 {
	low, high := a.low, a.high
	if a.log {
		v, low, high = math.Log10(max(v, a.low)), math.Log10(low), math.Log10(high)
	}
	return a.from + (v-low)/(high-low)*(a.to-a.from)
}

// newAxis widens the range to round numbers and chooses ticks.
func newAxis(low, high, from, to float64, log bool) axis {
	a := axis{from: from, to: to, log: log}
	if log {
		a.low = math.Pow(10, math.Floor(math.Log10(low)))
		a.high = math.Pow(10, math.Ceil(math.Log10(high)-1e-9))
		if a.high <= a.low {
			a.high = a.low * 10
		}
		for v := a.low; v <= a.high*1.001; v *= 10 {
			a.ticks = append(a.ticks, v)
		}
		return a
	}
	if high <= low {
		high = low + 1
	}
	step := niceStep((high - low) / 5)
	a.low, a.high = math.Floor(low/step+1e-9)*step, math.Ceil(high/step-1e-9)*step
	for i := 0.0; a.low+i*step <= a.high+step/2; i++ {
		a.ticks = append(a.ticks, a.low+i*step)
	}
	return a
}

func niceStep(x float64) float64 {
	base := math.Pow(10, math.Floor(math.Log10(x)))
	for _, m := range []float64{1, 2, 2.5, 5, 10} {
		if x <= m*base*1.0001 {
			return m * base
		}
	}
	return 10 * base
}

// bounds are the least and the most of what is drawn; on a logarithmic axis
// only numbers above 0 count.
func (c *chart) bounds(of func(line) []float64, log bool) (low, high float64, any bool) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, l := range c.lines {
		for _, v := range of(l) {
			if !log || v > 0 {
				low, high, any = min(low, v), max(high, v), true
			}
		}
	}
	return low, high, any
}

// svg draws the chart.
func (c *chart) svg() string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" font-family="Helvetica, Arial, sans-serif" font-size="12" role="img" aria-label="%s">`,
		width, height, html.EscapeString(c.title))
	fmt.Fprintf(&b, `<rect width="%g" height="%g" fill="#fff"/><text x="%g" y="22" font-size="15" font-weight="bold">%s</text>`, width, height, left, html.EscapeString(c.title))
	xLow, xHigh, ok := c.bounds(func(l line) []float64 { return l.x }, c.logX)
	yLow, yHigh, ok2 := c.bounds(func(l line) []float64 { return l.y }, c.logY)
	if !ok || !ok2 {
		fmt.Fprintf(&b, `<text x="%g" y="%g" text-anchor="middle" fill="#666">nothing was measured</text></svg>`, width/2, height/2)
		return b.String()
	}
	if c.low != 0 || c.high != 0 {
		yLow, yHigh = c.low, c.high
	} else if !c.logY {
		yLow = min(0, yLow)
	}
	if !c.logX && xLow > 0 && xLow < xHigh/4 {
		xLow = 0
	}
	x := newAxis(xLow, xHigh, left, width-right, c.logX)
	y := newAxis(yLow, yHigh, height-bottom, top, c.logY)
	c.frame(&b, &x, &y)
	for _, m := range c.marks {
		if m.x >= x.low && m.x <= x.high {
			fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="%g" y2="%g" stroke="#999" stroke-dasharray="4 3"/><text x="%.1f" y="%g" fill="#666" font-size="11">%s</text>`,
				x.at(m.x), x.at(m.x), top, height-bottom, x.at(m.x)+4, top+12, html.EscapeString(m.name))
		}
	}
	for i, l := range c.lines {
		fmt.Fprintf(&b, `<polyline fill="none" stroke="%s" stroke-width="2" stroke-linejoin="round" points="%s"/>`, palette(i), path(&l, &x, &y))
	}
	c.legend(&b)
	b.WriteString("</svg>")
	return b.String()
}

func path(l *line, x, y *axis) string {
	var b strings.Builder
	for i := range l.x {
		if x.log && l.x[i] <= 0 || y.log && l.y[i] <= 0 {
			continue
		}
		fmt.Fprintf(&b, "%.1f,%.1f ", x.at(l.x[i]), min(max(y.at(l.y[i]), top), height-bottom))
	}
	return strings.TrimSpace(b.String())
}

func (c *chart) frame(b *strings.Builder, x, y *axis) {
	for _, t := range y.ticks {
		fmt.Fprintf(b, `<line x1="%g" x2="%g" y1="%.1f" y2="%.1f" stroke="#e4e4e4"/><text x="%g" y="%.1f" text-anchor="end" fill="#333">%s</text>`,
			left, width-right, y.at(t), y.at(t), left-8, y.at(t)+4, number(t))
	}
	for _, t := range x.ticks {
		fmt.Fprintf(b, `<line x1="%.1f" x2="%.1f" y1="%g" y2="%g" stroke="#999"/><text x="%.1f" y="%g" text-anchor="middle" fill="#333">%s</text>`,
			x.at(t), x.at(t), height-bottom, height-bottom+5, x.at(t), height-bottom+19, number(t))
	}
	fmt.Fprintf(b, `<path d="M%g %g V%g H%g" fill="none" stroke="#333"/>`, left, top, height-bottom, width-right)
	fmt.Fprintf(b, `<text x="%g" y="%g" text-anchor="middle">%s</text>`, (left+width-right)/2, height-10, html.EscapeString(c.xLabel))
	fmt.Fprintf(b, `<text transform="translate(16 %g) rotate(-90)" text-anchor="middle">%s</text>`, (top+height-bottom)/2, html.EscapeString(c.yLabel))
}

func (c *chart) legend(b *strings.Builder) {
	if len(c.lines) < 2 {
		return
	}
	at := width - right
	for i := len(c.lines) - 1; i >= 0; i-- {
		at -= 7*float64(len(c.lines[i].name)) + 34
		fmt.Fprintf(b, `<line x1="%g" x2="%g" y1="18" y2="18" stroke="%s" stroke-width="3"/><text x="%g" y="22">%s</text>`,
			at, at+18, palette(i), at+23, html.EscapeString(c.lines[i].name))
	}
}

// number writes a tick without needless zeros: 1k, 2.5M.
func number(v float64) string {
	for _, u := range []struct {
		size float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e4, "k"}} {
		if math.Abs(v) >= u.size {
			if u.name == "k" {
				u.size = 1e3
			}
			return strconv.FormatFloat(v/u.size, 'g', 4, 64) + u.name
		}
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}
