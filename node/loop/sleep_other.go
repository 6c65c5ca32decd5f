//go:build !linux

package loop

// systemSleep knows nothing: durations are what Go's monotonic clock says.
func systemSleep() sleep { return sleep{} }
