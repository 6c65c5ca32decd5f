package api

import "caravela/market"

// Resources is an amount of each thing that is bought and sold.
type Resources struct {
	MilliCPU    int64 `json:"milli_cpu"`    // thousandths of a core
	MemoryBytes int64 `json:"memory_bytes"` // bytes of memory
	DiskBytes   int64 `json:"disk_bytes"`   // bytes of disk; 0 where the engine cannot bound it
}

// ResourcesOf converts from the market's vocabulary.
func ResourcesOf(r market.Resources) Resources {
	return Resources{int64(r.CPU), int64(r.Memory), int64(r.Disk)}
}

// Market converts to the market's vocabulary.
func (r Resources) Market() market.Resources {
	return market.Resources{CPU: market.MilliCPU(r.MilliCPU), Memory: market.Bytes(r.MemoryBytes), Disk: market.Bytes(r.DiskBytes)}
}
